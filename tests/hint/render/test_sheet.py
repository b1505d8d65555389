"""Sheets of tiles with names."""

import numpy as np
import pytest

from hint.errors import InputError
from hint.render.sheet import sheet

WHITE = 255


def tile(grey: int, side: int = 240) -> np.ndarray:
    return np.full((side, side, 3), grey, np.uint8)


def test_every_tile_stands_in_its_line_and_column() -> None:
    lines = [[tile(10), tile(20), tile(30)], [tile(40), None, tile(60)]]
    image = sheet(lines, ["input", "a", "b"], names=["ND_1_l", "ND_2_r"], caption="what is seen")
    for grey in (10, 20, 30, 40, 60):
        y, x = np.nonzero((image == grey).all(-1) & np.roll((image == grey).all(-1), 100, 0))
        assert len(y) >= 140 * 240, grey
    places = {grey: np.argwhere((image == grey).all(-1)).mean(0) for grey in (10, 20, 30, 40, 60)}
    assert places[10][1] < places[20][1] < places[30][1]
    assert places[10][0] == pytest.approx(places[30][0], abs=8)
    assert places[40][0] > places[10][0] + 240
    # Where there is no prediction, the tile says so on paper.
    y, x = np.round([places[40][0], places[20][1]]).astype(int)
    missing = image[y - 110 : y + 110, x - 110 : x + 110]
    assert (missing[0] == 240).all()
    assert 90 <= missing.min() < 140


def test_names_are_written_over_their_columns_and_centred() -> None:
    image = sheet([[tile(200), tile(200)]], ["HaMeR", " "])
    head = image[: (image == 200).all((1, 2)).argmax() or 24].min(-1)
    dark = np.nonzero(head[:20] < 100)[1]
    assert dark.mean() == pytest.approx(6 + 120, abs=3)
    assert not (head[:20, 252:] < WHITE).any()


def test_long_names_are_cut_with_dots_and_do_not_reach_their_neighbour() -> None:
    long = sheet([[tile(200), tile(200)]], ["a name that is much longer than any tile is wide", ""])
    assert (long[:20, :246] < 100).any()
    assert (long[:20, 247:] == WHITE).all()


def test_letters_beyond_ascii_and_dollars_are_written() -> None:
    plain, special = (sheet([[tile(200)]], [name]) for name in ("a b", "é ü $x_2$ ø"))
    assert plain.shape == special.shape
    assert (plain != special).any()
    assert (special[:20] < 100).any()


def test_letters_are_smooth_and_the_bytes_the_same_every_time() -> None:
    one, other = (sheet([[tile(200, 480)]], ["Method"], caption="words") for _ in range(2))
    assert np.array_equal(one, other)
    assert len(np.unique(one[:40])) > 8


@pytest.mark.parametrize(
    ("lines", "columns", "names", "message"),
    [
        ([[tile(1)]], ["a", "b"], None, "line 0 of a sheet has 1 tiles for 2 columns"),
        ([[tile(1), tile(1, 50)]], ["a", "b"], None, "one size"),
        ([[None]], ["a"], None, "one size"),
        ([], ["a"], None, "one size"),
        ([[tile(1)]], ["a"], ["x", "y"], "1 lines has 2 names"),
    ],
)
def test_what_makes_no_sheet_is_refused(lines: list, columns: list, names: list | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sheet(lines, columns, names)
