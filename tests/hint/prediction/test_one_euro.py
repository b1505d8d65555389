"""The one-euro filter against numbers worked out by hand, and what it is for."""

import numpy as np
import pytest

from hint.prediction.one_euro import Filter, OneEuro


def test_numbers_worked_out_by_hand() -> None:
    # dt = 0.1 s, cutoffs of 1 Hz pass 0.2 pi / (1 + 0.2 pi) = 0.385870 of a change.
    # Second value: rate 10 -> 3.858696; cutoff 1 + 0.5 * 3.858696 = 2.929348 Hz, of which 0.647958 passes.
    # Third: rate (1 - 0.647958) / 0.1 = 3.520424 -> 3.728165; cutoff 2.864082 Hz, 0.642804 passes: 0.874252.
    filtered = Filter(OneEuro(min_cutoff=1, speed=0.5, speed_cutoff=1))
    assert [float(filtered(v, t)) for v, t in ((0, 0.0), (1, 0.1), (1, 0.2))] == pytest.approx(
        [0, 0.647958, 0.874252], abs=2e-5
    )


def test_a_unit_scales_speed_only() -> None:
    large, small = Filter(OneEuro(1, 0.5)), Filter(OneEuro(1, 0.5))
    for k, value in enumerate((0.0, 3.0, 5.0, 4.0)):
        assert large(100 * value, k / 30, unit=100) == pytest.approx(100 * small(value, k / 30))


def test_noise_at_rest_shrinks() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 21, 2))
    filtered = Filter(OneEuro(min_cutoff=1, speed=0.0))
    smooth = np.array([filtered(v, k / 30) for k, v in enumerate(noise)])[60:]
    assert smooth.std() < 0.4 * noise.std()


def test_speed_reduces_lag() -> None:
    def lag(speed: float) -> float:
        filtered = Filter(OneEuro(min_cutoff=1, speed=speed))
        return [float(2 * k / 30 - filtered(2 * k / 30, k / 30)) for k in range(90)][-1]

    # A filter of first order lags behind a ramp of 2 units per second by about 2 / (2 pi cutoff).
    assert lag(0.0) == pytest.approx(2 / (2 * np.pi), rel=0.1)
    assert lag(2.0) < lag(0.0) / 3
    assert lag(2.0) > 0


def test_elements_do_not_touch_each_other() -> None:
    both, one = Filter(OneEuro()), Filter(OneEuro())
    for k, value in enumerate((0.0, 1.0, -2.0, 4.0)):
        pair = both(np.array([value, 10 * k]), k / 30)
        assert pair[0] == one(value, k / 30)
