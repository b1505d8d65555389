"""What splits share: videos, and pictures that look the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotation.check.criterion import Criterion
from annotation.prepare.findings import KINDS
from annotation.prepare.folders import Listing, check_across
from annotation.prepare.reading import in_parallel
from hint.names import HandName, folder_of_subset, parse_name, split_of_subset
from hint.types import HandLabels

_SHARED = KINDS["shared clip"]

SHARED_CLIP = Criterion(
    "shared-clip", "warning" if _SHARED.level == "warning" else "error", _SHARED.description, 1, "splits",
    needs="several splits",
)  # fmt: skip
NEAR_DUPLICATE = Criterion(
    "near-duplicate", "warning", "picture nearly the same as one of another split", 6, "of 63 bits differ", low=True,
    needs="pictures of several splits",
)  # fmt: skip

#: Side of the transformed picture, and of the part of the transform that is kept.
_SIDE, _KEPT = 32, 8
#: Pictures with less contrast than this (grey levels) all look alike and are not compared.
_FLAT = 3.0
#: Hashes compared at a time.
_BLOCK = 1 << 22

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class LabelSet:
    """The labels of one subset from one source.

    Attributes:
        source: Path they were read from; tells annotators apart if several annotated the same hands.
        labels: Hands of one subset.
    """

    source: Path
    labels: HandLabels

    @property
    def subset(self) -> str:
        """Name of the subset."""
        return str(self.labels.subset[0])

    @property
    def split(self) -> str:
        """Name of the split: "train", "val" or "test"."""
        return split_of_subset(self.subset)


def shared_clips(sets: Sequence[LabelSet]) -> dict[tuple[int, int], tuple[int, str]]:
    """Find hands whose video or clip is in several splits.

    Returns:
        (set, row) -> number of splits, and their names.
    """
    faults = [fault for fault in check_across([_listing(one) for one in sets]) if fault.kind == "shared clip"]
    splits = {fault.id: fault.reason for fault in faults}
    return {
        (s, k): (splits[clip].count(",") + 1, splits[clip])
        for s, one in enumerate(sets)
        for k, clip in enumerate(one.labels.clip_id.tolist())
        if clip in splits
    }


def _listing(one: LabelSet) -> Listing:
    labels = one.labels
    sources = [name.source if (name := parse_name(i)) else "other" for i in labels.hand_id.tolist()]
    rows = zip(labels.hand_id.tolist(), sources, labels.clip_id.tolist(), labels.is_right.tolist(), strict=True)
    hands = {hand_id: HandName(source, clip, right) for hand_id, source, clip, right in rows}
    return Listing(folder_of_subset(one.subset), frozenset(hands), frozenset(), (), hands)


def picture_hash(path: Path) -> int | None:
    """Return a 63-bit hash that is similar for similar pictures, regardless of size and compression.

    The signs of the lowest frequencies of the grey picture relative to their median (pHash). None if the picture is
    missing, unreadable or blank.
    """
    import cv2

    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    # A quarter of the size is enough and decodes four times faster; tiny pictures are enlarged again.
    grey = (
        cv2.imdecode(content, cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
    )
    if grey is None:
        return None
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLAT:
        return None
    waves = cv2.dct(small)[:_KEPT, :_KEPT].ravel()[1:]
    bits = waves > np.median(waves)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hash_pictures(sets: Sequence[LabelSet]) -> list[tuple[Hashes, NDArray[np.int64]]]:
    """Return the picture hashes of each set, and their rows."""
    paths = [Path(image) for one in sets for image in one.labels.image.tolist()]
    found = in_parallel(picture_hash, paths, "comparing pictures")
    hashes: list[tuple[Hashes, NDArray[np.int64]]] = []
    start = 0
    for one in sets:
        part = found[start : start + len(one.labels)]
        start += len(part)
        rows = np.array([k for k, value in enumerate(part) if value is not None], dtype=np.int64)
        hashes.append((np.array([value for value in part if value is not None], dtype=np.uint64), rows))
    return hashes


def nearest_in(mine: Hashes, others: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (N,) the bit distance of each hash to its nearest other hash, and (N,) the index of that hash."""
    distance, place = np.empty(len(mine), np.int64), np.empty(len(mine), np.int64)
    step = max(1, _BLOCK // max(1, len(others)))
    for start in range(0, len(mine), step):
        part = slice(start, start + step)
        bits = np.bitwise_count(mine[part, None] ^ others[None])
        place[part] = bits.argmin(1)
        distance[part] = bits.min(1)
    return distance, place


def near_duplicates(sets: Sequence[LabelSet]) -> Iterator[tuple[int, int, int, str]]:
    """Yield set, row, bit distance and nearest hand of another split for every comparable picture."""
    if not any((one.labels.image != "").any() for one in sets):
        return
    hashes = hash_pictures(sets)
    for s, one in enumerate(sets):
        others = [t for t, other in enumerate(sets) if other.split != one.split and len(hashes[t][0])]
        if not others or not len(hashes[s][0]):
            continue
        ids = np.concatenate([sets[t].labels.hand_id[hashes[t][1]] for t in others]).tolist()
        distance, place = nearest_in(hashes[s][0], np.concatenate([hashes[t][0] for t in others]))
        for k, bits, at in zip(hashes[s][1].tolist(), distance.tolist(), place.tolist(), strict=True):
            yield s, k, bits, ids[at]
