"""Check a released HInt folder, with or without its Ego4D pictures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.prepare.checksums import (
    compare_checksums,
    listed_in,
    read_checksums,
    sha256_of,
    write_checksums,
)
from annotation.prepare.decoding import check_decoding
from annotation.prepare.evaluation import compare_evaluation
from annotation.prepare.findings import KINDS, Fault, Finding, group
from annotation.prepare.folders import (
    Listing,
    check_across,
    check_listing,
    check_official,
    check_root_names,
    list_folder,
)
from annotation.prepare.hand_files import CheckedHand, HandFiles, check_hand
from annotation.prepare.label_content import check_together
from annotation.prepare.official_zip import RELEASED_MD5, official_md5
from annotation.prepare.reading import in_parallel
from annotation.prepare.release import HANDS, check_root, choose_folders
from hint.errors import InputError


@dataclass(frozen=True)
class FolderCount:
    """Counts of one released folder.

    Attributes:
        folder: Its name.
        labels: json files in it.
        pictures: jpg files in it.
        released: Hands it has in the release.
        problems: Number of problems in it.
        warnings: Number of warnings in it.
    """

    folder: str
    labels: int
    pictures: int
    released: int
    problems: int
    warnings: int


@dataclass(frozen=True)
class ReleaseReport:
    """Result of a check.

    Attributes:
        root: The checked folder.
        folders: Counts of each checked folder.
        findings: All findings, by kind.
        zip_md5: MD5 of the official zip, None if it was not requested.
    """

    root: str
    folders: tuple[FolderCount, ...]
    findings: tuple[Finding, ...]
    zip_md5: str | None

    def total(self, level: str) -> int:
        """Return the number of faults of a level."""
        return sum(len(finding.ids) for finding in self.findings if finding.level == level)

    def advice(self, finding: Finding) -> str:
        """Return how to fix a finding."""
        return finding.advice(shlex.quote(self.root))

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        findings = [
            {
                "kind": finding.kind,
                "level": finding.level,
                "says": KINDS[finding.kind].description,
                "advice": self.advice(finding),
                "total": len(finding.ids),
                "ids": list(finding.ids),
                "reasons": dict(finding.reasons),
            }
            for finding in self.findings
        ]
        return {
            "root": self.root,
            "problems": self.total("problem"),
            "warnings": self.total("warning"),
            "folders": [vars(count) for count in self.folders],
            "findings": findings,
            "zip_md5": self.zip_md5,
        }


@dataclass(frozen=True)
class Extras:
    """Checks besides names, labels, and the headers and ends of pictures.

    Attributes:
        decode: Whether to decode every picture.
        evaluation: Folder of the official evaluation npz to compare the test hands with.
        zip_md5: Whether to compute the MD5 of the official zip.
        write: Checksum file to write.
        against: Checksum file to compare with.
    """

    decode: bool = False
    evaluation: Path | None = None
    zip_md5: bool = False
    write: Path | None = None
    against: Path | None = None

    def own_files(self) -> list[Path]:
        """Return files that may be in the root without being strays; none may if the official zip is checked."""
        return [path for path in (self.write, self.against) if path and not self.zip_md5]


def verify(root: Path, only: Sequence[str] = (), extras: Extras | None = None) -> ReleaseReport:
    """Check a HInt root against the release.

    Args:
        root: Folder of the eleven released folders.
        only: Released folders or subsets to check; the rest of the root is ignored.
        extras: Further checks.

    Raises:
        InputError: If root is not a HInt root, or a checksum file cannot be used.
        UnknownNameError: If ``only`` contains something other than released folders.
    """
    extras = extras or Extras()
    check_root(root)
    if only and extras.zip_md5:
        raise InputError("--zip-md5 needs the whole release; remove --only")
    folders = choose_folders(only)
    listed = listed_in(read_checksums(extras.against), folders, extras.against) if extras.against else None
    listings = [list_folder(root, folder) for folder in folders if (root / folder).is_dir()]
    faults = [Fault("missing folder", folder, folder) for folder in folders if not (root / folder).is_dir()]
    if not only:
        faults += check_root_names(root, extras.own_files())
    checked = _check_hands(root, listings)
    faults += _check_names(listings)
    faults += _found_in(checked)
    if extras.decode:
        faults += check_decoding(root, _openable(checked))
    if extras.evaluation:
        faults += compare_evaluation(root, listings, extras.evaluation)
    if extras.write or listed is not None:
        faults += _check_sums(root, listings, extras.write, listed)
    md5 = official_md5(root) if extras.zip_md5 else None
    if md5 not in (None, RELEASED_MD5):
        faults.append(Fault("zip md5", "", str(md5), f"released {RELEASED_MD5}"))
    return ReleaseReport(str(root), tuple(_count(f, listings, faults) for f in folders), group(faults), md5)


def _check_names(listings: Sequence[Listing]) -> Iterator[Fault]:
    for item in listings:
        yield from check_listing(item)
        yield from check_official(item)
    yield from check_across(listings)


def _check_hands(root: Path, listings: Sequence[Listing]) -> list[CheckedHand]:
    hands = [
        HandFiles(root / item.folder, stem, stem in item.labels, stem in item.pictures)
        for item in listings
        for stem in sorted(item.hands)
    ]
    return in_parallel(check_hand, hands, "checking hands")


def _found_in(checked: Sequence[CheckedHand]) -> Iterator[Fault]:
    for one in checked:
        yield from one.faults
    named = ((one.hand.folder.name, one.hand.stem, one.summary) for one in checked)
    yield from check_together({(folder, stem): summary for folder, stem, summary in named if summary})


def _openable(checked: Sequence[CheckedHand]) -> list[str]:
    """Return the pictures without a fault so far."""
    hands = [(f"{one.hand.folder.name}/{one.hand.stem}.jpg", one) for one in checked if one.hand.has_picture]
    return [name for name, one in hands if name not in {fault.id for fault in one.faults}]


def _check_sums(
    root: Path, listings: Sequence[Listing], write: Path | None, listed: dict[str, str] | None
) -> Iterator[Fault]:
    names = {name for item in listings for name in item.files}
    names |= {name for name in listed or () if (root / name).is_file()}
    found = write_checksums(write, root, sorted(names)) if write else sha256_of(root, sorted(names))
    yield from compare_checksums(listed, found) if listed is not None else ()


def _count(folder: str, listings: Sequence[Listing], faults: Sequence[Fault]) -> FolderCount:
    labels, pictures = next(((len(i.labels), len(i.pictures)) for i in listings if i.folder == folder), (0, 0))
    levels = [fault.level for fault in faults if fault.folder == folder]
    return FolderCount(folder, labels, pictures, HANDS[folder], levels.count("problem"), levels.count("warning"))
