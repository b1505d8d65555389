"""The paper's tables with our records in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmark.oks.protocol import OksProtocol
from hint.errors import InputError
from leaderboard.entry import Entry
from leaderboard.metric import COLUMNS, Key, describe, fixed
from leaderboard.ranking import Section
from leaderboard.reference import Source

VISIBILITIES = ("all", "visible", "occluded")

#: Table -> its protocol, and the subsets across it with their titles.
_HINT = (("newdays", "New Days"), ("epick", "VISOR"), ("ego4d", "Ego4D"))
_LAYOUT = {
    1: ("freihand", (("freihand", "FreiHAND"),)),
    2: ("ho3d-v2", (("ho3d-v2", "HO-3D v2"),)),
    **dict.fromkeys((3, 4, 5), ("hint-v1", _HINT)),
}
_PCK: tuple[Key, ...] = (("pck", 0.05), ("pck", 0.1), ("pck", 0.15))
_KEYS: dict[int, tuple[Key, ...]] = {
    1: tuple((m, None) for m in ("pa_mpjpe_mm", "pa_mpvpe_mm", "f_at_5mm", "f_at_15mm")),
    2: tuple((m, None) for m in ("auc_j", "pa_mpjpe_mm", "auc_v", "pa_mpvpe_mm", "f_at_5mm", "f_at_15mm")),
    **dict.fromkeys((3, 4, 5), _PCK),
}
#: Tables that hold only our runs of the methods they list.
_SAME_METHODS_ONLY = (4, 5)

#: Metrics of tables that the paper does not have.
_SHOWN = ("pck", *(name for name in COLUMNS if name == "auc" or name.startswith("oks_")))

BEST, SECOND = "best", "second"


@dataclass(frozen=True)
class Printed:
    """A number in a table: its text, value and mark.

    Attributes:
        text: "-" if there is none.
        value: None if there is none.
        low: Lower end of its interval.
        high: Upper end.
        mark: "best", "second" or "".
        counts: Whether it may be marked.
    """

    text: str = "-"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    mark: str = ""
    counts: bool = False


@dataclass(frozen=True)
class Line:
    """A method in a block of a table: the source of its numbers, its footnote, whether it is a run of our own."""

    name: str
    source: str
    cells: tuple[Printed, ...]
    footnote: str = ""
    is_own: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: "3", or the name of a subset the paper does not have.
        caption: What it shows.
        columns: (title of the subset, subset, key) of each number.
        blocks: (visibility, lines).
        sources: Citations of reported lines.
    """

    name: str
    caption: str
    columns: tuple[tuple[str, str, Key], ...]
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    sources: tuple[str, ...]


def build_tables(sections: Sequence[Section], source: Source, names: Sequence[str] = ()) -> list[Table]:
    """Put records into tables.

    Args:
        sections: Subsets with their records.
        source: The paper.
        names: Numbers of the paper's tables or names of subsets; none = every table with one of the records.

    Raises:
        InputError: If the paper has no such table.
    """
    others = _named(filter(_is_other, sections))
    if names:
        _check_names(names, [*(str(table.number) for table in source.tables), *others])
        return [
            _other_table(others[name]) if name in others else _paper_table(source, int(name), sections)
            for name in names
        ]
    tables = [_paper_table(source, table.number, sections) for table in source.tables]
    with_ours = [t for t in tables if any(line.source == "" for _, lines in t.blocks for line in lines)]
    return [*with_ours, *(_other_table(section) for section in others.values())]


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"there is no table {unknown[0]}; known: {', '.join(known)}")


def _is_other(section: Section) -> bool:
    """Tell whether a section belongs into none of the paper's tables."""
    return section.subset not in _paper_subsets() or isinstance(section.protocol, OksProtocol)


def _table_name(section: Section) -> str:
    """Name the table of a section: by its subset, which those of OKS share with others."""
    return f"{section.subset}-oks" if isinstance(section.protocol, OksProtocol) else section.subset


def _named(sections: Iterable[Section]) -> dict[str, Section]:
    """Name tables; a subset that an earlier protocol has gets the name of its own."""
    named: dict[str, Section] = {}
    for section in sections:
        name = _table_name(section)
        named[f"{name}-{section.protocol_id}" if name in named else name] = section
    return named


def _paper_subsets() -> set[str]:
    return {subset for _, subsets in _LAYOUT.values() for subset, _ in subsets}


