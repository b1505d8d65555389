"""A few hands of a sample as small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hint.crop import Square, box_to_square, crop
from hint.errors import InputError
from hint.files.manifest import SampledHand
from hint.images import encode_image, read_image

#: Side of an example, px, and of the square it shows, in longest sides of the box.
SIDE = 208
_MARGIN = 2.2
#: Hands shown per sample.
_EXAMPLES = 12
_BOX_COLOUR = (230, 159, 0)


@dataclass(frozen=True)
class Example:
    """A hand as a JPEG with its caption."""

    jpeg: bytes
    caption: str


def examples(manifest: Path, hands: Sequence[SampledHand]) -> list[Example]:
    """Return a few hands, spread evenly over a manifest; hands without a readable picture are left out."""
    places = np.unique(np.linspace(0, len(hands) - 1, min(_EXAMPLES, len(hands))).round().astype(int))
    found = (_example(manifest.parent, hands[place]) for place in places.tolist())
    return [example for example in found if example is not None]


def _example(folder: Path, hand: SampledHand) -> Example | None:
    try:
        image = read_image(folder / hand.image)
    except InputError:
        return None
    square = box_to_square(hand.box_xyxy, _MARGIN) if hand.box_xyxy else Square(*hand.centre, min(hand.size) / 2)
    cut = crop(image, square, crop_size=SIDE).copy()
    if hand.box_xyxy:
        corner = np.array([square.x, square.y]) - square.size / 2
        first, second = ((np.reshape(hand.box_xyxy, (2, 2)) - corner) * SIDE / square.size).round().astype(int).tolist()
        cv2.rectangle(cut, first, second, _BOX_COLOUR, 1, cv2.LINE_AA)
    words = (hand.side, hand.frame_type, hand.interaction, hand.stratum)
    return Example(encode_image(cut, ".jpg", 88), " · ".join(word.replace("_", " ") for word in words if word))
