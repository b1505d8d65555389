"""Hands as the files of other tools state them, and how they become labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.box import FARTHEST, Box
from hint.errors import InputError, counted, some_ids
from hint.files.joint_names import Side
from hint.files.storage import named_in
from hint.names import is_file_name, parse_name
from hint.skeleton import N_JOINTS
from hint.types import Double, HandLabels


@dataclass(frozen=True, eq=False)
class ForeignHand:
    """A hand as a file states it.

    Attributes:
        where: What to call it in messages, such as "annotation 7".
        name: What to call it in ids, after its picture.
        image: The picture, as the file writes it.
        side: Its side, None where only the name of the picture may say it.
        box_xyxy: px, None where the keypoints are the only outline.
        points: (21,3) x, y in px and visibility 0, 1, 2; None in files of boxes.
        size: Width and height of the box in px, as the file states them; None: they follow from the corners.
        own: What files of ours add: ``hand_id``, ``clip_id``, ``subset``, ``occlusion``.
        has_points: Whether the file states keypoints, read or not.
        reference: What predictions name it by: image id and annotation id.
    """

    where: str
    name: str
    image: str
    side: Side | None
    box_xyxy: Box | None
    points: Double | None
    size: tuple[float, float] | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    has_points: bool = True
    reference: tuple[Any, Any] = (None, None)


@dataclass(frozen=True)
class Unreadable:
    """Something in a file that should be a hand and is none.

    Attributes:
        where: What to call it in messages.
        reason: Why it cannot be read.
    """

    where: str
    reason: str


def numbers(value: Any, n: int, what: str) -> Double:
    """Return ``n`` finite numbers.

    Raises:
        ValueError: If they are not; the message begins with ``what``.
    """
    if not isinstance(value, list | tuple) or len(value) != n:
        held = f"{len(value)} numbers" if isinstance(value, list | tuple) else "no list"
        raise ValueError(f"{what}: {held}, expected {n}")
    try:
        array = np.array([float(v) if isinstance(v, int | float) else np.nan for v in value])
    except OverflowError:
        array = np.full(n, np.inf)
    if not (np.abs(array) < FARTHEST).all():
        raise ValueError(f"{what}: something is not a number, not finite, or far outside any picture")
    return array


def as_box(corners: Double) -> Box:
    """Return four numbers as a box."""
    x1, y1, x2, y2 = corners.tolist()
    return x1, y1, x2, y2


def visibility_checked(points: Double) -> Double:
    """Return keypoints whose visibility is 0, 1 or 2.

    Raises:
        ValueError: If it is anything else.
    """
    wrong = ~np.isin(points[:, 2], (0, 1, 2))
    if wrong.any():
        raise ValueError(f"visibility {points[wrong, 2][0]:g}, expected 0 (out of frame), 1 (occluded) or 2 (visible)")
    return points


def id_checked(value: Any, what: str) -> int | float | str | None:
    """Return an id, None where there is none.

    Raises:
        ValueError: If it is anything else than a number or a name; the message begins with ``what``.
    """
    if not isinstance(value, int | float | str | None):
        raise ValueError(f"{what} {str(value)[:40]} is neither a number nor a name")
    return value


def sift(
    found: Iterable[ForeignHand | Unreadable], path: Path, what: str, skip_bad: bool
) -> tuple[list[ForeignHand], list[str]]:
    """Separate what can be read from what cannot.

    Args:
        found: Everything that should be a hand.
        path: The file.
        what: What its entries are called, such as "annotations".
        skip_bad: Leave unreadable ones out.

    Returns:
        The hands, and a note on what was left out.

    Raises:
        InputError: If something cannot be read and is not to be left out, or nothing can.
    """
    entries = list(found)
    hands = [entry for entry in entries if isinstance(entry, ForeignHand)]
    bad = [f"{entry.where} ({entry.reason})" for entry in entries if isinstance(entry, Unreadable)]
    if bad and not (skip_bad and hands):
        message = f"{len(bad)} of {len(entries)} {what} in {path} are not hands: {some_ids(bad)}"
        advice = f"; hint export {path} --skip-bad --out NEW writes the other {len(hands)}"
        raise InputError(message + advice if hands else message)
    return hands, [f"{path}: {len(bad)} of {len(entries)} {what} left out: {some_ids(bad)}"] if bad else []


def left_alone(counts: Counter[str], path: Path) -> list[str]:
    """Say what a file holds besides hands."""
    parts = ", ".join(f"{number} of {name}" for name, number in counts.most_common(5))
    more = " and others" if len(counts) > 5 else ""
    return [f"{path}: {counted(counts.total(), 'annotation')} left alone: {parts}{more}"] if counts else []


def checked(hand: ForeignHand | Unreadable) -> ForeignHand | Unreadable:
    """Return a hand that can become a label, else what is wrong with it."""
    hand = boxed(hand)
    if isinstance(hand, ForeignHand) and side_of(hand) is None:
        reason = "no side: neither the label, its attributes nor a file name that ends in _l or _r says it"
        return Unreadable(hand.where, reason)
    return hand


def boxed(hand: ForeignHand | Unreadable) -> ForeignHand | Unreadable:
    """Return a hand that has a name and a box, else what is wrong with it."""
    if isinstance(hand, Unreadable):
        return hand
    names = [hand.name, *(str(hand.own[key]) for key in ("hand_id", "subset") if key in hand.own)]
    if wrong := [name for name in names if not is_file_name(name)]:
        return Unreadable(hand.where, f"{wrong[0][:40]!r} cannot be part of the name of a file")
    try:
        x1, y1, x2, y2 = box_of(hand)
    except ValueError as error:
        return Unreadable(hand.where, str(error))
    return hand if x1 < x2 and y1 < y2 else Unreadable(hand.where, "box of zero or negative size")


def side_of(hand: ForeignHand) -> Side | None:
    """Return the side of a hand, from the name of its picture where nothing else says it."""
    if hand.side is not None:
        return hand.side
    parsed = parse_name(str(hand.own.get("hand_id", PurePath(hand.image).stem)))
    return None if parsed is None else "right" if parsed.is_right else "left"


def box_of(hand: ForeignHand) -> Box:
    """Return the box of a hand: the one stated, else the tight one around the joints in the frame.

    Raises:
        ValueError: If there is neither.
    """
    if hand.box_xyxy is not None:
        return hand.box_xyxy
    points = np.empty((0, 3)) if hand.points is None else hand.points[hand.points[:, 2] > 0]
    if len(points) < 2:
        raise ValueError("neither a box nor two joints in the frame")
    return as_box(np.concatenate([points[:, :2].min(0), points[:, :2].max(0)]))


def hand_ids(hands: Sequence[ForeignHand]) -> list[str]:
    """Name hands: by the id that a file of ours states, by the picture alone if that is a hand's name, else by both."""
    pictures = Counter(hand.image for hand in hands)
    return [_hand_id(hand, pictures[hand.image]) for hand in hands]


