"""Choose the thresholds of existence and occlusion on labelled hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotation.prelabel.calibration import CalibrationFile, fingerprint_sha256, write_calibration
from annotation.prelabel.guess import inside_frame, joint_scores, visible_scores
from annotation.prelabel.joints import Joints
from annotation.prelabel.plots import draw_calibration
from annotation.prelabel.separation import best_threshold, is_informative, roc_auc, separation
from hint.errors import InputError, some_ids
from hint.files import read_labels, read_predictions
from hint.files.atomic import atomic_write, require_writable
from hint.files.path import as_path
from hint.types import Bool, Double, HandLabels, Predictions


@dataclass(frozen=True)
class Outcome:
    """Result of a calibration.

    Attributes:
        content: Content of the calibration file.
        joints: The joints it was computed from.
        unlabelled: Ids of predicted hands without labels.
        unpredicted: Ids of labelled hands that were without a prediction, or not found by the method.
    """

    content: CalibrationFile
    joints: Joints
    unlabelled: list[str]
    unpredicted: list[str]


def calibrate(
    labels: HandLabels | str | Path,
    predictions: Predictions | str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    subsets: Sequence[str] = (),
    overwrite: str = "always",
) -> Outcome:
    """Choose thresholds on labelled hands; write them as TOML, and a plot beside them.

    Args:
        labels: Reviewed labels, or where they are; their pictures are needed for their sizes.
        predictions: Predictions of some of these hands, with scores, or their npz.
        out: The TOML; the plot is the PNG of the same name.
        images: Folder of the pictures, if they are not beside the labels.
        subsets: Subsets to read; none for all.
        overwrite: "never" refuses if ``out`` exists.

    Raises:
        InputError: If there are no scores, no common hands or no pictures, or ``out`` cannot be used.
        WriteError: If something cannot be saved.
    """
    out = as_path(out)
    if out.suffix != ".toml":
        raise InputError(f"--out {out}: use the suffix .toml")
    if overwrite == "never" and out.exists():
        raise InputError(f"{out} already exists; use --overwrite always")
    require_writable(out.parent)
    if not isinstance(labels, HandLabels):
        labels = read_labels(as_path(labels), subsets, as_path(images) if images is not None else None)
    if not isinstance(predictions, Predictions):
        predictions = read_predictions(Path(predictions))
    joints, unlabelled, unpredicted = gather(labels, predictions)
    content = choose_thresholds(joints, predictions)
    with atomic_write(out.with_suffix(".png")) as stream:
        draw_calibration(stream, joints, content)
    write_calibration(out, content)
    return Outcome(content, joints, unlabelled, unpredicted)


def gather(labels: HandLabels, predictions: Predictions) -> tuple[Joints, list[str], list[str]]:
    """Return the joints to calibrate on, the ids without labels, and the ids without a prediction.

    Raises:
        InputError: If the predictions have no scores, or no hand is both labelled and predicted.
    """
    visible, _ = visible_scores(predictions)
    if visible is None:
        raise InputError("these predictions have no scores, so there is nothing to calibrate")
    score = joint_scores(predictions)
    score = np.zeros_like(visible) if score is None else score
    row_of = {hand_id: row for row, hand_id in enumerate(predictions.hand_id.tolist())}
    known = np.concatenate([predictions.keypoints_2d, score[..., None], visible[..., None]], axis=2)
    found: Bool = np.isfinite(known).all((1, 2))
    ids = labels.hand_id.tolist()
    common = [k for k, hand_id in enumerate(ids) if hand_id in row_of and found[row_of[hand_id]]]
    if not common:
        raise InputError(f"no hand is both labelled and predicted: the labels have {some_ids(ids)}")
    rows = [row_of[ids[k]] for k in common]
    chosen = labels.select(common)
    inside = inside_frame(predictions.keypoints_2d[rows], _sizes(chosen))
    exists, occluded = chosen.existence.ravel(), chosen.occlusion.ravel()
    joints = Joints(score[rows].ravel(), visible[rows].ravel(), inside.ravel(), exists, occluded)
    labelled = set(ids)
    used = set(common)
    unlabelled = [hand_id for hand_id in row_of if hand_id not in labelled]
    return joints, unlabelled, [hand_id for k, hand_id in enumerate(ids) if k not in used]


def _sizes(labels: HandLabels) -> Double:
    """Read picture sizes (N,2) from file headers."""
    from PIL import Image, UnidentifiedImageError

    pictures = labels.image.tolist()
    absent = [
        i for i, path in zip(labels.hand_id.tolist(), pictures, strict=True) if not path or not Path(path).is_file()
    ]
    if absent:
        raise InputError(f"the pictures of these labels are missing: {some_ids(absent)}; pass --images DIR")
    sizes: dict[str, tuple[int, int]] = {}
    for path in set(pictures):
        try:
            with Image.open(path) as picture:
                sizes[path] = picture.size
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"{path}: not a picture ({error})") from error
    return np.array([sizes[path] for path in pictures], np.float64)


def choose_thresholds(joints: Joints, predictions: Predictions) -> CalibrationFile:
    """Return the thresholds with the highest balanced accuracy, or 0 where the scores are not informative.

    Args:
        joints: The joints to calibrate on.
        predictions: Where the scores come from; the file records their method and settings.
    """
    existence_at, occlusion_below = min(0.0, float(joints.score.min())), min(0.0, float(joints.visible.min()))
    exists, inside = joints.exists, joints.inside
    existence_auc = roc_auc(joints.score[inside], exists[inside])
    if is_informative(existence_auc, int(exists[inside].sum()), int((~exists)[inside].sum())):
        existence_at = best_threshold(np.where(inside, joints.score, -np.inf), exists)
    # Only joints that exist can be occluded; visible ones score higher.
    visible, score = ~joints.occluded[exists], joints.visible[exists]
    occlusion_auc = roc_auc(score, visible)
    if is_informative(occlusion_auc, int(visible.sum()), int((~visible).sum())):
        occlusion_below = best_threshold(score, visible)
    fingerprint = predictions.meta.get("fingerprint")
    return CalibrationFile(
        method=str(predictions.meta.get("method", "")),
        fingerprint_sha256=fingerprint_sha256(fingerprint) if isinstance(fingerprint, dict) else "",
        hands=len(exists) // predictions.keypoints_2d.shape[1],
        existence_at=existence_at,
        occlusion_below=occlusion_below,
        existence=separation(existence_auc, inside & (joints.score >= existence_at), exists),
        occlusion=separation(occlusion_auc, score < occlusion_below, ~visible),
    )
