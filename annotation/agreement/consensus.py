"""One label per hand from several annotations of it, by a rule that is written beside the result.

For every joint of a hand that at least two people annotated:

* existence is what most of them say;
* occlusion is what most of those say who agree on existence;
* the point is the median (of two points, the mean) of the largest group that lies within a distance of one of its
  members; at least two, and more than half of those who see the joint, must belong to it.

A tie decides nothing. Hands with an undecided joint are left out and listed for one more person, after whom they are
merged by the same rule. A joint that does not exist needs neither occlusion nor distance, which nobody evaluates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from annotation.agreement.measure import WITHIN
from annotation.agreement.pairs import refuse_different
from annotation.agreement.palm import Palm, parse_palm
from annotation.check.run import read_sets
from hint.errors import InputError
from hint.files import write_bytes, write_json, write_pairs
from hint.files.atomic import require_writable
from hint.files.atomic_folder import atomic_folder
from hint.files.path import as_path
from hint.names import folder_of_subset
from hint.provenance import collect
from hint.skeleton import JOINT_NAMES
from hint.types import Bool, Double, HandLabels

#: Palm length of a hand whose wrist and knuckle coincide, px: its points agree only if they are identical.
_SHORTEST = 1e-6
#: Names of the files beside the merged labels.
RECORD, DISPUTES, THIRD = "consensus.json", "disputed.jsonl", "disputed.txt"


@dataclass(frozen=True)
class Dispute:
    """A hand on which the annotators do not agree.

    Attributes:
        hand_id: The hand.
        annotators: Who annotated it.
        existence: Joints whose existence is a tie.
        occlusion: Joints whose occlusion is a tie.
        points: Joints whose points lie too far apart -> largest distance of two of them, palm lengths.
    """

    hand_id: str
    annotators: tuple[str, ...]
    existence: tuple[str, ...]
    occlusion: tuple[str, ...]
    points: dict[str, float]


@dataclass(frozen=True, eq=False)
class Consensus:
    """Merged labels, and what could not be merged.

    Attributes:
        labels: The hands whose joints are all decided.
        disputed: The other hands that several people annotated.
        single: Hands that only one person annotated.
        annotators: Where the annotations come from.
        within: Distance up to which points agree, palm lengths.
        palm: Definition of the palm length.
    """

    labels: HandLabels
    disputed: tuple[Dispute, ...]
    single: tuple[str, ...]
    annotators: tuple[str, ...]
    within: float
    palm: str

    def __repr__(self) -> str:
        return f"<consensus of {len(self.annotators)}: {len(self.labels)} hands, {len(self.disputed)} disputed>"

    def as_json(self) -> dict[str, Any]:
        """Return the rule and the counts as JSON values."""
        return {
            "schema": "hint-consensus-1",
            "annotators": list(self.annotators),
            "rule": {"flags": "majority", "points": "median", "within": self.within, "palm": self.palm},
            "merged": len(self.labels),
            "disputed": len(self.disputed),
            "disputed_by": {
                what: sum(bool(getattr(one, what)) for one in self.disputed)
                for what in ("existence", "occlusion", "points")
            },
            "single": len(self.single),
        }


def consensus(
    annotations: Sequence[HandLabels | str | Path],
    *,
    within: float = WITHIN,
    palm: str = "wrist-middle",
    images: str | Path | None = None,
    out: str | Path | None = None,
) -> Consensus:
    """Merge annotations of the same hands into one label per hand; the module describes the rule.

    Args:
        annotations: Two or more annotations, or where they are; they need not cover the same hands.
        within: Distance up to which points agree, palm lengths.
        palm: Palm length: "wrist-middle", "wrist-knuckles", "box" or "box:FACTOR"; the mean over the annotators.
        images: Folder of the pictures, if they are not beside the labels.
        out: Folder for the merged labels (a HInt root), consensus.json, disputed.jsonl and disputed.txt; None writes
            nothing.

    Raises:
        InputError: If something cannot be read, no hand was annotated twice, sides or boxes differ, or ``out`` is not
            empty.
        UnknownNameError: If there is no such palm length.
        WriteError: If something cannot be saved.
    """
    if len(annotations) < 2:
        raise InputError("a consensus needs at least two annotations")
    if not 0 <= within < np.inf:
        raise InputError(f"--within {within:g}: use a distance in palm lengths, such as 0.25")
    unit = parse_palm(palm)
    if out is not None:
        require_empty(as_path(out))
    names = [_ordinal(k) for k in range(len(annotations))]
    sets = [read_sets(labels, images, name) for labels, name in zip(annotations, names, strict=True)]
    sources = tuple(str(one[0].source) for one in sets)
    parts = [HandLabels.concatenate([part.labels for part in one]) for one in sets]
    result = _merge(parts, sources, unit, within)
    if out is not None:
        write_consensus(as_path(out), result)
    return result


def _ordinal(k: int) -> str:
    return ("first", "second", "third")[k] if k < 3 else f"{k + 1}th"


def require_empty(out: Path) -> None:
    """Check that merged labels may be written to a folder.

    Raises:
        InputError: If something is there.
        WriteError: If it cannot be written to.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(f"{out} already exists; use another --merge")
    require_writable(out)


