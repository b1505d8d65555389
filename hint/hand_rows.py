"""What labels and predictions have in common: rows of hands that can be picked, walked through and looked at."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, counted, some_ids
from hint.imports import load

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

Row = TypeVar("Row")


class HandRows(Generic[Row]):
    """Rows of hands, each with an id.

    ``rows[3]`` and ``rows["ND_..."]`` are a single hand; slices, masks, and lists of numbers or ids pick several.
    """

    hand_id: NDArray[np.str_]
    _row_class: ClassVar[type[Any]]

    def __init_subclass__(cls, row: type[Any]) -> None:
        cls._row_class = row

    def __len__(self) -> int:
        return len(self.hand_id)

    def __iter__(self) -> Iterator[Row]:
        columns = self._columns_of_a_row()
        return (self._row(k, columns) for k in range(len(self)))

    @overload
    def __getitem__(self, key: int | np.integer[Any] | str) -> Row: ...

    @overload
    def __getitem__(self, key: slice | list[int] | list[bool] | list[str] | NDArray[Any]) -> Self: ...

    def __getitem__(self, key: Any) -> Row | Self:
        if isinstance(key, str):
            return self._row(self._rows_of([key])[0], self._columns_of_a_row())
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError(f"row {key} of {len(self)} hands")
            return self._row(int(key) % len(self), self._columns_of_a_row())
        picked: Self = self.select(key if isinstance(key, slice) else self._several(key))
        return picked

    def _several(self, key: Any) -> Any:
        """Return rows, or a mask, for a mask or a list of numbers or ids."""
        array = np.asarray(key)
        if array.ndim == 1 and array.dtype.kind == "U":
            return self._rows_of(array.tolist())
        if array.ndim == 1 and (array.dtype.kind in "biu" or not array.size):
            return array if array.size else array.astype(int)
        raise InputError(f"cannot pick hands by {reprlib.repr(key)}; give a number, an id, a slice, a mask, or a list")

    def _rows_of(self, ids: Sequence[str]) -> list[int]:
        row = {name: k for k, name in enumerate(self.hand_id.tolist())}
        for name in ids:
            if name not in row:
                close = get_close_matches(name, row, n=3)
                raise InputError(
                    f"no hand {name!r}; {'did you mean' if close else 'there are'} {some_ids(close or row)}"
                )
        return [row[name] for name in ids]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([counted(len(self), 'hand'), *self._summary()])})"

    def _repr_html_(self) -> str:
        html: str = load("hint.notebook:rows_html")(self)
        return html

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each hand and joint.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        return load("hint.frames:rows_frame")(self)

    def select(self, index: Any) -> Any:
        """Return the rows an index array or a mask picks."""
        raise NotImplementedError

    def _columns_of_a_row(self) -> dict[str, NDArray[Any] | None]:
        return {f.name: getattr(self, f.name) for f in fields(self._row_class)}

    def _row(self, place: int, columns: Mapping[str, NDArray[Any] | None]) -> Row:
        row: Row = self._row_class(**{name: _cell(column, place) for name, column in columns.items()})
        return row

    def _summary(self) -> list[str]:
        """Return what there is to say besides the number of hands."""
        raise NotImplementedError


def _cell(column: NDArray[Any] | None, place: int) -> Any:
    """Return a row of a column; a plain value rather than an array without axes."""
    cell = None if column is None else column[place]
    return cell.item() if isinstance(cell, np.generic) else cell


def shaped(values: Any, dtype: Any, shape: tuple[int, ...], name: str) -> Any:
    """Return a read-only array of a type and shape; numbers too large for the type become infinite.

    Raises:
        InputError: If the shape is another one, or numbers are expected and something else is given.
    """
    try:
        array = np.asarray(values, dtype=np.str_ if dtype is np.str_ else None)
    except ValueError as error:
        raise InputError(f"{name} is not an array, expected shape {shape}") from error
    if dtype is not np.str_ and array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds values of type {array.dtype}, expected real numbers")
    with np.errstate(over="ignore"):
        array = array.astype(dtype, copy=False)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}, expected {shape}")
    array = array.view()
    array.flags.writeable = False
    return array


def check_unique(hand_id: NDArray[np.str_]) -> None:
    """Refuse ids that repeat.

    Raises:
        InputError: If one does; the message names them.
    """
    ids, counts = np.unique(hand_id, return_counts=True)
    if len(ids) != len(hand_id):
        raise InputError(f"duplicate hand ids: {some_ids(ids[counts > 1].tolist())}")


@dataclass(frozen=True, eq=False)
class HandLabel:
    """One annotated hand; see :class:`hint.types.HandLabels`."""

    hand_id: str
    clip_id: str
    subset: str
    box_xyxy: NDArray[np.float64]
    is_right: bool
    keypoints_2d: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    image: str


@dataclass(frozen=True, eq=False)
class HandPrediction:
    """One predicted hand; see :class:`hint.types.Predictions`."""

    hand_id: str
    keypoints_2d: NDArray[np.float32]
    keypoints_3d: NDArray[np.float32] | None = None
    vertices: NDArray[np.float32] | None = None
    score: NDArray[np.float32] | None = None


def spread(n_hands: int, limit: int | None) -> NDArray[np.int64]:
    """Return the rows of ``limit`` hands spread evenly over all, or all rows.

    Raises:
        InputError: If the limit is below 1.
    """
    if limit is None or limit >= n_hands:
        return np.arange(n_hands)
    if limit < 1:
        raise InputError(f"--limit {limit}: choose at least one hand")
    return np.linspace(0, n_hands - 1, limit).round().astype(np.int64)
