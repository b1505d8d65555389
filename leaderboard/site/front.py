"""The front page: who is best where, by how much, and whether that is sure; details are on the pages of the subsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.citation import dataset_citation
from leaderboard.draws import Draws
from leaderboard.entry import Entry
from leaderboard.metric import Key, Metric, describe
from leaderboard.pairs import Pairs
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
        metric: How it is printed.
        ranks: Slug -> rank.
        draws: Slug -> draws of the ranked records.
        pairs: Their paired differences.
        order: Slugs, best value first.
    """

    section: Section
    visibility: str
    starts: bool
    key: Key
    metric: Metric
    ranks: Mapping[str, Rank]
    draws: Mapping[str, Draws]
    pairs: Pairs
    order: tuple[str, ...]

    @property
    def first(self) -> tuple[str, ...]:
        """Slugs of the methods that no other is clearly better than, best value first."""
        return tuple(slug for slug in self.order if self.ranks[slug].place == 1)


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


#: A record, its flags, and its numbers.
OverviewRow = tuple[Entry, list[tuple[str, str]], list[OverviewCell]]


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
        "answers": [(s, board.paths[s], cs, [_answer(c, names) for c in cs]) for s, cs in _by_section(contests)],
        "overviews": list(_overviews(board, contests)),
        "unranked": list(_unranked(board)),
        "reported": [(s, board.paths[s], keys, rows) for s in board.sections for keys, rows in _reported(board, s)],
        "sources": board.sources,
        "rule": board.rule,
        "refused": board.refused,
        "has_history": bool(board.history),
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
            yield Contest(
                section,
                visibility,
                visibility == visibilities[0],
                key,
                board.format(section, visibility, key),
                ranks,
                draws,
                board.compared(section, visibility, key),
                tuple(order),
            )


def _overviews(
    board: Board, contests: Sequence[Contest]
) -> Iterator[tuple[str, list[tuple[Section, str, list[Contest]]], list[OverviewRow]]]:
    """Yield the protocol, subsets and rows of each overview: no record has numbers of two protocols."""
    for protocol in dict.fromkeys(contest.section.protocol_id for contest in contests):
        own = [contest for contest in contests if contest.section.protocol_id == protocol]
        yield protocol, [(s, board.paths[s], cs) for s, cs in _by_section(own)], list(_rows(board, own))


def _by_section(contests: Sequence[Contest]) -> list[tuple[Section, list[Contest]]]:
    sections = dict.fromkeys(contest.section for contest in contests)
    return [(section, [c for c in contests if c.section is section]) for section in sections]


def _answer(contest: Contest, names: Mapping[str, str]) -> Answer:
    first = contest.first
    shown = tuple((names[slug], slug) for slug in first[:_NAMED])
    if len(first) > 1 or len(contest.order) == 1:
        return Answer(contest.visibility, shown, len(first) - len(shown))
    second = contest.order[1]
    metric = contest.metric
    ahead = (first[0], second) if metric.higher_is_better else (second, first[0])
    lead = contest.pairs.difference(*ahead)
    if lead is None:
        return Answer(contest.visibility, shown, 0)
    metric = metric.telling([(lead.value, 0.0)])
    interval = interval_text(lead.interval, metric)
    return Answer(contest.visibility, shown, 0, metric.text(lead.value), interval, names[second])


def _rows(board: Board, contests: Sequence[Contest]) -> Iterator[OverviewRow]:
    """Yield the ranked records, the best mean rank first; a column without a record counts as its last place."""

    def mean(entry: Entry) -> tuple[float, float]:
        held = [(c.ranks[entry.slug].place, c.order.index(entry.slug)) for c in contests if entry.slug in c.draws]
        lacking = [(len(c.ranks) + 1, len(c.order)) for c in contests if entry.slug not in c.draws]
        place, order = np.mean([*held, *lacking], axis=0).tolist()
        return place, order

    ranked = [entry for entry in board.entries if any(entry.slug in contest.ranks for contest in contests)]
    for entry in sorted(ranked, key=lambda entry: (*mean(entry), entry.name.lower(), entry.slug)):
        yield entry, list(flags(entry)), [_cell(contest, entry.slug) for contest in contests]


def _cell(contest: Contest, slug: str) -> OverviewCell:
    if slug not in contest.draws:
        return OverviewCell(starts=contest.starts)
    metric, value, rank = contest.metric, contest.draws[slug].values[contest.key], contest.ranks[slug]
    return OverviewCell(
        metric.text(value),
        f"{value:.9g}",
        rank.text,
        _gap(contest, slug),
        interval_text(contest.draws[slug].interval(contest.key), metric),
        rank.place == 1,
        contest.starts,
    )


def _gap(contest: Contest, slug: str) -> str:
    """Return how far a method is from the best value, and half the interval of that."""
    if slug == contest.order[0]:
        return "best"
    behind, metric = contest.pairs.difference(slug, contest.order[0]), contest.metric
    if behind is None:
        return ""
    ends = behind.interval
    margin = f" ± {metric.text((ends.high - ends.low) / 2)}" if ends else ""
    return signed(behind.value, metric.decimals) + margin


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