def _hand_id(hand: ForeignHand, hands_of_picture: int) -> str:
    if "hand_id" in hand.own:
        return str(hand.own["hand_id"])
    stem, side = PurePath(hand.image).stem, side_of(hand)
    parsed = parse_name(stem)
    if parsed is not None and hands_of_picture == 1 and parsed.is_right == (side == "right"):
        return stem
    return f"{stem}_{hand.name}_{'r' if side == 'right' else 'l'}"


def as_labels(hands: Sequence[ForeignHand], folder: Path, subset: str, notes: Sequence[str]) -> HandLabels:
    """Return labels.

    Args:
        hands: Hands that :func:`checked` let pass, with keypoints.
        folder: What the paths of pictures are relative to.
        subset: Name of their subset where they do not state one.
        notes: What to tell about the file.

    Raises:
        InputError: If two hands have one id.
    """
    points = np.array([hand.points for hand in hands]).reshape(-1, N_JOINTS, 3)
    ids, boxes = hand_ids(hands), np.array([box_of(hand) for hand in hands])
    return HandLabels(
        hand_id=np.array(ids, np.str_),
        clip_id=np.array([_clip(hand) for hand in hands], np.str_),
        subset=np.array([str(hand.own.get("subset", subset)) for hand in hands], np.str_),
        box_xyxy=boxes,
        box_side=_sides(hands, boxes),
        is_right=np.array([side_of(hand) == "right" for hand in hands]),
        keypoints_2d=points[:, :, :2],
        existence=points[:, :, 2] > 0,
        occlusion=np.array([_occlusion(hand) for hand in hands]),
        image=np.array([_picture(hand, folder) for hand in hands], np.str_),
        notes=tuple(notes),
    )


def _clip(hand: ForeignHand) -> str:
    """Return the clip that is stated or that the name of the picture tells; else every picture is its own."""
    if stated := hand.own.get("clip_id"):
        return str(stated)
    parsed = parse_name(str(hand.own.get("hand_id", PurePath(hand.image).stem)))
    return str(PurePath(hand.image).with_suffix("")) if parsed is None else parsed.clip_id


def _sides(hands: Sequence[ForeignHand], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    computed = (boxes[:, 2:] - boxes[:, :2]).max(1)
    return np.array([side if hand.size is None else max(hand.size) for hand, side in zip(hands, computed, strict=True)])


def _occlusion(hand: ForeignHand) -> NDArray[np.bool_]:
    visibility = np.zeros((N_JOINTS, 3)) if hand.points is None else hand.points
    stated = hand.own.get("occlusion")
    return visibility[:, 2] == 1 if stated is None else np.asarray(stated, bool)


def _picture(hand: ForeignHand, folder: Path) -> str:
    return os.path.normpath(named_in(folder, hand.image)) if hand.own.get("has_image", True) else ""
