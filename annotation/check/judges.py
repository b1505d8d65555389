"""Small networks that say how likely the labels of a whole hand are: its side, the order of its fingers, its flags.

They see 21 points, centred and scaled, and 21 flags, and were trained on simulated labels alone
(:mod:`annotation.check.simulate`, ``tools/check_judges.py``). Two of them compare what a label says with its opposite,
a hand of the other side or with the other flags, so they know no prejudice: opposite labels get opposite odds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint.files.npz import read_npz
from hint.types import Bool, Double

#: The weights, which come with the toolkit: layer k of network NAME is NAME_weight_k, NAME_bias_k.
WEIGHTS = Path(__file__).with_name("judges.npz")

#: The networks: the labelled side against the other, fingers swapped against in order, flags against their opposite,
#: and how likely each joint is occluded by its place alone.
NETWORKS = ("side", "fingers", "flags", "occluded")

_MIRROR = np.array([-1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Labelled:
    """What the networks see of N hands.

    Attributes:
        points: (N,21,2) centred, of unit spread; left hands mirrored; 0 where a joint does not exist.
        exists: (N,21).
        occluded: (N,21) false where a joint does not exist.
    """

    points: Double
    exists: Bool
    occluded: Bool


def labelled(points: Double, exists: Bool, occluded: Bool, is_right: Bool) -> Labelled:
    """Centre, scale and mirror hands.

    Args:
        points: (N,21,2) px.
        exists: (N,21).
        occluded: (N,21).
        is_right: (N,).
    """
    mask, count = exists[..., None], np.maximum(exists.sum(1), 1)[:, None]
    centred = np.where(mask, points - (np.where(mask, points, 0).sum(1) / count)[:, None], 0)
    spread = np.sqrt(np.square(centred).sum((1, 2)) / count[:, 0])
    scaled = centred / np.where(spread > 0, spread, 1)[:, None, None]
    return Labelled(np.where(is_right[:, None, None], scaled, scaled * _MIRROR), exists, exists & occluded)


def side_odds(hands: Labelled) -> Double:
    """Return (N,) the log odds that the hands are of the other side than labelled."""
    mirrored = Labelled(hands.points * _MIRROR, hands.exists, hands.occluded)
    return (_apply("side", _features(mirrored)) - _apply("side", _features(hands)))[:, 0]


def finger_odds(hands: Labelled) -> Double:
    """Return (N,) the log odds that two fingers are swapped; before any evidence half of all hands are."""
    return _apply("fingers", _features(hands))[:, 0]


def flag_odds(hands: Labelled) -> Double:
    """Return (N,) the log odds that the visible joints are the occluded ones."""
    inverted = Labelled(hands.points, hands.exists, hands.exists & ~hands.occluded)
    return (_apply("flags", _features(inverted)) - _apply("flags", _features(hands)))[:, 0]


def expected_occluded(hands: Labelled) -> Double:
    """Return (N,) how many of the existing joints are usually occluded in hands of that shape."""
    logits = _apply("occluded", _features(hands)[:, : 3 * 21])
    expected: Double = (hands.exists / (1 + np.exp(-logits))).sum(1)
    return expected


def _features(hands: Labelled) -> Double:
    """Return (N,84) points, existence and occlusion."""
    n = len(hands.points)
    return np.concatenate([hands.points.reshape(n, -1), hands.exists, hands.occluded], 1, dtype=np.float64)


def _apply(name: str, features: Double) -> Double:
    values = features
    for k, (weight, bias) in enumerate(_layers(name)):
        values = (np.maximum(values, 0) if k else values) @ weight + bias
    return values


@cache
def _layers(name: str) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Return weights (in,out) and biases (out,) of a network."""
    stored = {key: array.astype(np.float64) for key, array in read_npz(WEIGHTS).items() if key.startswith(f"{name}_")}
    return tuple((stored[f"{name}_weight_{k}"], stored[f"{name}_bias_{k}"]) for k in range(len(stored) // 2))
