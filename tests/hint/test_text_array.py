"""Texts of arrays whose numbers are no characters are refused wherever arrays of strangers come in."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hint import safepickle
from hint.errors import InputError
from hint.files.bounded_npz import parse_npz
from hint.files.npz import read_npz
from hint.files.npz_columns import stored_columns
from hint.text_array import check_text

BEYOND = np.full(3, 0x110000, np.uint32).view("U1")
LAST = np.full(3, 0x10FFFF, np.uint32).view("U1")


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
def test_numbers_beyond_the_last_character_are_no_text(order: str) -> None:
    check_text(LAST.astype(f"{order}U1"))
    with pytest.raises(ValueError, match="no character"):
        check_text(BEYOND.astype(f"{order}U1"))


def test_texts_are_looked_at_in_structures_and_single_values() -> None:
    structures = np.zeros(3, [("size", "f4"), ("name", "U1")])
    check_text(structures)
    structures["name"] = BEYOND
    for array in (structures, BEYOND.reshape(3, 1)[::2], BEYOND[0:1].reshape(())):
        with pytest.raises(ValueError, match="no character"):
            check_text(array)


def test_no_text_is_fine() -> None:
    for array in (np.zeros(3), np.zeros(0, "U5"), np.array(["", ""]), np.array([b"\xff"])):
        check_text(array)


def _saved(folder: Path) -> Path:
    np.savez(folder / "a.npz", ids=BEYOND)
    return folder / "a.npz"


def _pickled(folder: Path) -> Path:
    (folder / "a.pkl").write_bytes(pickle.dumps(BEYOND, 2))
    return folder / "a.pkl"


def _pickled_apart(folder: Path) -> Path:
    (folder / "a.pkl").write_bytes(pickle.dumps(BEYOND, 5))
    return folder / "a.pkl"


DOORS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "npz": (_saved, read_npz),
    "columns": (_saved, lambda path: stored_columns(path)["ids"].read()),
    "pickle": (_pickled, lambda path: safepickle.load(path, safepickle.NUMPY)),
    "pickle of protocol 5": (_pickled_apart, lambda path: safepickle.load(path, safepickle.NUMPY)),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_reader_refuses_them(door: str, tmp_path: Path) -> None:
    write, read = DOORS[door]
    with pytest.raises(InputError, match="no character"):
        read(write(tmp_path))


def test_submissions_are_refused_as_bytes() -> None:
    stream = io.BytesIO()
    np.savez(stream, ids=BEYOND)
    with pytest.raises(ValueError, match="no character"):
        parse_npz(stream.getvalue(), ["ids"], 1000)
