"""A stream of JPEGs, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def split_jpegs(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pictures of a stream of JPEGs as soon as they are there; a truncated one at the end is left out."""
    waiting = b""
    for chunk in chunks:
        waiting += chunk
        while (end := _jpeg_end(waiting)) is not None:
            yield waiting[:end]
            waiting = waiting[end:]


def _jpeg_end(stream: bytes) -> int | None:
    """Return where the JPEG at the start of a stream ends, None if its end is not there yet.

    Segments before the scan are skipped by their length, since they may hold the end marker by chance; in the scan a
    0xff of the data is followed by 0.
    """
    place = 2
    while stream[place : place + 1] == b"\xff" and stream[place + 1 : place + 2] not in (b"\xda", b""):
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    end = stream.find(b"\xff\xd9", place)
    return None if end < 0 else end + 2
