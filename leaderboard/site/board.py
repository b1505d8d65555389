"""The data behind all pages of a site, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np

from annotation.agreement.result import Agreement
from benchmark.intervals import Difference, Interval
from benchmark.protocol import Protocol
from benchmark.record import labels_sha256
from benchmark.rules import Rules
from benchmark.temporal.motion import score_motion
from hint.files import read_predictions
from hint.files.manifest import read_manifest
from hint.types import HandLabels
from hint.workers import in_threads
from leaderboard.cache import remembered
from leaderboard.candidate import Problem
from leaderboard.draws import SEED, Draws
from leaderboard.entry import Entry
from leaderboard.history import Change
from leaderboard.metric import COLUMNS, Key, Metric, describe
from leaderboard.names import numbered, slug
from leaderboard.pairs import Pairs, compare_pairs
from leaderboard.ranking import Rank, Section, data_of, find_sections, ranks_of, rule
from leaderboard.reference import Source
from leaderboard.slices import Slice, slice_scores
from leaderboard.verification import OPTIONAL, REQUIRED, LabelledSubsets

Value = TypeVar("Value")

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
        verify: What happens with records that could not be verified: "optional" or "required".
        corrected: Whether ranks take the number of pairs into account.
        refused: What is wrong with records that are not shown.
        hide_hands: Whether nothing of single hands is shown.
        history: Changes of the board, the newest first.
    """

    entries: tuple[Entry, ...]
    protocols: Mapping[str, Rules]
    sources: tuple[Source, ...] = ()
    labels: HandLabels | None = None
    agreement: Agreement | None = None
    contact: Mapping[str, str] = field(default_factory=dict)
    show_ego4d: bool = False
    verify: str = OPTIONAL
    corrected: bool = True
    refused: tuple[Problem, ...] = ()
    hide_hands: bool = False
    history: tuple[Change, ...] = ()

    @cached_property
    def sections(self) -> list[Section]:
        """Subsets, with the records that may be ranked there and those that may not."""
        labelled = LabelledSubsets(self.labels) if self.labels is not None else None
        return find_sections(self.entries, self.protocols, labelled, self.verify == REQUIRED)

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

    def draws(self, entry: Entry, subset: str, visibility: str) -> Draws | None:
        """Draw the clips of a cell for one record; None without an error table, rules or keypoints."""
        return entry.draws(subset, visibility)

    @cached_property
    def _kept(self) -> dict[tuple[object, ...], Any]:
        return {}

    def _once(self, place: tuple[object, ...], compute: Callable[[], Value]) -> Value:
        """Compute what many pages ask for once."""
        if place not in self._kept:
            self._kept[place] = compute()
        found: Value = self._kept[place]
        return found

    def compared(self, section: Section, visibility: str, key: Key) -> Pairs:
        """Compare all ranked records of a section by one number: the differences that ranks follow from."""
        return self._once(
            ("compared", section, visibility, key),
            lambda: compare_pairs(self._draws_of(section, visibility, key), key, self.corrected),
        )

    def ranks(self, section: Section, visibility: str, key: Key) -> dict[str, Rank]:
        """Rank the comparable records of a section by one number."""
        return self._once(
            ("ranks", section, visibility, key),
            lambda: ranks_of(self._draws_of(section, visibility, key), self.compared(section, visibility, key)),
        )

    def _draws_of(self, section: Section, visibility: str, key: Key) -> dict[str, Draws]:
        """Return the draws of all that are ranked by a number: a mean error without the missed hands would flatter."""
        able = [e for e in section.ranked if key[0] != "epe_mean_px" or e.declared.coverage.complete]
        drawn = {e.slug: self.draws(e, section.subset, visibility) for e in able}
        return {slug: draws for slug, draws in drawn.items() if draws is not None}

    @property
    def rule(self) -> str:
        """Say when a method is clearly better than another."""
        levels = {protocol.level for protocol in self.protocols.values()}
        return rule(self.corrected, min(levels, default=0.95))

    def format(self, section: Section, visibility: str, key: Key) -> Metric:
        """Return how to print a column: with as many decimals as it takes to see why two methods differ."""
        return self._once(("format", section, visibility, key), lambda: self._format(section, visibility, key))

    def _format(self, section: Section, visibility: str, key: Key) -> Metric:
        pairs, drawn = self.compared(section, visibility, key), self._draws_of(section, visibility, key)
        different = [(a, b) for a, b in pairs.differences if pairs.beats(a, b) or pairs.beats(b, a)]
        return describe(key).telling((drawn[a].values[key], drawn[b].values[key]) for a, b in different)

    def difference(self, section: Section, visibility: str, key: Key, pair: tuple[Entry, Entry]) -> Difference | None:
        """Return the paired difference of two records; that of a control has an interval of its own."""
        a, b = pair
        found = self.compared(section, visibility, key).difference(a.slug, b.slug)
        if found is not None:
            return found
        first, second = (self.draws(entry, section.subset, visibility) for entry in pair)
        if first is None or second is None or key not in first.rows or key not in second.rows:
            return None
        return first.minus(second, key)

    def number(self, entry: Entry, subset: str, visibility: str, key: Key) -> Number | None:
        """Compute a number of a record from its error table, motion from predictions and labels; None without them."""
        drawn = self.draws(entry, subset, visibility)
        if drawn is not None and key in drawn.values:
            return Number(drawn.values[key], drawn.interval(key))
        return self._motion(entry, subset).get((visibility, key))

    def _motion(self, entry: Entry, subset: str) -> dict[tuple[str, Key], Number]:
        return self._once(("motion", entry, subset), lambda: dict(self._score_motion(entry, subset)))

    def _score_motion(self, entry: Entry, subset: str) -> Iterator[tuple[tuple[str, Key], Number]]:
        rules, data = entry.rules, data_of(entry.declared, subset)
        if not isinstance(rules, Protocol) or rules.motion is None:
            return
        if self.labels is None or entry.predictions is None or data is None:
            return
        hands = self.labels.select(self.labels.subset == subset)
        if len(hands) and labels_sha256(hands) == data.labels_sha256:
            for score in score_motion(hands, read_predictions(entry.predictions), rules, SEED):
                yield (score.visibility, (score.metric, None)), Number(score.value, score.ci)

    def slices(self, entry: Entry, section: Section) -> list[Slice]:
        """Score the kinds of hands of a subset; none without an error table."""
        return self._once(("slices", entry, section), lambda: self._score_slices(entry, section.subset))

    def _score_slices(self, entry: Entry, subset: str) -> list[Slice]:
        rules = entry.rules
        if entry.errors is None or not isinstance(rules, Protocol) or subset not in entry.errors.subsets:
            return []
        table, contact = entry.errors, self.contact
        compute = partial(slice_scores, table, subset, rules, contact)
        return remembered(list[Slice], table, rules, [subset, dict(contact)], compute)

    def columns(self, section: Section, visibility: str) -> list[Key]:
        """Return the numbers to show: the PCKs by threshold, then the other main metrics that some record has."""
        return self._once(("columns", section, visibility), lambda: self._find_columns(section, visibility))

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
