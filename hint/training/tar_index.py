"""Index of the samples of a training tar, made once and cached.

Local tars are not streamed: an index of offsets gives random access for one pass over each tar, so that the order of
the hands depends on nothing but the seed. Tars elsewhere are, by :mod:`hint.training.streams`.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint import settings
from hint.errors import InputError, first_line
from hint.files import as_strings, read_npz, write_npz
from hint.training.filters import TRAITS, Traits
from hint.training.record import Record, check, unpickle

#: Suffixes of pictures that the released reader accepts.
PICTURES = ("jpg", "jpeg", "png")

#: Suffix of what is known about the hands of a picture.
TRUTH = "data.pyd"

#: Increase with every change of the content of an index.
_VERSION = 1

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class TarIndex:
    """The N readable hands of one tar.

    Attributes:
        key: (N,) bytes, name of the picture.
        number: (N,) index of the hand in its picture.
        picture: (N,2) offset and length in the tar, bytes.
        truth: (N,2) offset and length of ``data.pyd``, bytes.
        traits: Properties for the filters.
        broken: Why samples are unreadable, one entry each.
    """

    key: NDArray[np.bytes_]
    number: NDArray[np.int64]
    picture: NDArray[np.int64]
    truth: NDArray[np.int64]
    traits: Traits
    broken: list[str]


def index_tar(path: Path) -> TarIndex:
    """Return the index of a tar, from the cache if the file has not changed.

    Raises:
        InputError: If the file is missing, truncated, or not a tar.
    """
    cache = _cache(path)
    if cache.is_file():
        try:
            return _from_arrays(read_npz(cache, _COLUMNS))
        except InputError:
            cache.unlink(missing_ok=True)
    index = _scan(path)
    write_npz(cache, _to_arrays(index))
    return index


def is_indexed(path: Path) -> bool:
    """Tell whether the index of a tar is cached."""
    return _cache(path).is_file()


def _cache(path: Path) -> Path:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    identity = f"{_VERSION}|{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    return settings.home() / "training-index" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.npz"


_PLACES = ("key", "number", "picture", "truth", "broken")
_COLUMNS = (*_PLACES, *TRAITS)


def _to_arrays(index: TarIndex) -> dict[str, NDArray[Any]]:
    arrays = {name: getattr(index, name) for name in _PLACES[:-1]} | {n: getattr(index.traits, n) for n in TRAITS}
    return arrays | {"broken": np.array(index.broken, np.str_)}


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> TarIndex:
    traits = Traits(**{name: arrays[name] for name in TRAITS})
    broken = as_strings(arrays["broken"]).tolist()
    return TarIndex(**{name: arrays[name] for name in _PLACES[:-1]}, traits=traits, broken=broken)


class _Hand(NamedTuple):
    """One row of an index."""

    key: str
    number: int
    picture: Span
    truth: Span
    record: Record


def _scan(path: Path) -> TarIndex:
    hands: list[_Hand] = []
    broken: list[str] = []
    try:
        with path.open("rb") as file:
            for key, parts in _pictures(file, path):
                _scan_picture(file, f"{path}: {key}", key, parts, hands, broken)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return _index(hands, broken)


def _scan_picture(
    file: IO[bytes], name: str, key: str, parts: dict[str, Span], hands: list[_Hand], broken: list[str]
) -> None:
    """Append the readable hands of a picture, and the errors of the others."""
    picture = next((parts[suffix] for suffix in PICTURES if suffix in parts), None)
    if picture is None or TRUTH not in parts:
        broken.append(f"{name}: has no {TRUTH if picture else 'picture'}")
        return
    records, reasons = read_hands(read_span(file, parts[TRUTH]), name)
    hands += [_Hand(key, number, picture, parts[TRUTH], record) for number, record in records.items()]
    broken += reasons


def read_hands(content: bytes, name: str) -> tuple[dict[int, Record], list[str]]:
    """Return the readable hands of a picture by their number, and the errors of the others."""
    records: dict[int, Record] = {}
    broken: list[str] = []
    try:
        entries = unpickle(content, name)
    except InputError as error:
        return {}, [str(error)]
    for number, entry in enumerate(entries):
        try:
            records[number] = check(entry, f"{name}: hand {number}")
        except InputError as error:
            broken.append(str(error))
    return records, broken


def _index(hands: list[_Hand], broken: list[str]) -> TarIndex:
    return TarIndex(
        key=np.array([hand.key.encode() for hand in hands], np.bytes_),
        number=np.array([hand.number for hand in hands], np.int64),
        picture=np.array([hand.picture for hand in hands], np.int64).reshape(-1, 2),
        truth=np.array([hand.truth for hand in hands], np.int64).reshape(-1, 2),
        traits=traits_of([hand.record for hand in hands]),
        broken=broken,
    )


def traits_of(records: Sequence[Record]) -> Traits:
    """Return what the filters look at of some hands."""
    values = [record.values for record in records]
    return Traits(
        confidence=np.array([v["keypoints_2d"][:, 2] for v in values], np.float32).reshape(-1, 21),
        reprojection=np.array([record.reprojection for record in records], np.float32),
        shortest_side=np.array([record.size.min() for record in records], np.float32),
        has_hand_pose=np.array([v["has_hand_pose"] > 0 for v in values], np.bool_),
        has_betas=np.array([v["has_betas"] > 0 for v in values], np.bool_),
        largest_beta=np.array([np.abs(v["betas"]).max() for v in values], np.float32),
    )


def read_span(file: IO[bytes], span: Span | NDArray[np.int64]) -> bytes:
    """Read one part of a tar."""
    file.seek(int(span[0]))
    return file.read(int(span[1]))


def split_name(name: str) -> tuple[str, str]:
    """Return the key of a member of a tar and its suffix, both "" if it belongs to no picture."""
    folder, _, base = name.rpartition("/")
    stem, dot, suffix = base.partition(".")
    if not dot or not stem:
        return "", ""
    return f"{folder}/{stem}" if folder else stem, suffix.lower()


def _pictures(file: IO[bytes], path: Path) -> Iterator[tuple[str, dict[str, Span]]]:
    """Yield each key of a tar with the spans of its parts: "jpg", "data.pyd", ..."""
    keys: dict[str, dict[str, Span]] = {}
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.offset_data + member.size > length:
                    raise EOFError(f"{member.name} ends beyond the file")
                key, suffix = split_name(member.name)
                if member.isfile() and key:
                    keys.setdefault(key, {})[suffix] = (member.offset_data, member.size)
            end = tar.offset
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a complete tar ({first_line(error)}); download or copy it again") from error
    # Python stops silently if a header is damaged or the file ends between two members.
    if read_span(file, (end, tarfile.BLOCKSIZE)) != bytes(tarfile.BLOCKSIZE):
        raise InputError(f"{path}: not a complete tar (no end mark after byte {end}); download or copy it again")
    yield from keys.items()
