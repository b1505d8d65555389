from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import hint
from benchmark.frames import joint_scores_frame, mesh_frame
from benchmark.mesh.error_table import MeshErrors
from hint.skeleton import FINGER_OF_JOINT, FINGERS, JOINT_NAMES
from hint.types import HandLabels, Predictions


@pytest.fixture(scope="module")
def labels(make: Callable[..., HandLabels]) -> HandLabels:
    return make(30)


@pytest.fixture(scope="module")
def evaluation(labels: HandLabels) -> hint.Evaluation:
    points = labels.keypoints_2d + np.random.default_rng(3).normal(0, 6, labels.keypoints_2d.shape)
    return hint.evaluate(labels, Predictions(labels.hand_id, points), name="noise")


def test_a_row_for_each_score(evaluation: hint.Evaluation) -> None:
    frame = evaluation.to_frame()
    assert len(frame) == len(evaluation.record.scores)
    for row, score in zip(frame.itertuples(), evaluation.record.scores, strict=True):
        assert (row.subset, row.visibility, row.metric, row.value) == (
            score.subset,
            score.visibility,
            score.metric,
            score.value,
        )
        assert np.isnan(row.threshold) if score.threshold is None else row.threshold == score.threshold
        assert np.isnan(row.low) if score.ci is None else (row.low, row.high) == (score.ci.low, score.ci.high)
    assert set(frame["method"]) == {"noise"}
    assert frame.equals(evaluation.record.to_frame())


def test_a_row_for_each_hand_and_joint(evaluation: hint.Evaluation, labels: HandLabels) -> None:
    frame = evaluation.hands()
    assert len(frame) == 21 * len(labels)
    assert {"clip_id", "subset", "side", "box_size", "occluded_share", "joints_outside"} < set(frame.columns)
    assert np.array_equal(frame["visibility"].to_numpy().reshape(-1, 21), labels.visibility)
    assert np.array_equal(frame["error"].isna(), frame["visibility"] == 0)


def test_scores_follow_from_the_frame_of_hands(evaluation: hint.Evaluation) -> None:
    frame = evaluation.hands()
    inside = frame[frame["visibility"] > 0]
    correct = (inside["distance_px"] <= 0.1 * inside["box_side"]).groupby(inside["joint"]).mean()
    score = evaluation.record.value("newdays", "all", "pck", 0.1)
    assert score is not None
    assert 100 * correct.mean() == pytest.approx(score.value)


def test_fingers_are_the_means_of_their_joints(evaluation: hint.Evaluation) -> None:
    frame = joint_scores_frame(evaluation.record)
    means = frame.groupby(["part", "visibility", "threshold"])["value"].mean()
    values = {(j.joint, j.visibility, j.threshold): j.value for j in evaluation.record.per_joint}
    for part, name in enumerate(("wrist", *FINGERS), start=-1):
        joints = [j for j, finger in zip(JOINT_NAMES, FINGER_OF_JOINT, strict=True) if finger == part]
        for visibility in ("all", "visible", "occluded"):
            for threshold in (0.05, 0.1, 0.15):
                expected = np.mean([values[joint, visibility, threshold] for joint in joints])
                assert means[name, visibility, threshold] == pytest.approx(expected, rel=1e-12)


def test_results_print_short_and_show_their_scores(evaluation: hint.Evaluation) -> None:
    assert repr(evaluation) == "Evaluation(noise, hint-v1, 30 hands, complete)"
    html = evaluation._repr_html_()
    assert "PCK@0.05" in html
    assert html.count("<tr>") == 1 + 3


def test_3d_results_have_a_row_for_each_hand_and_joint_in_millimetres() -> None:
    joints = np.random.default_rng(0).random((3, 21))
    ids = np.array(["a", "b", "c"])
    table = MeshErrors(ids, ids, {"procrustes": joints}, {}, {"pa_mpjpe_mm": np.arange(3.0)}, 778)
    frame = mesh_frame(table, JOINT_NAMES[::-1])
    row = frame[(frame["hand_id"] == "b") & (frame["joint"] == "wrist")].iloc[0]
    assert row["distance_mm_procrustes"] == 1000 * joints[1, 20]
    assert (row["pa_mpjpe_mm"], row["part"]) == (1.0, "wrist")
