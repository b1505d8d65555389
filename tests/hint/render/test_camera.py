"""Cameras: where points land, in the picture, in a crop and in a tile."""

import numpy as np
import pytest

from hint.crop import Square, to_image
from hint.errors import InputError
from hint.render import PAPER, Camera, crop_camera, cut_tile, full_frame_camera, full_frame_translation

SQUARE = Square(410.5, 220.25, 180.0)


def cloud(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.09, 0.09, (50, 3))


@pytest.mark.parametrize("is_right", [True, False])
def test_the_crop_camera_puts_points_where_keypoints_are_scored(is_right: bool) -> None:
    points, cam_t = cloud(np.random.default_rng(0)), np.array([0.03, -0.02, 7.5])
    in_crop = 5000 / 256 * (points + cam_t)[:, :2] / (points + cam_t)[:, 2:]
    scored = to_image(in_crop, SQUARE, is_right)
    side = np.array([1 if is_right else -1, 1, 1])
    drawn = crop_camera(SQUARE, 640, 480).project((points + cam_t) * side)
    np.testing.assert_allclose(drawn, scored, atol=1e-9)


def test_the_full_frame_camera_shows_a_hand_at_the_same_place_and_size() -> None:
    points, cam_t = cloud(np.random.default_rng(1)), np.array([0.03, -0.02, 7.5])
    crop, full = crop_camera(SQUARE, 640, 480), full_frame_camera(640, 480)
    moved = full_frame_translation(cam_t, SQUARE, full)
    assert full.focal == 12500
    assert full.centre == (320, 240)
    np.testing.assert_allclose(full.project(moved), crop.project(cam_t), atol=1e-6)
    # The hand is 64 px wide; perspective differs by what it is deep.
    np.testing.assert_allclose(full.project(points + moved), crop.project(points + cam_t), atol=2)


def test_a_hand_of_half_the_size_in_the_picture_is_twice_as_far_away() -> None:
    full, cam_t = full_frame_camera(640, 480), np.array([0.0, 0.0, 7.5])
    near = full_frame_translation(cam_t, (100, 100, 200), full)
    far = full_frame_translation(cam_t, (300, 200, 100), full)
    assert far[2] == pytest.approx(2 * near[2])


def test_a_mirrored_camera_sees_a_mirrored_world_as_the_picture_turned_over() -> None:
    camera, points = Camera(200, 100, 300.0, (80.5, 40.0)), cloud(np.random.default_rng(2)) + np.array([0, 0, 1.0])
    turned = camera.mirrored().project(points * (-1, 1, 1))
    np.testing.assert_allclose(turned, camera.project(points) * (-1, 1) + (199, 0), atol=1e-9)


def test_points_that_are_not_in_front_have_no_place() -> None:
    camera = Camera(200, 100, 300.0, (80.5, 40.0))
    assert np.isnan(camera.project([[0, 0, 0], [0.1, 0, -1]])).all()


@pytest.mark.parametrize(("shown", "side"), [(1.5, 240), (1.0, 600), (4.0, 100)])
def test_a_tile_shows_things_where_it_says(shown: float, side: int) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[140:151, 200:211] = 255
    tile = cut_tile(image, (170, 120, 230, 170), side, shown)
    weight = tile.image[..., 0].astype(float)
    y, x = np.mgrid[:side, :side]
    middle = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(tile.place((205, 145)), middle, atol=0.1)


def test_a_tiles_camera_agrees_with_its_places() -> None:
    points = cloud(np.random.default_rng(3)) + np.array([0, 0, 1.0])
    camera = Camera(400, 300, 500.0, (190.0, 160.0))
    tile = cut_tile(None, (100, 80, 170, 190))
    np.testing.assert_allclose(tile.camera(camera).project(points), tile.place(camera.project(points)), atol=1e-9)


@pytest.mark.parametrize("wrong", [(0, 5, 1.0), (5, 5, 0.0), (5, 5, float("nan")), (5, 5, float("inf"))])
def test_a_camera_that_cannot_be_is_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(InputError):
        Camera(*wrong, (0.0, 0.0))


def test_a_tile_of_a_box_that_is_far_too_large_shows_the_picture_where_it_is() -> None:
    image = np.zeros((4000, 6000, 3), np.uint8)
    tile = cut_tile(image, (-1e6, -1e6, 1e6, 1e6), shown=1)
    assert tile.image.shape == (240, 240, 3)
    near = cut_tile(image, (0, 0, 12_000, 12_000), shown=1)
    x, y = np.rint(near.place([3000, 2000])).astype(int)
    assert near.image[y, x].tolist() == [0, 0, 0]
    x, y = np.rint(near.place([9000, 2000])).astype(int)
    assert near.image[y, x].tolist() == list(PAPER)
