"""The order of hands: shares, rounds, resuming, sharing between processes."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import InputError
from hint.training.mixture import BLOCK, Mixture, numbers

MIXTURE = Mixture({"large": 900, "small": 7}, {"large": 3, "small": 1}, seed=4)


def test_every_block_has_the_shares() -> None:
    for block in range(3):
        drawn = Counter(MIXTURE.place(k).source for k in range(block * BLOCK, (block + 1) * BLOCK))
        assert drawn == {"large": 750, "small": 250}


def test_each_round_of_a_source_takes_every_hand_once() -> None:
    drawn = [place.hand for k in range(2 * BLOCK) if (place := MIXTURE.place(k)).source == "large"]
    first, second = drawn[:900], drawn[900:]
    assert sorted(first) == list(range(900))
    assert len(set(second)) == len(second) == 600
    assert first[:600] != second


def test_place_does_not_depend_on_what_was_asked_before() -> None:
    forwards = [MIXTURE.place(k) for k in range(1500)]
    again = Mixture(dict(MIXTURE.sizes), dict(MIXTURE.weights), seed=4)
    assert [again.place(k) for k in reversed(range(1500))] == forwards[::-1]


def test_seed_changes_the_order_and_the_augmentation() -> None:
    other = Mixture(MIXTURE.sizes, MIXTURE.weights, seed=5)
    assert [other.place(k) for k in range(50)] != [MIXTURE.place(k) for k in range(50)]
    assert other.generator(0).random() != MIXTURE.generator(0).random() != MIXTURE.generator(1).random()


def test_numbers_far_into_a_training_are_quick_to_place() -> None:
    far = Mixture({"a": 10**6, "b": 10}, {"a": 0.5, "b": 0.5}).place(10**12)
    assert 0 <= far.hand < 10**6


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(1e-6, 1e6), min_size=1, max_size=12))
def test_shares_are_right_to_a_thousandth_and_never_nothing(weights: dict[str, float]) -> None:
    mixture = Mixture(dict.fromkeys(weights, 5), weights)
    drawn = Counter(mixture.place(k).source for k in range(BLOCK))
    for name, weight in weights.items():
        assert drawn[name] >= 1
        assert abs(drawn[name] / BLOCK - weight / sum(weights.values())) <= len(weights) / BLOCK


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_the_same_global_batch(world: int) -> None:
    parts = [list(islice(numbers(3, 8, rank, world), 2)) for rank in range(world)]
    for step in range(2):
        together = sorted(k for part in parts for k in part[step])
        assert together == list(range((3 + step) * 8, (4 + step) * 8))
        assert {len(part[step]) for part in parts} == {8 // world}


@pytest.mark.parametrize(("batch", "rank", "world"), [(8, 0, 3), (0, 0, 1), (8, 2, 2)])
def test_uneven_shares_are_refused(batch: int, rank: int, world: int) -> None:
    with pytest.raises(InputError, match="cannot be shared"):
        next(numbers(0, batch, rank, world))


@pytest.mark.parametrize(
    ("sizes", "weights"),
    [({}, {}), ({"a": 1}, {"b": 1}), ({"a": 0}, {"a": 1}), ({"a": 1}, {"a": 0}), ({"a": 1}, {"a": float("nan")})],
)
def test_impossible_mixtures_are_refused(sizes: dict[str, int], weights: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Mixture(sizes, weights)
