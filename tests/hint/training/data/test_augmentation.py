"""Crops: where they are cut, and that pixels, 2D, 3D and MANO stay one hand under every change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from hint.crop import Square, crop
from hint.mano.layer import ManoLayer
from hint.mano.procedural import procedural_hand
from hint.training.augmentation import OFF, Augmentation, Draw, disturb, move, to_crop, warp
from hint.training.batch import Batch
from hint.training.data import TrainingData, collate

STILL = Draw(0.0, 0.0, 1.0, 0.0, np.ones(3))


@dataclass(frozen=True)
class Fixed(Augmentation):
    """Draws fixed numbers."""

    drawn: Draw = STILL

    def draw(self, rng: np.random.Generator) -> Draw:
        return self.drawn


def batch_of(held: Any, samples: list[Any], draw: Draw = STILL, size: int = 128, where: Any = "worker") -> Batch:
    """Return the batch of samples, in their order, all changed by one draw."""
    batches = []
    for one in samples:
        data = TrainingData.mix([held([one])], augmentation=Fixed(drawn=draw), crop_size=size, augment_on=where)
        batches.append(data[0])
    batch = collate(batches, size)
    assert isinstance(batch, Batch)
    return batch


def test_square_without_rotation_worked_by_hand() -> None:
    matrix = to_crop(Square(50, 40, 100), 0, 256)
    assert np.allclose(
        move(matrix, np.array([[50, 40], [100, 40], [0, -10], [50, 90]])), [[128, 128], [256, 128], [0, 0], [128, 256]]
    )


def test_quarter_turn_worked_by_hand() -> None:
    """The square turns clockwise, so what was right of its centre is above it in the crop."""
    matrix = to_crop(Square(50, 40, 100), 90, 256)
    assert np.allclose(move(matrix, np.array([[100, 40], [50, 90]])), [[128, 0], [256, 128]])


def test_mirror_worked_by_hand() -> None:
    """A picture 11 px wide: column 8 is column 2 in the mirror, and the square at 8 moves with it."""
    matrix = to_crop(Square(8, 5, 4), 0, 4, mirrored_width=11)
    assert np.allclose(move(matrix, np.array([[8, 5], [9, 5], [7, 5]])), [[2, 2], [1, 2], [3, 2]])


@pytest.mark.parametrize("mirror", [False, True])
def test_unturned_crop_is_the_evaluation_crop(mirror: bool) -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8), (0, 0), 2)
    square = Square(57.25, 38.5, 71.0)
    ours = warp(image, to_crop(square, 0, 96, 110 if mirror else None), 96)
    theirs = crop(image, square, mirror=mirror, crop_size=96)
    assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_box_grows_to_three_to_four_where_that_is_asked_for(sample: Callable[..., Any]) -> None:
    wide = sample(box_xyxy=np.array([10.0, 30, 70, 50]))
    grown = Augmentation(tall_box=True)
    assert grown.square(wide, STILL) == Square(40, 40, 80)
    assert Augmentation().square(wide, STILL) == Square(40, 40, 60)
    assert grown.square(wide, Draw(0.02, -0.01, 1.3, 0, np.ones(3))) == pytest.approx((41.6, 39.2, 104))


def dotted(sample: Callable[..., Any], **changes: Any) -> Any:
    """Return a dark picture with a white dot at keypoint 0."""
    one = sample(**changes)
    one.keypoints_2d[0, :2] = 70.0, 38.0
    image = np.zeros((100, 120, 3), np.uint8)
    image[38, 70] = 255
    return replace(one, image=cv2.GaussianBlur(image, (0, 0), 1.5))


@pytest.mark.parametrize("where", ["worker", "device"])
@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("rotation", [0.0, 25.0, -60.0])
def test_dot_lands_where_its_keypoint_says(
    sample: Callable[..., Any], held: Any, rotation: float, is_right: bool, where: str
) -> None:
    one = dotted(sample, is_right=is_right)
    batch = batch_of(held, [one], Draw(0.02, -0.01, 0.8, rotation, np.ones(3)), where=where)
    light = batch.image[0].sum(2).double().numpy()
    rows, columns = np.mgrid[:128, :128]
    seen = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
    predicted = (batch.keypoints_2d[0, 0, :2].numpy() + 0.5) * 128
    assert np.abs(seen - predicted).max() < 0.3


def test_left_hand_is_the_right_hand_of_the_mirrored_picture(sample: Callable[..., Any], held: Any) -> None:
    left = sample(is_right=False, image=cv2.GaussianBlur(_noise(), (0, 0), 2))
    signs = np.array([-1, 1, 1])
    points = left.keypoints_2d.copy()
    points[:, 0] = 119 - points[:, 0]
    x1, y1, x2, y2 = left.box_xyxy
    right = replace(
        left,
        is_right=True,
        image=np.ascontiguousarray(left.image[:, ::-1]),
        box_xyxy=np.array([119 - x2, y1, 119 - x1, y2]),
        keypoints_2d=points,
        keypoints_3d=left.keypoints_3d * (*signs, 1),
        hand_pose=left.hand_pose * -signs,
    )
    batch = batch_of(held, [left, right], Draw(0, 0, 1.1, 20, np.ones(3)))
    for name in ("keypoints_2d", "keypoints_3d", "global_orient", "hand_pose"):
        first, second = getattr(batch, name)
        assert torch.allclose(first, second, atol=1e-5), name
    assert (batch.image[0] - batch.image[1]).abs().max() < 4
    assert batch.is_right.tolist() == [False, True]


def _noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (100, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("rotation", [0.0, 40.0, -55.0])
def test_posed_mano_is_the_turned_truth(sample: Callable[..., Any], held: Any, rotation: float, is_right: bool) -> None:
    """MANO, posed by the batch, gives the batch's 3D keypoints; so both were turned and mirrored alike."""
    layer = ManoLayer(procedural_hand())
    right = sample()
    angles = right.hand_pose if is_right else right.hand_pose * (1, -1, -1)
    still = batch_of(held, [right])
    joints, _ = layer(still.global_orient, still.hand_pose, still.betas)
    truth = (joints[0] - joints[0, 0]).double().numpy() * ((1, 1, 1) if is_right else (-1, 1, 1))
    known = sample(is_right=is_right, hand_pose=angles, keypoints_3d=np.column_stack([truth, np.ones(21)]))
    batch = batch_of(held, [known], Draw(0, 0, 1, rotation, np.ones(3)))
    joints, _ = layer(batch.global_orient, batch.hand_pose, batch.betas)
    assert torch.allclose(joints - joints[:, :1], batch.keypoints_3d[..., :3], atol=2e-6)


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("rotation", [30.0, -45.0])
def test_projected_3d_is_the_2d_of_the_crop(
    sample: Callable[..., Any], held: Any, rotation: float, is_right: bool
) -> None:
    """Holds exactly where the camera looks at the middle of the crop, in and out of the mirror."""
    rng = np.random.default_rng(2)
    points = rng.uniform((-0.1, -0.1, 0.5), (0.1, 0.1, 0.7), (21, 3))
    pixels = points[:, :2] / points[:, 2:] * 150 + (59.5, 49.5)
    one = sample(
        is_right=is_right,
        box_xyxy=np.array([29.5, 19.5, 89.5, 79.5]),
        keypoints_2d=np.column_stack([pixels, np.ones(21)]),
        keypoints_3d=np.column_stack([points, np.ones(21)]),
    )
    batch = batch_of(held, [one], Draw(0, 0, 1, rotation, np.ones(3)))
    turned = batch.keypoints_3d[0, :, :3]
    projected = turned[:, :2] / turned[:, 2:] * 150 / 60
    assert torch.allclose(projected, batch.keypoints_2d[0, :, :2], atol=1e-5)


