"""What a board makes of records of OKS: numbers follow from the hands and detections beside a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchmark.error_table import Coverage
from benchmark.oks.protocol import OksProtocol, load_oks_protocol
from benchmark.oks.scores import oks_cell
from benchmark.oks.table import OksTable
from benchmark.record import Record, labels_sha256
from benchmark.rules import Rules
from hint.errors import InputError
from leaderboard.draws import SEED, Draws

if TYPE_CHECKING:
    from leaderboard.entry import Entry


def rules_of(record: Record, table: object, protocols: Mapping[str, Rules]) -> Rules | None:
    """Return the rules a record was scored by, None if they are not known; a table of OKS says by which sigmas.

    Args:
        record: The record.
        table: What lies beside it.
        protocols: sha256 -> rules.
    """
    sha256 = record.protocol.sha256
    if sha256 in protocols or not isinstance(table, OksTable):
        return protocols.get(sha256)
    source = str(record.fingerprint.get("sigmas", ""))
    known = (rules for rules in protocols.values() if isinstance(rules, OksProtocol) and rules.id == record.protocol.id)
    found = (rules.with_sigmas(table.sigmas.tolist(), source) for rules in known)
    return next((rules for rules in found if rules.sha256 == sha256), None)


def draw_oks(table: OksTable, subset: str, visibility: str, protocol: OksProtocol) -> Draws | None:
    """Draw the clips of a cell for one method; None if the cell has no keypoint."""
    cell = oks_cell(table, subset, visibility, protocol) if subset in table.subsets else None
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


def oks_coverage(table: OksTable) -> Coverage:
    """Return which hands lack a prediction; of whole pictures nobody can tell."""
    n = len(table)
    if table.is_whole:
        return Coverage((), (), n)
    predicted = np.asarray(np.isfinite(table.found.keypoints_2d).all(2))
    found = dict(zip(table.found.picture.tolist(), predicted, strict=True))
    missing, partial = [], []
    for hand, exists in zip(table.labels.hand_id.tolist(), table.labels.existence, strict=True):
        if hand not in found:
            missing.append(hand)
        elif (exists & ~found[hand]).any():
            partial.append(hand)
    return Coverage(tuple(missing), tuple(partial), n)


def share_within(table: OksTable, limit: float) -> float:
    """Return the share of annotated keypoints that a detection of their picture has within ``limit`` box sides."""
    guesses: dict[str, list[int]] = {}
    for row, picture in enumerate(table.found.picture.tolist()):
        guesses.setdefault(picture, []).append(row)
    labels, near, count = table.labels, 0, 0
    for k, picture in enumerate(table.picture.tolist()):
        exists = labels.existence[k]
        count += int(exists.sum())
        if picture in guesses:
            offset = table.found.keypoints_2d[guesses[picture]][:, exists] - labels.keypoints_2d[k, exists]
            close = np.sqrt(np.square(offset).sum(-1)) <= limit * labels.longest_side[k]
            near += int(close.sum(1).max())
    return near / count if count else 0.0


def other_labels(record: Record, table: OksTable) -> Iterator[str]:
    """Yield where a table is not of the labels that the record names."""
    for part in record.data:
        if part.name in table.subsets and part.labels_sha256 != _digest(table, part.name):
            yield f"{part.name}: its labels are not those that the record names"


def _digest(table: OksTable, subset: str) -> str:
    return labels_sha256(table.part(subset).labels)


def check_same_hands(a: OksTable, b: OksTable, subset: str) -> None:
    """Refuse to compare tables of other labels.

    Raises:
        InputError: If the two do not hold the same hands with the same labels.
    """
    if subset not in b.subsets or _digest(a, subset) != _digest(b, subset):
        raise InputError(f"{subset}: labels differ between the two tables; score both on the same labels")


def oks_flags(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield labels of what a reader must know about a record of OKS, with an explanation of each."""
    if entry.oks is None:
        return
    if entry.oks.sigmas.tolist() != list(load_oks_protocol().sigmas):
        yield "own sigmas", f"errors are compared with sigmas of {entry.declared.fingerprint.get('sigmas')}"
    if entry.oks.all_labelled:
        yield "all hands labelled", "precision counts on that; it is what the person who scored it says"


def oks_facts(rules: OksProtocol) -> Iterator[tuple[str, str]]:
    """Yield the main rules."""
    yield "Similarity", "mean of exp(-d² / (2 s² (2 sigma)²)) over joints; s² the area of the annotated box"
    yield "Computed by", "pycocotools.cocoeval.COCOeval"
    yield "Thresholds", ", ".join(f"{t:g}" for t in rules.thresholds)
    yield "Sigmas", f"{rules.sigma_source}: {', '.join(f'{s:.3g}' for s in rules.sigmas)}"
    yield "Side", "a detection matches hands of its side alone, except in columns that say any side"
