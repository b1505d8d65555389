"""Unique names of records in tables and in addresses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmark.record import Record
from hint.errors import printable


def table_names(files: Sequence[Path], records: Sequence[Record]) -> list[str]:
    """Name records by title and note.

    Equal names get their protocol, unless it is hint-v1; else their folder, then the folder above it, then a number.
    """
    names = [f"{r.method.title} ({r.method.note})" if r.method.note else r.method.title for r in records]
    unique = list(names)
    for name in {name for name, times in Counter(names).items() if times > 1}:
        held = [k for k, other in enumerate(names) if other == name]
        places = _places([files[k].parent for k in held], [records[k].protocol.id for k in held])
        for k, place in zip(held, places, strict=True):
            unique[k] = f"{name} [{place}]" if place else name
    return numbered(unique, "{} #{}")


def _places(folders: Sequence[Path], protocols: Sequence[str]) -> Sequence[str]:
    """Tell records of one name apart, in the shortest way that does."""
    short = ["" if protocol == "hint-v1" else protocol for protocol in protocols]
    long = [printable(f"{folder.parent.name}/{folder.name}") for folder in folders]
    ways = (short, [printable(folder.name) for folder in folders])
    return next((way for way in ways if len(set(way)) == len(way)), long)


def page_names(records: Sequence[Record]) -> list[str]:
    """Name the pages of records."""
    return numbered([slug(f"{r.method.name} {r.method.note}") for r in records], "{}-{}")


def slug(text: str) -> str:
    """Turn a text into lower-case letters, digits and dashes, for file names."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].rstrip("-") or "unnamed"


def numbered(names: Sequence[str], form: str) -> list[str]:
    """Make names unique: later ones get a number by ``form``, such as "{}-{}"."""
    taken: set[str] = set()
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = form.format(name, number)
        taken.add(candidate)
        unique.append(candidate)
    return unique
