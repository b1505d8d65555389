"""Read the entries of a JSON file that is too large to load, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import ijson

from hint.errors import InputError

#: Bytes given to the parser at a time, and so the precision of error locations.
CHUNK = 1 << 16


#: Deepest nesting; the parser keeps the path to every level, so its memory grows with the square.
_DEEPEST = 100
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))


class _Counted:
    """A file of JSON that reports how much was read, and ends where it is nested too deeply."""

    def __init__(self, stream: IO[bytes], on_read: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_read = on_read
        self.done = 0
        self._rest, self._in_string, self._open = b"", 0, b""

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.done += len(block)
        self._on_read(self.done)
        self._check_nesting(block)
        return block

    def _check_nesting(self, block: bytes) -> None:
        """Follow the brackets outside of strings; those that close another leave nothing behind.

        Raises:
            ijson.JSONError: If too many are open.
        """
        text = self._rest + block
        end = len(text) - (len(text) - len(text.rstrip(b"\\"))) % 2  # a backslash there escapes what comes next
        text, self._rest = text[:end], text[end:]
        parts = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_BRACKETS).split(b'"')
        left = self._open + b"".join(parts[self._in_string :: 2])
        self._in_string = (self._in_string + len(parts) - 1) % 2
        for _ in range(_DEEPEST):
            left, before = left.replace(b"[]", b"").replace(b"{}", b""), len(left)
            if len(left) == before:
                break
        self._open = left
        if len(left) > _DEEPEST:
            raise ijson.JSONError("nested too deeply")


def read_entries(
    path: Path, keys: Iterable[str], on_read: Callable[[int], None] = lambda done: None
) -> Iterator[tuple[str, Any]]:
    """Yield the entries of the first top-level key found, a list or an object.

    Args:
        path: JSON file whose top level is an object.
        keys: Keys to look for.
        on_read: Called with the bytes read so far.

    Yields:
        (key in the object or "", entry). Numbers are int or float.

    Raises:
        InputError: If the JSON is broken, or none of the keys has a list or an object.
    """
    key, is_list = _find(path, tuple(keys))
    with path.open("rb") as stream:
        counted = _Counted(stream, on_read)
        options = {"use_float": True, "buf_size": CHUNK}
        try:
            if is_list:
                yield from (("", entry) for entry in ijson.items(counted, f"{key}.item", **options))
            else:
                yield from ijson.kvitems(counted, key, **options)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _broken(path, error, counted.done) from error


def _find(path: Path, keys: tuple[str, ...]) -> tuple[str, bool]:
    """Return the first of the keys at the top level, and whether its value is a list."""
    with path.open("rb") as stream:
        counted = _Counted(stream, lambda done: None)
        found, depth = "", 0
        try:
            for event, value in ijson.basic_parse(counted, use_float=True, buf_size=CHUNK):
                if found:
                    if event not in ("start_array", "start_map"):
                        raise InputError(f"{path}: {found!r} is neither a list nor an object")
                    return found, event == "start_array"
                if event in ("start_map", "start_array"):
                    depth += 1
                elif event in ("end_map", "end_array"):
                    depth -= 1
                elif event == "map_key" and depth == 1 and value in keys:
                    found = value
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _broken(path, error, counted.done) from error
    raise InputError(f"{path} has no {' or '.join(map(repr, keys))} at its top level")


def _broken(path: Path, error: Exception, done: int) -> InputError:
    """Locate an error; the message of the parser shows the text around it."""
    why = " ".join(str(error).replace("(right here) ------^", "").split())
    return InputError(f"{path}: broken JSON between byte {max(0, done - CHUNK)} and byte {done}: {why}")
