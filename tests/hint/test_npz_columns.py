"""Columns of npz files that are never in memory as a whole."""

from pathlib import Path

import numpy as np
import pytest

from hint.errors import InputError
from hint.files.atomic import write_npz
from hint.files.npz_columns import Column, mapped, write_npz_columns

ARRAYS = {
    "hand_id": np.array(["a", "long", "ü"]),
    "keypoints_2d": np.arange(3 * 21 * 2, dtype=np.float32).reshape(3, 21, 2),
    "flags": np.array([True, False, True]),
    "none": np.empty((0, 4), np.float64),
    "meta": np.array('{"a": 1}'),
}


def test_pieces_give_the_bytes_of_whole_arrays_and_come_back(tmp_path: Path) -> None:
    write_npz(tmp_path / "whole.npz", ARRAYS)
    pieces = {n: Column(a.dtype, a.shape, [a[:1], a[1:1], a[1:]]) if a.shape else a for n, a in ARRAYS.items()}
    write_npz_columns(tmp_path / "pieces.npz", pieces)
    assert (tmp_path / "pieces.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    np.savez_compressed(tmp_path / "small.npz", **ARRAYS)
    for file in ("pieces.npz", "small.npz"):
        stored = mapped(tmp_path / file)
        assert list(stored) == list(ARRAYS)
        for name, column in stored.items():
            assert column.dtype == ARRAYS[name].dtype
            np.testing.assert_array_equal(column, ARRAYS[name])
    assert not mapped(tmp_path / "pieces.npz")["keypoints_2d"].flags.writeable


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, ARRAYS)
    whole = path.read_bytes()
    for content in (whole[:600], b"", b"no zip"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is damaged"):
            mapped(path)
    np.savez(path, objects=np.array([{}]))
    with pytest.raises(InputError, match="is damaged"):
        mapped(path)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="column of 3 rows was made of 1"):
        write_npz_columns(path, {"a": Column(np.dtype(int), (3,), [np.zeros(1, int)])})
    assert path.read_bytes() == whole
