"""Which labels an error table was computed with: digests of what the table itself holds of them.

A record names its labels by a sha256 that cannot be computed again without them. Hands, clips, box sides and visibility
are in every error table, so they can be compared with those of the released labels by anybody.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable
from benchmark.mesh.error_table import MeshErrors
from benchmark.record import labels_sha256
from hint.files import read_labels
from hint.files.named_toml import parse_toml
from hint.types import Double, HandLabels, Strings


@dataclass(frozen=True)
class Contents:
    """Digests of the hands of one subset, whatever their order.

    Attributes:
        hands: Of their ids.
        clips: Of ids and clips.
        box_sides: Of ids and the longest sides of boxes, to a thousandth of a pixel.
        visibility: Of ids and the visibility of every joint.
    """

    hands: str
    clips: str
    box_sides: str
    visibility: str

    def differences(self, other: Contents) -> list[str]:
        """Return what differs, in words; where hands differ, everything does, and only they are named."""
        if self.hands != other.hands:
            return ["hands"]
        return [f.name.replace("_", " ") for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


@dataclass(frozen=True)
class GroundTruth:
    """Labels of one subset.

    Attributes:
        labels_sha256: As in records.
        contents: What error tables hold of them, None where there is no table.
    """

    labels_sha256: str
    contents: Contents | None


def contents_of(table: ErrorTable | MeshErrors, subset: str) -> Contents:
    """Digest what an error table holds of the labels of a subset; a 3D table is one set, without boxes."""
    if isinstance(table, MeshErrors):
        n = len(table)
        return _contents(table.hand_id, table.clip_id, np.zeros(n), np.zeros((n, 0), np.uint8))
    rows = table.subset == subset
    return _contents(table.hand_id[rows], table.clip_id[rows], table.box_side[rows], table.visibility[rows])


def ground_truth_of(labels: HandLabels) -> GroundTruth:
    """Digest the labels of one subset."""
    return GroundTruth(labels_sha256(labels), _contents_of_labels(labels))


def _contents_of_labels(labels: HandLabels) -> Contents:
    return _contents(labels.hand_id, labels.clip_id, labels.longest_side, labels.visibility)


def _contents(hands: Strings, clips: Strings, sides: Double, visibility: NDArray[np.uint8]) -> Contents:
    order = np.argsort(hands)
    names = "\n".join(hands[order].tolist()).encode()
    sides = np.rint(sides[order] * 1000).clip(max=2.0**62).astype("<i8")
    return Contents(
        _sha256(names),
        _sha256(names, "\n".join(clips[order].tolist()).encode()),
        _sha256(names, sides.tobytes()),
        _sha256(names, np.ascontiguousarray(visibility[order]).astype(np.uint8).tobytes()),
    )


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


@cache
def released() -> Mapping[str, tuple[GroundTruth, ...]]:
    """Return subset -> its released labels, of those whose release could be read."""
    content = parse_toml(files("benchmark").joinpath("released_labels.toml").read_bytes())
    found: dict[str, tuple[GroundTruth, ...]] = {}
    for row in content["labels"]:
        contents = Contents(**{f.name: row[f.name] for f in fields(Contents)})
        found[row["subset"]] = (*found.get(row["subset"], ()), GroundTruth(row["labels_sha256"], contents))
    return found


def release_rows(path: Path) -> str:
    """Return the rows of ``released_labels.toml`` for the labels in a file or folder."""
    labels = read_labels(path)
    rows = []
    for subset in labels.subsets:
        part = labels.select(labels.subset == subset)
        contents = asdict(_contents_of_labels(part))
        values = {"subset": subset, "release": path.name, "labels_sha256": labels_sha256(part), **contents}
        rows.append("\n[[labels]]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items()))
    return "".join(rows)


if __name__ == "__main__":
    sys.stdout.writelines(release_rows(Path(path)) for path in sys.argv[1:])
