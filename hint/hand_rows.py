"""What labels and predictions have in common: rows of hands that can be picked, walked through and looked at."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from hint.errors import UnknownNameError
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

    def __len__(self) -> int:
        return len(self.hand_id)

    def __iter__(self) -> Iterator[Row]:
        return (self._row(k) for k in range(len(self)))

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Row: ...

    @overload
    def __getitem__(self, key: slice | Sequence[int] | Sequence[bool] | NDArray[Any] | list[str]) -> Self: ...

    def __getitem__(self, key: Any) -> Row | Self:
        if isinstance(key, str):
            return self._row(self._rows_of([key])[0])
        if isinstance(key, SupportsIndex) and not np.ndim(key):
            place = operator.index(key)
            if not -len(self) <= place < len(self):
                raise IndexError(f"row {place} of {len(self)} hands")
            return self._row(place % len(self))
        if not isinstance(key, slice):
            key = np.asarray(key)
            key = self._rows_of(key.tolist()) if key.dtype.kind == "U" else key if key.size else key.astype(int)
        return self.select(key)

    def _rows_of(self, ids: Sequence[str]) -> list[int]:
        row = {name: k for k, name in enumerate(self.hand_id.tolist())}
        for name in ids:
            if name not in row:
                raise UnknownNameError("hand", name, row)
        return [row[name] for name in ids]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} hands{''.join(f', {text}' for text in self._summary())})"

    def _repr_html_(self) -> str:
        html: str = load("hint.notebook:rows_html")(self)
        return html

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each hand and joint.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        return load("hint.frames:rows_frame")(self)

    def select(self, index: Any) -> Self:
        """Return the rows an index array or a mask picks."""
        raise NotImplementedError

    def _row(self, place: int) -> Row:
        raise NotImplementedError

    def _summary(self) -> Iterator[str]:
        """Yield what there is to say besides the number of hands."""
        raise NotImplementedError


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
