"""Choose the thresholds of the guess on hands that people labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotation.prelabel.calibration import CalibrationFile, fingerprint_sha256, write_calibration
from annotation.prelabel.guess import inside_frame, joint_scores
from annotation.prelabel.separation import best_threshold, is_informative, roc_auc, separation
from hint.errors import InputError, some_ids
from hint.files.atomic import atomic_write
from hint.types import Bool, Double, HandLabels, Predictions


@dataclass(frozen=True, eq=False)
class Joints:
    """Every joint of the hands that are both labelled and predicted, in one row each.

    Attributes:
        score: (M,) what the method says of it.
        inside: (M,) whether the method puts it inside the frame.
        exists: (M,) whether the labels have it in the frame.
        occluded: (M,) whether they mark it occluded.
    """

    score: Double
    inside: Bool
    exists: Bool
    occluded: Bool


@dataclass(frozen=True)
class Outcome:
    """What a calibration gave.

    Attributes:
        content: What was written.
        joints: What it was computed from.
        unlabelled: Ids of predicted hands without labels.
        unpredicted: Ids of labelled hands that were not predicted, or not found.
    """

    content: CalibrationFile
    joints: Joints
    unlabelled: list[str]
    unpredicted: list[str]


def calibrate(labels: HandLabels, predictions: Predictions, out: Path) -> Outcome:
    """Choose thresholds on labelled hands; write them as TOML, and a plot beside them.

    Args:
        labels: Reviewed labels with their pictures, whose sizes are looked at.
        predictions: Of some of these hands, with scores.
        out: The TOML; the plot is the PNG of the same name.

    Raises:
        InputError: If there are no scores, no common hands, or no pictures.
        WriteError: If something cannot be saved.
    """
    joints, unlabelled, unpredicted = gather(labels, predictions)
    content = choose_thresholds(joints, predictions)
    from annotation.prelabel.plots import draw_calibration

    with atomic_write(out.with_suffix(".png")) as stream:
        draw_calibration(stream, joints, content)
    write_calibration(out, content)
    return Outcome(content, joints, unlabelled, unpredicted)


def gather(labels: HandLabels, predictions: Predictions) -> tuple[Joints, list[str], list[str]]:
    """Return the joints to learn from, the ids without labels, and those without prediction.

    Raises:
        InputError: If predictions hold no scores, or there are no common hands.
    """
    score = joint_scores(predictions)
    if score is None:
        raise InputError("these predictions have no scores, so there is nothing to calibrate")
    row_of = {hand_id: row for row, hand_id in enumerate(predictions.hand_id.tolist())}
    found = np.all(np.isfinite(predictions.keypoints_2d), axis=(1, 2)) & np.all(np.isfinite(score), axis=1)
    ids = labels.hand_id.tolist()
    common = [k for k, hand_id in enumerate(ids) if hand_id in row_of and found[row_of[hand_id]]]
    if not common:
        raise InputError(f"no hand is both labelled and predicted: the labels have {some_ids(ids)}")
    rows = [row_of[ids[k]] for k in common]
    chosen = labels.select(common)
    inside = inside_frame(predictions.keypoints_2d[rows], _sizes(chosen))
    joints = Joints(score[rows].ravel(), inside.ravel(), chosen.existence.ravel(), chosen.occlusion.ravel())
    known = set(ids)
    used = set(common)
    unlabelled = [hand_id for hand_id in row_of if hand_id not in known]
    return joints, unlabelled, [hand_id for k, hand_id in enumerate(ids) if k not in used]


def _sizes(labels: HandLabels) -> Double:
    """Read the sizes of pictures (N,2) from their headers."""
    from PIL import Image, UnidentifiedImageError

    pictures = labels.image.tolist()
    absent = [
        i for i, path in zip(labels.hand_id.tolist(), pictures, strict=True) if not path or not Path(path).is_file()
    ]
    if absent:
        raise InputError(f"the pictures of these labels are not there: {some_ids(absent)}; give --images DIR")
    sizes: dict[str, tuple[int, int]] = {}
    for path in set(pictures):
        try:
            with Image.open(path) as picture:
                sizes[path] = picture.size
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"{path}: not a picture ({error})") from error
    return np.array([sizes[path] for path in pictures], np.float64)


def choose_thresholds(joints: Joints, predictions: Predictions) -> CalibrationFile:
    """Return the thresholds of the highest balanced accuracy; 0, which guesses nothing, where scores say nothing.

    Args:
        joints: What to learn from.
        predictions: Where the scores come from, for the note of whom they hold for.
    """
    existence_at = occlusion_below = min(0.0, float(joints.score.min()))
    exists, inside = joints.exists, joints.inside
    existence_auc = roc_auc(joints.score[inside], exists[inside])
    if is_informative(existence_auc, int(exists[inside].sum()), int((~exists)[inside].sum())):
        existence_at = best_threshold(np.where(inside, joints.score, -np.inf), exists)
    # Only what exists can be occluded; the visible ones are those of high score.
    visible, score = ~joints.occluded[exists], joints.score[exists]
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
