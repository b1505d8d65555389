"""Count how many errors of whole hands ``hint check`` finds, and how many good hands it reports.

    python perf/whole_hands.py hamer_evaluation_data
    python perf/whole_hands.py hint-demo/demo --look

Labels may be in any format. Every error is put into every hand. Without --look, half of the clips are left out: on
those of the released test hands the limits of the rules were chosen. With --look the rules that look at pictures are
counted, on hands that are large enough for them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from annotation.check.hands import Hands
from annotation.check.look import Look, Onlooker, nothing_seen
from annotation.check.population import rendered_population
from annotation.check.rules import RULES
from annotation.check.whole_hand import LARGE
from hint.files import read_labels
from hint.types import Bool, HandLabels

Damage = Callable[[HandLabels], list[HandLabels]]
RULE = {rule.id: rule for rule in RULES}
LOOK = [rule.id for rule in RULES if rule.needs == "--look"]
SHIFT = 0.15


def flipped(labels: HandLabels) -> list[HandLabels]:
    """Return the hands as those of the other side."""
    return [replace(labels, is_right=~labels.is_right)]


def swapped(labels: HandLabels) -> list[HandLabels]:
    """Return the hands with two fingers swapped, for all ten pairs."""
    found = []
    for a, b in combinations(range(5), 2):
        order = np.arange(21)
        first, second = (slice(4 * f + 1, 4 * f + 5) for f in (a, b))
        order[first], order[second] = order[second].copy(), order[first].copy()
        arrays = {name: getattr(labels, name)[:, order] for name in ("keypoints_2d", "existence", "occlusion")}
        found.append(replace(labels, **arrays))
    return found


def shifted(labels: HandLabels) -> list[HandLabels]:
    """Return keypoints moved by 0.15 of the box in any direction."""
    return [replace(labels, keypoints_2d=labels.keypoints_2d + _shift(labels))]


def shifted_with_box(labels: HandLabels) -> list[HandLabels]:
    """Return keypoints and boxes moved by 0.15 of the box in any direction."""
    by = _shift(labels)
    box = labels.box_xyxy + np.tile(by[:, 0], 2)
    return [replace(labels, keypoints_2d=labels.keypoints_2d + by, box_xyxy=box)]


def _shift(labels: HandLabels) -> np.ndarray:
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, len(labels))
    return (SHIFT * side[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))[:, None]


def inverted(labels: HandLabels) -> list[HandLabels]:
    """Return the opposite flags of occlusion."""
    return [replace(labels, occlusion=~labels.occlusion)]


def unflagged(labels: HandLabels) -> list[HandLabels]:
    """Return all joints as visible."""
    return [replace(labels, occlusion=np.zeros_like(labels.occlusion))]


def of_others(labels: HandLabels) -> list[HandLabels]:
    """Return the label of another hand for each picture."""
    rows = np.roll(np.arange(len(labels)), 1)
    columns = ("keypoints_2d", "box_xyxy", "existence", "occlusion", "is_right")
    return [replace(labels, **{name: getattr(labels, name)[rows] for name in columns})]


#: Error -> how it is put in, and the rules for it.
ERRORS: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "side flipped": (flipped, ("flipped-side",)),
    "two fingers swapped": (swapped, ("swapped-fingers",)),
    "occlusion flags inverted": (inverted, ("inverted-flags",)),
    "all joints visible": (unflagged, ("unflagged",)),
    "shifted by 0.15 of the box": (shifted, ("outside-box",)),
}
LOOKED_AT: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "label of another hand": (of_others, ("no-hand-seen", "other-side-seen", "seen-elsewhere")),
    "side flipped": (flipped, ("no-hand-seen", "other-side-seen")),
    "shifted by 0.15, with its box": (shifted_with_box, ("no-hand-seen", "seen-elsewhere")),
    "occlusion flags inverted": (inverted, ("other-flags-seen",)),
}


def found(labels: HandLabels, rules: Sequence[str], look: Look) -> Bool:
    """Return (N,) whether one of the rules finds something."""
    n = len(labels)
    hands = Hands(labels, rendered_population(), np.full((n, 2), np.nan), np.full((n, 21, 2), np.nan), look)
    return np.any([RULE[name].found(RULE[name].measure(hands).value) for name in rules], axis=0)


def held_out(labels: HandLabels) -> Bool:
    """Return (N,) which hands belong to the clips that nothing was chosen on."""
    clips = np.unique(labels.clip_id)
    np.random.default_rng(7).shuffle(clips)
    return np.isin(labels.clip_id, clips[len(clips) // 2 :])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--look", action="store_true")
    options = parser.parse_args()
    labels = read_labels(options.labels)
    onlooker = Onlooker() if options.look else None
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    labels = labels.select(np.flatnonzero(side >= LARGE if onlooker else held_out(labels)))

    def rate(some: HandLabels, rules: Sequence[str]) -> Bool:
        return found(some, rules, onlooker.look(some) if onlooker else nothing_seen(len(some)))

    started = time.perf_counter()
    errors = LOOKED_AT if onlooker else ERRORS
    print(f"{len(labels):,} hands\n\n| error | rules | good hands reported | found |\n|---|---|---:|---:|")
    for name, (damage, rules) in errors.items():
        wrong = np.mean([rate(some, rules).mean() for some in damage(labels)])
        print(f"| {name} | {', '.join(rules)} | {rate(labels, rules).mean():.1%} | {wrong:.1%} |")
    every = LOOK if onlooker else [rule for _, rules in ERRORS.values() for rule in rules]
    print(f"| any of them | | {rate(labels, every).mean():.1%} | |\n\n{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
