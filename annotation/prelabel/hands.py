"""The hands of a manifest as inputs of a method."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.manifest import SampledHand
from hint.hand_rows import spread
from hint.types import Hand


@dataclass(frozen=True)
class Shard:
    """One of several parts of a manifest, for several machines.

    Attributes:
        number: Number of the part, from 1.
        count: Number of parts.
    """

    number: int = 1
    count: int = 1

    @staticmethod
    def parse(text: str) -> Shard:
        """Read "2/8".

        Raises:
            InputError: If it is malformed.
        """
        match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"--shard {text}: write number/count, such as 2/8")
        return Shard(int(match[1]), int(match[2]))

    def holds(self, hand_id: str) -> bool:
        """Return whether a hand belongs to this part; only its id matters."""
        return int(hashlib.sha256(hand_id.encode()).hexdigest()[:15], 16) % self.count == self.number - 1


def output_path(manifest: Path, method: str, shard: Shard) -> Path:
    """Return the default predictions file: beside the manifest, named after the method."""
    part = f".{shard.number}of{shard.count}" if shard.count > 1 else ""
    return manifest.with_name(f"{manifest.stem}.{method}{part}.npz")


def choose(lines: Sequence[SampledHand], shard: Shard, limit: int | None) -> list[SampledHand]:
    """Return the lines of a shard; a limit first picks that many lines, spread evenly over the manifest."""
    chosen = (lines[k] for k in spread(len(lines), limit))
    return [line for line in chosen if shard.holds(line.hand_id)]


def to_hands(lines: Sequence[SampledHand], folder: Path, box_px: float | None) -> tuple[list[Hand], list[str]]:
    """Return the hands to predict, and the ids of hands without a box.

    Args:
        lines: Hands of a manifest.
        folder: Folder of the manifest, which picture paths are relative to.
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
    """Raise if pictures of a manifest are missing."""
    missing = [str(hand.image) for hand in hands if not (hand.image and hand.image.is_file())]
    if missing:
        raise MissingRequirementError(
            f"{len(missing)} of {len(hands)} pictures of {manifest} are missing: {some_ids(missing)}; rerun the "
            "hint sample command that created it, or copy them back"
        )
