"""Who entered a board, when and from which commit: read from the git log of the folder of submissions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmark.submission import parse_submission
from benchmark.submission_zip import LARGEST_ZIP
from hint.errors import InputError, printable
from hint.files.path import as_path
from hint.provenance import run_git

_EVENTS = {"A": "entered", "M": "replaced", "D": "removed", "T": "replaced"}
_STATUS = re.compile(r"\n?([A-Z])\d*")
#: Longest name of a person or a file to show, characters.
_LONGEST = 80


@dataclass(frozen=True)
class Change:
    """A change of the board.

    Attributes:
        event: "entered", "replaced" or "removed".
        file: Name of the submission.
        title: Of the method, "" if the file cannot be read.
        by: Who wrote the commit that changed the file, as the commit says.
        date: When the change reached the branch, ISO 8601 in UTC; "" where the commit does not say.
        commit: That commit of the branch, 40 hexadecimal digits.
        sha256: Of the file, "" where it was removed.
    """

    event: str
    file: str
    title: str
    by: str
    date: str
    commit: str
    sha256: str


def read_history(submissions: Path | str) -> list[Change]:
    """Return every change of a folder of submissions, the newest first.

    What a merge brought counts from the merge, by the author of the commit that it brought.

    Args:
        submissions: The folder, in a git repository with its whole history.

    Raises:
        InputError: If it is no such folder.
    """
    folder = as_path(submissions)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder of submissions")
    if (shallow := run_git(folder, "rev-parse", "--is-shallow-repository")) is None:
        raise InputError(f"{folder} is not in a git repository, so nobody knows who entered when")
    if shallow.strip() == b"true":
        raise InputError(f"{folder} is in a clone without its whole history; type git fetch --unshallow")
    log = run_git(
        *(folder, "log", "--first-parent", "-m", "--no-renames", "--name-status", "--relative", "-z"),
        *("--format=%H,%ct,%P", "--", "."),
    )
    return [event for change in _changes(_text(log or b"")) if (event := _event(folder, *change))]


def history_json(events: list[Change]) -> list[dict[str, Any]]:
    """Return events as JSON values."""
    return [asdict(event) for event in events]


def _changes(log: str) -> Iterator[tuple[str, str, str]]:
    """Yield commit, status and file of each change; names may hold anything but the null byte git ends them with."""
    commit, parts = "", iter(log.split("\0"))
    for part in parts:
        if status := _STATUS.fullmatch(part):
            yield commit, status[1], next(parts)
        else:
            commit = part


def _event(folder: Path, commit: str, status: str, file: str) -> Change | None:
    """Return a change of a submission, None for one of another file."""
    if "/" in file or not file.lower().endswith(".zip") or status not in _EVENTS:
        return None
    sha1, seconds, parents = commit.strip().split(",")
    title, sha256 = ("", "") if status == "D" else _held(folder, sha1, file)
    by = _author(folder, sha1, file, is_merge=" " in parents)
    return Change(_EVENTS[status], _shown(file), title, _shown(by), _date(seconds), sha1, sha256)


def _date(seconds: str) -> str:
    """Return a date, "" where a commit has none that can be read."""
    try:
        return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return ""


def _author(folder: Path, commit: str, file: str, is_merge: bool) -> str:
    """Return who wrote a commit, of a merge the last commit in it that changed the file."""
    inner = ("--no-merges", f"{commit}^1..{commit}", "--", f":(literal){file}") if is_merge else (commit,)
    found = run_git(folder, "log", "-1", "--format=%aN", *inner) or run_git(folder, "log", "-1", "--format=%aN", commit)
    return _text(found or b"").strip()


def _held(folder: Path, commit: str, file: str) -> tuple[str, str]:
    """Return the title and the sha256 of a submission at a commit."""
    place = f"{commit}:./{file}"
    size = run_git(folder, "cat-file", "-s", place)
    content = run_git(folder, "cat-file", "blob", place) if size and int(size) <= LARGEST_ZIP else None
    if content is None:
        return "", ""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return parse_submission(content, file).card.title, sha256
    except InputError:
        return "", sha256


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _shown(text: str) -> str:
    line = printable(text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
