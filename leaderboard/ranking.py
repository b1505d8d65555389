"""Which records can be ranked together, which cannot and why, and their ranks.

Records are comparable if protocol and ground truth have the same sha256 and every hand was evaluated. Ranks come from
paired differences: the rank of a method is one more than the number of methods whose paired difference to it is better
with an interval that does not contain 0, so methods that cannot be told apart share a rank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.oks.protocol import OksProtocol
from benchmark.protocol import Protocol
from benchmark.record import Record, SubsetEntry
from benchmark.rules import Rules
from hint.errors import some_ids
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.metric import Key

#: Digits of a sha256 that are shown.
_SHORT = 12

_CONTROL = "a control that sees the ground truth"


@dataclass(frozen=True)
class Rank:
    """A rank; ``is_tied`` if others share it."""

    place: int
    is_tied: bool

    @property
    def text(self) -> str:
        """Return "1", or "1=" if others share it."""
        return f"{self.place}{'=' if self.is_tied else ''}"


@dataclass(frozen=True, eq=False)
class Section:
    """Records of one subset under one protocol.

    Attributes:
        protocol_id: Name of the protocol.
        protocol_sha256: Of the protocol the ranked ones share.
        protocol: Its rules, None if they are not known.
        subset: Part of the dataset.
        title: Its name in tables.
        data: Hands, clips and labels sha256 of the ranked ones.
        ranked: Comparable records.
        unranked: Other records, and why.
        controls: Unranked records that are comparable nevertheless: controls that see the ground truth.
    """

    protocol_id: str
    protocol_sha256: str
    protocol: Rules | None
    subset: str
    title: str
    data: SubsetEntry
    ranked: tuple[Entry, ...]
    unranked: tuple[tuple[Entry, str], ...]
    controls: tuple[Entry, ...]

    @property
    def comparable(self) -> list[Entry]:
        """Records of the same hands and the same rules."""
        return [*self.ranked, *self.controls]

    @property
    def entries(self) -> list[Entry]:
        """All records of the section, the ranked ones first."""
        return [*self.ranked, *(entry for entry, _ in self.unranked)]


def find_sections(entries: Sequence[Entry], protocols: Mapping[str, Rules]) -> list[Section]:
    """Sort records into sections: protocols by name, subsets in the protocol's order, then others by name.

    Args:
        entries: Records.
        protocols: sha256 -> rules.
    """
    sections: list[Section] = []
    for protocol_id in sorted({entry.record.protocol.id for entry in entries}):
        members = [entry for entry in entries if entry.record.protocol.id == protocol_id]
        sha256 = _main_protocol(members, protocols)
        rules = protocols.get(sha256)
        official = list(_titles(rules))
        names = {data.name for entry in members for data in entry.record.data}
        sections += (
            _section(members, protocol_id, sha256, rules, name)
            for name in sorted(names, key=lambda n: (official.index(n) if n in official else len(official), n))
        )
    return sections


def _main_protocol(members: Sequence[Entry], protocols: Mapping[str, Rules]) -> str:
    """Choose the most used protocol, known ones first."""
    times = Counter(entry.record.protocol.sha256 for entry in members)
    return min(times, key=lambda sha256: (sha256 not in protocols, -times[sha256], sha256))


def _section(members: Sequence[Entry], protocol_id: str, sha256: str, rules: Rules | None, subset: str) -> Section:
    present = [entry for entry in members if data_of(entry.record, subset)]
    data = _main_data(present, sha256, subset)
    reasons = [(entry, "; ".join(_reasons(entry, sha256, rules, data))) for entry in present]
    fine = [entry for entry, reason in reasons if not reason]
    controls = [entry for entry in fine if entry.record.method.needs_labels]
    return Section(
        protocol_id,
        sha256,
        rules,
        subset,
        rules.title_of(subset) if isinstance(rules, OksProtocol) else _titles(rules).get(subset, subset),
        data,
        tuple(entry for entry in fine if entry not in controls),
        tuple((entry, reason or _CONTROL) for entry, reason in reasons if reason or entry in controls),
        tuple(controls),
    )


def _titles(rules: Rules | None) -> dict[str, str]:
    """Return name -> title of the subsets of a protocol, in its order; a 3D one has a single set under its own name."""
    if isinstance(rules, OksProtocol):
        return {name: rules.title_of(name) for name in rules.order}
    if isinstance(rules, Protocol):
        return {subset.name: subset.title for subset in rules.subsets}
    return {} if rules is None else {rules.id: rules.title}


def _main_data(present: Sequence[Entry], sha256: str, subset: str) -> SubsetEntry:
    """Choose the labels that most complete records of the protocol share; among equals, the most hands."""
    found = [data for entry in present if (data := data_of(entry.record, subset))]
    times = Counter(
        data.labels_sha256
        for entry, data in zip(present, found, strict=True)
        if entry.record.protocol.sha256 == sha256 and entry.record.status == "complete"
    )
    return min(found, key=lambda d: (-times[d.labels_sha256], -d.n_hands, d.labels_sha256))


def data_of(record: Record, subset: str) -> SubsetEntry | None:
    """Return the entry of a record for a subset, None if it has none."""
    return next((data for data in record.data if data.name == subset), None)


def _reasons(entry: Entry, sha256: str, rules: Rules | None, data: SubsetEntry) -> Iterator[str]:
    record = entry.record
    if record.protocol.sha256 != sha256:
        yield f"other protocol file: sha256 {record.protocol.sha256[:_SHORT]}, the others {sha256[:_SHORT]}"
    elif rules is None:
        yield f"the rules of {record.protocol.id} are not known; give the file with --protocol"
    own = data_of(record, data.name)
    if own is not None and own.labels_sha256 != data.labels_sha256:
        yield (
            f"other ground truth: {own.n_hands:,} hands, sha256 {own.labels_sha256[:_SHORT]}; "
            f"the others {data.n_hands:,} hands, {data.labels_sha256[:_SHORT]}"
        )
    yield from _incomplete(record)
    if entry.problem:
        yield f"{entry.problem}, so ties cannot be determined"


def _incomplete(record: Record) -> Iterator[str]:
    if record.status == "complete":
        return
    if record.limit is not None:
        yield f"partial: --limit {record.limit}"
    if record.coverage.missing:
        missing = record.coverage.missing
        yield f"partial: {len(missing)} of {record.coverage.n_hands} hands are missing: {some_ids(missing)}"
    if record.limit is None and not record.coverage.missing:
        yield f"status {record.status}"


def rank(draws: Mapping[str, Draws], key: Key) -> dict[str, Rank]:
    """Rank methods by paired differences.

    Args:
        draws: Slug of a record -> its draws of one cell.
        key: What to rank by.

    Returns:
        Slug -> rank; methods without a value have none.
    """
    able = {name: drawn for name, drawn in draws.items() if key in drawn.rows}
    place = {
        name: 1 + sum(other.beats(drawn, key) for rival, other in able.items() if rival != name)
        for name, drawn in able.items()
    }
    times = Counter(place.values())
    return {name: Rank(value, times[value] > 1) for name, value in place.items()}
