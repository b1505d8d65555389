"""Read third-party pickles without letting them run anything.

A pickle is a program: it names functions and calls them. Here it may name only what the caller lists, by exact module
and name, so trusting a package never opens the rest of it.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, first_line, shown
from hint.text_array import check_text

#: Exact (module, name) pairs a pickle may name, and what each one becomes.
Allowed = Mapping[tuple[str, str], Any]

#: Gives what a module's name stands for.
Find = Callable[[str, str], Any]

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


#: What follows an operation, as :mod:`pickletools` counts it: so many bytes, or a line, or bytes that say their number.
_ARGUMENTS = {code.code.encode("latin1"): code.arg.n if code.arg else 0 for code in pickletools.opcodes}
_LINE = pickletools.UP_TO_NEWLINE
_TWO_LINES = b"ci"
#: How long the number of bytes is.
_COUNTED = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
#: Operations that remember a value under a number.
_PUTS = b"pqr"
#: Numbers that a pickle may skip; those that are optimised skip what nobody asks for.
_SKIPPED = 1 << 16


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


class _Dtype:
    """Replaces ``numpy.dtype``, whose own ``__setstate__`` believes whatever a pickle says, down to crashes.

    Args:
        spec: Such as "f8"; align and copy, which pickles pass on, mean nothing here.
    """

    def __init__(self, spec: str, *_: object) -> None:
        self.value = np.dtype(str(spec))
        if self.value.kind not in "biufcSUO" or not self.value.itemsize:
            raise ValueError(f"an array of {shown(spec)}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """Replaces ``numpy.ndarray``: starts empty, and takes no more entries than the pickle holds."""

    def __new__(cls, *_: object) -> _Array:
        return super().__new__(cls, (0,))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, by_columns, content = state[-4:]
        shape, dtype = _shape(shape), _plain(dtype)
        held = len(content) if dtype.hasobject else len(content) // dtype.itemsize
        if math.prod(shape) != held:
            raise ValueError("an array of another size than its content")
        checked: Any = (1, shape, dtype, bool(by_columns), content)
        super().__setstate__(checked)
        check_text(self)


def _shape(value: Any) -> tuple[int, ...]:
    sizes = (value,) if isinstance(value, int) else tuple(value)
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ValueError("an array without a shape")
    return sizes


def _plain(value: Any) -> np.dtype[Any]:
    return (value if isinstance(value, _Dtype) else _Dtype(value)).value


def _reconstruct(*_: object) -> _Array:
    """Create an array without entries; they follow."""
    return _Array()


def _scalar(dtype: Any, content: bytes) -> Any:
    """Rebuild a number."""
    plain = _plain(dtype)
    if plain.hasobject:
        raise ValueError("an object in place of a number")
    return _checked(np.frombuffer(content, plain, count=1))[0]


def _frombuffer(content: bytes, dtype: Any, shape: Any, order: str) -> Any:
    """Rebuild an array as pickles of protocol 5 hold it."""
    plain = _plain(dtype)
    if plain.hasobject:
        raise ValueError("objects in place of numbers")
    return _checked(np.frombuffer(content, plain)).reshape(_shape(shape), order="F" if order == "F" else "C")


def _checked(array: NDArray[Any]) -> NDArray[Any]:
    check_text(array)
    return array


def _numpy_globals() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Dtype}
    for core in ("numpy.core", "numpy._core"):
        found[f"{core}.multiarray", "_reconstruct"] = _reconstruct
        found[f"{core}.multiarray", "scalar"] = _scalar
        found[f"{core}.numeric", "_frombuffer"] = _frombuffer
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


class _Restricted(pickle.Unpickler):
    """Asks ``find`` for every global a pickle names."""

    def __init__(self, file: IO[bytes], find: Find, **options: Any) -> None:
        start = file.tell()
        _check_memo(file)
        file.seek(start)
        super().__init__(file, **options)
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        return self._find(module, name)


def restricted(find: Find) -> type[pickle.Unpickler]:
    """Return an unpickler class that asks ``find`` for every global a pickle names."""

    class Restricted(_Restricted):
        def __init__(self, file: IO[bytes], **options: Any) -> None:
            super().__init__(file, find, **options)

    return Restricted


def _check_memo(file: IO[bytes]) -> None:
    """Refuse numbers of remembered values that skip others: Python would allocate all between, gigabytes of them.

    What is damaged is left to the unpickler, which stops at the same place.

    Raises:
        ValueError: If the pickle has such a number.
    """
    read, held = file.read, 0
    while (operation := read(1)) != b"." and (size := _ARGUMENTS.get(operation)) is not None:
        if not size:
            continue
        if size in _COUNTED:
            file.seek(int.from_bytes(read(_COUNTED[size]), "little"), io.SEEK_CUR)
            continue
        argument = file.readline() if size == _LINE else read(size)
        if operation in _PUTS:
            held += 1
            number = int(argument) if size == _LINE else int.from_bytes(argument, "little")
            if not 0 <= number <= _SKIPPED + 2 * held:
                raise ValueError("a value is remembered under a number that no pickle needs")
        elif operation in _TWO_LINES:
            file.readline()


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


def _finder(path: Path | str, allowed: Allowed) -> Find:
    def find(module: str, name: str) -> Any:
        if (module, name) not in allowed:
            raise InputError(f"{path}: asks for {module}.{name}, which this kind of file never needs; not opened")
        return allowed[module, name]

    return find


def _load(file: IO[bytes], find: Find, path: Path | str) -> Any:
    try:
        # Only latin1 restores Python 2 strings, including array contents, byte for byte.
        return _Restricted(file, find, encoding="latin1").load()
    except DAMAGE as error:
        raise InputError(f"{path}: not a whole pickle ({first_line(error)}); copy it again") from error
