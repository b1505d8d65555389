"""One small benchmark whose score is written down: whatever moves it is noticed and has to be explained here.

History of PCK@0.05 of its subset "newdays", all joints:

* 2026-11-23: 46.107332, first version: longest box side, <=, per joint over the subset, mean of the 21 joints; equal to
  a count by plain loops.
"""

import json
from dataclasses import asdict

import numpy as np
import pytest

from benchmark.error_table import compute_errors
from benchmark.protocol import load_protocol
from benchmark.scores import Scores, score_table
from hint.types import HandLabels, Predictions


@pytest.fixture(scope="module")
def scores() -> Scores:
    """Sixty hands of twelve clips, made from whole numbers alone: no generator, no rounding to depend on."""
    hand, joint = np.arange(60)[:, None], np.arange(21)[None]
    side = 80 + 16 * (np.arange(60) % 11)
    keypoints = np.stack([100 + (7 * joint + 3 * hand) % 64, 200 + (5 * joint + hand) % 48], -1).astype(float)
    labels = HandLabels(
        hand_id=np.array([f"ND_golden_{i:04d}_frame000001_r" for i in range(60)]),
        clip_id=np.array([f"clip{i % 12}" for i in range(60)]),
        subset=np.array(["newdays", "ego4d"])[np.arange(60) % 12 % 2],
        box_xyxy=np.stack([np.full(60, 90), np.full(60, 180), 90 + side, 180 + side // 2], 1).astype(float),
        is_right=np.ones(60, bool),
        keypoints_2d=keypoints,
        existence=(hand + 2 * joint) % 13 > 0,
        occlusion=(hand // 2 + joint) % 5 < 2,
        image=np.array([""] * 60),
    )
    offset = np.stack([(hand * joint + joint) % 23 - 11, (3 * hand + joint * joint) % 19 - 9], -1).astype(float)
    offset[17] = np.nan  # found no hand
    predictions = Predictions(labels.hand_id[:58], (keypoints + offset)[:58])  # two hands were never looked at
    return score_table(compute_errors(labels, predictions)[0], load_protocol())


def value(scores: Scores, *key: object) -> float:
    return next(s.value for s in scores.scores if (s.subset, s.visibility, s.metric, s.threshold) == key)


@pytest.mark.parametrize(
    ("subset", "visibility", "pck", "auc"),
    [
        ("newdays", "all", (46.107332, 85.418241, 93.827160), 77.763281),
        ("newdays", "visible", (47.093838, 85.294118, 93.785014), 77.818878),
        ("newdays", "occluded", (44.632035, 85.584416, 93.939394), 77.711120),
        ("ego4d", "all", (43.480726, 80.706727, 91.729655), 74.580468),
        ("ego4d", "visible", (42.471989, 80.357143, 91.789216), 74.223428),
        ("ego4d", "occluded", (44.985570, 81.313131, 91.666667), 75.138847),
    ],
)
def test_pck_and_auc(scores: Scores, subset: str, visibility: str, pck: tuple[float, float, float], auc: float) -> None:
    found = [value(scores, subset, visibility, "pck", t) for t in (0.05, 0.1, 0.15)]
    assert found == pytest.approx(pck, abs=1e-6)
    assert value(scores, subset, visibility, "auc", None) == pytest.approx(auc, abs=1e-6)


def test_pixel_errors(scores: Scores) -> None:
    assert value(scores, "newdays", "all", "epe_mean_px", None) == pytest.approx(8.101721, abs=1e-6)
    assert value(scores, "newdays", "all", "epe_median_px", None) == pytest.approx(8.485281, abs=1e-6)


def test_interval(scores: Scores) -> None:
    first = scores.scores[0]
    assert (first.n_hands, first.n_keypoints, first.n_clips) == (30, 583, 6)
    assert first.ci is not None
    assert (first.ci.low, first.ci.high) == pytest.approx((32.633620, 59.341848), abs=1e-6)


def test_scores_are_plain_json(scores: Scores) -> None:
    rows = json.loads(json.dumps(asdict(scores), allow_nan=False))
    assert {name: len(part) for name, part in rows.items()} == {
        "scores": 36,
        "per_joint": 378,
        "curves": 6,
        "empty_joints": 0,
    }
