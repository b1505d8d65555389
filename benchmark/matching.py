"""Match predicted hands with labelled ones by picture, side and box, where they have no names in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from hint.box import Box, overlap
from hint.errors import InputError, some_ids
from hint.types import HandLabels, Predictions

#: Intersection over union from which two boxes may be of one hand. Detectors frame hands more or less tightly than
#: annotators do, and picture and side already settle most of it.
MINIMUM_IOU = 0.3


class BoxedHand(Protocol):
    """Where a hand was found: a line of ``hands.jsonl``, or a hand that ``hint.predict`` returned."""

    @property
    def hand_id(self) -> str | None:
        """Name of the hand."""
        ...

    @property
    def image(self) -> str | Path | None:
        """The picture."""
        ...

    @property
    def frame(self) -> int | None:
        """Frame of a video, None for pictures."""
        ...

    @property
    def box_xyxy(self) -> Box | None:
        """Box, px."""
        ...

    @property
    def is_right(self) -> bool | None:
        """Side."""
        ...

    @property
    def orientation(self) -> int | None:
        """EXIF orientation of a picture that was turned upright, else 1 or None."""
        ...


def match_boxes(
    labels: HandLabels, predictions: Predictions, boxes: Path | Sequence[BoxedHand]
) -> tuple[Predictions, str]:
    """Give predictions the ids of the labels they match, and leave out the others.

    A hand matches in the same picture, on the same side, with a box that overlaps by at least :data:`MINIMUM_IOU`. The
    pairs that overlap most are taken first, each hand once.

    Args:
        labels: Hands to score.
        predictions: Rows in any order.
        boxes: The ``hands.jsonl`` that ``hint predict`` wrote beside them, or what it holds.

    Returns:
        Predictions with the ids of labels, and a sentence with the counts.

    Raises:
        InputError: If there is no list of boxes, nothing matches, or pictures were turned upright.
    """
    folder = boxes.parent if isinstance(boxes, Path) else Path.cwd()
    known = set(predictions.hand_id.tolist())
    hands = [hand for hand in read_lines(boxes) if hand.hand_id in known and hand.box_xyxy is not None]
    refuse_turned(labels, hands)
    found = _match(labels, hands, folder)
    if not found:
        raise InputError(
            f"none of {len(predictions)} predicted hands matches one of {len(labels)} labelled ones by picture, side "
            f"and box (IoU of at least {MINIMUM_IOU})"
        )
    row = {hand: k for k, hand in enumerate(predictions.hand_id.tolist())}
    matched = predictions.select([row[hand] for hand in found])
    remark = (
        f"{len(found)} of {len(labels)} labelled hands matched by picture, side and box (IoU of at least "
        f"{MINIMUM_IOU}); {len(predictions) - len(found)} predicted hands match none and are left out"
    )
    return replace(matched, hand_id=np.array(list(found.values()))), remark


def refuse_turned(labels: HandLabels, hands: Iterable[BoxedHand]) -> None:
    """Refuse hands of labelled pictures that were turned upright.

    Raises:
        InputError: If there are any; the pictures are named.
    """
    names = {Path(image).name for image in labels.image.tolist()}
    turned = {str(h.image) for h in hands if (h.orientation or 1) != 1 and Path(str(h.image)).name in names}
    if turned:
        raise InputError(
            f"labels refer to stored pixels, but pictures were turned upright: {some_ids(sorted(turned))}; "
            "predict them with hint predict --boxes LABELS"
        )


def read_lines(boxes: Path | Sequence[BoxedHand]) -> Sequence[BoxedHand]:
    """Return where hands were found, from a list or a file.

    Raises:
        InputError: If there is no such file, or it is no list of boxes.
    """
    from hint.prediction.boxes import read_boxes

    if not isinstance(boxes, Path):
        return boxes
    if not boxes.is_file():
        raise InputError(f"{boxes}: no such file; boxes are matched with the hands.jsonl that hint predict writes")
    return read_boxes(boxes).lines


def _match(labels: HandLabels, hands: Sequence[BoxedHand], folder: Path) -> dict[str, str]:
    """Return predicted id -> labelled id."""
    pictures: dict[Path, list[BoxedHand]] = {}
    for hand in hands:
        if hand.image is not None and hand.frame is None:
            pictures.setdefault((folder / hand.image).resolve(), []).append(hand)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, predicted, labelled in sorted(_pairs(labels, pictures), key=lambda pair: -pair[0]):
        if predicted not in found and labelled not in taken:
            found[predicted] = labelled
            taken.add(labelled)
    return found


def _pairs(labels: HandLabels, pictures: dict[Path, list[BoxedHand]]) -> Iterator[tuple[float, str, str]]:
    """Yield (overlap, predicted id, labelled id) of hands that may be the same."""
    known_as: dict[str, list[Path]] = {}
    for place in pictures:
        for name in {place.name, place.stem}:
            known_as.setdefault(name, []).append(place)
    rows = zip(
        labels.hand_id.tolist(), labels.image.tolist(), labels.box_xyxy.tolist(), labels.is_right.tolist(), strict=True
    )
    for hand_id, image, box, is_right in rows:
        picture = _find_picture(Path(image or hand_id), pictures, known_as)
        for hand in pictures[picture] if picture else ():
            common = overlap(box, hand.box_xyxy) if hand.box_xyxy is not None else 0.0
            if hand.is_right == is_right and common >= MINIMUM_IOU:
                yield common, str(hand.hand_id), hand_id


def _find_picture(image: Path, pictures: Collection[Path], known_as: Mapping[str, list[Path]]) -> Path | None:
    """Find a picture by its place, else by its name where only one has it."""
    place = image.resolve()
    if place in pictures:
        return place
    return next((known_as[name][0] for name in (image.name, image.stem) if len(known_as.get(name, ())) == 1), None)
