"""Records of OKS: numbers follow from the hands and detections beside them, not from what the records say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from benchmark.oks.precision import AP, AR
from benchmark.oks.protocol import OksProtocol, load_oks_protocol
from benchmark.oks.scores import oks_cell, score_oks
from benchmark.oks.table import OksTable
from benchmark.record import Record, labels_sha256
from benchmark.rules import Rules
from hint.errors import InputError
from leaderboard.draws import SEED, Draws
from leaderboard.entry import Entry

#: How much a computed number may differ from that of the record, percent.
_SAME = 1e-6


def own_sigmas(entry: Entry, rules: Rules) -> Rules:
    """Return the rules a record was scored by: its table says whether the sigmas are those of the protocol."""
    if entry.oks is None or not isinstance(rules, OksProtocol):
        return rules
    return rules.with_sigmas(entry.oks.sigmas.tolist(), str(entry.record.fingerprint.get("sigmas", "")))


def with_computed_scores(entries: Iterable[Entry], protocols: Mapping[str, Rules]) -> list[Entry]:
    """Replace the numbers of records of OKS by those that follow from their tables; other records stay as they are.

    Args:
        entries: Records.
        protocols: sha256 -> rules.
    """
    return [_computed(entry, protocols) if _is_of_oks(entry, protocols) else entry for entry in entries]


def _is_of_oks(entry: Entry, protocols: Mapping[str, Rules]) -> bool:
    """Tell whether a record has numbers of OKS, or something else that only OKS has."""
    ids = {rules.id for rules in protocols.values() if isinstance(rules, OksProtocol)}
    claimed = any(score.metric.startswith((AP, AR)) for score in entry.record.scores)
    return claimed or entry.oks is not None or entry.record.protocol.id in ids


def _computed(entry: Entry, protocols: Mapping[str, Rules]) -> Entry:
    rules, record = protocols.get(entry.record.protocol.sha256), entry.record
    empty = record.model_copy(update={"scores": (), "per_joint": (), "curve": ()})
    if entry.oks is None:
        problem = entry.problem or "the errors.npz beside the record is no table of OKS"
        return replace(entry, record=empty, problem=problem)
    if not isinstance(rules, OksProtocol):
        return replace(entry, record=empty, problem="the errors.npz beside the record is of OKS, its protocol is not")
    if problem := _other_hands(entry.oks, record):
        return replace(entry, record=empty, problem=problem)
    scores = score_oks(entry.oks, rules, record.seed)
    computed = empty.model_copy(update={"scores": scores.scores, "curve": scores.curves})
    stated = {(s.subset, s.visibility, s.metric): s.value for s in record.scores}
    found = {(s.subset, s.visibility, s.metric): s.value for s in scores.scores}
    same = stated.keys() == found.keys() and np.allclose(
        [stated[k] for k in found], [*found.values()], rtol=0, atol=_SAME
    )
    problem = "" if same else "the errors.npz beside the record gives other scores"
    return replace(entry, record=computed, problem=problem)


def _other_hands(table: OksTable, record: Record) -> str:
    """Return why a table is not of the labels that the record names, "" if it is."""
    named = {part.name: part.labels_sha256 for part in record.data}
    held = {name: _digest(table, name) for name in table.subsets}
    return "" if named == held else "the errors.npz beside the record is of other labels"


def _digest(table: OksTable, subset: str) -> str:
    return labels_sha256(table.labels.select(table.labels.subset == subset))


def check_same_hands(a: OksTable, b: OksTable, subset: str) -> None:
    """Refuse to compare tables of other labels.

    Raises:
        InputError: If the two do not hold the same hands with the same labels.
    """
    if subset not in b.subsets or _digest(a, subset) != _digest(b, subset):
        raise InputError(f"{subset}: labels differ between the two tables; score both on the same labels")


def draw_oks(table: OksTable, subset: str, visibility: str, protocol: OksProtocol) -> Draws | None:
    """Draw the clips of a cell for one method; None if the cell has no keypoint."""
    cell = oks_cell(table, subset, visibility, protocol)
    if cell is None:
        return None
    values = cell.values()
    return Draws(
        {(name, None): value for name, value in values.items()},
        {(name, None): rows for name, rows in cell.replicates(SEED).items()},
        {(name, None): cell.n_clips for name in values},
        None,
        protocol.level,
    )


def oks_flags(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield labels of what a reader must know about a record of OKS, with an explanation of each."""
    record = entry.record
    if entry.oks is not None and entry.oks.sigmas.tolist() != list(load_oks_protocol().sigmas):
        yield "own sigmas", f"errors are compared with sigmas of {record.fingerprint.get('sigmas')}"
    if entry.oks is not None and entry.oks.all_labelled:
        yield "all hands labelled", "precision counts on that; it is what the person who scored it says"


def oks_facts(rules: OksProtocol) -> Iterator[tuple[str, str]]:
    """Yield the main rules."""
    yield "Similarity", "mean of exp(-d² / (2 s² (2 sigma)²)) over joints; s² the area of the annotated box"
    yield "Computed by", "pycocotools.cocoeval.COCOeval"
    yield "Thresholds", ", ".join(f"{t:g}" for t in rules.thresholds)
    yield "Sigmas", f"{rules.sigma_source}: {', '.join(f'{s:.3g}' for s in rules.sigmas)}"
    yield "Side", "a detection matches hands of its side alone, except in columns that say any side"
