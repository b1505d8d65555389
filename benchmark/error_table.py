"""The error table: how far every predicted keypoint is from its label, and how large the box is.

Every score is a pure function of this table, so a model runs once and any threshold, curve or interval comes after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, some_ids
from hint.files import read_npz, write_npz
from hint.skeleton import N_JOINTS
from hint.types import Double, HandLabels, Predictions, Strings

#: Stored in every file, so that other files are recognised.
FORMAT = "hint-error-table-2"

#: Column -> kind of its numbers or texts, as numpy writes it.
_KINDS = {
    **{"hand_id": "U", "clip_id": "U", "subset": "U"},
    **{"box_side": "f", "distance_px": "f", "visibility": "u"},
}
_NAMES = {"U": "text", "f": "float", "u": "unsigned integer"}

#: Hands per step; bounds the memory of intermediate arrays to about 20 MB.
_BLOCK = 1 << 15


@dataclass(frozen=True, eq=False)
class ErrorTable:
    """Errors of one method on labelled hands.

    Attributes:
        hand_id: (N,) unique ids.
        clip_id: (N,) video or clip of each hand.
        subset: (N,) part of the dataset.
        box_side: (N,) px, longest side of the annotated box.
        distance_px: (N,21) from the label; NaN where the joint is not in the frame, inf where the hand or the keypoint
            was not predicted.
        visibility: (N,21) 0 not in the frame, 1 occluded, 2 visible.

    Raises:
        InputError: If types or shapes disagree, a box has no size, a distance is negative, or distances are NaN
            elsewhere than at joints out of the frame.
    """

    hand_id: Strings
    clip_id: Strings
    subset: Strings
    box_side: Double
    distance_px: Double
    visibility: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = np.size(self.hand_id)  # a single text has no length
        shapes = {"distance_px": (n, N_JOINTS), "visibility": (n, N_JOINTS)}
        for f in fields(self):
            shape = np.shape(getattr(self, f.name))
            if shape != shapes.get(f.name, (n,)):
                raise InputError(f"error table: {f.name} has shape {shape}, expected {shapes.get(f.name, (n,))}")
            kind = np.asarray(getattr(self, f.name)).dtype
            if kind.kind != _KINDS[f.name]:
                raise InputError(f"error table: {f.name} has type {kind}, expected {_NAMES[_KINDS[f.name]]}")
        self._check_values()

    def _check_values(self) -> None:
        for holds, rule in (
            (np.isfinite(self.box_side) & (self.box_side > 0), "boxes must have a finite size above 0"),
            (~(self.distance_px < 0).any(1), "distances must not be negative"),
            ((self.visibility <= 2).all(1), "visibility must be 0, 1 or 2"),
        ):
            if not holds.all():
                raise InputError(f"error table: {rule}: {some_ids(self.hand_id[~holds].tolist())}")
        wrong = (np.isnan(self.distance_px) != (self.visibility == 0)).any(1)
        if wrong.any():
            ids = some_ids(self.hand_id[wrong].tolist())
            raise InputError(f"error table: distances must be NaN exactly where visibility is 0: {ids}")

    def __len__(self) -> int:
        return len(self.hand_id)

    @property
    def error(self) -> Double:
        """(N,21) distance / box side; NaN and inf as in ``distance_px``."""
        return self.distance_px / self.box_side[:, None]

    def digest(self) -> str:
        """Return a sha256 of the errors, whatever the order of the hands."""
        order = np.argsort(self.hand_id)
        digest = hashlib.sha256("\n".join(self.hand_id[order].tolist()).encode())
        digest.update(np.ascontiguousarray(self.distance_px[order]).tobytes())
        return digest.hexdigest()

    @cached_property
    def exact_digest(self) -> str:
        """A sha256 of everything the table holds, in its order."""
        digest = hashlib.sha256()
        for f in fields(self):
            column = np.ascontiguousarray(getattr(self, f.name))
            digest.update(f"{f.name} {column.dtype.str} {column.shape}\n".encode())
            digest.update(column.tobytes())
        return digest.hexdigest()

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, in order of appearance."""
        return list(dict.fromkeys(self.subset.tolist()))


