"""Named, frozen rules of scoring joints and meshes in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark.protocol import MESH, common_checks, explain, read_protocol, require
from hint.errors import InputError, shown

#: What the code computes; a protocol that asks for something else is refused, not followed in part.
_IMPLEMENTED = {
    ("pck", "comparison"): "<=",
    ("fscore", "comparison"): "<",
    ("missing", "rule"): "miss",
    ("intervals", "unit"): "clip",
}
LAYOUTS = ("freihand", "ho3d")
ALIGNMENTS = ("none", "procrustes", "scale_translation")


@dataclass(frozen=True)
class MeshProtocol:
    """The rules of one 3D benchmark, read from a TOML file.

    Attributes:
        id: Name and version.
        title: Name in tables.
        layout: How the dataset is stored, one of :data:`LAYOUTS`.
        hands: Hands of the whole evaluation set.
        alignments: How predictions are aligned with the truth, some of :data:`ALIGNMENTS`.
        curve_maximum: Upper end of the PCK curve, metres.
        curve_points: Number of thresholds on it.
        f_thresholds: Thresholds of the F-score, metres.
        level: Confidence level of the intervals.
        replicates: Bootstrap replicates.
        sha256: Of the file the protocol came from.
    """

    id: str
    title: str
    layout: str
    hands: int
    alignments: tuple[str, ...]
    curve_maximum: float
    curve_points: int
    f_thresholds: tuple[float, ...]
    level: float
    replicates: int
    sha256: str

    def __post_init__(self) -> None:
        require(
            self.id,
            (self.layout in LAYOUTS, f"layouts are {', '.join(LAYOUTS)}"),
            (self.hands >= 1, "the evaluation set must have at least one hand"),
            (set(self.alignments) <= set(ALIGNMENTS), f"alignments are {', '.join(ALIGNMENTS)}"),
            ("procrustes" in self.alignments, "procrustes is needed for the tables"),
            (self.curve_maximum > 0, "the maximum of the curve must be positive"),
            (self.curve_points >= 2, "a curve needs at least two points"),
            (bool(self.f_thresholds) and min(self.f_thresholds) > 0, "thresholds must be positive"),
            *common_checks(self.level, self.replicates),
        )


def load_mesh_protocol(name: str) -> MeshProtocol:
    """Read a 3D protocol.

    Args:
        name: One of :func:`benchmark.protocol.list_protocols`, or the path of a ``.toml`` file.

    Raises:
        UnknownNameError: If there is no protocol of that name.
        InputError: If the file is missing, malformed, of another kind, or asks for rules that are not implemented.
    """
    table, sha256 = read_protocol(name, MESH)
    try:
        return _parse(table, sha256)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"protocol {name}: {explain(error)}; compare it with freihand") from error


def _parse(table: dict[str, Any], sha256: str) -> MeshProtocol:
    for (section, key), value in _IMPLEMENTED.items():
        if table[section][key] != value:
            raise ValueError(f"{section}.{key} must be {value!r}, not {shown(table[section][key])}")
    return MeshProtocol(
        id=str(table["id"]),
        title=str(table["title"]),
        layout=str(table["data"]["layout"]),
        hands=int(table["data"]["hands"]),
        alignments=tuple(table["alignment"]["names"]),
        curve_maximum=float(table["pck"]["maximum_mm"]) / 1000,
        curve_points=int(table["pck"]["points"]),
        f_thresholds=tuple(float(t) / 1000 for t in table["fscore"]["thresholds_mm"]),
        level=float(table["intervals"]["level"]),
        replicates=int(table["intervals"]["replicates"]),
        sha256=sha256,
    )
