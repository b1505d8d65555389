"""Records made by the benchmark itself on drawn hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.record import Record, read_record, write_record
from hint.files import write_predictions
from hint.methods.table import BUILT_IN
from hint.types import HandLabels, Predictions


def noisy(labels: HandLabels, sigma: float, seed: int = 0) -> Predictions:
    """Labels with noise of ``sigma`` box sides."""
    rng = np.random.default_rng(seed)
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    offset = rng.normal(0, sigma, labels.keypoints_2d.shape) * side[:, None, None]
    return Predictions(labels.hand_id, (labels.keypoints_2d + offset).astype(np.float32))


def score(
    folder: Path,
    labels: HandLabels,
    sigma: float,
    seed: int = 0,
    limit: int | None = None,
    protocol: str | Path = "hint-v1",
    **card: Any,
) -> Record:
    """Score noise and write what ``hint eval`` leaves; ``card`` says what the method pretends to be.

    With the name of a method of the toolkit, the record is one of its runs, not of given predictions.
    """
    predictions = noisy(labels, sigma, seed)
    result = evaluate(labels, predictions, protocol, out=folder.parent, name=folder.name, limit=limit)
    write_predictions(folder / "predictions.npz", predictions)
    said = {"summary": "Noise.", "trained_on_hint": False} | card
    fingerprint = {"version": 1} if card.get("name") in BUILT_IN else result.record.fingerprint
    method = replace(result.record.method, **said)
    changed = change(folder / "record.json", method=method, fingerprint=fingerprint)
    assert changed.scores == result.record.scores
    return changed


def change(path: Path, **values: Any) -> Record:
    """Rewrite fields of a record."""
    record = read_record(path).model_copy(update=values)
    write_record(path, record)
    return record


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """The function that scores noise."""
    return score


@pytest.fixture
def change_record() -> Callable[..., Record]:
    """The function that rewrites a record."""
    return change


@pytest.fixture
def three(tmp_path: Path, make: Callable[..., HandLabels]) -> Path:
    """A folder of three records: two alike, one far worse."""
    labels = make(40)
    score(tmp_path / "r" / "good", labels, 0.03, 1, title="Good")
    score(tmp_path / "r" / "alike", labels, 0.03, 2, title="Alike")
    score(tmp_path / "r" / "bad", labels, 0.3, 3, title="Bad")
    return tmp_path / "r"
