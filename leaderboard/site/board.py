"""The data behind all pages of a site, computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from annotation.agreement.result import Agreement
from benchmark.intervals import Difference
from hint.files.manifest import read_manifest
from hint.types import HandLabels
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.history import Event
from leaderboard.metric import Key, Metric, describe
from leaderboard.pairs import Pairs, compare_pairs
from leaderboard.protocols import Rules
from leaderboard.ranking import Rank, Section, find_sections, ranks_of, rule
from leaderboard.reference import Source
from leaderboard.submission import Problem
from leaderboard.verification import OPTIONAL, REQUIRED, LabelledSubsets

VISIBILITIES = ("all", "visible", "occluded")

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
    history: tuple[Event, ...] = ()

    @cached_property
    def sections(self) -> list[Section]:
        """Subsets, with the records that may be ranked there and those that may not."""
        labelled = LabelledSubsets(self.labels) if self.labels is not None else None
        return find_sections(self.entries, self.protocols, labelled, self.verify == REQUIRED)

    def draws(self, entry: Entry, subset: str, visibility: str) -> Draws | None:
        """Draw the clips of a cell for one record; None without an error table, rules or keypoints."""
        return entry.draws(subset, visibility)

    @cached_property
    def _compared(self) -> dict[tuple[str, str, str, Key], Pairs]:
        return {}

    def compared(self, section: Section, visibility: str, key: Key) -> Pairs:
        """Compare all ranked records of a section by one number, once: the differences that ranks follow from."""
        place = (section.protocol_id, section.subset, visibility, key)
        if place not in self._compared:
            self._compared[place] = compare_pairs(self._draws_of(section, visibility), key, self.corrected)
        return self._compared[place]

    def ranks(self, section: Section, visibility: str, key: Key) -> dict[str, Rank]:
        """Rank the comparable records of a section by one number."""
        return ranks_of(self._draws_of(section, visibility), self.compared(section, visibility, key))

    def _draws_of(self, section: Section, visibility: str) -> dict[str, Draws]:
        drawn = {e.slug: self.draws(e, section.subset, visibility) for e in section.ranked}
        return {slug: draws for slug, draws in drawn.items() if draws is not None}

    @property
    def rule(self) -> str:
        """Say when a method is clearly better than another."""
        levels = {protocol.level for protocol in self.protocols.values()}
        return rule(self.corrected, min(levels, default=0.95))

    def format(self, section: Section, visibility: str, key: Key) -> Metric:
        """Return how to print a column: with as many decimals as it takes to see why two methods differ."""
        pairs, drawn = self.compared(section, visibility, key), self._draws_of(section, visibility)
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
        """Order records by the mean of their first PCK over the sections they can be compared in."""
        values: dict[str, list[float]] = {}
        for section in self.sections:
            for entry in section.comparable:
                scores = [s.value for s in entry.record.scores if s.subset == section.subset and s.visibility == "all"]
                values.setdefault(entry.slug, []).append(scores[0] if scores else 0.0)
        return sorted(values, key=lambda slug: (-float(np.mean(values[slug])), slug))


def read_contact(manifests: Sequence[Path]) -> dict[str, str]:
    """Return hand id -> interaction, from manifests."""
    return {hand.hand_id: hand.interaction for path in manifests for hand in read_manifest(path)}
