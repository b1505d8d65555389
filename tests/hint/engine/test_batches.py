"""How many hands go through a network together where nobody says so."""

from collections.abc import Callable, Sequence
from typing import Any

from annotation.prelabel.occlusion import WithOcclusion
from hint.engine import run
from hint.mano.procedural import procedural_hand
from hint.methods.batch import BatchSize, find_batch_size
from hint.methods.box_centre import BoxCentre
from hint.methods.mano_fit import ManoFit
from hint.types import Hand, HandLabels, Predictions


class Sized(BoxCentre):
    """A method that knows how many hands it should be given; counts how often it is asked, and what it is given."""

    def __init__(self, size: int | None) -> None:
        self.size, self.asked, self.given = size, 0, list[int]()

    def find_batch_size(self) -> int | None:
        self.asked += 1
        return self.size

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        self.given.append(len(hands))
        return super().infer(hands, prepared)


def test_a_method_is_asked_once_and_only_where_many_hands_wait() -> None:
    method = Sized(64)
    size = BatchSize(method, None)
    assert [size.of(waiting) for waiting in (1, 15)] == [16, 16]
    assert method.asked == 0
    assert [size.of(waiting) for waiting in (16, 3, 500)] == [64, 64, 64]
    assert (method.asked, size.known) == (1, 64)


def test_what_a_user_says_counts_and_sixteen_where_nobody_says_anything() -> None:
    method = Sized(64)
    assert BatchSize(method, 5).of(100) == 5
    assert method.asked == 0
    assert BatchSize(Sized(None), None).of(100) == 16
    assert BatchSize(BoxCentre(), None).of(100) == 16


def test_a_method_inside_another_is_asked() -> None:
    assert find_batch_size(ManoFit(Sized(64), procedural_hand())) == 64
    assert find_batch_size(WithOcclusion(Sized(64), None)) == 64
    assert find_batch_size(WithOcclusion(BoxCentre(), None)) is None


def test_a_run_gives_a_method_the_hands_it_asks_for(make: Callable[..., HandLabels]) -> None:
    for asked, size, expected in ((None, 24, 24), (None, None, 16), (7, 24, 7)):
        method = Sized(size)
        run(method, make(200).hands(), batch_size=asked)
        assert (max(method.given), sum(method.given)) == (expected, 200)
