import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hint.crop import (
    MEAN,
    STD,
    Square,
    box_to_square,
    box_to_tall_square,
    crop,
    crop_blurred,
    crop_unrounded,
    to_image,
)
from hint.errors import InputError
from hint.methods.hamer.network import normalise

squares = st.builds(Square, st.floats(-80, 200), st.floats(-80, 160), st.floats(4, 400))


def picture(height=90, width=120, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def one_pixel(image, square, u, v, size):
    """Interpolate one pixel of a crop in float64, neighbour by neighbour."""
    x = square.x + (u - size / 2) * square.size / size
    y = square.y + (v - size / 2) * square.size / size
    total = np.zeros(3)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * image[row, column]
    return total


@given(squares, st.integers(0, 63), st.integers(0, 63))
@settings(deadline=None)
def test_pixels_are_interpolated_and_black_outside(square, u, v):
    image = picture()
    expected = one_pixel(image, square, u, v, 64)
    # float32 positions are good to 1e-5 px, which a noise picture turns into 0.01 grey levels
    assert np.abs(crop(image, square, crop_size=64)[v, u] - expected).max() <= 0.5 + 0.02


def slowly(image, square, mirror, size):
    """Interpolate in float32 as the released code under OpenCV 5.0 does, pixel by pixel."""
    if mirror:
        image, square = image[:, ::-1], square._replace(x=image.shape[1] - square.x - 1)
    bordered = np.pad(image.astype(np.float32), ((3, 3), (3, 3), (0, 0)))

    def along(centre, length):
        edge = np.float32(centre + np.float32(square.size / 2))
        step = (float(edge) - float(np.float32(centre))) / (size / 2)
        start = float(np.float32(centre)) - step * size / 2
        places = (np.arange(size) * float(np.float32(step)) + float(np.float32(start))).astype(np.float32)
        return [(min(max(math.floor(place), -2), length + 1) + 3, place - np.floor(place)) for place in places]

    rows, columns = along(square.y, image.shape[0]), along(square.x, image.shape[1])
    cut = np.empty((size, size, 3), np.float32)
    for v, (row, down) in enumerate(rows):
        for u, (column, right) in enumerate(columns):
            near = bordered[row : row + 2, column : column + 2]
            top, bottom = near[:, 0] + (near[:, 1] - near[:, 0]) * right
            cut[v, u] = top + (bottom - top) * down
    return cut


@given(squares, st.booleans())
@settings(deadline=None, max_examples=25)
def test_every_bit_is_that_of_the_released_code(square, mirror):
    image = picture()
    expected = slowly(image, square, mirror, 24)
    assert (crop_unrounded(image, square, mirror=mirror, crop_size=24) == expected).all()
    assert (crop(image, square, mirror=mirror, crop_size=24) == np.rint(expected)).all()


def test_threads_cut_side_by_side():
    image = picture(600, 800)
    where = [Square(x, y, size) for x in (0.3, 400.2) for y in (77.7, 300.1) for size in (60.0, 300.0, 900.0)] * 4
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda square: crop_unrounded(image, square), where))
    assert all((cut == crop_unrounded(image, square)).all() for cut, square in zip(together, where, strict=True))


def test_a_square_of_the_size_of_the_crop_is_a_piece_of_the_picture():
    image = picture(400, 500)
    assert (crop(image, Square(200.0, 180.0, 256.0)) == image[52:308, 72:328]).all()


def test_half_a_pixel_averages_neighbours():
    image = picture(400, 500)
    cut = crop(image, Square(200.5, 180.0, 256.0))
    exact = (image[52:308, 72:328].astype(float) + image[52:308, 73:329]) / 2
    assert np.abs(cut - exact).max() <= 0.5


def test_a_square_beyond_the_picture_is_black():
    for square in (Square(-1e6, 40, 50), Square(60, 1e7, 50), Square(40, -200, 100)):
        assert not crop(picture(), square).any()


@given(squares)
@settings(deadline=None, max_examples=50)
def test_the_mirror_is_exact_to_the_pixel(square):
    image = picture()
    flipped = np.ascontiguousarray(image[:, ::-1])
    mirrored = square._replace(x=image.shape[1] - square.x - 1)
    assert (crop(image, square, mirror=True) == crop(flipped, mirrored)).all()
    assert (crop_blurred(image, square, mirror=True) == crop_blurred(flipped, mirrored)).all()


def test_whole_pixels_mirrored_are_the_crop_flipped():
    image = picture(400, 500)
    plain, mirrored = (crop(image, Square(200.0, 180.0, 256.0), mirror=m) for m in (False, True))
    # The crop's middle is pixel 128 of 0..255, so one column has no counterpart.
    assert (plain[:, 1:] == mirrored[:, :0:-1]).all()


