"""Sets are measured some hands at a time, and nothing depends on how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotation.check.hands import Hands
from annotation.check.measured_set import MeasuredSet, measure_set
from annotation.check.rules import RULES
from annotation.check.splits import LabelSet
from hint.types import HandLabels, Predictions


def test_blocks_of_hands_give_what_all_at_once_give(
    flagged: HandLabels, hands: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = replace(flagged.select(slice(0, 100)), is_right=~flagged.is_right[:100])  # so that something is found
    one = hands(labels)
    noise = np.random.default_rng(0).normal(0, 3, (60, 21, 2))
    start = Predictions(labels.hand_id[20:80], labels.keypoints_2d[20:80] + noise)

    def measured() -> MeasuredSet:
        return measure_set(LabelSet(Path(), labels), one.population, one.picture, start, None, RULES)

    whole = measured()
    monkeypatch.setattr("annotation.check.measured_set._AT_ONCE", 7)
    parts = measured()
    assert parts.findings
    lines, expected = ([str(finding.as_json()) for finding in some.findings] for some in (parts, whole))
    assert sorted(lines) == sorted(expected)
    assert parts.judged == whole.judged
    assert parts.judged["untouched"] == len(parts.farthest) == 60
    for name in ("moved", "moved_joints", "farthest"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    for rule in RULES:
        np.testing.assert_array_equal(parts.found[rule.id], whole.found[rule.id])
