from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hint
from benchmark.intervals import paired_difference
from benchmark.protocol import load_protocol
from hint.types import HandLabels, Predictions


def noisy(labels: HandLabels, sigma: float, seed: int) -> Predictions:
    offset = np.random.default_rng(seed).normal(0, sigma, labels.keypoints_2d.shape)
    return Predictions(labels.hand_id, labels.keypoints_2d + offset)


@pytest.fixture(scope="module")
def pair(make: Callable[..., HandLabels], tmp_path_factory: pytest.TempPathFactory) -> list[hint.Evaluation]:
    labels, out = make(40), tmp_path_factory.mktemp("results")
    return [
        hint.evaluate(labels, noisy(labels, sigma, seed), out=out, name=name)
        for name, sigma, seed in (("good", 3, 1), ("bad", 9, 2))
    ]


def test_differences_are_the_paired_ones(pair: list[hint.Evaluation]) -> None:
    comparison = hint.compare(*pair)
    row = next(r for r in comparison.rows if (r.visibility, r.metric, r.threshold) == ("visible", "pck", 0.1))
    tables = [evaluation.table for evaluation in pair]
    expected = paired_difference(*tables, "newdays", "visible", load_protocol(), threshold=0.1)
    assert expected.interval is not None
    assert (row.difference, row.low, row.high) == (expected.value, expected.interval.low, expected.interval.high)
    assert row.is_clear
    assert row.difference == pytest.approx(row.a - row.b)


def test_folders_compare_as_results_in_memory_do(pair: list[hint.Evaluation]) -> None:
    folders = [str(evaluation.folder) for evaluation in pair]
    assert hint.compare(*folders).rows == hint.compare(*pair).rows


def test_it_is_a_frame_and_a_table(pair: list[hint.Evaluation]) -> None:
    comparison = hint.compare(*pair)
    frame = comparison.to_frame()
    assert len(frame) == len(comparison.rows)
    assert frame["is_clear"].any()
    assert "PCK@0.1" in comparison._repr_html_()


def test_other_labels_are_refused(pair: list[hint.Evaluation], make: Callable[..., HandLabels], tmp_path: Path) -> None:
    labels = make(40, seed=5)
    other = hint.evaluate(labels, noisy(labels, 3, 1), name="other")
    with pytest.raises(hint.InputError, match="newdays"):
        hint.compare(pair[0], other)
    with pytest.raises(hint.InputError, match="no such file"):
        hint.compare(pair[0], tmp_path / "nothing")
