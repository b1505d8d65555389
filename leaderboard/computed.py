"""The numbers of a record, computed here from its error table, and where the record says otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.error_table import Coverage, ErrorTable
from benchmark.mesh.error_table import MeshErrors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.mesh.scores import score_mesh_errors
from benchmark.mesh.task import joint_names
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.scores import score_oks
from benchmark.oks.table import OksTable
from benchmark.protocol import Protocol, expected_hands
from benchmark.record import Record, SubsetEntry
from benchmark.rules import Rules
from benchmark.scores import Curve, JointScore, Score, Scores, score_table
from hint.errors import counted, some_ids
from leaderboard.cache import remembered
from leaderboard.declared import trained_on_hint
from leaderboard.draws import SEED
from leaderboard.oks import oks_coverage

#: How much a claimed number may differ from the computed one: other machines add in another order.
_SAME = 1e-6

#: What lies beside a record.
Table = ErrorTable | MeshErrors | OksTable

NO_SCORES = Scores((), (), (), ())

#: Computed from predictions, not from the error table.
MOTION = ("accel_error", "accel_coverage", "jitter", "jitter_ground_truth", "jitter_coverage")


def compute_scores(table: Table | None, rules: Rules | None) -> Scores:
    """Return every number that follows from an error table, without intervals in 2D; none without rules."""
    if isinstance(table, ErrorTable) and isinstance(rules, Protocol):
        return remembered(Scores, table, rules, "scores", lambda: score_table(table, rules, with_intervals=False))
    if isinstance(table, MeshErrors) and isinstance(rules, MeshProtocol):
        return score_mesh_errors(table, rules, joint_names(rules), SEED)
    if isinstance(table, OksTable) and isinstance(rules, OksProtocol):
        return score_oks(table, rules, with_intervals=False)
    return NO_SCORES


def declared_record(claimed: Record, table: Table | None, rules: Rules | None) -> Record:
    """Return a record without any number that could be computed: what is declared, and counts of the error table."""
    return Record(
        status="complete" if claimed.limit is None else "partial",
        method=replace(claimed.method, trained_on_hint=trained_on_hint(claimed)),
        fingerprint=claimed.fingerprint,
        protocol=claimed.protocol,
        data=tuple(_data_of(claimed, part, table, rules) for part in claimed.data),
        limit=claimed.limit,
        seed=SEED,
        scores=(),
        per_joint=(),
        curve=(),
        empty_joints=(),
        coverage=coverage_of(table),
        failures={},
        timing=claimed.timing,
        provenance=claimed.provenance,
    )


def _data_of(claimed: Record, part: SubsetEntry, table: Table | None, rules: Rules | None) -> SubsetEntry:
    hands, clips = counts_of(table, part.name)
    if isinstance(rules, Protocol):
        expected = expected_hands(rules, part.name, hands)
    elif isinstance(rules, OksProtocol):
        expected = rules.expected_hands(part.name, hands)
    else:
        expected = rules.hands if rules else None
    digest = part.labels_sha256
    return SubsetEntry(name=part.name, n_hands=hands, n_clips=clips, expected_hands=expected, labels_sha256=digest)


def counts_of(table: Table | None, subset: str) -> tuple[int, int]:
    """Return hands and clips of a subset in an error table, 0 without one; a 3D table is one set."""
    if table is None:
        return 0, 0
    clips = table.clip_id if isinstance(table, MeshErrors) else table.clip_id[table.subset == subset]
    return len(clips), len(set(clips.tolist()))


def coverage_of(table: Table | None) -> Coverage:
    """Return which hands lack a prediction. A row that was never there and a row without numbers are the same."""
    if table is None:
        return Coverage((), (), 0)
    if isinstance(table, OksTable):
        return oks_coverage(table)
    if isinstance(table, ErrorTable):
        lost = np.isinf(table.distance_px)
        nothing = (lost | np.isnan(table.distance_px)).all(1) & lost.any(1)
    else:
        lost = np.stack([~np.isfinite(column) for column in table.values.values()], 1)
        nothing = lost.all(1)
    partial = lost.any(1) & ~nothing
    return Coverage(tuple(table.hand_id[nothing].tolist()), tuple(table.hand_id[partial].tolist()), len(table))


def contradictions(claimed: Record, table: Table, scores: Scores) -> Iterator[str]:
    """Yield where a record says something else than its error table."""
    names = [part.name for part in claimed.data]
    if len(set(names)) != len(names):
        yield "the record names a subset twice"
    if not isinstance(table, MeshErrors):
        if absent := [name for name in names if name not in table.subsets]:
            yield f"the error table lacks {some_ids(absent)}, which the record names"
        if further := [name for name in table.subsets if name not in names]:
            yield f"the error table has hands of {some_ids(further)}, which the record does not name"
    for part in claimed.data:
        if (part.n_hands, part.n_clips) != (found := counts_of(table, part.name)):
            yield f"{part.name}: the error table has {found[0]:,} hands of {found[1]:,} clips, not what the record says"
    yield from _other_coverage(claimed.coverage, table)
    if scores is not NO_SCORES:
        yield from _other_numbers(claimed, scores)


def _other_coverage(claimed: Coverage, table: Table) -> Iterator[str]:
    found = coverage_of(table)
    if claimed.n_hands != found.n_hands:
        yield f"the error table has {found.n_hands:,} hands in all, not what the record says"
    said, lost = ({*c.missing, *c.non_finite} for c in (claimed, found))
    # Hands of a 3D set can lack a mesh and still have joints; their table does not say which were given.
    if isinstance(table, ErrorTable) and said != lost:
        wrong = some_ids(sorted((said ^ lost) & set(table.hand_id.tolist())))
        yield f"{counted(len(lost), 'hand')} lack predictions by the error table; the record says otherwise: {wrong}"


def _other_numbers(claimed: Record, scores: Scores) -> Iterator[str]:
    for kind, said, computed in (
        ("scores", _score_numbers(claimed.scores), _score_numbers(scores.scores)),
        ("joints", _joint_numbers(claimed.per_joint), _joint_numbers(scores.per_joint)),
        ("curves", _curve_numbers(claimed.curve), _curve_numbers(scores.curves)),
    ):
        wrong = [key for key, numbers in said.items() if not _agree(numbers, computed.get(key))]
        if wrong:
            known = (_named(key, said[key], computed[key]) for key in wrong if key in computed)
            example = next(known, "one that does not follow from it")
            places = counted(len(wrong), "place")
            yield f"{kind}: the record differs from the error table at {places}, such as {example}"


def _named(key: tuple[Any, ...], said: tuple[float, ...], computed: tuple[float, ...]) -> str:
    """Return what the table gives at a place; what the record says instead is never repeated."""
    place = " ".join(str(part) for part in key if part is not None)
    if len(said) != len(computed):
        return f"{place}: {len(computed)} numbers by the table"
    return next(f"{place}: {b:.6g} by the table" for a, b in zip(said, computed, strict=True) if not _agree((a,), (b,)))


def _score_numbers(scores: Sequence[Score]) -> Mapping[tuple[Any, ...], tuple[float, ...]]:
    """Return what tells a score -> value and counts. Motion follows from predictions, not from the table."""
    return {
        (s.metric, s.threshold, s.subset, s.visibility): (s.value, s.n_hands, s.n_keypoints, s.n_clips)
        for s in scores
        if s.metric not in MOTION
    }


def _joint_numbers(joints: Sequence[JointScore]) -> Mapping[tuple[Any, ...], tuple[float, ...]]:
    return {(j.metric, j.threshold, j.joint, j.subset, j.visibility): (j.value, j.n_keypoints) for j in joints}


def _curve_numbers(curves: Sequence[Curve]) -> Mapping[tuple[Any, ...], tuple[float, ...]]:
    return {(c.metric, c.subset, c.visibility): (*c.values, *c.thresholds) for c in curves}


def _agree(said: tuple[float, ...], computed: tuple[float, ...] | None) -> bool:
    if computed is None or len(said) != len(computed):
        return False
    return all(math.isclose(a, b, rel_tol=_SAME, abs_tol=_SAME) for a, b in zip(said, computed, strict=True))
