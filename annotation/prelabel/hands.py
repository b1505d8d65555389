"""The hands of a manifest, as a method is asked about them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.manifest import SampledHand
from hint.types import Hand


@dataclass(frozen=True)
class Shard:
    """One of several parts of a manifest that machines work on side by side.

    Attributes:
        number: Which one, from 1.
        count: How many there are.
    """

    number: int = 1
    count: int = 1

    @staticmethod
    def parse(text: str) -> Shard:
        """Read "2/8".

        Raises:
            InputError: If it is anything else.
        """
        match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"--shard {text}: write number/count, such as 2/8")
        return Shard(int(match[1]), int(match[2]))

    def holds(self, hand_id: str) -> bool:
        """Tell whether a hand belongs to this part; its id alone decides."""
        return int(hashlib.sha256(hand_id.encode()).hexdigest()[:15], 16) % self.count == self.number - 1


#: All hands.
WHOLE = Shard()


def output_path(manifest: Path, method: str, shard: Shard) -> Path:
    """Return where predictions go: beside the manifest, under the name of the method."""
    part = f".{shard.number}of{shard.count}" if shard.count > 1 else ""
    return manifest.with_name(f"{manifest.stem}.{method}{part}.npz")


def choose(lines: Sequence[SampledHand], shard: Shard, limit: int | None) -> list[SampledHand]:
    """Return the lines of a shard; with a limit, of so many spread evenly over the manifest."""
    if limit is not None and limit < len(lines):
        lines = [lines[k] for k in np.linspace(0, len(lines) - 1, limit).round().astype(int)]
    return [line for line in lines if shard.holds(line.hand_id)]


def to_hands(lines: Sequence[SampledHand], folder: Path, box_px: float | None) -> tuple[list[Hand], list[str]]:
    """Return the hands that can be asked about, and the ids of those without a box.

    Args:
        lines: Hands of a manifest.
        folder: The manifest's; pictures lie below it.
        box_px: Side of the square put around the centre of a hand without a box; None leaves such hands out.
    """
    hands: list[Hand] = []
    without: list[str] = []
    for line in lines:
        box = line.box_xyxy
        if box is None and box_px is not None:
            (x, y), half = line.centre, box_px / 2
            box = (x - half, y - half, x + half, y + half)
        if box is None:
            without.append(line.hand_id)
        else:
            hands.append(Hand(line.hand_id, box, line.side == "right", folder / line.image))
    return hands, without


def require_pictures(hands: Sequence[Hand], manifest: Path) -> None:
    """Raise before any work if pictures of a manifest are absent."""
    absent = [str(hand.image) for hand in hands if not (hand.image and hand.image.is_file())]
    if absent:
        raise MissingRequirementError(
            f"{len(absent)} of {len(hands)} pictures of {manifest} are absent: {some_ids(absent)}; repeat the "
            "hint sample command that made it, or copy them back"
        )
