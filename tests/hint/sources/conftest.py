"""What the tests of the readers share."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from hint.sources import Pool


def assert_agrees(pool: Pool, written: Any) -> None:
    """Compare what was read with what was drawn: all of it, exactly, but for the last bits of a square root."""
    assert pool.left_out.counts() == {reason: len(names) for reason, names in sorted(written.left_out.items())}
    assert {reason: sorted(names) for reason, names in pool.left_out.ids.items()} == written.left_out
    assert len(pool.hands) == len(written.hands) == written.n_hands
    for hand, truth in zip(map(asdict, pool.hands), written.hands, strict=True):
        gap, true_gap = hand.pop("hand_gap"), truth["hand_gap"]
        assert gap == true_gap or math.isclose(gap, true_gap, rel_tol=1e-12), hand
        assert hand == {key: value for key, value in truth.items() if key != "hand_gap"}


@pytest.fixture
def agrees() -> Callable[[Pool, Any], None]:
    """The function that compares a pool with what was written."""
    return assert_agrees
