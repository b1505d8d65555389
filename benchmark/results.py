"""The folder of one result: what it is called, and what may be written to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.record import Record, read_record
from hint.errors import InputError, UnknownNameError
from hint.files.atomic import OVERWRITE, require_writable
from hint.files.storage import without_query

PREDICTIONS, ERRORS, RECORD = "predictions.npz", "errors.npz", "record.json"

#: File names that say nothing about what made the predictions.
_COMMON_STEMS = ("pred", "predictions")


def name_of_file(path: Path) -> str:
    """Name predictions after their file, or after its folder where the file has a name that all have."""
    path = without_query(path)
    return path.resolve().parent.name if path.stem in _COMMON_STEMS else path.stem


#: Longest name of a folder, bytes; most file systems take 255.
_LONGEST = 240


def folder_name(name: str, *additions: str) -> str:
    """Return a name that is one folder, whatever characters ``name`` holds.

    Raises:
        InputError: If it is too long for one.
    """
    parts = (re.sub(r"[^\w.+]+", "-", part).strip("-.") for part in (name, *additions))
    folder = "-".join(part for part in parts if part) or "unnamed"
    if len(folder.encode()) > _LONGEST:
        raise InputError(f"{folder[:20]}... is too long for the name of a folder; give a shorter one with --name NAME")
    return folder


@dataclass(frozen=True)
class Results:
    """A folder that was checked before any work.

    Attributes:
        folder: Where results go.
        overwrite: One of :data:`OVERWRITE`.
        earlier: The record that is there, None where there is none.
    """

    folder: Path
    overwrite: str
    earlier: Record | None

    def check_method(self, name: str, is_file: bool, fingerprint: Mapping[str, object]) -> None:
        """Refuse to replace the results of another method, or of other predictions.

        Args:
            name: Of the method, or of the predictions.
            is_file: Whether predictions were given; those of a method are told apart when they are reused.
            fingerprint: What the record will say the results depend on.

        Raises:
            InputError: If the folder is another method's.
        """
        if self.earlier is None:
            return
        if self.earlier.method.name != name:
            raise InputError(
                f"{self.folder} holds results of {self.earlier.method.name}, not of {name}; "
                "type --name NAME, or another --out"
            )
        was_file = "predictions_sha256" in self.earlier.fingerprint
        same = self.earlier.fingerprint == fingerprint if is_file else not was_file
        if not same and self.overwrite != "always":
            held = f"other predictions named {name}" if was_file else f"the method {name}"
            raise InputError(
                f"{self.folder} holds results of {held}; "
                "type --name NAME to keep both, or --overwrite always to replace them"
            )


def open_results(folder: Path, limit: int | None, overwrite: str) -> Results:
    """Check, before any work, that results may and can be written to a folder; nothing is left there.

    Raises:
        UnknownNameError: If ``overwrite`` is none of :data:`OVERWRITE`.
        InputError: If the folder holds results that must stay.
        WriteError: If the folder cannot be written to.
    """
    if overwrite not in OVERWRITE:
        raise UnknownNameError("way to overwrite", overwrite, OVERWRITE)
    if overwrite == "never" and any((folder / name).exists() for name in (PREDICTIONS, ERRORS, RECORD)):
        raise InputError(f"{folder} holds results already; type --name NAME to keep both, or --overwrite always")
    require_writable(folder)
    earlier = _earlier(folder / RECORD, overwrite)
    if earlier is not None and limit is not None and earlier.limit is None and overwrite != "always":
        raise InputError(
            f"{folder} holds results without --limit, which --limit {limit} would replace; "
            "type --name NAME to keep both, or --overwrite always"
        )
    return Results(folder, overwrite, earlier)


def _earlier(path: Path, overwrite: str) -> Record | None:
    if not path.is_file():
        return None
    try:
        return read_record(path)
    except InputError as error:
        if overwrite == "always":
            return None
        raise InputError(f"{error}; type --name NAME, or --overwrite always to replace it") from error
