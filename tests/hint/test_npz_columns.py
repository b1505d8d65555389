"""Columns of npz files that are never in memory as a whole."""

from pathlib import Path

import numpy as np
import pytest

from hint.errors import InputError
from hint.files.atomic import write_npz
from hint.files.npz_columns import Column, Text, stored_columns, write_npz_columns

ARRAYS = {
    "hand_id": np.array(["a", "long", "ü"]),
    "keypoints_2d": np.arange(3 * 21 * 2, dtype=np.float32).reshape(3, 21, 2),
    "flags": np.array([True, False, True]),
    "none": np.empty((0, 4), np.float64),
    "meta": np.array('{"a": 1}'),
}


def test_pieces_give_the_bytes_of_whole_arrays_and_come_back(tmp_path: Path) -> None:
    write_npz(tmp_path / "whole.npz", ARRAYS)
    pieces = {n: Column(a.dtype, a.shape, [a[:1], a[1:1], a[1:]]) for n, a in ARRAYS.items() if a.shape}
    write_npz_columns(tmp_path / "pieces.npz", {**pieces, "meta": Text(lambda: ['{"a', '": 1}'])})
    assert (tmp_path / "pieces.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    stored = stored_columns(tmp_path / "whole.npz")
    assert set(stored) == set(ARRAYS) - {"meta"}
    for name, column in stored.items():
        np.testing.assert_array_equal(column.read(), ARRAYS[name])
    np.testing.assert_array_equal(stored["hand_id"].read([2, 0, 1]), ARRAYS["hand_id"][[2, 0, 1]])
    assert stored["keypoints_2d"].read([]).shape == (0, 21, 2)


def test_arrays_in_fortran_order_are_read_like_others(tmp_path: Path) -> None:
    score = np.arange(63, dtype=np.float32).reshape(21, 3).T
    write_npz(tmp_path / "a.npz", {"score": score})
    (stored,) = stored_columns(tmp_path / "a.npz").values()
    np.testing.assert_array_equal(stored.read(), score)
    np.testing.assert_array_equal(stored.read([2, 0]), score[[2, 0]])


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, ARRAYS)
    stored = stored_columns(path)["keypoints_2d"]
    path.write_bytes(path.read_bytes()[:600])
    for read in (stored.read, lambda: stored_columns(path)):
        with pytest.raises(InputError, match="is damaged"):
            read()
    with pytest.raises(ValueError, match="column of 3 rows was made of 1"):
        write_npz_columns(path, {"a": Column(np.dtype(int), (3,), [np.zeros(1, int)])})
    assert len(path.read_bytes()) == 600