@dataclass(frozen=True, eq=False)
class _Votes:
    """N hands annotated by up to M people.

    Attributes:
        has: (M,N) who annotated which hand.
        keypoints: (M,N,21,2) px, 0 where not annotated.
        existence: (M,N,21).
        occlusion: (M,N,21).
        palm: (N,) palm length, px.
        within: Distance up to which points agree, palm lengths.
    """

    has: Bool
    keypoints: Double
    existence: Bool
    occlusion: Bool
    palm: Double
    within: float

    @cached_property
    def existing(self) -> tuple[Bool, Bool]:
        """(N,21) existence, and whether it is decided."""
        return _majority(self.existence, np.broadcast_to(self.has[..., None], self.existence.shape))

    @cached_property
    def voters(self) -> Bool:
        """(M,N,21) who agrees with the merged existence of a joint."""
        return np.asarray(self.has[..., None] & (self.existence == self.existing[0]))

    @cached_property
    def occluded(self) -> tuple[Bool, Bool]:
        """(N,21) occlusion, and whether it is decided."""
        value, decided = _majority(self.occlusion, self.voters)
        return value, decided | ~self.existing[0]

    @cached_property
    def distance(self) -> Double:
        """(M,M,N,21) distance of every two voters in palm lengths, NaN for others."""
        far = np.sqrt(np.square(self.keypoints[:, None] - self.keypoints[None]).sum(-1))
        both = self.voters[:, None] & self.voters[None]
        return np.where(both, far / self.palm[:, None], np.nan)

    @cached_property
    def points(self) -> tuple[Double, Bool]:
        """(N,21,2) points, and (N,21) whether they are decided."""
        near = np.nan_to_num(self.distance, nan=np.inf) <= self.within
        size = near.sum(1)
        # Of groups of the same size the tightest one; the sum of its distances is below within * M.
        spread = np.where(near, self.distance, 0).sum(1) / (max(self.within, 1e-9) * (len(near) + 1))
        best = (size - spread).argmax(0)
        group = np.take_along_axis(near, best[None, None], 0)[0]
        members = np.where(self.existing[0], group, self.voters)
        chosen = np.where(members[..., None], self.keypoints, np.nan)
        enough = (group.sum(0) >= 2) & (2 * group.sum(0) > self.voters.sum(0))
        return np.nanmedian(chosen, axis=0), enough | ~self.existing[0]

    @property
    def settled(self) -> Bool:
        """(N,21) joints that are decided."""
        return self.existing[1] & self.occluded[1] & self.points[1]


def _majority(flags: Bool, voters: Bool) -> tuple[Bool, Bool]:
    """Return what most voters say, (N,21), and where it is no tie."""
    yes, no = (flags & voters).sum(0), (~flags & voters).sum(0)
    return yes > no, yes != no