def test_device_and_worker_cut_the_same_crops(sample: Callable[..., Any], held: Any) -> None:
    """OpenCV rounds positions to 1/32 px, so a few grey levels part them where colours are steep."""
    soft = cv2.GaussianBlur(_noise(), (0, 0), 2)
    samples = [sample(image=soft, is_right=right, box_xyxy=box) for right in (True, False) for box in _boxes()]
    draw = Draw(-0.02, 0.01, 0.75, 33, np.array([0.9, 1.1, 1.2]))
    worker, device = (batch_of(held, samples, draw, where=where, size=64).image for where in ("worker", "device"))
    assert worker.shape == device.shape == (6, 64, 64, 3)
    difference = (worker - device).abs()
    assert difference.max() < 5
    assert difference.mean() < 0.7


def _boxes() -> list[np.ndarray]:
    """In the picture, half outside, and so small that the picture is enlarged."""
    return [np.array([30.0, 20, 90, 80]), np.array([90.0, -30, 140, 30]), np.array([50.0, 40, 62, 55])]


def test_large_parts_of_pictures_are_cut_at_once(sample: Callable[..., Any], held: Any) -> None:
    large = cv2.resize(_noise(), (600, 500))
    one = sample(image=large, box_xyxy=np.array([50.0, 50, 550, 450]))
    assert batch_of(held, [one], where="device", size=64).crops.shape == (1, 64, 64, 3)