def _paper_table(source: Source, number: int, sections: Sequence[Section]) -> Table:
    paper = source.table(number)
    protocol, subsets = _LAYOUT[number]
    columns = tuple((title, subset, key) for subset, title in subsets for key in _KEYS[number])
    inside = [s for s in sections if s.protocol_id == protocol and s.subset in dict(subsets)]
    ours = [entry for entry in _entries(inside) if _belongs(entry, number, source, paper.methods)]
    blocks: list[tuple[str, tuple[Line, ...]]] = []
    for visibility in VISIBILITIES if protocol == "hint-v1" else ("all",):
        reported = [_reported_line(source, method, visibility, columns) for method in paper.methods]
        own = [line for entry in ours if (line := _own_line(entry, visibility, columns, inside))]
        blocks.append((visibility, tuple(_marked([*reported, *own], columns))))
    return Table(str(number), paper.caption, columns, tuple(blocks), (source.citation,))


def _belongs(entry: Entry, number: int, source: Source, methods: Sequence[str]) -> bool:
    """Tell whether a record belongs in a table: only table 4 has runs that saw HInt, or may have."""
    card = entry.record.method
    if number not in (1, 2, 4) and card.trained_on_hint is not False:
        return False
    return number not in _SAME_METHODS_ONLY or card.name in {source.runs_as.get(method) for method in methods}


def _other_table(section: Section) -> Table:
    keys = {(s.metric, s.threshold) for e in section.entries for s in e.record.scores if s.metric in _SHOWN}
    ordered = sorted(keys, key=lambda key: (key[1] is None, key[1] or 0, _SHOWN.index(key[0])))
    columns = tuple((section.title, section.subset, key) for key in ordered)
    blocks = []
    for visibility in VISIBILITIES:
        lines = [line for entry in section.entries if (line := _own_line(entry, visibility, columns, [section]))]
        if lines:
            blocks.append((visibility, tuple(_marked(lines, columns))))
    caption = f"{section.title}, {section.data.n_hands:,} hands, protocol {section.protocol_id}"
    return Table(_table_name(section), caption, columns, tuple(blocks), ())


def _entries(sections: Sequence[Section]) -> list[Entry]:
    found = {entry.slug: entry for section in sections for entry in section.entries}
    return sorted(found.values(), key=lambda entry: (entry.name.lower(), entry.slug))


def _reported_line(source: Source, method: str, visibility: str, columns: Sequence[tuple[str, str, Key]]) -> Line:
    found = [source.cell(method, subset, visibility, key) for _, subset, key in columns]
    cells = tuple(Printed(r.text, r.value, counts=True) if r else Printed() for r in found)
    place = next((f"{source.title}, {r.where}" for r in found if r), source.title)
    return Line(method, place, cells)


def _own_line(
    entry: Entry, visibility: str, columns: Sequence[tuple[str, str, Key]], sections: Sequence[Section]
) -> Line | None:
    ranked = {section.subset for section in sections if entry in section.ranked}
    reasons = {reason for section in sections for other, reason in section.unranked if other is entry}
    cells = tuple(_own_cell(entry, visibility, subset, key, subset in ranked) for _, subset, key in columns)
    if all(cell.value is None for cell in cells):
        return None
    return Line(entry.name, "", cells, "; ".join(sorted(reasons)), entry.is_own)


def _own_cell(entry: Entry, visibility: str, subset: str, key: Key, counts: bool) -> Printed:
    score = entry.record.value(subset, visibility, *key)
    if score is None:
        return Printed()
    low, high = (score.ci.low, score.ci.high) if score.ci else (None, None)
    return Printed(fixed(score.value, describe(key).decimals), score.value, low, high, counts=counts)


def _marked(lines: Sequence[Line], columns: Sequence[tuple[str, str, Key]]) -> Iterator[Line]:
    """Mark the best and the second best number of each column as printed; equal ones share the mark."""
    marks = []
    for k, (_, _, key) in enumerate(columns):
        metric = describe(key)
        values = {
            round(c.value, metric.decimals) for line in lines if (c := line.cells[k]).counts and c.value is not None
        }
        order = sorted(values, reverse=metric.higher_is_better)
        marks.append((dict(zip(order, (BEST, SECOND), strict=False)), metric.decimals))
    for line in lines:
        cells = [
            replace(c, mark=mark.get(round(c.value, decimals), "")) if c.counts and c.value is not None else c
            for c, (mark, decimals) in zip(line.cells, marks, strict=True)
        ]
        yield replace(line, cells=tuple(cells))
