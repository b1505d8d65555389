"""Usual bone lengths and bends of hands in pictures: medians and spreads (MAD) over many hands.

The built-in table (``population.json``) was measured on projections of the procedural hand, by
``python -m annotation.check.make_population``: nothing in it comes from a licensed dataset. Annotators place the base
of the thumb differently from that hand, so the table does not judge the bone from the wrist to it; a population
measured on labels does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.check.geometry import bone_vectors, turns, upper_quartile
from hint.errors import InputError
from hint.files import read_labels
from hint.types import Double, HandLabels

#: Shortest bone with a reliable direction, in units of the hand's size.
LONG = 0.35
#: MAD of a normal distribution over its standard deviation.
MAD = 1.4826
#: Fewest hands to measure a population on.
_FEWEST = 200

_Twenty = Annotated[list[float | None], Field(min_length=20, max_length=20)]
_Fifteen = Annotated[list[float], Field(min_length=15, max_length=15)]


class _Stored(BaseModel):
    """The JSON file."""

    model_config = ConfigDict(extra="forbid")

    made: str
    hands: int
    reference: Annotated[list[float], Field(min_length=20, max_length=20)]
    bone_median: _Twenty
    bone_spread: _Twenty
    turn_median: _Fifteen
    turn_spread: _Fifteen


@dataclass(frozen=True, eq=False)
class Population:
    """Usual bone lengths and bends.

    Attributes:
        made: How it was measured.
        hands: Number of hands.
        reference: (20,) typical relative bone lengths, from which the size of a hand follows.
        bone_median: (20,) median of bone over reference over size; NaN for bones that are not judged.
        bone_spread: (20,) robust standard deviation of the same.
        turn_median: (5,3) median turn at the inner joints, absolute, radians.
        turn_spread: (5,3) robust standard deviation of the same.
    """

    made: str
    hands: int
    reference: Double
    bone_median: Double
    bone_spread: Double
    turn_median: Double
    turn_spread: Double

    def relative(self, lengths: Double) -> tuple[Double, Double]:
        """Return (N,20) bone lengths relative to the hand's size and to typical lengths, and (N,) sizes, px.

        The size is the upper quartile of all bones, each divided by its typical length: foreshortening makes bones
        shorter, never longer, and a single misplaced joint hardly changes it.
        """
        judged = np.where(np.isnan(self.bone_median), np.nan, lengths / self.reference)
        size = upper_quartile(judged)
        safe = np.where(size > 0, size, np.nan)
        return lengths / self.reference / safe[:, None], safe

    def to_json(self) -> str:
        """Return the content of the file."""
        numbers = {
            name: [None if np.isnan(v) else round(float(v), 4) for v in np.ravel(getattr(self, name))]
            for name in ("reference", "bone_median", "bone_spread", "turn_median", "turn_spread")
        }
        return json.dumps({"made": self.made, "hands": self.hands, **numbers}, indent=1, allow_nan=False) + "\n"


def measure_population(points: Double, made: str, unjudged: tuple[int, ...] = ()) -> Population:
    """Measure a population.

    Args:
        points: (N,21,2) px, NaN for joints that do not exist.
        made: Origin of the points.
        unjudged: Bones to leave out.
    """
    bones = bone_vectors(points)
    lengths = np.linalg.norm(bones, axis=2)
    reference = np.nanmedian(lengths / np.nanmean(lengths, axis=1, keepdims=True), axis=0)
    mask = np.where(np.isin(np.arange(20), unjudged), np.nan, 0.0)
    start = Population(made, len(points), reference, mask, mask + 1, np.zeros((5, 3)), np.ones((5, 3)))
    relative, _ = start.relative(lengths)
    turn = np.where(long_pairs(relative, reference), abs(turns(bones)), np.nan)
    centre, spread = _centre(relative)
    turn_centre, turn_spread = _centre(turn)
    return Population(made, len(points), reference, centre + mask, spread + mask, turn_centre, turn_spread)


def long_pairs(relative: Double, reference: Double) -> Any:
    """Return (N,5,3) whether both bones at each inner joint are at least :data:`LONG` sizes long."""
    share = (relative * reference / reference.mean()).reshape(-1, 5, 4)
    return np.minimum(share[:, :, :-1], share[:, :, 1:]) >= LONG


def _centre(values: Double) -> tuple[Double, Double]:
    median = np.nanmedian(values, axis=0)
    return median, MAD * np.nanmedian(abs(values - median), axis=0)


@lru_cache(maxsize=1)
def rendered_population() -> Population:
    """Return the built-in table."""
    return _parse(files("annotation.check").joinpath("population.json").read_text(encoding="utf-8"))


def _parse(text: str | bytes) -> Population:
    stored = _Stored.model_validate_json(text)
    bones = (np.array([np.nan if v is None else v for v in row]) for row in (stored.bone_median, stored.bone_spread))
    turn = (np.reshape(row, (5, 3)) for row in (stored.turn_median, stored.turn_spread))
    return Population(stored.made, stored.hands, np.array(stored.reference), *bones, *turn)


def load_population(path: Path | None) -> Population:
    """Read a population, or measure it on labels.

    Args:
        path: A file from :meth:`Population.to_json`, labels in any format, or None for the built-in table.

    Raises:
        InputError: If it cannot be read, or has too few hands.
    """
    if path is None:
        return rendered_population()
    if path.is_file() and path.suffix == ".json":
        try:
            return _parse(path.read_bytes())
        except ValidationError:
            pass  # may be a COCO file
    labels = read_labels(path)
    if len(labels) < _FEWEST:
        raise InputError(
            f"--population {path}: {len(labels)} hands are too few to measure one; it needs at least {_FEWEST}"
        )
    return measure_population(existing_points(labels), str(path))


def existing_points(labels: HandLabels) -> Double:
    """Return (N,21,2) px, NaN for joints that do not exist, whose points are guesses."""
    return np.where(labels.existence[..., None], labels.keypoints_2d, np.nan)
