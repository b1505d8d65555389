"""The data behind all pages of a site, computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from threading import Event

import numpy as np

from annotation.agreement.result import Agreement
from benchmark.intervals import Interval, check_same
from benchmark.protocol import Protocol
from benchmark.record import labels_sha256
from benchmark.temporal.motion import score_motion
from hint.files import read_predictions
from hint.files.manifest import read_manifest
from hint.types import HandLabels
from hint.workers import in_threads
from leaderboard.comparison import draw_entry
from leaderboard.draws import SEED, Draws
from leaderboard.entry import Entry, numbered, slug
from leaderboard.metric import COLUMNS, Key
from leaderboard.protocols import Rules
from leaderboard.ranking import Rank, Section, data_of, find_sections, rank
from leaderboard.reference import Source
from leaderboard.slices import Slice, slice_scores

VISIBILITIES = ("all", "visible", "occluded")


@dataclass(frozen=True)
class Number:
    """A number that was computed here, and its interval."""

    value: float
    interval: Interval | None


#: Most comparison pages: all pairs of twelve methods.
MAX_PAIRS = 66


@dataclass(frozen=True, eq=False)
class Board:
    """Records, reported numbers, and the pictures that may be shown.

    Attributes:
        entries: Records, by name.
        protocols: sha256 -> rules.
        sources: Papers with reported numbers.
        labels: Labelled hands with pictures, None without ``--data``.
        agreement: Agreement of two annotators, None if not given.
        contact: Hand id -> its contact in a manifest.
        show_ego4d: Whether Ego4D's pixels may enter the site.
    """

    entries: tuple[Entry, ...]
    protocols: Mapping[str, Rules]
    sources: tuple[Source, ...] = ()
    labels: HandLabels | None = None
    agreement: Agreement | None = None
    contact: Mapping[str, str] = field(default_factory=dict)
    show_ego4d: bool = False

    @cached_property
    def sections(self) -> list[Section]:
        """Subsets, with the records that may be ranked there and those that may not."""
        found = find_sections(self.entries, self.protocols)
        for section in found:
            for entry in section.comparable[1:]:
                first = section.comparable[0].errors
                if first is not None and entry.errors is not None:
                    check_same(first, entry.errors, section.subset)
        return found

    @cached_property
    def paths(self) -> dict[Section, str]:
        """Addresses of the pages of subsets."""
        names = numbered([slug(f"{s.protocol_id}-{s.subset}") for s in self.sections], "{}-{}")
        return {section: f"subsets/{name}.html" for section, name in zip(self.sections, names, strict=True)}

    def compute(self) -> Iterator[Entry]:
        """Compute what is costly, several records at a time, and yield each record that is done.

        What pages ask for later would be computed then, one by one.
        """

        def numbers(job: tuple[Section, Entry], stop: Event) -> None:
            section, entry = job
            for visibility in VISIBILITIES:
                if not stop.is_set():
                    self.draws(entry, section.subset, visibility)
            self.slices(entry, section)

        jobs = [(section, entry) for section in self.sections for entry in section.entries]
        for (_, entry), _ in in_threads(numbers, jobs):
            yield entry

    @cached_property
    def _drawn(self) -> dict[tuple[str, str, str], Draws | None]:
        return {}

    def draws(self, entry: Entry, subset: str, visibility: str) -> Draws | None:
        """Draw the clips of a cell for one record; None without an error table, rules or keypoints."""
        rules = self.protocols.get(entry.record.protocol.sha256)
        key = (entry.slug, subset, visibility)
        if key not in self._drawn:
            self._drawn[key] = draw_entry(entry, subset, visibility, rules)
        return self._drawn[key]

    def ranks(self, section: Section, visibility: str, key: Key) -> dict[str, Rank]:
        """Rank the comparable records of a section by one number; each column is ranked once."""
        column = (section.protocol_sha256, section.subset, visibility, key)
        if column not in self._ranks:
            drawn = {e.slug: self.draws(e, section.subset, visibility) for e in section.ranked}
            self._ranks[column] = rank({slug: draws for slug, draws in drawn.items() if draws is not None}, key)
        return self._ranks[column]

    @cached_property
    def _ranks(self) -> dict[tuple[str, str, str, Key], dict[str, Rank]]:
        return {}

    def number(self, entry: Entry, subset: str, visibility: str, key: Key) -> Number | None:
        """Compute a number of a record from its error table, motion from predictions and labels; None without them."""
        drawn = self.draws(entry, subset, visibility)
        if drawn is not None and key in drawn.values:
            return Number(drawn.values[key], drawn.interval(key))
        return self._motion(entry, subset).get((visibility, key))

    def _motion(self, entry: Entry, subset: str) -> dict[tuple[str, Key], Number]:
        if (entry.slug, subset) not in self._moving:
            self._moving[entry.slug, subset] = dict(self._score_motion(entry, subset))
        return self._moving[entry.slug, subset]

    @cached_property
    def _moving(self) -> dict[tuple[str, str], dict[tuple[str, Key], Number]]:
        return {}

    def _score_motion(self, entry: Entry, subset: str) -> Iterator[tuple[tuple[str, Key], Number]]:
        rules, data = self.protocols.get(entry.record.protocol.sha256), data_of(entry.record, subset)
        if not isinstance(rules, Protocol) or rules.motion is None:
            return
        if self.labels is None or entry.predictions is None or data is None:
            return
        hands = self.labels.select(self.labels.subset == subset)
        if len(hands) and labels_sha256(hands) == data.labels_sha256:
            for score in score_motion(hands, read_predictions(entry.predictions), rules, SEED):
                yield (score.visibility, (score.metric, None)), Number(score.value, score.ci)

    def slices(self, entry: Entry, section: Section) -> list[Slice]:
        """Score the kinds of hands of a subset, once for each record; none without an error table."""
        if (entry.slug, section.subset) not in self._sliced:
            self._sliced[entry.slug, section.subset] = self._score_slices(entry, section.subset)
        return self._sliced[entry.slug, section.subset]

    def _score_slices(self, entry: Entry, subset: str) -> list[Slice]:
        rules = self.protocols.get(entry.record.protocol.sha256)
        if entry.errors is None or not isinstance(rules, Protocol) or subset not in entry.errors.subsets:
            return []
        return slice_scores(entry.errors, subset, rules, self.contact)

    @cached_property
    def _sliced(self) -> dict[tuple[str, str], list[Slice]]:
        return {}

    def columns(self, section: Section, visibility: str) -> list[Key]:
        """Return the numbers to show: the PCKs by threshold, then the other main metrics that some record has."""
        key = (section.protocol_sha256, section.subset, visibility)
        if key not in self._columns:
            self._columns[key] = self._find_columns(section, visibility)
        return self._columns[key]

    @cached_property
    def _columns(self) -> dict[tuple[str, str, str], list[Key]]:
        return {}

    def _find_columns(self, section: Section, visibility: str) -> list[Key]:
        present: set[Key] = set()
        for entry in section.entries:
            drawn = self.draws(entry, section.subset, visibility)
            present |= set(drawn.values if drawn else ())
            present |= {key for seen, key in self._motion(entry, section.subset) if seen == visibility}
        pck = sorted(t for metric, t in present if metric == "pck" and t is not None)
        return [*(("pck", t) for t in pck), *((m, None) for m in COLUMNS if (m, None) in present)]

    def visibilities(self, section: Section) -> list[str]:
        """Return the groups of joints that have numbers."""
        return [v for v in VISIBILITIES if self.columns(section, v)]

    @cached_property
    def pairs(self) -> list[tuple[Entry, Entry]]:
        """Pairs of records with a comparison page: all that share a section, or the best ones if there are too many."""
        partners = {
            (a.slug, b.slug): (a, b)
            for section in self.sections
            for a, b in combinations([e for e in self.entries if e in section.comparable], 2)
        }
        if len(partners) <= MAX_PAIRS:
            return list(partners.values())
        order = {slug: k for k, slug in enumerate(self._best_first())}
        chosen = sorted(partners, key=lambda pair: (min(order[s] for s in pair), max(order[s] for s in pair)))
        kept = set(chosen[:MAX_PAIRS])
        return [pair for slugs, pair in partners.items() if slugs in kept]

    def _best_first(self) -> list[str]:
        """Order records by their mean rank in the first number of the sections they can be compared in."""
        places: dict[str, list[int]] = {}
        for section in self.sections:
            ranks = self.ranks(section, "all", self.columns(section, "all")[0]) if self.columns(section, "all") else {}
            for entry in section.comparable:
                place = ranks[entry.slug].place if entry.slug in ranks else len(section.comparable)
                places.setdefault(entry.slug, []).append(place)
        return sorted(places, key=lambda slug: (float(np.mean(places[slug])), slug))


def read_contact(manifests: Sequence[Path]) -> dict[str, str]:
    """Return hand id -> interaction, from manifests."""
    return {hand.hand_id: hand.interaction for path in manifests for hand in read_manifest(path)}