def test_draws_keep_to_the_released_ranges() -> None:
    draws = [Augmentation().draw(np.random.default_rng(k)) for k in range(4000)]
    scale, rotation, x = (np.array([getattr(d, n) for d in draws]) for n in ("scale", "rotation", "x"))
    colour = np.stack([d.colour for d in draws])
    assert (scale.min(), scale.max()) == pytest.approx((0.7, 1.3))
    # A standard normal number is beyond 1 in 31.7 % of all cases: there the clip shows.
    assert np.isin(scale.round(9), (0.7, 1.3)).mean() == pytest.approx(0.317, abs=0.03)
    assert np.abs(rotation).max() == pytest.approx(60)
    assert (rotation != 0).mean() == pytest.approx(0.6, abs=0.03)
    assert np.abs(x).max() == pytest.approx(0.02)
    assert colour.min() > 0.8
    assert colour.max() < 1.2
    assert colour.std() == pytest.approx(0.4 / np.sqrt(12), rel=0.05)


def test_off_draws_nothing() -> None:
    draw = OFF.draw(np.random.default_rng(0))
    assert draw[:4] == (0, 0, 1, 0)
    assert draw.colour.tolist() == [1, 1, 1]


def test_colours_are_scaled_without_rounding_and_held(sample: Callable[..., Any], held: Any) -> None:
    one = sample(image=np.full((100, 120, 3), (101, 240, 7), np.uint8))
    image = batch_of(held, [one], Draw(0, 0, 0.5, 0, np.array([1.05, 1.2, 0.81]))).image
    assert torch.allclose(image[0, 64, 64], torch.tensor([106.05, 255.0, 5.67]), atol=1e-4)


@pytest.mark.parametrize(
    "change", [{"blur": 4.0}, {"noise": 20.0}, {"brightness": 0.3}, {"contrast": 0.5}, {"hide_rate": 1.0}], ids=str
)
def test_extras_change_pixels_and_repeat(change: dict[str, float]) -> None:
    augmentation = Augmentation(**change)
    assert augmentation.changes_pixels
    pixels = _noise()
    first, again = (disturb(pixels, augmentation, np.random.default_rng(9)) for _ in range(2))
    assert (first == again).all()
    assert (first != pixels).any()


def test_extras_are_off_by_default() -> None:
    assert not Augmentation().changes_pixels
    assert (disturb(_noise(), Augmentation(), np.random.default_rng(0)) == _noise()).all()
