"""The command behind a record as a page shows it: without the folders of somebody's machine."""

from __future__ import annotations

import re
import shlex

from benchmark.record import Record

#: Folders before the last name of a path, which may follow ``--option=`` or another path.
_FOLDERS = re.compile(r"[^=,]*[/\\]")

#: Folders of an absolute path anywhere in a text.
_ABSOLUTE = re.compile(r"(?<![\w./\\:])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s'\",]+[/\\])+")


def shown_command(record: Record) -> str:
    """Return the command a record was made with; of paths, their last names."""
    given = str(record.provenance.get("command", ""))
    try:
        words = shlex.split(given)
    except ValueError:
        words = given.split()
    names = [_FOLDERS.sub("", word.rstrip("/\\")) for word in words]
    return shlex.join(["hint", *names[1:]] if names[:1] == ["__main__.py"] else names)


def without_folders(text: str) -> str:
    """Shorten absolute paths in a text to their last names."""
    return _ABSOLUTE.sub("", text)
