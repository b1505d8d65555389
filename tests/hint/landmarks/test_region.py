"""Turned squares: what is cut out, and the way back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import InputError
from hint.landmarks.region import Region, around_box, around_landmarks, around_palm, cut, enclosing
from hint.landmarks.window import around
from hint.methods.synthetic_hands import synthetic_hands

#: A drawn hand about the origin, its longest side 1.
HAND = synthetic_hands(painted=False)[0].keypoints_2d
HAND = (HAND - HAND.mean(axis=0)) / np.ptp(HAND)

ANGLES = {"upright": 0.0, "askew": 0.7, "upside down": math.pi, "lying": -math.pi / 2}


@pytest.mark.parametrize("mirrored", [False, True], ids=["as it is", "mirrored"])
@pytest.mark.parametrize("angle", ANGLES.values(), ids=ANGLES.keys())
def test_a_crop_shows_what_its_points_are_carried_back_to(angle: float, mirrored: bool) -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    y, x = np.mgrid[:200, :300]
    picture[..., 0], picture[..., 1] = x * 200 // 300, y
    region = Region(150, 100, 80, angle, mirrored)
    crop = cut(picture, region, 160)
    for column, row in ((40, 40), (120, 40), (40, 120), (80, 100)):
        at = region.to_picture(np.array([column, row]) / 160 - 0.5)
        red, green, _ = crop[row, column].astype(float)
        assert red == pytest.approx(at[0] * 200 / 300, abs=1.5)
        assert green == pytest.approx(at[1], abs=1.5)


def test_a_region_outside_the_picture_shows_its_border_or_black() -> None:
    picture = np.full((50, 60, 3), 90, np.uint8)
    for region in (Region(500, 20, 30), Region(-400, -400, 100, 1.0), Region(1e9, 1e9, 50)):
        assert (cut(picture, region, 32) == 90).all()
        assert (cut(picture, region, 32, black_border=True) == 0).all()


def test_a_picture_wider_than_opencv_can_warp_is_cut() -> None:
    picture = np.zeros((20, 40_000, 3), np.uint8)
    picture[:, 39_000:] = 255
    assert cut(picture, Region(39_500, 10, 20), 16).min() == 255


def test_a_mirrored_region_is_the_region_of_the_mirrored_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    flipped = np.ascontiguousarray(picture[:, ::-1])
    crop = cut(picture, Region(50, 40, 48, 0.0, mirrored=True), 48)
    # Both begin to sample at an edge of the region, which is one pixel further in the mirror.
    assert np.array_equal(crop, cut(flipped, Region(119 - 50, 40, 48), 48))


@given(st.floats(-3.1, 3.1), st.floats(5, 500), st.booleans())
def test_the_region_of_landmarks_turns_grows_and_mirrors_with_them(angle: float, scale: float, mirrored: bool) -> None:
    first = around_landmarks(HAND)
    turn = Region(30, 40, scale, angle, mirrored)
    moved = around_landmarks(turn.to_picture(HAND), mirrored)
    assert moved.side == pytest.approx(scale * first.side, rel=1e-6)
    assert (moved.x, moved.y) == pytest.approx(turn.to_picture(np.array([first.x, first.y])), abs=1e-6 * scale)
    own = -first.angle if mirrored else first.angle
    assert math.remainder(moved.angle - angle - own, math.tau) == pytest.approx(0, abs=1e-6)


def test_the_region_of_a_palm_has_room_for_fingers_above_it() -> None:
    box = np.array([100.0, 100.0, 140.0, 140.0])
    region = around_palm(box, np.array([120.0, 138.0]), np.array([120.0, 104.0]))
    assert (region.x, region.y, region.side, region.angle) == pytest.approx((120, 100, 104, 0))
    lying = around_palm(box, np.array([102.0, 120.0]), np.array([136.0, 120.0]))
    assert (lying.x, lying.y, lying.angle) == pytest.approx((140, 120, math.pi / 2))


def test_directions_are_turned_back_and_depth_stays() -> None:
    up = np.array([[0.0, -1.0, 5.0], [1.0, 0.0, 0.0]])
    assert Region(0, 0, 1, math.pi / 2).upright(up) == pytest.approx(np.array([[1, 0, 5], [0, 1, 0]]))
    assert Region(0, 0, 1, 0.0, mirrored=True).upright(up) == pytest.approx(np.array([[0, -1, 5], [-1, 0, 0]]))


def test_the_box_around_points() -> None:
    assert enclosing(np.array([[3, 1], [2, 7], [5, 4]])).tolist() == [2, 1, 5, 7]


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (0, 0, math.nan, 1), (0, 0, math.inf, 1)], ids=str)
def test_a_box_without_area_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="no area"):
        around_box(box, 2.0)
    with pytest.raises(InputError, match="no area"):
        around(np.zeros((9, 9, 3), np.uint8), box)


def test_a_window_knows_where_it_lies() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    small = around(picture, (100, 120, 160, 150))
    assert small.pixels.shape == (241, 241, 3)
    assert np.array_equal(small.pixels, picture[15:256, 10:251])
    assert small.to_picture(small.box_xyxy.reshape(2, 2)).ravel() == pytest.approx((100, 120, 160, 150))


def test_the_window_of_a_large_hand_is_shrunk() -> None:
    picture = np.zeros((1500, 2500, 3), np.uint8)
    picture[700:800, 1200:1300] = 255
    window = around(picture, (900, 400, 1600, 1100))
    assert max(window.pixels.shape) <= 1000
    rows, columns = np.nonzero(window.pixels[..., 0] > 127)
    centre = window.to_picture(np.array([columns.mean(), rows.mean()]))
    assert centre == pytest.approx((1249.5, 749.5), abs=0.6)
    assert window.to_picture(window.box_xyxy.reshape(2, 2)).ravel() == pytest.approx((900, 400, 1600, 1100))
