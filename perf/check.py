"""Time the rules of ``hint check`` on 40,000 hands, and the same rules as a plain loop, hand by hand.

    python perf/check.py

The loop is written without numpy and independently of the rules; the tests use it as their slow reference.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from statistics import median

import numpy as np

from annotation.check.hands import Hands
from annotation.check.look import nothing_seen
from annotation.check.make_population import projected_hands
from annotation.check.population import LONG, Population, rendered_population
from annotation.check.rules import RULES
from hint.skeleton import BONES
from hint.types import HandLabels

Point = tuple[float, float]


@dataclass(frozen=True)
class Hand:
    """One hand in plain Python; joints that do not exist are None in ``points``."""

    points: list[Point | None]
    all_points: list[Point]
    existence: list[bool]
    visibility: list[int]
    box: list[float]
    is_right: bool
    size: Point | None
    prelabels: list[Point] | None
    population: Population

    @property
    def bones(self) -> list[Point | None]:
        """Vectors of the bones."""
        return [vector(self.points[a], self.points[b]) for a, b in BONES]

    @property
    def relative(self) -> list[float | None]:
        """Bone lengths in units of the hand's size and what is typical."""
        typical = [
            None if bone is None else math.hypot(*bone) / reference
            for bone, reference in zip(self.bones, self.population.reference.tolist(), strict=True)
        ]
        unit = self.unit
        return [None if value is None or not unit else value / unit for value in typical]

    @property
    def unit(self) -> float | None:
        """Upper quartile of the bones over what is typical."""
        values = sorted(
            math.hypot(*bone) / reference
            for bone, reference, centre in zip(
                self.bones, self.population.reference.tolist(), self.population.bone_median.tolist(), strict=True
            )
            if bone is not None and not math.isnan(centre)
        )
        return values[max(0, math.ceil(0.75 * len(values)) - 1)] if values and values[-1] > 0 else None


def vector(a: Point | None, b: Point | None) -> Point | None:
    """Return b - a."""
    return None if a is None or b is None else (b[0] - a[0], b[1] - a[1])


def area(a: Point, b: Point) -> float:
    """Return the z part of the cross product."""
    return a[0] * b[1] - a[1] * b[0]


def turn(a: Point, b: Point) -> float:
    """Return the angle from a to b."""
    return math.atan2(area(a, b), a[0] * b[0] + a[1] * b[1])


def inside_picture(hand: Hand, k: int) -> bool:
    """Tell whether joint k lies in the picture, or in the rectangle around the joints that exist."""
    x, y = hand.all_points[k]
    if hand.size is not None:
        return 0 <= x < hand.size[0] and 0 <= y < hand.size[1]
    there = [p for p in hand.points if p is not None]
    if not there:
        return False
    xs, ys = [p[0] for p in there], [p[1] for p in there]
    return min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys)


def outside_picture(hand: Hand) -> float | None:
    """Count existing joints outside."""
    if hand.size is None:
        return None
    return sum(e and not inside_picture(hand, k) for k, e in enumerate(hand.existence))


def existence_flag(hand: Hand) -> float | None:
    """Count absent joints inside."""
    return sum(not e and inside_picture(hand, k) for k, e in enumerate(hand.existence))


def no_visible(hand: Hand) -> float | None:
    """Count visible joints in the box."""
    x1, y1, x2, y2 = hand.box
    points = zip(hand.all_points, hand.visibility, strict=True)
    return sum(v == 2 and x1 <= x <= x2 and y1 <= y <= y2 for (x, y), v in points)


def outside_box(hand: Hand) -> float | None:
    """Return the largest distance from the box, in box sides."""
    x1, y1, x2, y2 = hand.box
    there = [p for p in hand.points if p is not None]
    far = [math.hypot(max(x1 - x, x - x2, 0), max(y1 - y, y - y2, 0)) for x, y in there]
    return max(far) / max(x2 - x1, y2 - y1) if far else None


def bone_length(hand: Hand) -> float | None:
    """Return the largest robust z of a bone."""
    table = zip(hand.relative, hand.population.bone_median.tolist(), hand.population.bone_spread.tolist(), strict=True)
    return largest([(v - m) / s for v, m, s in table if v is not None and not math.isnan(m)])


def largest(values: list[float]) -> float | None:
    """Return the maximum, None of nothing."""
    return max(values) if values else None


def joints_of(hand: Hand) -> list[list[tuple[float, bool] | None]]:
    """Return turn and whether both bones are long, for the three inner joints of each finger."""
    reference = hand.population.reference.tolist()
    mean = sum(reference) / len(reference)
    found: list[list[tuple[float, bool] | None]] = []
    bones, relative = hand.bones, hand.relative
    for f in range(5):
        row: list[tuple[float, bool] | None] = []
        for k in range(4 * f, 4 * f + 3):
            a, b = bones[k], bones[k + 1]
            if a is None or b is None:
                row.append(None)
                continue
            shares = [(relative[i] or 0.0) * reference[i] / mean for i in (k, k + 1)]
            row.append((turn(a, b), min(shares) >= LONG))
        found.append(row)
    return found


