"""Read untrusted JSON files: every error is one line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from hint.errors import InputError
from hint.files.path import refuse_device
from hint.files.storage import opened, read_bytes, url_of


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: If the file is missing, cannot be read, is not JSON, or is nested too deeply.
    """
    try:
        return parse_json(_content(path))
    except ValueError as error:
        raise InputError(f"{path} is not readable as JSON: {error}") from error


def read_json_lines(path: Path) -> list[Any]:
    """Read JSON Lines; empty lines are skipped.

    Raises:
        InputError: As :func:`read_json`; the line is named.
    """
    lines = enumerate(without_mark(_content(path)).splitlines(), start=1)
    return [_parsed(line, path, number) for number, line in lines if line.strip()]


def json_lines(path: Path) -> Iterator[Any]:
    """Yield what :func:`read_json_lines` returns, one line at a time.

    Raises:
        InputError: Likewise.
    """
    try:
        with opened(path, whole=True) as stream:
            for number, line in enumerate(stream, start=1):
                if text := (without_mark(line) if number == 1 else line).strip():
                    yield _parsed(text, path, number)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def parse_json(content: bytes | str, *, finite: bool = False) -> Any:
    """Parse JSON.

    Args:
        content: The text.
        finite: Refuse NaN and infinities, which are no JSON but often written.

    Raises:
        ValueError: If it is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(content, parse_constant=_refuse if finite else None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _parsed(line: bytes, path: Path, number: int) -> Any:
    try:
        return parse_json(line)
    except ValueError as error:
        raise InputError(f"{path} is not readable as JSON: line {number}: {error}") from error


def without_mark(content: bytes) -> bytes:
    """Return UTF-8 text without the mark that some editors put at its beginning."""
    return content.removeprefix(codecs.BOM_UTF8)


def _content(path: Path) -> bytes:
    if url_of(path) is not None:
        return read_bytes(path)
    try:
        refuse_device(path)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
