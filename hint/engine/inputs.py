"""What hands are predicted from: pictures that are there, and keys that tell when they have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.types import Hand


def check_pictures(hands: Sequence[Hand]) -> None:
    """Check before any work that every hand has its picture.

    Raises:
        InputError: If hands name none.
        MissingRequirementError: If files are absent.
    """
    if any(hand.image is None for hand in hands):
        raise InputError(
            "these labels have no pictures, which this method needs; "
            "name their folder: --images DIR, or images= in Python"
        )
    absent = [str(hand.image) for hand in hands if not (hand.image and hand.image.is_file())]
    if absent:
        raise MissingRequirementError(
            f"{len(absent)} of {len(hands)} pictures are missing: {some_ids(absent)}; "
            "evaluate other parts (--subset, or subsets= in Python), "
            "or name their folder (--images DIR, or images= in Python)"
        )


def input_key(hand: Hand, with_picture: bool) -> str:
    """Hash what a prediction depends on; an image counts by name, size and modification time."""
    parts: list[Any] = [hand.box_xyxy, hand.is_right]
    if with_picture and hand.image is not None:
        status = hand.image.stat()
        parts += [hand.image.name, status.st_size, status.st_mtime_ns]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