@dataclass(frozen=True)
class Coverage:
    """Which hands count as misses because nothing usable was predicted.

    Attributes:
        missing: Ids without a row.
        non_finite: Ids with a row that lacks at least one annotated keypoint.
        n_hands: Labelled hands.
    """

    missing: tuple[str, ...]
    non_finite: tuple[str, ...]
    n_hands: int

    @property
    def complete(self) -> bool:
        """Whether every annotated keypoint was predicted."""
        return not self.missing and not self.non_finite


def compute_errors(
    labels: HandLabels, predictions: Predictions, known: Collection[str] | None = None
) -> tuple[ErrorTable, Coverage]:
    """Compare predictions with labels, hand by hand in the order of the labels.

    Distances are the square root of a sum of squares, as in the evaluation released with HaMeR: ``hypot`` may differ in
    the last digit, and a keypoint exactly at a threshold then changes sides.

    Args:
        labels: Hands to score.
        predictions: Rows in any order.
        known: Ids that may be predicted without being in ``labels``, such as hands of subsets that are not scored now.

    Raises:
        InputError: If a predicted id is neither labelled nor known.
    """
    row = _rows(labels.hand_id, predictions.hand_id, known)
    distance = np.full((len(labels), N_JOINTS), np.inf)
    found = np.flatnonzero(row >= 0)
    for start in range(0, len(found), _BLOCK):
        hands = found[start : start + _BLOCK]
        offset = predictions.keypoints_2d[row[hands]] - labels.keypoints_2d[hands]
        distance[hands] = np.sqrt(np.square(offset).sum(-1))
    visibility = labels.visibility
    distance[np.isnan(distance)] = np.inf
    distance[visibility == 0] = np.nan
    partial = np.isinf(distance).any(1) & (row >= 0)
    coverage = Coverage(tuple(labels.hand_id[row < 0].tolist()), tuple(labels.hand_id[partial].tolist()), len(labels))
    table = ErrorTable(labels.hand_id, labels.clip_id, labels.subset, labels.longest_side, distance, visibility)
    return table, coverage


def rows_of(ids: Strings, given: Strings) -> NDArray[np.int64]:
    """Return where in ``given`` each id is, -1 where it is not."""
    place = {hand: i for i, hand in enumerate(given.tolist())}
    return np.fromiter((place.get(hand, -1) for hand in ids.tolist()), np.int64, len(ids))


def _rows(ids: Strings, given: Strings, known: Collection[str] | None) -> NDArray[np.int64]:
    """Return :func:`rows_of`; refuse given ids that are neither among ``ids`` nor known."""
    row = rows_of(ids, given)
    unused = np.ones(len(given), bool)
    unused[row[row >= 0]] = False
    allowed = frozenset(known or ())
    unknown = [hand for hand in given[unused].tolist() if hand not in allowed]
    if unknown:
        raise InputError(f"predictions for hands that have no label: {some_ids(unknown)}; check --data and the ids")
    return row


def write_error_table(table: ErrorTable, path: Path) -> None:
    """Write a table as npz: the whole file or none of it."""
    write_npz(path, {"format": np.array(FORMAT), **{f.name: getattr(table, f.name) for f in fields(table)}})


def read_error_table(path: Path, largest: int | None = None) -> ErrorTable:
    """Read what :func:`write_error_table` wrote.

    Args:
        path: The file.
        largest: Bytes it may unpack to, None for any number.

    Raises:
        InputError: If the file is missing or too large, is not an error table of this version, or holds an id twice.
    """
    names = [f.name for f in fields(ErrorTable)]
    arrays = read_npz(path, ["format"], largest)
    if (found := str(arrays["format"])) != FORMAT:
        raise InputError(
            f"{path}: format {found}, this version reads {FORMAT}; score the predictions again: "
            "repeat the hint eval command, which reuses the predictions it finds"
        )
    if missing := [name for name in names if name not in arrays]:
        raise InputError(f"{path} lacks {', '.join(missing)}; score the predictions again")
    try:
        table = ErrorTable(**{name: arrays[name] for name in names})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if len(set(table.hand_id.tolist())) != len(table):
        raise InputError(f"{path}: a hand id occurs twice; score the predictions again")
    return table
