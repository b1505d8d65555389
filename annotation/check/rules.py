"""The rules for single hands, vectorised over hands.

A rule measures a number per hand and names a joint; values beyond its threshold are findings, NaN is undecided.
Thresholds are set so that correct hands are hardly ever reported; docs/check.md lists the rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annotation.check import geometry, whole_hand
from annotation.check.criterion import Measured, Rule
from annotation.check.hands import Hands
from annotation.check.population import long_pairs
from hint.skeleton import BONES, FINGERS, JOINT_NAMES
from hint.types import Double

#: Narrowest palm whose orientation is reliable, see :func:`geometry.palm_spread`.
_BROAD = 0.3
#: Narrowest knuckles for judging the side of the thumb, in lengths of the line wrist - middle knuckle.
_WIDE = 0.5
#: Shortest such line for the same, in hand sizes: a third of its length in a frontal view.
_DEEP = 0.8


def outside_picture(hands: Hands) -> Measured:
    """Count joints that are marked as existing but are outside the picture."""
    wrong = hands.labels.existence & ~hands.in_picture
    count = np.where(np.isfinite(hands.picture).all(1), wrong.sum(1), np.nan)
    return Measured(count, wrong.argmax(1), JOINT_NAMES)


def existence_flag(hands: Hands) -> Measured:
    """Count joints that are marked as not existing but are inside the picture.

    Without a picture, joints inside the rectangle around the existing joints count: it is part of the picture.
    """
    wrong = ~hands.labels.existence & hands.in_picture
    return Measured(wrong.sum(1).astype(np.float64), wrong.argmax(1), JOINT_NAMES)


def no_visible(hands: Hands) -> Measured:
    """Count visible joints within the box."""
    box = hands.labels.box_xyxy[:, None]
    points = hands.labels.keypoints_2d
    within = ((points >= box[..., :2]) & (points <= box[..., 2:])).all(2)
    return Measured((within & (hands.labels.visibility == 2)).sum(1).astype(np.float64))


def outside_box(hands: Hands) -> Measured:
    """Measure how far the farthest existing joint is outside the box, in longest sides of the box."""
    box = hands.labels.box_xyxy[:, None]
    beyond = np.maximum(np.maximum(box[..., :2] - hands.points, hands.points - box[..., 2:]), 0)
    distance = np.sqrt(np.square(beyond).sum(2)) / hands.box_side[:, None]
    return _largest(distance, JOINT_NAMES)


def bone_length(hands: Hands) -> Measured:
    """Measure by how many robust standard deviations the longest bone is too long for the hand.

    Short bones are not reported: foreshortening can shrink them to nothing.
    """
    population = hands.population
    return _largest((hands.relative_bones - population.bone_median) / population.bone_spread, _BONE_NAMES)


def joint_angle(hands: Hands) -> Measured:
    """Measure by how many robust standard deviations a finger turns too sharply at a joint.

    In a picture a bent finger may turn by nearly any angle, so this mostly finds impossible bends of thumb and palm.
    Bones seen end-on have no reliable direction and are left out.
    """
    population = hands.population
    score = (abs(geometry.turns(hands.bones)) - population.turn_median) / population.turn_spread
    return _largest(np.where(_long(hands), score, np.nan).reshape(-1, 15), _INNER_JOINTS)


def zigzag(hands: Hands) -> Measured:
    """Measure how far a finger bends forwards at one outer joint and backwards at the next, degrees.

    In any view a finger bends to one side only; some bend back a little.
    """
    turn = geometry.opposite_turns(geometry.turns(hands.bones), _long(hands))
    return _largest(np.degrees(turn), FINGERS)


def thumb_side(hands: Hands) -> Measured:
    """Measure how far the thumb starts on the little finger's side of the hand, in lengths wrist - middle knuckle.

    Points alone do not show whether the palm or the back of a hand is seen: a left palm and a right back look the same,
    so the order of the knuckles does not determine the side of the hand. But in both views the thumb starts on the
    index finger's side. A thumb is reported if its three inner joints are all beyond the line wrist - middle knuckle,
    on the little finger's side; hands with too narrow knuckles or a too short palm are undecided. This finds thumbs on
    the wrong side and fingers labelled from little to index, but not a hand that is entirely the other one (see
    :func:`hand_side`).
    """
    offset, width = geometry.beside_axis(hands.points, (1, 2, 3))
    beyond = (-offset).min(1)
    axis = hands.points[:, geometry.MIDDLE] - hands.points[:, geometry.WRIST]
    is_long = np.sqrt(np.square(axis).sum(1)) > _DEEP * hands.size
    return Measured(np.where((width > _WIDE) & is_long, beyond, np.nan))


def hand_side(hands: Hands) -> Measured:
    """Count visible fingertips on the palm of a hand whose name gives the other side.

    The order of the knuckles determines the side of a hand only if it is known whether palm or back is seen. It is
    known if visible fingertips are inside the outline of the palm: seen from the back, the palm would hide them. Two
    tips are required, as one may be flagged visible by mistake. All other hands are undecided, and so are hands without
    an occluded joint: so closed a hand occludes some, so its flags were not set carefully.
    """
    tips = geometry.in_palm(hands.points, geometry.TIPS) & (hands.labels.visibility[:, geometry.TIPS] == 2)
    spread = geometry.palm_spread(hands.points)
    flagged = (hands.labels.visibility == 1).any(1)
    decided = (tips.sum(1) >= 2) & (abs(spread) > _BROAD) & flagged
    looks_right = spread < 0  # a right palm with its fingers up has its thumb to the right
    count = np.where(looks_right != hands.labels.is_right, tips.sum(1), 0)
    return Measured(np.where(decided, count, np.nan))


def knuckle_order(hands: Hands) -> Measured:
    """Measure how far the four knuckles are out of order around the wrist, degrees."""
    return Measured(np.degrees(geometry.knuckle_disorder(hands.points)))


def crossed_fingers(hands: Hands) -> Measured:
    """Measure how far from their ends the first bones of neighbouring fingers cross, in bone lengths.

    Only for palms in frontal view: seen from the side, fingers behind each other cross in the picture.
    """
    broad = abs(geometry.palm_spread(hands.points)) > _BROAD
    return Measured(np.where(broad, geometry.deepest_crossing(hands.points), np.nan))


def same_point(hands: Hands) -> Measured:
    """Measure the smallest distance of two existing joints, px."""
    distance, joint = geometry.nearest_pair(hands.points)
    return Measured(np.where(np.isfinite(distance), distance, np.nan), joint, JOINT_NAMES)


def collapsed_finger(hands: Hands) -> Measured:
    """Measure the longer side of the box around the four joints of a finger, in hand sizes."""
    extent = -geometry.extent(hands.points) / hands.size[:, None]
    found = _largest(extent, FINGERS)
    return Measured(-found.value, found.where, found.names)


def untouched(hands: Hands) -> Measured:
    """Measure the largest distance of a point from its pre-label, px."""
    moved = np.sqrt(np.square(hands.labels.keypoints_2d - hands.prelabels).sum(2))
    return Measured(moved.max(1))


def _long(hands: Hands) -> Any:
    return long_pairs(hands.relative_bones, hands.population.reference)


def _largest(values: Double, names: tuple[str, ...]) -> Measured:
    known = np.where(np.isnan(values), -np.inf, values)
    where = known.argmax(1)
    value = np.take_along_axis(known, where[:, None], 1)[:, 0]
    return Measured(np.where(np.isfinite(value), value, np.nan), where, names)


_BONE_NAMES = tuple(f"{JOINT_NAMES[a]} - {JOINT_NAMES[b]}" for a, b in BONES)
_INNER_JOINTS = tuple(JOINT_NAMES[4 * f + part] for f in range(5) for part in (1, 2, 3))

RULES = (
    Rule(
        "outside-picture",
        "error",
        "existing joints outside the picture",
        0,
        "joints",
        outside_picture,
        needs="pictures",
    ),
    Rule(
        "existence-flag", "error", "joints in the picture that are marked as not existing", 0, "joints", existence_flag
    ),
    Rule("no-visible", "warning", "box without a visible joint", 0, "joints", no_visible, low=True),
    Rule("outside-box", "warning", "joint outside the box", 0.02, "box sides", outside_box),
    Rule("bone-length", "warning", "bone too long for the hand", 6, "robust z", bone_length),
    Rule("joint-angle", "warning", "finger turns too sharply at a joint", 12, "robust z", joint_angle),
    Rule("zigzag", "warning", "finger bends forwards, then backwards", 30, "degrees", zigzag),
    Rule("thumb-side", "warning", "thumb on the little finger's side", 0.2, "palm lengths", thumb_side),
    Rule("hand-side", "warning", "left and right mixed up", 1, "visible tips on the palm", hand_side),
    Rule("flipped-side", "warning", "looks like the other hand", 2, "log odds", whole_hand.flipped_side),
    Rule("swapped-fingers", "warning", "two fingers look swapped", 2, "log odds", whole_hand.swapped_fingers),
    Rule("inverted-flags", "warning", "visible and occluded look mixed up", 3, "log odds", whole_hand.inverted_flags),
    Rule("unflagged", "warning", "no joint is marked as occluded", 5, "are usually", whole_hand.unflagged),
    Rule("knuckle-order", "warning", "knuckles out of order", 10, "degrees", knuckle_order),
    Rule("crossed-fingers", "warning", "fingers cross at their base", 0.3, "bone lengths", crossed_fingers),
    Rule("same-point", "warning", "two joints at the same place", 0.1, "px", same_point, low=True),
    Rule(
        "collapsed-finger",
        "warning",
        "four joints of a finger in one spot",
        0.1,
        "hand sizes",
        collapsed_finger,
        low=True,
    ),
    Rule(
        "no-hand-seen",
        "warning",
        "no hand in the picture there",
        0.2,
        "probability",
        whole_hand.nothing_there,
        low=True,
        needs="--look",
    ),
    Rule(
        "other-side-seen",
        "warning",
        "the picture shows the other hand",
        0.7,
        "probability",
        whole_hand.other_side_seen,
        needs="--look",
    ),
    Rule(
        "seen-elsewhere",
        "warning",
        "the picture shows the hand elsewhere",
        0.11,
        "box sides",
        whole_hand.seen_elsewhere,
        needs="--look",
    ),
    Rule(
        "other-flags-seen",
        "warning",
        "the picture shows other occlusions",
        0.5,
        "log odds",
        whole_hand.other_flags_seen,
        needs="--look",
    ),
    Rule("untouched", "warning", "all points as pre-labelled", 0.01, "px", untouched, low=True, needs="prelabels"),
)
