"""Calibration: against numbers worked out by hand and a plain loop, and as a person types it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import error, hint

from annotation.prelabel.calibrate import calibrate, choose_thresholds, gather
from annotation.prelabel.calibration import read_calibration
from annotation.prelabel.run import prelabel
from hint.errors import InputError
from hint.files import read_predictions, write_predictions
from hint.methods.table import create
from hint.types import Hand, HandLabels, MethodOptions, Predictions

Sample = Callable[..., tuple[Path, HandLabels]]
Reviewed = Callable[[HandLabels], Path]


def predicted(labels: HandLabels, score: np.ndarray) -> Predictions:
    meta = {"method": "box-centre", "fingerprint": create("box-centre", MethodOptions()).fingerprint}
    return Predictions(labels.hand_id, labels.keypoints_2d, score=score.astype(np.float32), meta=meta)


def honest(labels: HandLabels, seed: int = 0) -> np.ndarray:
    """Scores that are lower for occluded joints, with overlap."""
    noise = np.random.default_rng(seed).normal(0, 0.15, labels.occlusion.shape)
    return np.clip(np.where(labels.occlusion, 0.35, 0.7) + noise, 0, 1)


def test_two_hands_by_hand(write_sample: Sample, with_flags: Callable[..., HandLabels]) -> None:
    _, labels = write_sample(2)
    exists = np.ones((2, 21), bool)
    exists[1, 20] = False
    occluded = np.zeros((2, 21), bool)
    occluded[:, :5] = True
    occluded[1, 20] = True  # means nothing, as the joint does not exist
    labels = with_flags(labels, existence=exists, occlusion=occluded)
    score = np.full((2, 21), 0.8)
    score[:, :4] = 0.2
    score[:, 4], score[:, 10], score[1, 20] = 0.6, 0.4, 0.0
    joints, unlabelled, unpredicted = gather(labels, predicted(labels, score))
    assert (unlabelled, unpredicted) == ([], [])
    content = choose_thresholds(joints, predicted(labels, score))
    # 41 joints exist, 10 of them occluded: eight of 0.2, two of 0.6. Visible: 29 of 0.8, two of 0.4.
    # Pairs: (8 * 31 + 2 * 29) of 310. Below 0.3: 8 of 10 and 31 of 31; below 0.7: 10 of 10 and 29 of 31.
    found = content.occlusion
    assert (found.positives, found.negatives) == (10, 31)
    assert found.auc == pytest.approx((8 * 31 + 2 * 29) / 310)
    assert content.occlusion_below == pytest.approx(0.7)
    assert found.balanced_accuracy == pytest.approx((1 + 29 / 31) / 2)
    counts = (found.true_positives, found.false_negatives, found.false_positives, found.true_negatives)
    assert counts == (10, 0, 2, 29)
    assert content.hands == 2
    # One joint that does not exist is too little to learn from.
    assert not content.existence.informative
    assert content.existence_at == 0.0


def test_existence_is_calibrated_if_scores_are_informative(
    write_sample: Sample, with_flags: Callable[..., HandLabels]
) -> None:
    _, labels = write_sample(12)
    labels = with_flags(labels, existence=np.random.default_rng(1).random((12, 21)) < 0.7)
    score = np.where(labels.existence, 0.9, 0.1)
    content = choose_thresholds(gather(labels, predicted(labels, score))[0], predicted(labels, score))
    assert content.existence.informative
    assert content.existence_at == pytest.approx(0.5)
    inside = ((labels.keypoints_2d >= 0) & (labels.keypoints_2d < (240, 200))).all(2)
    assert content.existence.true_positives == int((inside & labels.existence).sum())
    assert content.existence.false_positives == 0


def test_the_guess_agrees_with_the_table(write_sample: Sample, tmp_path: Path, reviewed: Reviewed) -> None:
    manifest, labels = write_sample()
    write_predictions(tmp_path / "p.npz", predicted(labels, honest(labels)))
    done = hint(
        "prelabel", "calibrate", "--data", reviewed(labels), "--predictions", tmp_path / "p.npz", *out(tmp_path)
    )
    assert "occluded" in done.stdout
    assert "12 labelled hands" in done.stdout
    picture = cv2.imread(str(tmp_path / "c.png"))
    assert picture.shape[1] > 1000
    assert picture.std() > 5
    calibration = read_calibration(tmp_path / "c.toml")
    found, below = calibration.content.occlusion, calibration.content.occlusion_below
    score = predicted(labels, honest(labels)).score
    assert score is not None
    guessed = (score.astype(np.float64) < below) & labels.existence
    assert found.true_positives == int((guessed & labels.occlusion).sum())
    assert found.false_positives == int((guessed & ~labels.occlusion).sum())
    assert found.positives + found.negatives == int(labels.existence.sum())
    assert found.auc is not None
    assert found.auc > 0.85
    # A method with these scores gets these flags.
    method = create("box-centre", MethodOptions())

    class Scored:
        card, fingerprint, prepare = method.card, method.fingerprint, staticmethod(method.prepare)

        @staticmethod
        def infer(hands: Sequence[Hand], prepared: object) -> Predictions:
            ids = [hand.hand_id for hand in hands]
            return predicted(labels, honest(labels)).select(np.flatnonzero(np.isin(labels.hand_id, ids)))

    result = prelabel(manifest, Scored(), calibration=calibration)
    rows = result.predictions
    assert rows.occlusion is not None
    assert rows.existence is not None
    assert np.array_equal(rows.occlusion, (score.astype(np.float64) < below) & rows.existence)
    assert rows.meta["prelabel"]["calibration_sha256"] == calibration.sha256
    assert read_predictions(result.path).meta["derived"] == ["existence", "occlusion"]


def out(folder: Path) -> tuple[str, Path]:
    return "--out", folder / "c.toml"


def test_uninformative_scores_are_reported(write_sample: Sample, tmp_path: Path, reviewed: Reviewed) -> None:
    _, labels = write_sample()
    noise = np.random.default_rng(4).random((12, 21))
    write_predictions(tmp_path / "p.npz", predicted(labels, noise))
    folder = reviewed(labels)
    run = ("prelabel", "calibrate", "--data", folder, "--predictions", tmp_path / "p.npz", *out(tmp_path))
    done = hint(*run, code=1)
    assert "occlusion is not calibrated: the scores carry no information" in done.stderr
    assert "every existing joint is guessed visible" in done.stderr
    content = read_calibration(tmp_path / "c.toml").content
    assert content.occlusion_below == 0.0
    assert content.occlusion.true_positives == content.occlusion.false_positives == 0
    write_predictions(tmp_path / "p.npz", predicted(labels, 1 - honest(labels)))
    done = hint(*run, "--json", code=1)
    assert json.loads(done.stdout)["occlusion"]["auc"] < 0.2
    done = hint(*run, code=1)
    assert "occlusion is not calibrated: the scores point the wrong way" in done.stderr


def test_labels_of_one_kind_cannot_calibrate(
    write_sample: Sample, with_flags: Callable[..., HandLabels], tmp_path: Path
) -> None:
    _, labels = write_sample(3)
    everything = np.ones((3, 21), bool)
    labels = with_flags(labels, existence=everything, occlusion=~everything)
    content = calibrate(labels, predicted(labels, honest(labels)), tmp_path / "c.toml").content
    assert content.occlusion.auc is None
    assert content.occlusion.balanced_accuracy is None
    assert read_calibration(tmp_path / "c.toml").content == content


def test_hands_in_only_one_of_the_two_are_named(write_sample: Sample) -> None:
    _, labels = write_sample(4)
    predictions = predicted(labels, honest(labels))
    lost = predictions.keypoints_2d.copy()
    lost[1] = np.nan
    predictions = replace(predictions, keypoints_2d=lost)
    joints, unlabelled, unpredicted = gather(labels.select([0, 1, 2]), predictions.select([1, 2, 3]))
    assert unlabelled == [str(labels.hand_id[3])]
    assert unpredicted == labels.hand_id[:2].tolist()
    assert len(joints.score) == 21
    with pytest.raises(InputError, match="no hand is both labelled and predicted"):
        gather(labels.select([0]), predictions.select([3]))
    with pytest.raises(InputError, match="no scores"):
        gather(labels, replace(predictions, score=None))
    absent = replace(labels, image=np.full(4, ""))
    with pytest.raises(InputError, match="--images DIR"):
        gather(absent, predictions)


def test_thresholds_are_valid_for_one_method(write_sample: Sample, tmp_path: Path, reviewed: Reviewed) -> None:
    manifest, labels = write_sample()
    calibrate(labels, predicted(labels, honest(labels)), tmp_path / "c.toml")
    done = hint("prelabel", manifest, "--method", "mean-pose", "--calibration", tmp_path / "c.toml", code=2)
    assert "c.toml was made for box-centre, whose scores" in done.stderr
    hint("prelabel", manifest, "--method", "box-centre", "--calibration", tmp_path / "c.toml")
    for text, words in (
        ("x", "is not a calibration file"),
        ("schema_version = 1", "is not a calibration file: method: Field required"),
        ((tmp_path / "c.toml").read_text() + "more = 1\n", "more: unknown key"),
    ):
        (tmp_path / "d.toml").write_text(text)
        done = hint("prelabel", manifest, "--method", "box-centre", "--calibration", tmp_path / "d.toml", code=2)
        assert words in done.stderr
    done = hint("prelabel", "calibrate", "--data", manifest.parent, "--predictions", "p.npz", "--out", "c.json", code=2)
    assert "use the suffix .toml" in error(done)
