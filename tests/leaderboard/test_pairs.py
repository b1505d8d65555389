"""Which methods differ: with one error rate for all pairs of a column, and with as many decimals as it takes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.intervals import replicates
from benchmark.pck import ClipSums
from hint.types import HandLabels, Predictions
from leaderboard.draws import Draws
from leaderboard.metric import describe
from leaderboard.pairs import Pairs, compare_pairs
from leaderboard.ranking import rank
from leaderboard.site.build import SiteSources, read_board

KEY = ("pck", 0.05)
CLIPS, METHODS = 60, 8


def drawn(rates: list[float], seed: int) -> dict[str, Draws]:
    """Methods that are right on so many of ten keypoints of each clip, some clips being harder for all."""
    rng = np.random.default_rng(seed)
    clip = rng.normal(0, 0.1, CLIPS)
    found = {}
    for k, rate in enumerate(rates):
        right = rng.binomial(10, np.clip(rate + clip, 0, 1)).astype(float)[:, None]
        sums = ClipSums(100 * right, np.full((CLIPS, 1), 10.0), CLIPS)
        found[f"m{k}"] = Draws({KEY: sums.value()}, {KEY: replicates([sums], 400, 0)[0]}, {KEY: CLIPS}, None, 0.95)
    return found


def clear(pairs: Pairs, names: list[str]) -> int:
    return sum(pairs.beats(a, b) or pairs.beats(b, a) for a, b in combinations(names, 2))


def test_equal_methods_rarely_differ_whatever_their_number() -> None:
    boards = [drawn([0.5] * METHODS, seed) for seed in range(60)]
    wrong = {}
    for corrected in (True, False):
        wrong[corrected] = sum(clear(compare_pairs(b, KEY, corrected), list(b)) > 0 for b in boards) / len(boards)
    assert wrong[True] <= 0.15, "about one board in twenty"
    assert wrong[False] >= 0.4, "some of 28 pairs differ by chance"


def test_methods_that_differ_are_still_told_apart() -> None:
    board = drawn([0.8, 0.5, 0.5, 0.2], 0)
    assert [r.text for r in rank(board, KEY).values()] == ["1", "2=", "2=", "4"]


def test_one_pair_is_about_as_wide_as_its_own_interval() -> None:
    board = drawn([0.5, 0.55], 1)
    together, alone = (compare_pairs(board, KEY, corrected).difference("m0", "m1") for corrected in (True, False))
    assert together is not None
    assert alone is not None
    assert together.interval is not None
    assert alone.interval is not None
    assert together.value == alone.value
    width = alone.interval.high - alone.interval.low
    assert together.interval.high - together.interval.low == pytest.approx(width, rel=0.15)


def test_a_difference_turns_round_with_its_pair() -> None:
    pairs = compare_pairs(drawn([0.8, 0.2], 0), KEY)
    one, other = pairs.difference("m0", "m1"), pairs.difference("m1", "m0")
    assert one is not None
    assert other is not None
    assert one.interval is not None
    assert other.interval is not None
    assert (one.value, one.interval.low) == (-other.value, -other.interval.high)
    assert pairs.beats("m0", "m1")
    assert not pairs.beats("m1", "m0")
    assert pairs.difference("m0", "nobody") is None


def test_a_copy_is_a_tie() -> None:
    board = drawn([0.5, 0.9], 0)
    board["copy"] = board["m0"]
    assert [r.text for r in rank(board, KEY).values()] == ["2=", "1", "2="]


def test_rounding_never_hides_a_difference() -> None:
    metric = describe(KEY)
    assert metric.telling([(49.46, 49.34)]).decimals == 1
    told = metric.telling([(49.44, 49.41), (10.0, 20.0)])
    assert (told.text(49.44), told.text(49.41)) == ("49.44", "49.41")
    assert metric.telling([(3.0, 3.0)]).decimals == 1


def test_a_board_ranks_by_each_pair_alone_on_request(three: Path) -> None:
    for corrected in (True, False):
        board = read_board(SiteSources((three,), corrected=corrected))
        (section,) = board.sections
        assert {slug: r.text for slug, r in board.ranks(section, "all", KEY).items()}["bad"] == "3"
        assert ("not widened" in board.rule) is not corrected


def test_a_mean_error_without_the_missed_hands_gives_no_rank(three: Path, make: Callable[..., HandLabels]) -> None:
    labels = make(40)
    given = Predictions(labels.hand_id, labels.keypoints_2d.astype(np.float32) + 1).select(np.arange(20))
    evaluate(labels, given, out=three, name="half")
    board = read_board(SiteSources((three,)))
    (section,) = board.sections
    assert set(board.ranks(section, "all", KEY)) == {"good", "alike", "bad", "half"}
    assert set(board.ranks(section, "all", ("epe_mean_px", None))) == {"good", "alike", "bad"}