def _merge(parts: Sequence[HandLabels], sources: tuple[str, ...], palm: Palm, within: float) -> Consensus:
    rows = [{hand_id: row for row, hand_id in enumerate(part.hand_id.tolist())} for part in parts]
    times = Counter(hand_id for known in rows for hand_id in known)
    ids = sorted(hand_id for hand_id, several in times.items() if several > 1)
    if not ids:
        raise InputError("no hand is in two of these annotations; hands are matched by file name")
    votes = _votes(parts, rows, ids, palm, within)
    settled = votes.settled.all(1)
    points, exists, hidden = votes.points[0], votes.existing[0], votes.occluded[0]
    base = _first_of_each(parts, rows, ids)
    merged = HandLabels(**{**vars(base), "keypoints_2d": points, "existence": exists, "occlusion": hidden})
    return Consensus(
        labels=merged.select(settled),
        disputed=tuple(_dispute(ids[k], k, votes, sources) for k in np.flatnonzero(~settled).tolist()),
        single=tuple(sorted(hand_id for hand_id, several in times.items() if several == 1)),
        annotators=sources,
        within=within,
        palm=str(palm).partition(" ")[0],
    )


def _first_of_each(parts: Sequence[HandLabels], rows: Sequence[Mapping[str, int]], ids: Sequence[str]) -> HandLabels:
    """Return the first annotation of every hand, in the order of the ids, which is sorted."""
    taken: set[str] = set()
    picked = []
    for part, known in zip(parts, rows, strict=True):
        new = [hand_id for hand_id in ids if hand_id in known and hand_id not in taken]
        taken.update(new)
        picked.append(part.select(np.array([known[hand_id] for hand_id in new], int)))
    base = HandLabels.concatenate(picked)
    base = base.select(np.argsort(base.hand_id))
    for part, known in zip(parts, rows, strict=True):
        mine = [k for k, hand_id in enumerate(ids) if hand_id in known]
        refuse_different(base.select(mine), part.select([known[ids[k]] for k in mine]))
    return base


def _votes(
    parts: Sequence[HandLabels], rows: Sequence[Mapping[str, int]], ids: Sequence[str], palm: Palm, within: float
) -> _Votes:
    has = np.array([[hand_id in known for hand_id in ids] for known in rows])
    index = [[known.get(hand_id, 0) for hand_id in ids] for known in rows]

    def stacked(name: str) -> Any:
        return np.stack([getattr(part, name)[chosen] for part, chosen in zip(parts, index, strict=True)])

    points, side = stacked("keypoints_2d"), stacked("longest_side")
    lengths = np.stack([palm.lengths(p, p, s) for p, s in zip(points, side, strict=True)])
    length = np.where(has, lengths, 0).sum(0) / has.sum(0)
    return _Votes(has, points, stacked("existence"), stacked("occlusion"), np.maximum(length, _SHORTEST), within)


def _dispute(hand_id: str, k: int, votes: _Votes, sources: Sequence[str]) -> Dispute:
    open_points = np.flatnonzero(~votes.points[1][k] & votes.existing[1][k]).tolist()
    farthest = {j: votes.distance[:, :, k, j] for j in open_points}
    return Dispute(
        hand_id=hand_id,
        annotators=tuple(source for source, has in zip(sources, votes.has[:, k], strict=True) if has),
        existence=_names(~votes.existing[1][k]),
        occlusion=_names(~votes.occluded[1][k] & votes.existing[1][k]),
        points={JOINT_NAMES[j]: round(float(np.nanmax(far)), 4) for j, far in farthest.items()},
    )


def _names(joints: Bool) -> tuple[str, ...]:
    return tuple(JOINT_NAMES[j] for j in np.flatnonzero(joints).tolist())


def write_consensus(out: Path, result: Consensus) -> None:
    """Write merged labels as a HInt root, with the rule, the disputes and the ids for one more person."""
    labels, lines = result.labels, [json.dumps(asdict(one), allow_nan=False) for one in result.disputed]
    with atomic_folder(out) as folder:
        for subset in labels.subsets:
            write_pairs(folder / folder_of_subset(subset), labels.select(labels.subset == subset))
        write_bytes(folder / DISPUTES, "".join(f"{line}\n" for line in lines).encode())
        write_bytes(folder / THIRD, "".join(f"{one.hand_id}\n" for one in result.disputed).encode())
        write_json(folder / RECORD, {**result.as_json(), "provenance": collect(["numpy"])}, indent=2)
