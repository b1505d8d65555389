"""A manifest that grows: hands are added run by run, and those in it stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from annotation.sample.write import Split, remove_sample
from hint.errors import InputError, some_ids
from hint.files import write_bytes
from hint.files.manifest import SampledHand, read_manifest, write_manifest
from hint.provenance import sha256_file

_NAME = re.compile(r"[a-z0-9]+")


def folder_of(split: Split, name: str) -> str:
    """Return the HInt folder of a collection.

    Raises:
        InputError: If its name is not made of lower-case letters and digits.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"--name {name}: use lower-case letters and digits, such as kitchen2")
    return f"{split.upper()}_{name}_img"


class Collection:
    """The hands of one manifest, in memory until they are saved.

    Args:
        out: Folder of the manifest.
        folder: HInt folder of the hands.
        overwrite: "missing" adds to a manifest that is there, "never" refuses to, "always" removes it and its pictures.

    Attributes:
        manifest: The manifest.
        pictures: Folder of the pictures.
        added: Hands that were not in it before.

    Raises:
        InputError: If the manifest is there and may not be, or cannot be read.
    """

    def __init__(self, out: Path, folder: str, overwrite: str) -> None:
        self.folder, self.manifest, self.pictures = folder, out / f"{folder}.jsonl", out / folder
        exists = self.manifest.is_file()
        if exists and overwrite == "never":
            raise InputError(f"{self.manifest} already exists; use --overwrite missing to add to it, or another --out")
        if exists and overwrite == "always":
            remove_sample(self.manifest)
        earlier = read_manifest(self.manifest) if self.manifest.is_file() else []
        self._lines = {line.hand_id: line for line in earlier}
        self._folded = {name.casefold(): name for name in self._lines}
        self.added = 0

    def __len__(self) -> int:
        return len(self._lines)

    def ids(self) -> list[str]:
        """Return the hands, sorted."""
        return sorted(self._lines)

    def check(self, lines: Iterable[SampledHand]) -> None:
        """Refuse hands that cannot be added.

        Raises:
            InputError: If one of them is another one now, or two differ in nothing but capital letters.
        """
        for line in lines:
            known = self._lines.get(line.hand_id)
            if known is None:
                self._refuse_alike(line.hand_id)
            elif known != line:
                raise InputError(f"{line.hand_id} is {_difference(known, line)} than in {self.manifest}; {_ADVICE}")

    def add(self, lines: Sequence[SampledHand]) -> None:
        """Add hands, all or none; those that are there already must be the same. Raises as :meth:`check`."""
        self.check(lines)
        before = len(self._lines)
        self._lines.update((line.hand_id, line) for line in lines)
        self.added += len(self._lines) - before

    def lacks(self, ids: Iterable[str]) -> bool:
        """Return whether a hand, or its picture, is missing."""
        lines = [self._lines.get(hand_id) for hand_id in ids]
        return not all(line and (self.manifest.parent / line.image).is_file() for line in lines)

    def write_picture(self, line: SampledHand, content: bytes) -> None:
        """Write the picture of a hand that was added.

        Raises:
            InputError: If another file is there.
        """
        path = self.manifest.parent / line.image
        if not path.exists():
            write_bytes(path, content)
        elif sha256_file(path) != line.image_sha256:
            raise InputError(f"{path} is another picture, which {self.manifest.name} does not name; use another --out")

    def require_all(self, before: Iterable[str], now: Iterable[str], picture: str) -> None:
        """Raise if a picture lacks hands it had in an earlier run."""
        if gone := sorted(set(before) - set(now)):
            raise InputError(f"{picture} had hands in {self.manifest} that it has no more: {some_ids(gone)}; {_ADVICE}")

    def save(self) -> None:
        """Write the manifest, unless it is empty."""
        if self._lines:
            write_manifest(self.manifest, self._lines.values())

    def _refuse_alike(self, hand_id: str) -> None:
        """Some file systems take names for the same that differ in capital letters only."""
        other = self._folded.setdefault(hand_id.casefold(), hand_id)
        if other != hand_id:
            raise InputError(f"{other} and {hand_id} differ in capital letters only; rename one of the pictures")


_ADVICE = "use another --out or --name, or --overwrite always to start over"


def _difference(known: SampledHand, line: SampledHand) -> str:
    if known.image_sha256 != line.image_sha256:
        return "another picture"
    return "another box or side" if known.box_xyxy != line.box_xyxy or known.side != line.side else "drawn otherwise"
