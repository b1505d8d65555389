"""Unique names of records in tables and in addresses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmark.record import Record
from hint.errors import printable


def table_names(files: Sequence[Path], records: Sequence[Record]) -> list[str]:
    """Name records by title and note; equal names get their folder, then the folder above it, then a number."""
    names = [f"{r.method.title} ({r.method.note})" if r.method.note else r.method.title for r in records]
    folders = [file.parent for file in files]
    short = [printable(f.name) for f in folders]
    for places in (short, [printable(f"{f.parent.name}/{f.name}") for f in folders]):
        longer = [f"{name} [{place}]" for name, place in zip(names, places, strict=True)]
        if len(set(longer)) == len(longer):
            break
    times = Counter(names)
    return numbered([b if times[a] > 1 else a for a, b in zip(names, longer, strict=True)], "{} #{}")


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
