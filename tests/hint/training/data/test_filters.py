"""The released filters, each on the border it draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.training.filters import NONE, Filters
from hint.training.shards import ShardWriter, official_hand
from hint.training.tars import TarSource


def kept(tmp_path: Path, filters: Filters, **changes: Any) -> bool:
    """Tell whether a hand, otherwise good, is trained on."""
    confidence = changes.pop("confidence", np.ones(21))
    points = np.column_stack([np.arange(42).reshape(21, 2), confidence])
    hand = official_hand(
        keypoints_2d=points, box_xyxy=[0, 0, 40, 30], is_right=True, hand_pose=np.zeros(48), betas=np.zeros(10)
    )
    good = official_hand(keypoints_2d=np.ones((21, 3)), box_xyxy=[0, 0, 900, 900], is_right=True,
                         hand_pose=np.zeros(48), betas=np.zeros(10))  # fmt: skip
    with ShardWriter(tmp_path / "a.tar") as shard:
        shard.add("a", np.zeros((50, 50, 3), np.uint8), [hand | changes, good])
    source = TarSource("s", [tmp_path / "a.tar"], filters, workers=1)
    return [source.key(i) for i in range(len(source))] == ["a", "a#1"]


def some(n: int, value: float = 1.0, others: float = 0.0) -> np.ndarray:
    return np.where(np.arange(21) < n, value, others)


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(some(5), True), (some(4), False), (some(4, others=0.29), False), (some(4, others=0.3), True)],
)
def test_more_than_four_keypoints_count(tmp_path: Path, confidence: np.ndarray, expected: bool) -> None:
    assert kept(tmp_path, Filters(), confidence=confidence) is expected


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(("loss", "expected"), [(30999.0, True), (31000.0, False), (None, True)])
def test_bad_fits_are_left_out(tmp_path: Path, loss: float | None, expected: bool, wrapped: bool) -> None:
    """Numpy wraps the dict of losses in an array without axes when it is saved."""
    losses = {"reprojection_loss": loss}
    extra = {"fitting_loss": np.array(losses) if wrapped else losses}
    assert kept(tmp_path, Filters(), extra_info=extra) is expected


@pytest.mark.parametrize(("least", "expected"), [(29.0, True), (30.5, False), (0.0, True)])
def test_small_boxes_are_left_out_if_asked(tmp_path: Path, least: float, expected: bool) -> None:
    assert kept(tmp_path, Filters(min_box=least)) is expected


def test_hands_without_pose_are_left_out_if_asked(tmp_path: Path) -> None:
    assert kept(tmp_path, Filters(), has_hand_pose=0.0)
    assert not kept(tmp_path, Filters(need_pose=True), has_hand_pose=0.0)
    assert not kept(tmp_path, Filters(need_pose=True), betas=np.full(10, 3.1))


@pytest.mark.parametrize(
    ("pose", "betas", "largest", "expected"),
    [
        (True, True, 3.0, (True, True, 3.0)),
        (
            True,
            True,
            3.1,
            (False, True, 0.0),
        ),  # the shape is unlikely, so it is pulled to the mean, the pose is dropped
        (True, False, 1.0, (False, True, 0.0)),
        (False, True, 1.0, (False, True, 0.0)),
        (False, False, 1.0, (False, True, 0.0)),
    ],
)
def test_pose_and_shape_are_supervised_together(
    sample: Callable[..., Any], pose: bool, betas: bool, largest: float, expected: tuple[bool, bool, float]
) -> None:
    numbers = np.zeros(10)
    numbers[4] = -largest
    given = sample(has_hand_pose=pose, has_betas=betas, betas=numbers)
    got = Filters().supervise(given)
    assert (got.has_hand_pose, got.has_betas, np.abs(got.betas).max()) == expected


def test_shapes_are_left_alone_without_the_pull(sample: Callable[..., Any]) -> None:
    got = Filters(pull_betas=False).supervise(sample(betas=np.full(10, 4.0)))
    assert (got.has_hand_pose, got.has_betas) == (False, False)
    assert got.betas.tolist() == [4.0] * 10


def test_weak_keypoints_are_not_supervised(sample: Callable[..., Any]) -> None:
    given = sample()
    given.keypoints_2d[:3, 2] = 0.29, 0.3, 0.9
    got = Filters().supervise(given)
    assert got.keypoints_2d[:3, 2].tolist() == [0, 0.3, 0.9]
    assert given.keypoints_2d[0, 2] == 0.29
    assert NONE.supervise(given).keypoints_2d[0, 2] == 0.29
