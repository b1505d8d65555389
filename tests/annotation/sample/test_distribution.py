from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from annotation.sample.distribution import (
    POSITIONS,
    Comparison,
    Described,
    Distribution,
    compare,
    distribution,
    holm,
)
from annotation.sample.draw import Candidates, draw_sample
from annotation.sample.write import describe
from hint.sources import Pool, SourceHand

Found = Callable[..., Candidates]


def described(side: str = "left", box_px: float = 40, centre: tuple[float, float] = (5, 5)) -> Described:
    return Described("newdays", "val", "", side, "object", "hand_object", box_px, centre, (400, 300))


def test_counts_worked_out_by_hand() -> None:
    """Two frames: one with a left and a right hand, one with a right hand alone."""
    counted = distribution([[described("left"), described("right", 31)], [described("right", 768, (399, 299))]])
    assert counted["side"] == {"left": 0.5, "right": 1.5}
    assert counted["box size"] == {"<32": 0.5, "32-64": 0.5, "768+": 1.0}
    assert counted["hand position"] == {"1,1": 1.0, "4,3": 1.0}
    assert counted["source"] == {"newdays val": 2.0}
    assert "frame type" not in counted


@pytest.mark.parametrize(
    ("centre", "cell"),
    [((0, 0), "1,1"), ((100, 0), "2,1"), ((99, 100), "1,2"), ((400, 300), "4,3"), ((-9, 999), "1,3")],
    ids=["first corner", "next column", "next row", "last corner", "outside"],
)
def test_positions_fall_into_a_grid_of_four_by_three(centre: tuple[float, float], cell: str) -> None:
    assert cell in POSITIONS
    assert described(centre=centre).values()["hand position"] == cell


def test_chi_square_equals_scipy_for_an_infinite_pool() -> None:
    pool: Distribution = {"side": {"left": 4e8, "right": 6e8}}
    found = compare(pool, {"side": {"left": 55, "right": 45}}, n_pool=10**9)[0]
    truth = stats.chisquare([55, 45], [40, 60])
    assert (found.statistic, found.p_value) == pytest.approx((truth.statistic, truth.pvalue), rel=1e-5)
    assert found.degrees == 1


def test_the_statistic_grows_if_the_sample_is_most_of_the_pool() -> None:
    pool: Distribution = {"side": {"left": 40, "right": 60}}
    sampled: Distribution = {"side": {"left": 24, "right": 26}}
    endless = stats.chisquare([24, 26], [20, 30]).statistic
    assert compare(pool, sampled, n_pool=100)[0].statistic == pytest.approx(endless * 99 / 50)


def test_rare_values_are_merged() -> None:
    pool: Distribution = {"contact": {"none": 500, "object": 480, "self": 12, "person": 8}}
    found = compare(pool, {"contact": {"none": 50, "object": 45, "self": 5}}, n_pool=10**6)[0]
    # self and person together expect 2 of 100: they go to the next rarest, object.
    truth = stats.chisquare([50, 50], [50, 50])
    assert (found.statistic, found.degrees) == (pytest.approx(truth.statistic), 1)


def test_a_value_the_pool_does_not_have_counts_against_the_sample() -> None:
    pool: Distribution = {"side": {"left": 500, "right": 500}}
    found = compare(pool, {"side": {"left": 40, "right": 40, "both": 20}}, n_pool=10**6)[0]
    assert found.statistic > 3


@pytest.mark.parametrize(
    "sampled", [{"side": {"left": 10.0, "right": 10.0}}, {"side": {"left": 5.0}}, {}], ids=["all", "few", "none"]
)
def test_nothing_to_compare_is_no_verdict(sampled: Distribution) -> None:
    """The whole pool, or too few to expect five of anything but all."""
    pool: Distribution = {"side": {"left": 10, "right": 10}}
    n_pool = 20 if sampled else 1
    assert compare(pool, sampled, n_pool)[0] == Comparison("side", 0.0, 0, 1.0)


def p_values(candidates: Candidates, n: int, seeds: range) -> np.ndarray:
    pool = distribution([[describe(candidates.policy, hand) for hand in unit] for unit in candidates.units])
    drawn = (draw_sample(candidates, n, seed) for seed in seeds)
    counted = (distribution([[describe(candidates.policy, one.hand)] for one in chosen]) for chosen in drawn)
    return np.array([[c.p_value for c in compare(pool, one, len(candidates.units)) if c.degrees] for one in counted])


@pytest.mark.slow
def test_test_samples_keep_the_distribution_of_the_source(newdays: Pool, found: Found) -> None:
    """As val and test are drawn: chi-square at a fixed seed, on the hands of a tree of 100,000."""
    candidates = found(newdays.hands, "newdays", "test")
    assert len(candidates.units) > 5000
    assert min(holm(p_values(candidates, 1754, range(1))[0].tolist())) > 0.01


@pytest.mark.slow
def test_p_values_are_even_over_seeds(newdays: Pool, found: Found) -> None:
    """A random sample must be called random at every level, also where it is a third of its pool."""
    values = p_values(found(newdays.hands, "newdays", "val"), 2000, range(60))
    assert values.shape[1] >= 5
    for feature in values.T:
        assert stats.kstest(feature, "uniform").pvalue > 1e-3


def biased(hand: SourceHand) -> bool:
    return hand.is_right or hand.contact != "object"


@pytest.mark.slow
def test_a_biased_sample_is_detected(newdays: Pool, found: Found) -> None:
    """The test can fail: a sample without left hands that hold something differs in side and contact."""
    candidates = found(newdays.hands, "newdays", "test")
    pool = distribution([[describe(candidates.policy, hand) for hand in unit] for unit in candidates.units])
    chosen = [one.hand for one in draw_sample(candidates, 1754, 0) if biased(one.hand)]
    found_out = compare(pool, distribution([[describe(candidates.policy, hand)] for hand in chosen]), 7000)
    small = {one.feature for one in found_out if one.p_value < 1e-4}
    assert {"side", "contact", "interaction"} <= small


def test_holm_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
