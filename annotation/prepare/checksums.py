"""Checksums of single files, in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from annotation.prepare.findings import Fault
from annotation.prepare.reading import in_parallel
from hint.errors import InputError, some_ids
from hint.files.atomic import atomic_write

_LINE = re.compile(rb"(?P<escaped>\\?)(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
_BLOCK = 1 << 20


def sha256_of(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Compute the sha256 of files, several at a time.

    Args:
        root: What the names are relative to.
        names: Files.

    Returns:
        Digest of each file, in the order of the names; "" if it cannot be read.
    """
    digests = in_parallel(lambda name: _digest(root / name), names, "computing sha256", batch=8)
    return dict(zip(names, digests, strict=True))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError:  # reported by the caller
        return ""
    return digest.hexdigest()


def write_checksums(path: Path, root: Path, names: Sequence[str]) -> dict[str, str]:
    """Write the checksums of files for ``sha256sum -c``, sorted by name.

    Args:
        path: File to write; it is opened first, so that an unwritable path fails before the work.
        root: What the names are relative to.
        names: Files.

    Returns:
        Digest of each file.

    Raises:
        InputError: If a file cannot be read, or path is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; use a file for the checksums")
    with atomic_write(path) as stream:
        digests = sha256_of(root, names)
        if unread := [name for name, digest in digests.items() if not digest]:
            raise InputError(f"cannot read {some_ids(unread)}; no checksums were written")
        stream.writelines(_line(os.fsencode(name), digests[name]) for name in sorted(names, key=os.fsencode))
    return digests


def _line(name: bytes, digest: str) -> bytes:
    """Return one line; special characters in the name are escaped as in sha256sum."""
    escaped = name
    for code, character in _ESCAPES.items():
        escaped = escaped.replace(character, code)
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def read_checksums(path: Path) -> dict[str, str]:
    """Read a file written by ``sha256sum`` or :func:`write_checksums`.

    Returns:
        Digest of each name.

    Raises:
        InputError: If there is no such file, or a line is malformed.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return dict(_entries(path, lines))


def _entries(path: Path, lines: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.rstrip(b"\r")
        if not text or text.startswith(b"#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise InputError(f"{path}, line {number}: expected <sha256>  <file>, as sha256sum writes it")
        name = match["name"]
        if match["escaped"]:
            name = re.sub(rb"\\[\\nr]", lambda code: _ESCAPES[code[0]], name)
        yield posixpath.normpath(os.fsdecode(name)), match["digest"].decode().lower()


def compare_checksums(listed: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Fault]:
    """Yield files that differ from a list, are missing, or are not in it."""
    for name in sorted({*listed, *found}):
        folder = name.partition("/")[0]
        if name not in found:
            yield Fault("checksum missing", folder, name)
        elif name not in listed:
            yield Fault("checksum extra", folder, name)
        elif found[name] != listed[name]:
            yield Fault("checksum changed", folder, name, "" if found[name] else "cannot be read")


def listed_in(listed: Mapping[str, str], folders: Collection[str], path: Path) -> dict[str, str]:
    """Return the entries of a list for some folders.

    Raises:
        InputError: If there are none, because the names are relative to another folder.
    """
    part = {name: digest for name, digest in listed.items() if name.partition("/")[0] in folders}
    if not part:
        raise InputError(
            f"{path} lists no file of {some_ids(sorted(folders))}; names must be relative to the HInt root, "
            "as --write-checksums writes them"
        )
    return part
