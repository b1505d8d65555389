"""Read third-party pickles without letting them run anything.

A pickle is a program: it names functions and calls them. Here it may name only what the caller lists, by exact module
and name, so trusting a package never opens the rest of it.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from hint.errors import InputError

#: Exact (module, name) pairs a pickle may name, and what each one becomes.
Allowed = Mapping[tuple[str, str], Any]

#: What damaged pickles raise; anything else is our bug and must surface.
DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


class State:
    """Replaces an object of a class that is not imported: keeps its attributes, runs nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Rebuild bytes as Python 3 writes them into old pickle protocols; other codecs are refused."""
    if encoding not in ("latin1", "latin-1"):
        raise InputError(f"encoding {encoding!r} is not one a pickle of numbers needs")
    return text.encode("latin1")


def _reconstructor(cls: type, base: type, state: object) -> object:
    """Create an empty instance, as Python 2 pickles ask for; its attributes follow."""
    del base, state
    return object.__new__(cls)


def _numpy_globals() -> dict[tuple[str, str], Any]:
    # The functions themselves come out of numpy's own reduce, so no private module is imported by name.
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    frombuffer = np.zeros(1).__reduce_ex__(5)[0]
    found: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
    for core in ("numpy.core", "numpy._core"):
        found[f"{core}.multiarray", "_reconstruct"] = reconstruct
        found[f"{core}.multiarray", "scalar"] = scalar
        found[f"{core}.numeric", "_frombuffer"] = frombuffer
    return found


#: Arrays, numbers and the empty objects Python 2 pickles start from.
NUMPY: Allowed = MappingProxyType(
    {
        **_numpy_globals(),
        ("_codecs", "encode"): _encode,
        ("__builtin__", "set"): set,
        ("builtins", "set"): set,
        ("__builtin__", "object"): object,
        ("builtins", "object"): object,
        ("copy_reg", "_reconstructor"): _reconstructor,
        ("copyreg", "_reconstructor"): _reconstructor,
    }
)


def restricted(find: Callable[[str, str], Any]) -> type[pickle.Unpickler]:
    """Return an unpickler class that asks ``find`` for every global a pickle names."""

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return find(module, name)

    return Restricted


def load(path: Path | str, allowed: Allowed) -> Any:
    """Read a pickle that may name only the globals in ``allowed``.

    Args:
        path: File, as Python 2 or 3 wrote it.
        allowed: Globals the pickle may name, and their replacements.

    Raises:
        InputError: If it names anything else, is truncated, or is not a pickle.
    """
    with Path(path).open("rb") as file:
        return _load(file, _finder(path, allowed), path)


def loads(content: bytes, allowed: Allowed, name: str) -> Any:
    """Read a pickle out of memory as :func:`load` does; ``name`` replaces the path in messages."""
    return _load(io.BytesIO(content), _finder(name, allowed), name)


def _finder(path: Path | str, allowed: Allowed) -> Callable[[str, str], Any]:
    def find(module: str, name: str) -> Any:
        if (module, name) not in allowed:
            raise InputError(f"{path}: asks for {module}.{name}, which this kind of file never needs; not opened")
        return allowed[module, name]

    return find


def _load(file: IO[bytes], find: Callable[[str, str], Any], path: Path | str) -> Any:
    try:
        # Only latin1 restores Python 2 strings, including array contents, byte for byte.
        return restricted(find)(file, encoding="latin1").load()
    except DAMAGE as error:
        raise InputError(f"{path}: not a whole pickle ({error or type(error).__name__}); copy it again") from error