def test_only_the_demonstration_blurs_and_only_what_shrinks():
    image = picture(1200, 1200)
    small, large = Square(600, 600, 560), Square(600, 600, 1000)
    assert (crop_blurred(image, small) == crop(image, small)).all()
    assert crop_blurred(image, large).std() < 0.8 * crop(image, large).std()


def test_blurring_a_region_is_blurring_the_picture():
    image, square = picture(900, 1300), Square(300.3, 500.7, 700.0)
    sigma = (700 / 512 - 1) / 2
    whole = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest", truncate=4.0)
    cut = crop_blurred(image, square)
    for u, v in ((0, 0), (17, 200), (128, 128), (255, 255)):
        assert np.abs(cut[v, u] - one_pixel(whole, square, u, v, 256)).max() < 1e-2


@given(squares, st.booleans())
@settings(deadline=None)
def test_points_come_back_where_the_pixels_came_from(square, is_right):
    """A picture whose grey level is its column: what the crop shows at a point is the column it came from."""
    columns = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 200, 0).repeat(3, 2)
    cut = crop(columns, square, mirror=not is_right)
    points = np.array([(u / 256 - 0.5, v / 256 - 0.5) for u in (0, 100, 200) for v in (0, 100, 200)])
    back = to_image(points, square, is_right)
    inside = ((back >= 1) & (back <= 198)).all(1)
    shown = np.array([cut[v, u, 0] for u in (0, 100, 200) for v in (0, 100, 200)], float)
    assert np.abs(back[inside, 0] - shown[inside]).max(initial=0) <= 0.51


def test_squares_of_boxes():
    assert box_to_square((10, 20, 40, 80), 2) == (25, 50, 120)
    assert box_to_tall_square((10, 20, 70, 80), 1) == (40, 50, 80)
    assert box_to_tall_square((10, 20, 40, 80), 2) == (25, 50, 120)


@pytest.mark.parametrize("box", [(10, 10, 10, 20), (30, 10, 20, 20), (0, 0, math.nan, 5), (0, 0, math.inf, 5)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(InputError, match="no area"):
        box_to_square(box, 2)


def test_normalise_gives_imagenet_mean_zero():
    crops = np.broadcast_to(np.array(MEAN, np.float32), (1, 4, 4, 3)).copy()
    crops[0, 0, 0] += np.array(STD, np.float32)
    out = normalise(torch.from_numpy(crops))
    assert out.shape == (1, 3, 4, 4)
    torch.testing.assert_close(out[0, :, 0, 0], torch.ones(3))
    torch.testing.assert_close(out[0, :, 1:], torch.zeros(3, 3, 4), atol=1e-6, rtol=0)


def _reference_crops(golden: Path, name: str, square, cut):
    with np.load(golden / "hamer_crops.npz") as arrays:
        image = np.ascontiguousarray(arrays["image_bgr"][..., ::-1])
        for box, right, expected in zip(arrays["boxes"].tolist(), arrays["right"], arrays[name], strict=True):
            ours = normalise(torch.from_numpy(cut(image, square(box), mirror=not right))[None])[0].numpy()
            yield ours, expected


#: One grey level after normalisation, of the channel with the smallest deviation.
LEVEL = 1 / (0.224 * 255) + 1e-5


@pytest.mark.parametrize(
    ("name", "square"),
    [("eval_hint_img", lambda b: box_to_square(b, 2)), ("eval_freihand_img", lambda b: box_to_tall_square(b, 1))],
)
def test_evaluation_crops_are_the_official_ones(golden, name, square):
    for ours, expected in _reference_crops(golden, name, square, crop):
        assert np.abs(ours - expected).max() < LEVEL
        # What differs by a level lies within float32 rounding of a half.
        assert (np.abs(ours - expected) > 1e-5).mean() < 0.02


@pytest.mark.parametrize("factor", [2.0, 2.5])
def test_demonstration_crops_are_the_official_ones(golden, factor):
    def square(box):
        return box_to_tall_square(box, factor)

    for ours, expected in _reference_crops(golden, f"vitdet_img_{factor}", square, crop_blurred):
        assert np.abs(ours - expected).max() < LEVEL


def test_points_of_the_official_crops_come_back(golden):
    with np.load(golden / "hamer_crops.npz") as arrays:
        for box, right, points, keypoints in zip(
            arrays["boxes"].tolist(),
            arrays["right"],
            arrays["pck_pred_norm"],
            arrays["pck_pred_px"],
            strict=True,
        ):
            assert np.abs(to_image(points, box_to_square(box, 2), bool(right)) - keypoints).max() < 1e-3
