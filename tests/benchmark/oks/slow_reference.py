"""AP and AR by OKS, one hand after the other, from the text of COCO's evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

THRESHOLDS = [0.5 + 0.05 * k for k in range(10)]


class Truth(NamedTuple):
    picture: tuple[str, bool]
    box: Sequence[float]
    points: Sequence[Sequence[float]]
    counts: Sequence[bool]


class Guess(NamedTuple):
    picture: tuple[str, bool]
    score: float
    points: Sequence[Sequence[float]]


def similarity(truth: Truth, guess: Guess, sigmas: Sequence[float]) -> float:
    """OKS; of a hand without a joint that counts, how near the guess is to its box, doubled."""
    x1, y1, x2, y2 = truth.box
    w, h = x2 - x1, y2 - y1
    some = any(truth.counts)
    terms = []
    for (x, y), (gx, gy), counts, sigma in zip(truth.points, guess.points, truth.counts, sigmas, strict=True):
        if some and not counts:
            continue
        if math.isnan(gx) or math.isnan(gy):
            terms.append(0.0)
            continue
        if some:
            dx, dy = gx - x, gy - y
        else:
            dx = max(0.0, x1 - w - gx) + max(0.0, gx - (x1 + 2 * w))
            dy = max(0.0, y1 - h - gy) + max(0.0, gy - (y1 + 2 * h))
        terms.append(math.exp(-(dx * dx + dy * dy) / (2 * w * h * (2 * sigma) ** 2)))
    return sum(terms) / len(terms)


def judge(
    truths: Sequence[Truth], guesses: Sequence[Guess], sigmas: Sequence[float], threshold: float
) -> list[tuple[float, bool]]:
    """Give every guess that counts its score and whether it is right, the surest first."""
    judged = []
    for picture in sorted({g.picture for g in guesses}):
        here = [t for t in truths if t.picture == picture]
        taken: set[int] = set()
        for guess in sorted((g for g in guesses if g.picture == picture), key=lambda g: -g.score)[:20]:
            free = [(similarity(t, guess, sigmas), k) for k, t in enumerate(here) if k not in taken]
            near = [(s, k) for s, k in free if s >= threshold]
            real = [(s, k) for s, k in near if any(here[k].counts)]
            best = max(real or near, default=None)
            if best is None:
                judged.append((guess.score, False))
                continue
            taken.add(best[1])
            if real:
                judged.append((guess.score, True))
    return sorted(judged, key=lambda one: -one[0])


def average_precision(judged: list[tuple[float, bool]], n: int) -> tuple[float, float]:
    """Return precision, averaged over 101 recalls, and the recall of all guesses."""
    curve, right = [], 0
    for k, (_, is_right) in enumerate(judged, start=1):
        right += is_right
        curve.append((right / n, right / k))
    total = 0.0
    for step in range(101):
        # As COCO's own recalls are rounded: 29 * 0.01 is above 29 / 100.
        total += max((p for r, p in curve if r >= step * 0.01), default=0.0)
    return total / 101, right / n


def scores(truths: Sequence[Truth], guesses: Sequence[Guess], sigmas: Sequence[float]) -> dict[str, float]:
    """Return AP, AP50, AP75 and AR, percent."""
    n = sum(any(t.counts) for t in truths)
    pairs = [average_precision(judge(truths, guesses, sigmas, t), n) for t in THRESHOLDS]
    ap, ar = (100 * sum(column) / len(column) for column in zip(*pairs, strict=True))
    return {"oks_ap": ap, "oks_ap50": 100 * pairs[0][0], "oks_ap75": 100 * pairs[5][0], "oks_ar": ar}
