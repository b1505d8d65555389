"""The data behind all pages of a site, computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from annotation.agreement.result import Agreement
from benchmark.intervals import check_same
from hint.files.manifest import read_manifest
from hint.types import HandLabels
from leaderboard.comparison import draw_entry
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.history import Event
from leaderboard.metric import Key
from leaderboard.protocols import Rules
from leaderboard.ranking import Rank, Section, find_sections, rank
from leaderboard.reference import Source

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
    hide_hands: bool = False
    history: tuple[Event, ...] = ()

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
        """Rank the comparable records of a section by one number."""
        drawn = {e.slug: self.draws(e, section.subset, visibility) for e in section.ranked}
        return rank({slug: draws for slug, draws in drawn.items() if draws is not None}, key)

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
