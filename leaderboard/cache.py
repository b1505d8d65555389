"""What boards computed before, so that one more record costs little.

A kept result is found by a sha256 of everything it follows from: the error table to the last bit, the protocol, this
code and the machine. It lies in the cache of the user who builds, which is trusted as the installation is, never in a
site, where others may write; what cannot be read is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from benchmark.error_table import ErrorTable
from benchmark.protocol import Protocol
from hint.errors import InputError, WriteError
from hint.files import read_npz, write_npz
from hint.provenance import installed_version
from hint.settings import cache_folder
from leaderboard.draws import Band, Draws
from leaderboard.metric import Key

Value = TypeVar("Value")
Arrays = dict[str, NDArray[Any]]

#: Days after which what nobody asked for is forgotten.
_DAYS = 30

#: Packages whose code and versions results follow from.
_CODE, _LIBRARIES = ("benchmark", "hint", "leaderboard"), ("numpy", "scipy", "pydantic")


def remembered(
    kind: type[Value], table: ErrorTable, protocol: Protocol, asked: object, compute: Callable[[], Value]
) -> Value:
    """Return plain values that were computed before, or compute and keep them.

    Args:
        kind: What they are: dataclasses, tuples, texts and numbers.
        table: Errors they follow from.
        protocol: Rules.
        asked: What else they follow from, as JSON.
        compute: How to compute them.
    """
    plain: TypeAdapter[Value] = TypeAdapter(kind)
    path = _path(table, protocol, [str(kind), asked])
    return _kept(path, lambda value: _packed(plain, value), lambda arrays: _unpacked(plain, arrays), compute)


def remembered_draws(
    table: ErrorTable, subset: str, visibility: str, protocol: Protocol, compute: Callable[[], Draws | None]
) -> Draws | None:
    """Return draws of a cell that were made before, or make and keep them; None if the cell has no keypoint."""
    path = _path(table, protocol, ["draws", subset, visibility])
    return _kept(path, _pack_draws, _unpack_draws, compute)


def forget_old() -> None:
    """Remove what nobody asked for in a month."""
    before = time.time() - _DAYS * 86400
    for path in _folder().glob("*.npz"):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def _kept(
    path: Path, pack: Callable[[Value], Arrays], unpack: Callable[[Arrays], Value], compute: Callable[[], Value]
) -> Value:
    with suppress(InputError, ValueError, KeyError):  # it is not there, or damaged
        value = unpack(read_npz(path))
        with suppress(OSError):
            os.utime(path)
        return value
    value = compute()
    if value is not None:
        with suppress(WriteError):
            write_npz(path, pack(value))
    return value


def _folder() -> Path:
    return cache_folder() / "leaderboard"


def _path(table: ErrorTable, protocol: Protocol, asked: object) -> Path:
    follows = [_program(), table.exact_digest, protocol.sha256, asked]
    return _folder() / f"{hashlib.sha256(json.dumps(follows, sort_keys=True).encode()).hexdigest()}.npz"


@cache
def _program() -> str:
    """Return a sha256 of the code, and of where it runs: other machines add in another order."""
    digest = hashlib.sha256(platform.node().encode())
    for library in _LIBRARIES:
        digest.update(f"{library} {installed_version(library)}\n".encode())
    root = Path(__file__).parents[1]
    for path in sorted(file for package in _CODE for file in (root / package).rglob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _packed(plain: TypeAdapter[Value], value: Value) -> Arrays:
    return {"text": np.array(json.dumps(plain.dump_python(value, mode="json")))}


def _unpacked(plain: TypeAdapter[Value], arrays: Mapping[str, NDArray[Any]]) -> Value:
    return plain.validate_python(json.loads(str(arrays["text"])))


@dataclass(frozen=True)
class _Plain:
    """What draws hold besides arrays."""

    values: list[tuple[Key, float]]
    n_clips: list[tuple[Key, int]]
    rows: list[Key]
    band: Band | None
    level: float
    joints: list[float]


_PLAIN = TypeAdapter(_Plain)


def _pack_draws(draws: Draws | None) -> Arrays:
    if draws is None:
        raise ValueError("there is nothing to keep")
    values, n_clips = list(draws.values.items()), list(draws.n_clips.items())
    plain = _Plain(values, n_clips, list(draws.rows), draws.band, draws.level, list(draws.joints))
    arrays = {"rows": np.stack([*draws.rows.values()]), "joints": np.stack([*draws.joints.values()])}
    return _packed(_PLAIN, plain) | arrays


def _unpack_draws(arrays: Arrays) -> Draws | None:
    plain = _unpacked(_PLAIN, arrays)
    return Draws(
        dict(plain.values),
        dict(zip(plain.rows, arrays["rows"], strict=True)),
        dict(plain.n_clips),
        plain.band,
        plain.level,
        dict(zip(plain.joints, arrays["joints"], strict=True)),
    )
