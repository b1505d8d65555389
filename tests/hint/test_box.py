import pytest

from hint.box import Box, area, overlap, shared_area

SQUARE = (0, 0, 10, 10)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (SQUARE, 1.0),
        ((10, 0, 20, 10), 0.0),
        ((20, 20, 30, 30), 0.0),
        ((0, 0, 10, 5), 0.5),
        ((5, 0, 15, 10), 1 / 3),
        ((3, 3, 3, 3), 0.0),
    ],
    ids=["the same", "beside", "far away", "half", "moved", "empty"],
)
def test_overlaps(other: Box, expected: float) -> None:
    assert overlap(SQUARE, other) == pytest.approx(expected)
    assert overlap(other, SQUARE) == pytest.approx(expected)


def test_areas() -> None:
    assert (area(SQUARE), area((5, 5, 1, 9))) == (100, 0)
    assert (shared_area(SQUARE, (8, 6, 20, 20)), shared_area(SQUARE, (20, 20, 30, 30))) == (8, 0)
