"""What hands are predicted from: pictures that are there, and keys that tell when they have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.storage import Versions
from hint.types import Hand


def check_pictures(hands: Sequence[Hand]) -> Versions:
    """Check before any work that every hand has its picture.

    Returns:
        What looks up their versions.

    Raises:
        InputError: If hands name none.
        MissingRequirementError: If files are absent.
    """
    if any(hand.image is None for hand in hands):
        raise InputError(
            "these labels have no pictures, which this method needs; "
            "name their folder: --images DIR, or images= in Python"
        )
    versions = Versions()
    absent = [str(hand.image) for hand in hands if not (hand.image and versions.find(hand.image))]
    if absent:
        raise MissingRequirementError(
            f"{len(absent)} of {len(hands)} pictures are missing: {some_ids(absent)}; "
            "evaluate other parts (--subset, or subsets= in Python), "
            "or name their folder (--images DIR, or images= in Python)"
        )
    return versions


def input_key(hand: Hand, with_picture: bool, versions: Versions | None = None) -> str:
    """Hash what a prediction depends on.

    Args:
        hand: The hand.
        with_picture: Whether its picture counts: by name, size and time of change.
        versions: What looks up the latter; worth sharing between hands whose pictures are in a store.
    """
    parts: list[Any] = [hand.box_xyxy, hand.is_right]
    if with_picture and hand.image is not None:
        parts += [hand.image.name, *((versions or Versions()).find(hand.image) or ())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
