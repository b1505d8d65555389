"""What OKS is computed from: labelled hands, and the hands that were found in their pictures.

The file ``errors.npz`` of a result holds it, so that every number can be computed again, here or by ``COCOeval`` alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.oks.protocol import WHOLE
from hint.errors import InputError, some_ids
from hint.files import read_npz, write_npz
from hint.hand_rows import shaped
from hint.skeleton import N_JOINTS
from hint.types import Bool, Double, HandLabels, Strings

#: Stored in every file, so that other files are recognised.
FORMAT = "hint-oks-table-1"

#: Columns of labels that are stored; pictures are named by their first hand instead.
_LABELS = ("hand_id", "clip_id", "subset", "box_xyxy", "is_right", "keypoints_2d", "existence", "occlusion")


@dataclass(frozen=True, eq=False)
class FoundHands:
    """Detections.

    Attributes:
        picture: (M,) where they are.
        hand_id: (M,) names, unique in a picture.
        is_right: (M,) side.
        score: (M,) confidence; higher ones are matched first.
        keypoints_2d: (M,21,2) px; NaN for a joint that was not predicted.

    Raises:
        InputError: If shapes disagree, or a score is not finite.
    """

    picture: Strings
    hand_id: Strings
    is_right: Bool
    score: Double
    keypoints_2d: Double

    def __post_init__(self) -> None:
        n = np.size(self.picture)  # a single text has no length
        kinds: dict[str, tuple[Any, ...]] = {
            "is_right": (np.bool_,),
            "score": (np.float64,),
            "keypoints_2d": (np.float64, N_JOINTS, 2),
        }
        for f in fields(self):
            dtype, *shape = kinds.get(f.name, (np.str_,))
            object.__setattr__(self, f.name, shaped(getattr(self, f.name), dtype, (n, *shape), f.name))
        unscored = ~np.isfinite(self.score)
        if unscored.any():
            raise InputError(f"detections without a finite score: {some_ids(self.hand_id[unscored].tolist())}")

    def __len__(self) -> int:
        return len(self.picture)

    def digest(self) -> str:
        """Return a sha256, whatever the order of the rows."""
        rows = self.select(np.lexsort((self.hand_id, self.picture)))
        digest = hashlib.sha256("\n".join([*rows.picture.tolist(), *rows.hand_id.tolist()]).encode())
        for numbers in (rows.is_right, rows.score, rows.keypoints_2d):
            digest.update(np.ascontiguousarray(numbers).tobytes())
        return digest.hexdigest()

    def select(self, index: Any) -> FoundHands:
        """Return the rows an index array or a mask picks."""
        return FoundHands(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class OksTable:
    """Labelled hands and detections of one method.

    Attributes:
        labels: N hands; ``subset`` is the part of the record.
        picture: (N,) where they are: the least id of the hands there.
        found: M detections in these pictures.
        sigmas: (21,) those of the rules it was scored by.
        is_whole: Whether detections are of whole pictures, not one for each labelled hand.
        all_labelled: Whether all hands of the pictures are said to be labelled.

    Raises:
        InputError: If shapes disagree, a detection lies in no labelled picture, sigmas are not positive, or subsets are
            not named after what was scored.
    """

    labels: HandLabels
    picture: Strings
    found: FoundHands
    sigmas: Double
    is_whole: bool
    all_labelled: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", shaped(self.picture, np.str_, (len(self.labels),), "picture"))
        object.__setattr__(self, "sigmas", shaped(self.sigmas, np.float64, (N_JOINTS,), "sigmas"))
        if not ((self.sigmas > 0) & np.isfinite(self.sigmas)).all():
            raise InputError("sigmas must be positive")
        named = {name.endswith(WHOLE) for name in self.labels.subsets}
        if named - {self.is_whole}:
            raise InputError(f"subsets of whole pictures, and no others, are named ...{WHOLE}")
        strange = set(self.found.picture.tolist()) - set(self.picture.tolist())
        if strange:
            raise InputError(f"detections in pictures without labels: {some_ids(sorted(strange))}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def hand_id(self) -> Strings:
        """(N,) unique ids."""
        return self.labels.hand_id

    @property
    def clip_id(self) -> Strings:
        """(N,) video or clip of each hand."""
        return self.labels.clip_id

    @property
    def subset(self) -> Strings:
        """(N,) part of the record."""
        return self.labels.subset

    def digest(self) -> str:
        """Return a sha256 of the detections, whatever their order."""
        return self.found.digest()

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, in order of appearance."""
        return self.labels.subsets

    @property
    def has_precision(self) -> bool:
        """Whether a detection without a hand is known to be wrong."""
        return self.all_labelled or not self.is_whole

    def part(self, subset: str) -> OksTable:
        """Return one subset, hands in the order of pictures and ids, detections in that of pictures, scores and ids."""
        rows = np.flatnonzero(self.labels.subset == subset)
        rows = rows[np.lexsort((self.labels.hand_id[rows], self.picture[rows]))]
        found = np.flatnonzero(np.isin(self.found.picture, self.picture[rows]))
        keys = (self.found.hand_id[found], -self.found.score[found], self.found.picture[found])
        return OksTable(
            self.labels.select(rows),
            self.picture[rows],
            self.found.select(found[np.lexsort(keys)]),
            self.sigmas,
            self.is_whole,
            self.all_labelled,
        )


def write_oks_table(table: OksTable, path: Path) -> None:
    """Write a table as npz: the whole file or none of it."""
    write_npz(path, {"format": np.array(FORMAT), **dict(_arrays(table))})


def _arrays(table: OksTable) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in _LABELS:
        yield f"labels.{name}", getattr(table.labels, name)
    yield "labels.picture", table.picture
    for f in fields(FoundHands):
        yield f"found.{f.name}", getattr(table.found, f.name)
    yield "sigmas", table.sigmas
    yield "is_whole", np.array(table.is_whole)
    yield "all_labelled", np.array(table.all_labelled)


def read_oks_table(path: Path, largest: int | None = None) -> OksTable:
    """Read what :func:`write_oks_table` wrote.

    Args:
        path: The file.
        largest: Bytes that its arrays may take, None for any number.

    Raises:
        InputError: If the file is missing, or is not a table of this version.
    """
    names = [*(f"labels.{name}" for name in (*_LABELS, "picture")), *(f"found.{f.name}" for f in fields(FoundHands))]
    arrays = read_npz(path, ["format", *names, "sigmas", "is_whole", "all_labelled"], largest)
    if str(arrays["format"]) != FORMAT:
        raise InputError(f"{path}: format {arrays['format']}, this version reads {FORMAT}; score the predictions again")
    labels: dict[str, Any] = {name: arrays[f"labels.{name}"] for name in _LABELS}
    found = {f.name: arrays[f"found.{f.name}"] for f in fields(FoundHands)}
    try:
        return OksTable(
            HandLabels(**labels, image=np.full(len(labels["hand_id"]), "")),
            arrays["labels.picture"],
            FoundHands(**found),
            arrays["sigmas"],
            bool(arrays["is_whole"]),
            bool(arrays["all_labelled"]),
        )
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a table of OKS: {error}") from error
