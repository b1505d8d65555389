"""Named, frozen rules of OKS."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from benchmark.protocol import OKS, Subset, common_checks, explain, read_protocol, require
from hint.errors import InputError, shown
from hint.skeleton import JOINT_NAMES, N_JOINTS

#: What the code computes; a protocol that asks for something else is refused, not followed in part.
_IMPLEMENTED = {
    ("oks", "evaluator"): "pycocotools",
    ("oks", "scale"): "box_area",
    ("oks", "missing"): "far_away",
    ("pictures", "side"): "must_match",
    ("pictures", "unlabelled"): "recall_only",
    ("intervals", "unit"): "clip",
}

#: What is added to the name of a subset of which whole pictures are scored.
WHOLE = "_whole_pictures"


@dataclass(frozen=True)
class OksProtocol:
    """The rules of OKS, read from a TOML file.

    Attributes:
        id: Name and version.
        title: Name in tables.
        thresholds: OKS from which a detection may be of a hand, ascending.
        maximum_detections: Detections of a picture and side that count.
        sigmas: (21,) standard deviations of annotated points, in units of the root of the box area.
        sigma_source: Where they are from.
        minimum_doubles: Points annotated twice that a sigma of one's own needs, for each joint.
        visibilities: Groups of joints that are scored separately.
        level: Confidence level of the intervals.
        replicates: Bootstrap replicates.
        subsets: Parts of the dataset, in table order.
        sha256: Of the file, and of sigmas that are not from it.

    Raises:
        InputError: If values make no sense.
    """

    id: str
    title: str
    thresholds: tuple[float, ...]
    maximum_detections: int
    sigmas: tuple[float, ...]
    sigma_source: str
    minimum_doubles: int
    visibilities: tuple[str, ...]
    level: float
    replicates: int
    subsets: tuple[Subset, ...]
    sha256: str

    def __post_init__(self) -> None:
        flat = [name for name, sigma in zip(JOINT_NAMES, self.sigmas, strict=False) if not 0 < sigma < inf]
        ascending = list(self.thresholds) == sorted(set(self.thresholds))
        require(
            self.id,
            (bool(self.thresholds) and ascending, "thresholds must ascend"),
            (all(0 < t < 1 for t in self.thresholds), "thresholds must lie between 0 and 1"),
            (self.maximum_detections >= 1, "at least one detection must count"),
            (len(self.sigmas) == N_JOINTS, f"{N_JOINTS} sigmas are needed, one for each joint"),
            (not flat, f"sigmas must be positive: {', '.join(flat)}"),
            (self.minimum_doubles >= 2, "at least two doubles are needed"),
            *common_checks(self.level, self.replicates, self.visibilities, self.subsets),
        )

    def with_sigmas(self, sigmas: Sequence[float], source: str) -> OksProtocol:
        """Return these rules with other sigmas; their sha256 differs, unless the sigmas are the same."""
        values = tuple(map(float, sigmas))
        if values == self.sigmas:
            return self
        text = " ".join([self.sha256, *(value.hex() for value in values)])
        return replace(self, sigmas=values, sigma_source=source, sha256=hashlib.sha256(text.encode()).hexdigest())

    @property
    def order(self) -> list[str]:
        """Names of the subsets in tables, those of whole pictures last."""
        given = [subset.name for subset in self.subsets]
        return [*given, *(name + WHOLE for name in given)]

    def title_of(self, name: str) -> str:
        """Return the title of a part of a record."""
        official = self.official(name)
        title = official.title if official else name.removesuffix(WHOLE)
        return f"{title}, whole pictures, OKS" if name.endswith(WHOLE) else f"{title}, OKS"

    def official(self, name: str) -> Subset | None:
        """Return the subset that a part of a record is of, None for others."""
        return next((subset for subset in self.subsets if subset.name == name.removesuffix(WHOLE)), None)

    def expected_hands(self, name: str, found: int) -> int | None:
        """Return how many hands the release of a part has, None for others; as many as in the evaluation file fit."""
        official = self.official(name)
        if official is None:
            return None
        return found if found == official.hands_npz else official.hands


def load_oks_protocol(name: str = "hint-oks-v1") -> OksProtocol:
    """Read a protocol of OKS.

    Args:
        name: One of :func:`benchmark.protocol.list_protocols`, or the path of a ``.toml`` file.

    Raises:
        UnknownNameError: If there is no protocol of that name.
        InputError: If the file is missing, malformed, of another kind, or asks for rules that are not implemented.
    """
    table, sha256 = read_protocol(name, OKS)
    try:
        return _parse(table, sha256)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"protocol {name}: {explain(error)}; compare it with hint-oks-v1") from error


def _parse(table: dict[str, Any], sha256: str) -> OksProtocol:
    for (section, key), value in _IMPLEMENTED.items():
        if table[section][key] != value:
            raise ValueError(f"{section}.{key} must be {value!r}, not {shown(table[section][key])}")
    return OksProtocol(
        id=str(table["id"]),
        title=str(table["title"]),
        thresholds=tuple(float(t) for t in table["oks"]["thresholds"]),
        maximum_detections=operator.index(table["oks"]["maximum_detections"]),
        sigmas=tuple(float(s) for s in table["sigmas"]["values"]),
        sigma_source=str(table["sigmas"]["source"]),
        minimum_doubles=operator.index(table["sigmas"]["minimum_doubles"]),
        visibilities=tuple(table["visibility"]["names"]),
        level=float(table["intervals"]["level"]),
        replicates=operator.index(table["intervals"]["replicates"]),
        subsets=tuple(Subset(**subset) for subset in table["subsets"]),
        sha256=sha256,
    )
