"""Named, frozen rules of scoring: what is divided by what, which thresholds, which subsets."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from hint.errors import InputError, UnknownNameError, shown
from hint.files.named_toml import NamedToml

_FILES = NamedToml("protocol", "benchmark", "protocols")

#: What the code computes; a protocol that asks for something else is refused, not followed in part.
_IMPLEMENTED = {
    ("error", "normaliser"): "box_longest_side",
    ("pck", "comparison"): "<=",
    ("pck", "aggregation"): "mean_over_joints_of_subset_ratio",
    ("intervals", "unit"): "clip",
}
_IMPLEMENTED_MOTION = {
    ("motion", "normaliser"): "mean_box_longest_side_of_window",
    ("motion", "aggregation"): "mean_over_joints_and_windows",
    ("motion", "missing"): "left_out_and_reported",
}
VISIBILITIES = ("all", "visible", "occluded")

#: Kinds of protocols: keypoints in the picture, the same with motion (:mod:`benchmark.temporal`), joints and meshes in
#: metres (:mod:`benchmark.mesh.protocol`), object keypoint similarity (:mod:`benchmark.oks.protocol`).
KEYPOINTS, SEQUENCES, MESH, OKS = "keypoints-2d", "sequences-2d", "mesh-3d", "oks-2d"


#: Whether a rule holds, and what to say if it does not.
Check = tuple[bool, str]


def require(protocol_id: str, *checks: Check) -> None:
    """Check the rules of a protocol.

    Raises:
        InputError: If one does not hold; all of them are named.
    """
    if wrong := [reason for holds, reason in checks if not holds]:
        raise InputError(f"protocol {protocol_id}: {'; '.join(wrong)}")


def common_checks(
    level: float, replicates: int, visibilities: Sequence[str] = (), subsets: Sequence[Subset] = ()
) -> tuple[Check, ...]:
    """Return the checks that every kind of protocol has."""
    return (
        (set(visibilities) <= set(VISIBILITIES), f"visibilities are {', '.join(VISIBILITIES)}"),
        (0 < level < 1, "the level must be between 0 and 1"),
        (replicates >= 1, "at least one replicate is needed"),
        (len({subset.name for subset in subsets}) == len(subsets), "two subsets have the same name"),
    )


@dataclass(frozen=True)
class Subset:
    """A part of the dataset with its own scores.

    Attributes:
        name: Name in labels and records.
        title: Name in tables.
        folder: Folder of the released dataset.
        hands: Labels in that folder.
        hands_npz: Rows of the official evaluation file, None where there is none.
    """

    name: str
    title: str
    folder: str
    hands: int
    hands_npz: int | None = None


@dataclass(frozen=True)
class MotionRules:
    """What counts as moving.

    Attributes:
        step_frames: Frames from one label of a sequence to the next.
        frames_per_second: Of the clips.

    Raises:
        ValueError: If one is not positive.
    """

    step_frames: int
    frames_per_second: float

    def __post_init__(self) -> None:
        if not (self.step_frames >= 1 and 0 < self.frames_per_second < inf):
            raise ValueError("step_frames and frames_per_second must be positive")


@dataclass(frozen=True)
class Protocol:
    """The rules of one benchmark, read from a TOML file.

    Attributes:
        id: Name and version.
        title: Name in tables.
        normaliser: What a distance in px is divided by.
        comparison: When a keypoint is correct.
        aggregation: How keypoints become one number.
        thresholds: PCK thresholds, fractions of the normaliser.
        auc_maximum: Upper end of the PCK curve.
        curve_points: Number of tabulated points of that curve.
        visibilities: Groups of keypoints that are scored separately.
        level: Confidence level of the intervals.
        replicates: Bootstrap replicates.
        unit: What the bootstrap resamples.
        subsets: Parts of the dataset, in table order.
        sha256: Of the file the protocol came from.
        motion: Rules for sequences, None where only single hands are scored.
    """

    id: str
    title: str
    normaliser: str
    comparison: str
    aggregation: str
    thresholds: tuple[float, ...]
    auc_maximum: float
    curve_points: int
    visibilities: tuple[str, ...]
    level: float
    replicates: int
    unit: str
    subsets: tuple[Subset, ...]
    sha256: str
    motion: MotionRules | None = None

    def __post_init__(self) -> None:
        require(
            self.id,
            (bool(self.thresholds) and min(self.thresholds) > 0, "thresholds must be positive"),
            (self.auc_maximum > 0, "the maximum of the curve must be positive"),
            (self.curve_points >= 2, "a curve needs at least two points"),
            *common_checks(self.level, self.replicates, self.visibilities, self.subsets),
        )

    def subset(self, name: str) -> Subset:
        """Return the subset of that name.

        Raises:
            UnknownNameError: If the protocol has none.
        """
        for subset in self.subsets:
            if subset.name == name:
                return subset
        raise UnknownNameError("subset", name, [s.name for s in self.subsets])


def expected_hands(protocol: Protocol, name: str, found: int) -> int | None:
    """Return how many hands the release of a subset has, None for parts the protocol does not know.

    Args:
        protocol: Rules.
        name: The subset.
        found: Hands that are there: as many as in the evaluation file are that file's.
    """
    subset = next((s for s in protocol.subsets if s.name == name), None)
    if subset is None:
        return None
    return found if found == subset.hands_npz else subset.hands


def list_protocols() -> list[str]:
    """Return the names of the protocols that come with the toolkit."""
    return _FILES.names()


def protocol_kind(name: str) -> str:
    """Return :data:`KEYPOINTS`, :data:`SEQUENCES`, :data:`MESH` or :data:`OKS`.

    Raises:
        UnknownNameError: If there is no protocol of that name.
        InputError: If the file is missing or not TOML.
    """
    return str(_FILES.load(name)[0].get("kind", KEYPOINTS))


def read_protocol(name: str, *kinds: str) -> tuple[dict[str, Any], str]:
    """Return the table and the sha256 of a protocol; see :func:`load_protocol`.

    Raises:
        InputError: If it is of another kind.
    """
    table, sha256 = _FILES.load(name)
    found = table.get("kind", KEYPOINTS)
    if found not in kinds:
        raise InputError(
            f"protocol {name} is of kind {found}, this needs {' or '.join(kinds)}; see hint list protocols"
        )
    return table, sha256


def load_protocol(name: str = "hint-v1") -> Protocol:
    """Read a protocol for keypoints in the picture, of single hands or of sequences.

    Args:
        name: One of :func:`list_protocols`, or the path of a ``.toml`` file.

    Raises:
        UnknownNameError: If there is no protocol of that name.
        InputError: If the file is missing, malformed, or asks for rules that are not implemented.
    """
    table, sha256 = read_protocol(name, KEYPOINTS, SEQUENCES)
    try:
        return _parse(table, sha256)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"protocol {name}: {explain(error)}; compare it with hint-v1") from error


def _parse(table: dict[str, Any], sha256: str) -> Protocol:
    moving = table.get("kind") == SEQUENCES
    for (section, key), value in (_IMPLEMENTED | (_IMPLEMENTED_MOTION if moving else {})).items():
        if table[section][key] != value:
            raise ValueError(f"{section}.{key} must be {value!r}, not {shown(table[section][key])}")
    return Protocol(
        id=str(table["id"]),
        title=str(table["title"]),
        normaliser=table["error"]["normaliser"],
        comparison=table["pck"]["comparison"],
        aggregation=table["pck"]["aggregation"],
        thresholds=tuple(float(t) for t in table["pck"]["thresholds"]),
        auc_maximum=float(table["auc"]["maximum"]),
        curve_points=int(table["auc"]["curve_points"]),
        visibilities=tuple(table["visibility"]["names"]),
        level=float(table["intervals"]["level"]),
        replicates=int(table["intervals"]["replicates"]),
        unit=table["intervals"]["unit"],
        subsets=tuple(Subset(**subset) for subset in table["subsets"]),
        sha256=sha256,
        motion=_motion(table["motion"]) if moving else None,
    )


def _motion(table: dict[str, Any]) -> MotionRules:
    return MotionRules(operator.index(table["step_frames"]), float(table["frames_per_second"]))


def explain(error: Exception) -> str:
    """Say in words why a table is not a protocol."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
