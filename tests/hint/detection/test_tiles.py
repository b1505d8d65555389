"""Tiles cover the picture, and are cut where they say."""

import numpy as np
import pytest

from hint.detection.tiles import SMALLEST, Tile, cut_tile, pyramid


@pytest.mark.parametrize(
    ("width", "height"), [(640, 480), (480, 640), (4000, 3000), (1000, 64), (224, 224)], ids=lambda side: str(side)
)
def test_a_palm_of_a_quarter_of_a_tile_is_whole_in_one(width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    for level in pyramid(width, height):
        side = level[0].side
        hand = side / 4 - 2
        for _ in range(200):
            x, y = rng.uniform(0, max(width - hand, 1)), rng.uniform(0, max(height - hand, 1))
            assert any(t.x <= x and t.y <= y and x + hand <= t.x + side and y + hand <= t.y + side for t in level)


def test_the_number_of_tiles_does_not_depend_on_the_size() -> None:
    large, larger = ([len(level) for level in pyramid(w, w * 3 // 4)] for w in (1000, 8000))
    assert large == larger
    assert large[0] == 1
    assert sum(large) == 115


def test_small_pictures_have_fewer_levels() -> None:
    assert [level[0].side for level in pyramid(200, 100)] == [200, 100, 50]
    assert [level[0].side for level in pyramid(SMALLEST - 10, 20)] == [SMALLEST - 10]


@pytest.mark.parametrize("size", [30, 120], ids=["shrunk", "enlarged"])
def test_what_lies_outside_is_filled(size: int) -> None:
    image = np.full((20, 60, 3), 200, np.uint8)
    tile = cut_tile(image, Tile(0, -20, 60), size, outside=7)
    assert tile.shape == (size, size, 3)
    third = size // 3
    assert (tile[:third] == 7).all()
    assert (tile[third : 2 * third] == 200).all()
    assert (tile[2 * third :] == 7).all()


def test_a_tile_shows_its_part_of_the_picture() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[20:30, 10:20] = 255
    assert (cut_tile(image, Tile(10, 20, 10), 5) == 255).all()
