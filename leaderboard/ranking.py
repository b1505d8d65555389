"""Which records can be ranked together, which cannot and why, and their ranks.

Records are comparable if they have the same protocol, were scored on the labels that count, and their error tables hold
the same hands, clips and boxes. A hand without a prediction is a miss, so nobody is left out for it. Ranks come from
paired differences: the rank of a method is one more than the number of methods that are clearly better than it, so
methods that cannot be told apart share a rank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmark.ground_truth import GroundTruth, released
from benchmark.oks.protocol import OksProtocol
from benchmark.protocol import Protocol
from benchmark.record import Record, SubsetEntry
from benchmark.rules import Rules
from leaderboard.controls import why_control
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.metric import Key
from leaderboard.pairs import Pairs, compare_pairs
from leaderboard.verification import LabelledSubsets

#: The protocol of the paper comes first.
_FIRST = "hint-v1"

#: Digits of a sha256 that are shown.
_SHORT = 12


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
        data: Hands, clips and sha256 of the labels that count.
        chosen_by: Why those count: "the released labels", "the labels of this board", or "most records".
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
    chosen_by: str
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


@dataclass(frozen=True)
class Chosen:
    """The labels that count on a subset.

    Attributes:
        truth: Their digests.
        by: Why they count.
    """

    truth: GroundTruth
    by: str


def find_sections(
    entries: Sequence[Entry],
    protocols: Mapping[str, Rules],
    labelled: LabelledSubsets | None = None,
    verified_only: bool = False,
) -> list[Section]:
    """Sort records into sections: hint-v1 and then protocols by name, subsets in the protocol's order, others by name.

    Args:
        entries: Records.
        protocols: sha256 -> rules.
        labelled: Labels that the board holds; they are the ones that count.
        verified_only: Whether only records are ranked whose error table was computed again.
    """
    sections: list[Section] = []
    names = {entry.declared.protocol.id for entry in entries}
    for protocol_id in sorted(names, key=lambda name: (name != _FIRST, name)):
        members = [entry for entry in entries if entry.declared.protocol.id == protocol_id]
        sha256 = _main_protocol(members, protocols)
        rules = protocols.get(sha256)
        official = list(_titles(rules))
        subsets = {data.name for entry in members for data in entry.declared.data}
        for name in sorted(subsets, key=lambda n: (official.index(n) if n in official else len(official), n)):
            present = [entry for entry in members if data_of(entry.declared, name)]
            chosen = _choose(present, sha256, name, labelled)
            sections.append(_section(present, (protocol_id, sha256, rules), name, chosen, verified_only))
    return list(_told_apart(sections))


def _told_apart(sections: Sequence[Section]) -> Iterator[Section]:
    """Yield sections; a title that an earlier one has gets the name of its protocol."""
    taken: set[str] = set()
    for section in sections:
        one = replace(section, title=f"{section.title}, {section.protocol_id}") if section.title in taken else section
        taken.add(one.title)
        yield one


def _main_protocol(members: Sequence[Entry], protocols: Mapping[str, Rules]) -> str:
    """Choose the most used protocol, known ones first."""
    times = Counter(entry.declared.protocol.sha256 for entry in members)
    return min(times, key=lambda sha256: (sha256 not in protocols, -times[sha256], sha256))


def _section(
    present: Sequence[Entry], protocol: tuple[str, str, Rules | None], subset: str, chosen: Chosen, verified_only: bool
) -> Section:
    protocol_id, sha256, rules = protocol
    data = _data(present, subset, chosen, rules)
    reasons = {entry.slug: "; ".join(_reasons(entry, protocol, data, chosen)) for entry in present}
    fine = [entry for entry in present if not reasons[entry.slug]]
    for entry in fine:
        reasons[entry.slug] = why_control(entry.declared.method, entry.errors or entry.mesh_errors or entry.oks)
    controls = tuple(entry for entry in fine if reasons[entry.slug])
    for entry in fine:
        if verified_only and not entry.verified:
            why = f"not verified: {entry.why_not_verified or 'the board was built without labels'}"
            reasons[entry.slug] = reasons[entry.slug] or why
    return Section(
        protocol_id,
        sha256,
        rules,
        subset,
        rules.title_of(subset) if isinstance(rules, OksProtocol) else _titles(rules).get(subset, subset),
        data,
        chosen.by,
        tuple(entry for entry in present if not reasons[entry.slug]),
        tuple((entry, reasons[entry.slug]) for entry in present if reasons[entry.slug]),
        controls,
    )


def _titles(rules: Rules | None) -> dict[str, str]:
    """Return name -> title of the subsets of a protocol, in its order; a 3D one has a single set under its own name."""
    if isinstance(rules, OksProtocol):
        return {name: rules.title_of(name) for name in rules.order}
    if isinstance(rules, Protocol):
        return {subset.name: subset.title for subset in rules.subsets}
    return {} if rules is None else {rules.id: rules.title}


def _choose(present: Sequence[Entry], sha256: str, subset: str, labelled: LabelledSubsets | None) -> Chosen:
    """Choose the labels that count: the board's own, else the released ones, else those that most records share.

    Released labels count as soon as one record was scored on them: no number of others can outvote it.
    """
    if labelled is not None and subset in labelled.truths:
        return Chosen(labelled.truths[subset], "the labels of this board")
    known = dict.fromkeys(released().get(subset, ()), 0)
    given: Counter[GroundTruth] = Counter()
    for entry in present:
        data, contents = data_of(entry.declared, subset), entry.contents(subset)
        if data is not None and contents is not None and entry.declared.protocol.sha256 == sha256:
            given[GroundTruth(data.labels_sha256, contents)] += 1
    for truth in known:
        if truth in given:
            return Chosen(truth, "the released labels")
    if not given:
        sha = min(data.labels_sha256 for entry in present if (data := data_of(entry.declared, subset)))
        return Chosen(GroundTruth(sha, None), "most records")
    return Chosen(min(given, key=lambda t: (-given[t], t.labels_sha256, str(t.contents))), "most records")


def _data(present: Sequence[Entry], subset: str, chosen: Chosen, rules: Rules | None) -> SubsetEntry:
    """Return hands and clips of the labels that count."""
    found = [data for entry in present if (data := data_of(entry.declared, subset)) and _is_of(entry, data, chosen)]
    if found:
        return found[0]
    data = max((d for e in present if (d := data_of(e.declared, subset))), key=lambda d: d.n_hands)
    return data.model_copy(update={"labels_sha256": chosen.truth.labels_sha256})


def _is_of(entry: Entry, data: SubsetEntry, chosen: Chosen) -> bool:
    return chosen.truth == GroundTruth(data.labels_sha256, entry.contents(data.name))


def data_of(record: Record, subset: str) -> SubsetEntry | None:
    """Return the entry of a record for a subset, None if it has none."""
    return next((data for data in record.data if data.name == subset), None)


def _reasons(entry: Entry, protocol: tuple[str, str, Rules | None], data: SubsetEntry, chosen: Chosen) -> Iterator[str]:
    _, sha256, rules = protocol
    record = entry.declared
    if record.protocol.sha256 != sha256:
        yield f"other protocol file: sha256 {record.protocol.sha256[:_SHORT]}, the others {sha256[:_SHORT]}"
    elif rules is None:
        yield f"the rules of {record.protocol.id} are not known; give the file with --protocol"
    own, contents = data_of(record, data.name), entry.contents(data.name)
    if own is not None and own.labels_sha256 != chosen.truth.labels_sha256:
        hands = f"{own.n_hands:,} hands, " if contents else ""
        yield (
            f"other ground truth: {hands}sha256 {own.labels_sha256[:_SHORT]}; "
            f"{chosen.by}: {data.n_hands:,} hands, {chosen.truth.labels_sha256[:_SHORT]}"
        )
        if record.limit is not None:
            yield f"partial: --limit {record.limit}"
    elif contents is not None and chosen.truth.contents is not None and contents != chosen.truth.contents:
        yield f"its error table differs from {chosen.by} in {', '.join(chosen.truth.contents.differences(contents))}"
    if entry.problem:
        yield f"{entry.problem}, so nothing can be computed"


def rank(draws: Mapping[str, Draws], key: Key, corrected: bool = True) -> dict[str, Rank]:
    """Rank methods by paired differences.

    Args:
        draws: Slug of a record -> its draws of one cell.
        key: What to rank by.
        corrected: Whether the intervals hold for all pairs at once; see :mod:`leaderboard.pairs`.

    Returns:
        Slug -> rank; methods without a value have none.
    """
    return ranks_of(draws, compare_pairs(draws, key, corrected))


def ranks_of(draws: Mapping[str, Draws], pairs: Pairs) -> dict[str, Rank]:
    """Return slug -> rank of methods with a value, from their paired differences."""
    able = [name for name, drawn in draws.items() if pairs.key in drawn.rows]
    place = {name: 1 + sum(pairs.beats(rival, name) for rival in able) for name in able}
    times = Counter(place.values())
    return {name: Rank(value, times[value] > 1) for name, value in place.items()}


def rule(corrected: bool, level: float) -> str:
    """Say in one sentence when a method is clearly better than another."""
    percent = f"{100 * level:g}%"
    if corrected:
        return (
            "A method is clearly better if the paired interval of its difference leaves out 0; the intervals of a "
            f"column are widened together, so that all its pairs hold at once with {percent} (maximum of studentised "
            "differences)."
        )
    return (
        f"A method is clearly better if the paired {percent} interval of its difference leaves out 0; the intervals "
        "are not widened for the number of pairs, so among many methods some pairs differ by chance."
    )
