"""The hands of a manifest as inputs of a method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.manifest import SampledHand
from hint.files.storage import Versions, url_of
from hint.hand_rows import spread
from hint.types import Hand


def output_path(manifest: Path, method: str) -> Path:
    """Return the default predictions file: beside the manifest, named after the method.

    Raises:
        InputError: If that is no place to write to.
    """
    if (url := url_of(manifest)) is not None:
        raise InputError(f"{url} is read, and results are written to a disk: add --out FILE.npz")
    return manifest.with_name(f"{manifest.stem}.{method}.npz")


def choose(lines: Sequence[SampledHand], limit: int | None) -> list[SampledHand]:
    """Return lines spread evenly over the manifest, None for all."""
    return [lines[k] for k in spread(len(lines), limit)]


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
    versions = Versions()
    missing = [str(hand.image) for hand in hands if not (hand.image and versions.find(hand.image))]
    if missing:
        raise MissingRequirementError(
            f"{len(missing)} of {len(hands)} pictures of {manifest} are missing: {some_ids(missing)}; rerun the "
            "hint sample command that created it, or copy them back"
        )