def joint_angle(hand: Hand) -> float | None:
    """Return the largest robust z of a turn."""
    centre, spread = hand.population.turn_median.tolist(), hand.population.turn_spread.tolist()
    scores = []
    for f, row in enumerate(joints_of(hand)):
        for part, joint in enumerate(row):
            if joint is not None and joint[1]:
                scores.append((abs(joint[0]) - centre[f][part]) / spread[f][part])
    return largest(scores)


def zigzag(hand: Hand) -> float | None:
    """Return the largest bend one way and back, degrees."""
    found = []
    for row in joints_of(hand):
        first, second = row[1], row[2]
        if first is None or second is None or not first[1] or not second[1]:
            continue
        opposed = first[0] * second[0] < 0
        found.append(math.degrees(min(abs(first[0]), abs(second[0]))) if opposed else 0.0)
    return largest(found)


def thumb_side(hand: Hand) -> float | None:
    """Return how far the thumb is on the little finger's side."""
    axis, across = vector(hand.points[0], hand.points[9]), vector(hand.points[17], hand.points[5])
    thumb = [vector(hand.points[0], hand.points[k]) for k in (1, 2, 3)]
    if axis is None or across is None or any(t is None for t in thumb) or axis == (0, 0):
        return None
    square = axis[0] ** 2 + axis[1] ** 2
    width = area(axis, across) / square
    unit = hand.unit
    if abs(width) <= 0.5 or unit is None or math.sqrt(square) <= 0.8 * unit:
        return None
    return min(-math.copysign(1, width) * area(axis, t) / square for t in thumb if t is not None)


def spread(hand: Hand) -> float | None:
    """Return how broad the palm is seen."""
    rays = [vector(hand.points[0], hand.points[k]) for k in (5, 9, 13, 17)]
    known = [r for r in rays if r is not None]
    longest = max((r[0] ** 2 + r[1] ** 2 for r in known), default=0.0)
    return area(known[0], known[3]) / longest if len(known) == 4 and longest > 0 else None


def hand_side(hand: Hand) -> float | None:
    """Count visible tips on the palm of a hand that looks like the other one."""
    outline = [hand.points[k] for k in (0, 1, 5, 9, 13, 17)]
    broad = spread(hand)
    if any(p is None for p in outline) or broad is None:
        return None
    corners = [p for p in outline if p is not None]
    tips = 0
    for k in (8, 12, 16, 20):
        tip = hand.points[k]
        if tip is None or hand.visibility[k] != 2:
            continue
        sides = [
            area((b[0] - a[0], b[1] - a[1]), (tip[0] - a[0], tip[1] - a[1]))
            for a, b in pairwise([*corners, corners[0]])
        ]
        tips += all(s > 0 for s in sides) or all(s < 0 for s in sides)
    if tips < 2 or abs(broad) <= 0.3 or 1 not in hand.visibility:
        return None
    return tips if (broad < 0) != hand.is_right else 0


def knuckle_order(hand: Hand) -> float | None:
    """Return how far the knuckles are out of order, degrees."""
    rays = [vector(hand.points[0], hand.points[k]) for k in (5, 9, 13, 17)]
    if any(r is None for r in rays):
        return None
    turns = [turn(a, b) for a, b in pairwise([r for r in rays if r is not None])]
    return math.degrees(min(sum(t for t in turns if t > 0), -sum(t for t in turns if t < 0)))


def crossed_fingers(hand: Hand) -> float | None:
    """Return the deepest crossing of the first bones of neighbouring fingers."""
    broad = spread(hand)
    if broad is None or abs(broad) <= 0.3 or any(hand.points[k] is None for k in (6, 10, 14, 18)):
        return None
    deepest = 0.0
    for k in (5, 9, 13):
        a, b = vector(hand.points[k], hand.points[k + 1]), vector(hand.points[k + 4], hand.points[k + 5])
        gap = vector(hand.points[k], hand.points[k + 4])
        if a is None or b is None or gap is None or area(a, b) == 0:
            continue
        on_a, on_b = area(gap, b) / area(a, b), area(gap, a) / area(a, b)
        deepest = max(deepest, min(on_a, 1 - on_a, on_b, 1 - on_b))
    return deepest


def same_point(hand: Hand) -> float | None:
    """Return the least distance of two joints."""
    there = [p for p in hand.points if p is not None]
    return min((math.dist(a, b) for a, b in combinations(there, 2)), default=None)


