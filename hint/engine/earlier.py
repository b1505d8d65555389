"""Results of an earlier run: whether this one may go on from them, and what to say where it may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hint.errors import InputError

#: Ending of the entries of a fingerprint that are digests of files or arrays, and what some of them are called.
_DIGEST = "_sha256"
_DIGESTS = {"table_sha256": "labels to fit on (--train-data)", "mano_sha256": "MANO file"}


@contextmanager
def reading_earlier() -> Iterator[None]:
    """Say how to go on where results of an earlier run cannot be read.

    Raises:
        InputError: If they cannot.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{error}; to start over, add --overwrite always") from error


def require_same(earlier: Mapping[str, Any], header: Mapping[str, Any], place: Path) -> None:
    """Check that an earlier run was of the same method and settings.

    Args:
        earlier: What is written beside its results.
        header: What this run would write.
        place: Where its results are.

    Raises:
        InputError: If it was not; the message says what differs.
    """
    if {name: earlier.get(name) for name in header} != header:
        raise InputError(
            f"{place} holds predictions made with {_difference(earlier, header)}; "
            "give another --out (or --name, of hint eval), or --overwrite always"
        )


def _difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name what differs between two headers, as "seed 0 (now 7)"; digests tell nobody anything, so "other weights"."""
    fingerprint = earlier.get("fingerprint")
    old = {"method": earlier.get("method"), **(fingerprint if isinstance(fingerprint, dict) else {})}
    new = {"method": now["method"], **now["fingerprint"]}
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(_change(key, old.get(key), new.get(key)) for key in changed)


def _change(key: str, old: Any, new: Any) -> str:
    if key.endswith(_DIGEST):
        return f"other {_DIGESTS.get(key, key.removesuffix(_DIGEST).replace('_', ' '))}"
    return f"{key} {_short(old)} (now {_short(new)})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
