"""The front page: who is best where, by how much, and whether that is sure; details are on the pages of the subsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.intervals import Difference
from leaderboard.citation import dataset_citation
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.metric import Key, Metric, describe
from leaderboard.ranking import Rank, Section
from leaderboard.site.board import Board
from leaderboard.site.page import Page, interval_text, signed
from leaderboard.site.subset import MethodRow, flags, reported

#: Names in a sentence.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Contest:
    """One column of the overview: a subset and a group of joints.

    Attributes:
        section: Subset.
        visibility: Group of joints.
        starts: Whether it is the first column of its subset.
        key: What is ranked.
        ranks: Slug -> rank.
        draws: Slug -> draws of the ranked records.
        order: Slugs, best value first.
    """

    section: Section
    visibility: str
    starts: bool
    key: Key
    ranks: Mapping[str, Rank]
    draws: Mapping[str, Draws]
    order: tuple[str, ...]

    @property
    def metric(self) -> Metric:
        """What is ranked."""
        return describe(self.key)

    @property
    def first(self) -> tuple[str, ...]:
        """Slugs of the methods that no other is clearly better than, best value first."""
        return tuple(slug for slug in self.order if self.ranks[slug].place == 1)

    def behind(self, slug: str) -> Difference:
        """Return the difference of a method to the best value."""
        return self.draws[slug].minus(self.draws[self.order[0]], self.key)


@dataclass(frozen=True)
class OverviewCell:
    """A number of the overview: its rank, how far it is from the best, and whether it starts a subset."""

    text: str = "-"
    sort: str = ""
    rank: str = ""
    gap: str = ""
    interval: str = ""
    is_first: bool = False
    starts: bool = False


@dataclass(frozen=True)
class Answer:
    """Who is best in a column: one method and its lead over the next, or several that cannot be told apart."""

    visibility: str
    names: tuple[tuple[str, str], ...]
    others: int
    lead: str = ""
    interval: str = ""
    over: str = ""


def front_page(board: Board) -> Page:
    """Make the front page."""
    contests = [c for section in board.sections for c in _contests(board, section)]
    names = {entry.slug: entry.name for entry in board.entries}
    context = {
        "answers": [(s, board.paths[s], [_answer(c, names) for c in cs]) for s, cs in _by_section(contests)],
        "groups": [(s, board.paths[s], cs) for s, cs in _by_section(contests)],
        "rows": list(_rows(board, contests)),
        "unranked": list(_unranked(board)),
        "reported": [(s, board.paths[s], keys, rows) for s in board.sections for keys, rows in _reported(board, s)],
        "sources": board.sources,
        "levels": sorted({f"{100 * rules.level:g}" for rules in board.protocols.values()}),
        "citation": dataset_citation(),
    }
    return Page("index.html", "front.html", "Leaderboard", context)


def _contests(board: Board, section: Section) -> Iterator[Contest]:
    visibilities = board.visibilities(section)
    for visibility in visibilities:
        key = board.columns(section, visibility)[0]
        ranks = board.ranks(section, visibility, key)
        found = {e.slug: board.draws(e, section.subset, visibility) for e in section.ranked}
        draws = {slug: drawn for slug, drawn in found.items() if drawn is not None and slug in ranks}
        sign = -1 if describe(key).higher_is_better else 1
        order = sorted(draws, key=lambda slug: (ranks[slug].place, sign * draws[slug].values[key], slug))
        if order:
            yield Contest(section, visibility, visibility == visibilities[0], key, ranks, draws, tuple(order))


def _by_section(contests: Sequence[Contest]) -> list[tuple[Section, list[Contest]]]:
    sections = dict.fromkeys(contest.section for contest in contests)
    return [(section, [c for c in contests if c.section is section]) for section in sections]


def _answer(contest: Contest, names: Mapping[str, str]) -> Answer:
    first = contest.first
    shown = tuple((names[slug], slug) for slug in first[:_NAMED])
    if len(first) > 1 or len(contest.order) == 1:
        return Answer(contest.visibility, shown, len(first) - len(shown))
    second = contest.order[1]
    ahead, metric = (first[0], second) if contest.metric.higher_is_better else (second, first[0]), contest.metric
    lead = contest.draws[ahead[0]].minus(contest.draws[ahead[1]], contest.key)
    return Answer(
        contest.visibility, shown, 0, metric.text(lead.value), interval_text(lead.interval, metric), names[second]
    )


def _rows(
    board: Board, contests: Sequence[Contest]
) -> Iterator[tuple[Entry, list[tuple[str, str]], list[OverviewCell]]]:
    """Yield the ranked records, the best mean rank first; a column without a record counts as its last place."""

    def mean(entry: Entry) -> float:
        places = [c.ranks[entry.slug].place if entry.slug in c.ranks else len(c.ranks) + 1 for c in contests]
        return float(np.mean(places))

    ranked = [entry for entry in board.entries if any(entry.slug in contest.ranks for contest in contests)]
    for entry in sorted(ranked, key=lambda entry: (mean(entry), entry.name.lower(), entry.slug)):
        yield entry, list(flags(entry)), [_cell(contest, entry.slug) for contest in contests]


def _cell(contest: Contest, slug: str) -> OverviewCell:
    if slug not in contest.draws:
        return OverviewCell(starts=contest.starts)
    metric, value, rank = contest.metric, contest.draws[slug].values[contest.key], contest.ranks[slug]
    behind = contest.behind(slug)
    is_best = slug == contest.order[0]
    margin = ""
    if behind.interval is not None and not is_best:
        margin = f" ± {metric.text((behind.interval.high - behind.interval.low) / 2)}"
    return OverviewCell(
        metric.text(value),
        f"{value:.9g}",
        rank.text,
        "best" if is_best else signed(behind.value, metric.decimals) + margin,
        interval_text(contest.draws[slug].interval(contest.key), metric),
        rank.place == 1,
        contest.starts,
    )


def _unranked(board: Board) -> Iterator[tuple[Entry, list[tuple[str, list[str]]]]]:
    """Yield records that are not ranked, each reason once, with the subsets it concerns."""
    for entry in board.entries:
        reasons: dict[str, list[str]] = {}
        for section in board.sections:
            for other, reason in section.unranked:
                if other is entry:
                    reasons.setdefault(reason, []).append(section.title)
        if reasons:
            yield entry, list(reasons.items())


def _reported(board: Board, section: Section) -> Iterator[tuple[list[str], list[MethodRow]]]:
    """Yield the headings and rows of reported numbers on all joints."""
    keys = board.columns(section, "all")
    rows = [row for source in board.sources for row in reported(board, source, section, "all", keys)]
    held = [k for k in range(len(keys)) if any(row.cells[k].sort for row in rows)]
    if rows:
        narrow = [MethodRow(r.name, "", tuple(r.cells[k] for k in held), r.kind, r.flags, r.remark) for r in rows]
        yield [describe(keys[k]).title for k in held], narrow
