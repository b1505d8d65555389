"""The guess of existence and occlusion, and the columns it lives in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.prelabel.guess import Thresholds, guess, inside_frame, joint_scores
from hint.errors import InputError
from hint.files import read_predictions, write_predictions
from hint.types import Predictions

IDS = np.array(["a_l", "b_r", "c_r"])
SIZES = {"a_l": (100, 50), "b_r": (100, 50), "c_r": (100, 50)}


def predictions(**columns: object) -> Predictions:
    points = np.full((3, 21, 2), 10.0)
    points[0, 1], points[0, 2], points[0, 3] = (-0.1, 10), (99.9, 49.9), (100, 10)
    points[2] = np.nan
    return Predictions(IDS, points, **columns)


def test_flags_make_the_round_trip_and_are_optional(tmp_path: Path) -> None:
    flags = np.arange(63).reshape(3, 21) % 2 == 0
    write_predictions(tmp_path / "p.npz", predictions(existence=flags, occlusion=~flags))
    back = read_predictions(tmp_path / "p.npz")
    assert np.array_equal(back.existence, flags)
    assert np.array_equal(back.occlusion, ~flags)
    assert np.array_equal(back.select([1]).existence, flags[1:2])
    assert back.without(["existence", "hand_id"]).existence is None
    assert back.without(["existence"]).occlusion is not None
    write_predictions(tmp_path / "p.npz", predictions())
    assert read_predictions(tmp_path / "p.npz").existence is None
    with pytest.raises(InputError, match=r"occlusion has shape \(3,\)"):
        predictions(occlusion=np.zeros(3, bool))


def test_without_scores_the_frame_decides_and_nothing_is_occluded() -> None:
    guessed = guess(predictions(), SIZES, Thresholds())
    assert guessed.existence is not None
    assert guessed.existence[0].tolist() == [True, False, True, False] + [True] * 17
    assert guessed.existence[1].all()
    assert not guessed.existence[2].any(), "a hand that was not found has no joints"
    assert guessed.occlusion is not None
    assert not guessed.occlusion.any()
    assert guessed.meta["prelabel"]["occlusion_from"] == "nothing"


def test_scores_decide_by_two_thresholds() -> None:
    score = np.full((3, 21), 0.9, np.float32)
    score[0, 0], score[0, 2], score[1, 5], score[1, 6] = 0.05, 0.1, 0.1, 0.6
    guessed = guess(predictions(score=score), SIZES, Thresholds(0.1, 0.6))
    assert guessed.existence is not None
    assert guessed.occlusion is not None
    # 0.1 as float32 lies above 0.1 as float64, 0.6 likewise: thresholds are compared in float64.
    assert not guessed.existence[0, 0]
    assert guessed.existence[0, 2]
    assert np.flatnonzero(guessed.occlusion).tolist() == [2, 21 + 5]
    assert not guessed.occlusion[0, 0], "what does not exist is not occluded"


def test_one_score_for_a_hand_is_that_of_its_joints() -> None:
    guessed = guess(predictions(score=np.array([0.2, 0.8, 0.0])), SIZES, Thresholds())
    assert guessed.occlusion is not None
    assert guessed.occlusion.sum(1).tolist() == [19, 0, 0]
    assert joint_scores(predictions()) is None


def test_flags_of_the_method_itself_are_kept() -> None:
    own = np.zeros((3, 21), bool)
    own[1, 4] = True
    guessed = guess(predictions(score=np.zeros((3, 21)), occlusion=own), SIZES, Thresholds())
    assert np.array_equal(guessed.occlusion, own)
    assert guessed.meta["prelabel"]["occlusion_from"] == "method"
    assert guessed.meta["prelabel"]["existence_from"] == "frame and score"


def test_a_hand_of_an_unknown_frame_has_an_unbounded_one() -> None:
    guessed = guess(replace(predictions(), hand_id=np.array(["x_l", "b_r", "c_r"])), SIZES, Thresholds())
    assert guessed.existence is not None
    assert guessed.existence[0].tolist() == [True, False] + [True] * 19


@given(st.lists(st.tuples(st.floats(-5, 30), st.floats(-5, 30)), min_size=21, max_size=21))
def test_inside_is_the_rule_of_the_released_labels(points: list[tuple[float, float]]) -> None:
    inside = inside_frame(np.array([points]), np.array([[20, 10]]))
    assert inside[0].tolist() == [0 <= x < 20 and 0 <= y < 10 for x, y in points]
