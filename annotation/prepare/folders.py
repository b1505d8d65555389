"""The folders of a release as lists of names: counts, pairs, names, and what folders share."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from annotation import released
from annotation.prepare.findings import Fault
from annotation.prepare.release import HANDS, source_of, split_of
from hint.errors import InputError
from hint.names import HandName, parse_name

Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True)
class Listing:
    """The names in one released folder.

    Attributes:
        folder: Its name.
        labels: Stems of the json files.
        pictures: Stems of the jpg files.
        strays: Names of everything else.
        hands: Parsed stems, for those that are hands of the folder.
    """

    folder: str
    labels: frozenset[str]
    pictures: frozenset[str]
    strays: tuple[str, ...]
    hands: dict[str, HandName]

    @property
    def stems(self) -> list[str]:
        """The stems of all files, hands or not."""
        return sorted(self.labels | self.pictures)

    @property
    def files(self) -> list[str]:
        """The released files, relative to the root."""
        names = [f"{stem}.jpg" for stem in self.pictures] + [f"{stem}.json" for stem in self.labels]
        return sorted(f"{self.folder}/{name}" for name in names)

    @property
    def is_uncut(self) -> bool:
        """Whether this is an Ego4D folder as downloaded: labels only."""
        return source_of(self.folder) == "ego4d" and bool(self.labels) and not self.pictures


def list_folder(root: Path, folder: str) -> Listing:
    """Sort the names in a released folder; hidden files are strays, because the official count skips them."""
    stems: dict[str, set[str]] = {".jpg": set(), ".json": set()}
    strays = []
    for path in _children(root / folder):
        if path.suffix in stems and not path.name.startswith(".") and path.is_file():
            stems[path.suffix].add(path.stem)
        else:
            strays.append(path.name)
    labels, pictures = frozenset(stems[".json"]), frozenset(stems[".jpg"])
    hands = {stem: hand for stem in labels | pictures if (hand := parse_name(stem)) and _belongs(hand, folder)}
    return Listing(folder, labels, pictures, tuple(strays), hands)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from error


def _belongs(hand: HandName, folder: str) -> bool:
    return hand.source == source_of(folder)


def check_listing(listing: Listing) -> Iterator[Fault]:
    """Yield the faults visible in the names of one folder: counts, pairs, names, strays."""
    folder, expected = listing.folder, HANDS[listing.folder]
    if len(listing.labels) != expected:
        yield Fault("hand count", folder, folder, f"{len(listing.labels)} labels, released {expected}")
    for name in listing.strays:
        yield Fault("stray file", folder, f"{folder}/{name}")
    for stem in listing.stems:
        if stem not in listing.hands:
            yield Fault("name", folder, f"{folder}/{stem}", _why(stem, folder))
        elif stem not in listing.labels:
            yield Fault("picture without label", folder, f"{folder}/{stem}.jpg")
        elif stem not in listing.pictures:
            yield Fault(_absent_picture(listing), folder, f"{folder}/{stem}.json")


def check_official(listing: Listing) -> Iterator[Fault]:
    """Yield Ego4D names that differ from the official list."""
    official = released.ego4d_stems().get(listing.folder)
    if official is None:
        return
    for stem in sorted(listing.hands.keys() - official):
        other = f"{stem[:-1]}{'lr'[stem.endswith('l')]}"
        reason = f"the official name is {other}" if other in official else ""
        yield Fault("official name", listing.folder, f"{listing.folder}/{stem}", reason)
    for stem in sorted(official - listing.hands.keys()):
        yield Fault("missing name", listing.folder, f"{listing.folder}/{stem}")


def _why(stem: str, folder: str) -> str:
    hand = parse_name(stem)
    source = source_of(folder)
    return f"a name of {hand.source}, not {source}" if hand and hand.source != "other" else f"not a name of {source}"


def _absent_picture(listing: Listing) -> str:
    """Return the kind of fault: missing frames, or a download whose frames were never cut."""
    if listing.is_uncut:
        return "frames not cut"
    return "frames absent" if source_of(listing.folder) == "ego4d" else "label without picture"


def check_root_names(root: Path, ours: Collection[Path]) -> Iterator[Fault]:
    """Yield what is in the root besides the released folders.

    Args:
        root: Root of the release.
        ours: Files this check reads or writes; they are not strays.
    """
    here = {os.path.realpath(path) for path in ours}
    for path in _children(root):
        if path.is_dir() and path.name not in HANDS:
            yield Fault("unexpected folder", "", path.name)
        elif not path.is_dir() and os.path.realpath(path) not in here:
            yield Fault("stray file", "", path.name)


def check_across(listings: Sequence[Listing]) -> Iterator[Fault]:
    """Yield hands that are in several folders, and clips that are in several splits of a source."""
    for stem, folders in _holders((stem, item.folder) for item in listings for stem in item.hands):
        yield Fault("duplicate hand", "", stem, ", ".join(folders))
    clips = (((hand.source, hand.clip_id), split_of(item.folder)) for item in listings for hand in item.hands.values())
    for (_, clip_id), splits in _holders(clips):
        yield Fault("shared clip", "", clip_id, ", ".join(splits))


def _holders(pairs: Iterable[tuple[Key, str]]) -> Iterator[tuple[Key, list[str]]]:
    """Yield the keys with several holders."""
    holders: dict[Key, set[str]] = defaultdict(set)
    for key, holder in pairs:
        holders[key].add(holder)
    yield from ((key, sorted(names)) for key, names in holders.items() if len(names) > 1)
