"""Rows that lie in several files, written as one: ``predictions.npz`` and ``mano.npz``."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hint.files import write_npz
from hint.files.npz_columns import Column, StoredColumn, Text, stored_columns, write_npz_columns
from hint.prediction.camera import picture_camera
from hint.prediction.mano_file import CROP_COLUMNS, ManoBlock, write_mano
from hint.prediction.rows import MANO, POINTS, mano_of
from hint.render import Camera

#: Rows to read at once, and to write to a file.
_BLOCK = 1024

#: Folders of spooled rows beside the parts: smoothed, and placed in the world.
SPOOLS = SMOOTH, PLACED = "smooth", "placed"


class ColumnFile(Protocol):
    """A file of rows."""

    @property
    def columns(self) -> Mapping[str, StoredColumn]:
        """Its columns, ``hand_id`` among them, read from the disk when they are needed."""
        ...


@dataclass(frozen=True, eq=False)
class RowsOfFiles:
    """N rows.

    Attributes:
        files: Where they are.
        part: (N,) number of the file of each.
        row: (N,) its number there.
        cameras: (N,5) as :func:`camera_values` returns them.
    """

    files: Sequence[ColumnFile]
    part: NDArray[np.int32]
    row: NDArray[np.int64]
    cameras: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.part)

    def names(self) -> list[str]:
        """Return the columns there are."""
        return list(self._first())

    def column(self, name: str) -> Column:
        """Return a column to write."""
        first = self._first()[name]
        dtype = self._id_type() if name == "hand_id" else first.dtype
        return Column(dtype, (len(self), *first.shape[1:]), (block[name] for block in self.blocks([name])))

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield some columns of all rows, some rows at a time."""
        id_type = self._id_type() if "hand_id" in names else None
        for start in range(0, len(self), _BLOCK):
            part, row = self.part[start : start + _BLOCK], self.row[start : start + _BLOCK]
            block: dict[str, NDArray[Any]] = {}
            for number in np.unique(part):
                here, columns = part == number, self.files[number].columns
                for name in names:
                    values = columns[name].read(row[here])
                    if name not in block:
                        kind = id_type if name == "hand_id" else values.dtype
                        block[name] = np.empty((len(row), *values.shape[1:]), kind)
                    block[name][here] = values
            yield block

    def mano_blocks(self) -> Iterator[ManoBlock]:
        """Yield the MANO parameters of all rows, some rows at a time."""
        done = 0
        for block in self.blocks([f"{MANO}{name}" for name in CROP_COLUMNS]):
            if (rows := mano_of(block)) is not None:
                cameras = [_camera(values) for values in self.cameras[done : done + len(rows)].tolist()]
                yield rows, block[f"{MANO}is_right"], cameras
                done += len(rows)

    def _first(self) -> Mapping[str, StoredColumn | Column]:
        if len(self):
            return self.files[int(self.part[0])].columns
        points = Column(np.dtype(np.float32), (0, 21, 2), ())
        return {"hand_id": Column(np.dtype("U1"), (0,), ()), "keypoints_2d": points}

    def _id_type(self) -> np.dtype[Any]:
        """Return the type that holds the longest name."""
        longest = 1
        for number in np.unique(self.part):
            ids = self.files[number].columns["hand_id"].read(self.row[self.part == number])
            longest = max(longest, int(np.strings.str_len(ids).max(initial=1)))
        return np.dtype(f"U{longest}")


class PlacesOfRows:
    """Gathers where rows are, in order."""

    def __init__(self) -> None:
        self._part, self._row, self._cameras = array("i"), array("q"), array("d")

    def add(self, part: int, row: int, camera: Iterable[float]) -> None:
        """Add the row of a file; the camera as :func:`camera_values` returns it."""
        self._part.append(part)
        self._row.append(row)
        self._cameras.extend(camera)

    def rows(self, files: Sequence[ColumnFile]) -> RowsOfFiles:
        """Return the rows."""
        cameras = np.array(self._cameras, np.float64).reshape(-1, 5)
        return RowsOfFiles(files, np.array(self._part, np.int32), np.array(self._row, np.int64), cameras)


class Spool:
    """Rows that come one after the other, kept in files until all are there.

    Args:
        folder: Where the files are; what is there is replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[_Spooled] = []
        self._places = PlacesOfRows()
        self._held: list[Mapping[str, NDArray[Any]]] = []

    def add(self, hand_id: str, columns: Mapping[str, NDArray[Any]], camera: Iterable[float]) -> None:
        """Add one row of every column; the same names at every call."""
        self._places.add(len(self._files), len(self._held), camera)
        self._held.append({"hand_id": np.array([hand_id]), **columns})
        if len(self._held) == _BLOCK:
            self._write()

    def rows(self) -> RowsOfFiles:
        """Return all rows."""
        self._write()
        return self._places.rows(self._files)

    def _write(self) -> None:
        held, self._held = self._held, []
        if held:
            path = self._folder / f"{len(self._files)}.npz"
            write_npz(path, {name: np.concatenate([row[name] for row in held]) for name in held[0]})
            self._files.append(_Spooled(path))


@dataclass(frozen=True)
class _Spooled:
    path: Path

    @cached_property
    def columns(self) -> dict[str, StoredColumn]:
        return stored_columns(self.path)


def write_rows(
    folder: Path,
    ending: str,
    rows: RowsOfFiles,
    faces: NDArray[np.int64] | None,
    meta: Callable[[], Iterator[str]],
) -> None:
    """Write predictions and MANO parameters.

    Args:
        folder: Where they go.
        ending: Goes behind the names of both files.
        rows: What to write.
        faces: Triangles of the right hand, None for methods that do not pose MANO.
        meta: Yields what belongs to the predictions, as JSON.
    """
    if faces is not None:
        write_mano(folder / f"mano{ending}.npz", rows.column("hand_id"), rows.mano_blocks, faces)
    names = rows.names()
    columns = {name: rows.column(name) for name in ("hand_id", *POINTS) if name in names}
    # Last, since an earlier run is recognised by it.
    write_npz_columns(folder / f"predictions{ending}.npz", {**columns, "meta": Text(meta)})


def camera_values(
    size: Sequence[float] | None, focal_length: float | None, centre: Sequence[float] | None
) -> tuple[float, ...]:
    """Return the camera of a picture as five numbers, px: width, height, focal length, centre; NaN for None."""
    none = (np.nan, np.nan)
    return *(size or none), np.nan if focal_length is None else focal_length, *(centre or none)


def _camera(values: Sequence[float]) -> Camera:
    width, height, focal_length, x, y = values
    focal, centre = None if np.isnan(focal_length) else focal_length, None if np.isnan(x) else (x, y)
    return picture_camera((int(width), int(height)), focal, centre)