def collapsed_finger(hand: Hand) -> float | None:
    """Return the smallest extent of a finger, in sizes of the hand."""
    found = []
    for f in range(5):
        joints = [p for p in hand.points[4 * f + 1 : 4 * f + 5] if p is not None]
        if len(joints) == 4:
            found.append(max(max(p[i] for p in joints) - min(p[i] for p in joints) for i in (0, 1)))
    unit = hand.unit
    return min(found) / unit if found and unit else None


def untouched(hand: Hand) -> float | None:
    """Return the largest distance from the pre-label."""
    if hand.prelabels is None:
        return None
    return max(math.dist(a, b) for a, b in zip(hand.all_points, hand.prelabels, strict=True))


LOOP: dict[str, Callable[[Hand], float | None]] = {
    "outside-picture": outside_picture,
    "existence-flag": existence_flag,
    "no-visible": no_visible,
    "outside-box": outside_box,
    "bone-length": bone_length,
    "joint-angle": joint_angle,
    "zigzag": zigzag,
    "thumb-side": thumb_side,
    "hand-side": hand_side,
    "knuckle-order": knuckle_order,
    "crossed-fingers": crossed_fingers,
    "same-point": same_point,
    "collapsed-finger": collapsed_finger,
    "untouched": untouched,
}


def plain(hands: Hands) -> list[Hand]:
    """Turn a set into plain hands."""
    labels = hands.labels
    rows = zip(
        labels.keypoints_2d.tolist(),
        labels.existence.tolist(),
        labels.visibility.tolist(),
        labels.box_xyxy.tolist(),
        labels.is_right.tolist(),
        hands.picture.tolist(),
        hands.prelabels.tolist(),
        strict=True,
    )
    return [
        Hand(
            points=[(p[0], p[1]) if e else None for p, e in zip(points, exists, strict=True)],
            all_points=[(p[0], p[1]) for p in points],
            existence=exists,
            visibility=visibility,
            box=box,
            is_right=right,
            size=None if math.isnan(picture[0]) else (picture[0], picture[1]),
            prelabels=None if math.isnan(before[0][0]) else [(p[0], p[1]) for p in before],
            population=hands.population,
        )
        for points, exists, visibility, box, right, picture, before in rows
    ]


def made_up(n: int, seed: int = 0) -> Hands:
    """Make n hands: 2,000 projected ones again and again, slightly moved, half of them with the size of a picture."""
    rng = np.random.default_rng(seed)
    points, is_right = projected_hands(min(n, 2000), seed)
    row = np.arange(n) % len(points)
    moved = points[row] + rng.normal(size=(n, 21, 2)) * 2 + 320
    picture = np.full((n, 2), 640.0)
    picture[::2] = np.nan
    labels = HandLabels(
        hand_id=np.char.add("hand_", np.arange(n).astype(str)),
        clip_id=np.char.add("clip_", (np.arange(n) // 4).astype(str)),
        subset=np.full(n, "newdays"),
        box_xyxy=np.concatenate([moved.min(1) - 5, moved.max(1) + 5], axis=1),
        is_right=is_right[row],
        keypoints_2d=moved,
        existence=((moved >= 0) & (moved < 640)).all(2) & (rng.random((n, 21)) < 0.98),
        occlusion=rng.random((n, 21)) < 0.4,
        image=np.full(n, ""),
    )
    return Hands(labels, rendered_population(), picture, moved + rng.normal(size=(n, 21, 2)), nothing_seen(n))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=40_000, help="hands")
    parser.add_argument("--loop", type=int, default=2_000, help="hands of the loop, whose time is scaled up")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are printed")
    options = parser.parse_args()
    hands = made_up(options.n)
    slow = plain(made_up(options.loop))
    ours: dict[str, list[float]] = {rule.id: [] for rule in RULES if rule.needs != "--look"}
    loop: dict[str, list[float]] = {name: [] for name in LOOP}
    for _ in range(options.rounds):
        fresh = replace(hands)  # nothing measured before
        for rule in (rule for rule in RULES if rule.id in ours):
            start = time.perf_counter()
            rule.found(rule.measure(fresh).value)
            ours[rule.id].append(time.perf_counter() - start)
        for name, measure in LOOP.items():
            start = time.perf_counter()
            for hand in slow:
                measure(hand)
            loop[name].append((time.perf_counter() - start) * options.n / options.loop)
    print(f"{options.n:,} hands; loop extrapolated from {options.loop:,}\n")
    print("| rule | ours, s | loop, s | times faster |\n|---|---:|---:|---:|")
    times = {name: (median(ours[name]), median(loop[name])) for name in LOOP}
    times["all of these"] = (sum(a for a, _ in times.values()), sum(b for _, b in times.values()))
    for name, (a, b) in times.items():
        print(f"| {name} | {a:.3f} | {b:.2f} | {b / a:.3g} |")
    for name in ours.keys() - LOOP.keys():
        print(f"| {name} | {median(ours[name]):.3f} | | |")


if __name__ == "__main__":
    main()
