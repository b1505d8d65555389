"""Read reported numbers: a TOML file that describes the source, and a csv with one number per row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from hint.errors import InputError
from hint.files.named_toml import NamedToml
from leaderboard.metric import Key

_FILES = NamedToml("reference", "leaderboard", "reference")

HAMER = "hamer-2024"


@dataclass(frozen=True)
class Reference:
    """One reported number.

    Attributes:
        source: Id of the source.
        where: Where it is printed: table and page, or what quotes it.
        method: Name in the paper.
        protocol: Id of the protocol that computes this number here.
        subset: Part of the dataset.
        visibility: "all", "visible" or "occluded".
        key: Metric and threshold.
        text: The number as printed.
    """

    source: str
    where: str
    method: str
    protocol: str
    subset: str
    visibility: str
    key: Key
    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: its number, what it shows, and its methods in order."""

    number: int
    caption: str
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A paper and its numbers.

    Attributes:
        id: Name of the files.
        title: Short name.
        citation: Authors, title, place.
        url: Where to read it.
        tables: Its tables.
        runs_as: Method of the paper -> name of the toolkit's method.
        trained_on_hint: Methods of the paper whose training saw HInt.
        unknown_training: Methods of which the paper does not say so.
        rows: All numbers.
        note: What a reader must know about them.
    """

    id: str
    title: str
    citation: str
    url: str
    tables: tuple[PaperTable, ...]
    runs_as: dict[str, str]
    trained_on_hint: frozenset[str]
    unknown_training: frozenset[str]
    rows: tuple[Reference, ...]
    note: str = ""

    def table(self, number: int) -> PaperTable:
        """Return a table by its number.

        Raises:
            InputError: If the paper has no such table.
        """
        found = next((table for table in self.tables if table.number == number), None)
        if found is None:
            raise InputError(
                f"{self.title} has no table {number}; known: {', '.join(str(t.number) for t in self.tables)}"
            )
        return found

    def cell(self, method: str, subset: str, visibility: str, key: Key) -> Reference | None:
        """Return one number, None if the paper has none."""
        key_of_row = (method, subset, visibility, key)
        return next((r for r in self.rows if (r.method, r.subset, r.visibility, r.key) == key_of_row), None)

    def methods_of(self, subset: str) -> list[str]:
        """Return the methods with numbers on a subset, in the order of the tables."""
        return list(dict.fromkeys(row.method for row in self.rows if row.subset == subset))

    def place(self, method: str, subset: str) -> str:
        """Return where the numbers of a method on a subset are printed."""
        row = next(row for row in self.rows if (row.method, row.subset) == (method, subset))
        return "; ".join(filter(None, (f"{self.title}, {row.where}", self.note)))


def load_source(name: str = HAMER) -> Source:
    """Read a source of reported numbers, by default the HaMeR paper.

    Raises:
        UnknownNameError: If there is no such source.
    """
    table, _ = _FILES.load(name)
    return Source(
        id=table["id"],
        title=table["title"],
        citation=table["citation"],
        url=table["url"],
        tables=tuple(PaperTable(t["number"], t["caption"], tuple(t["methods"])) for t in table.get("tables", ())),
        runs_as=dict(table["runs_as"]),
        trained_on_hint=frozenset(table["trained_on_hint"]["methods"]),
        unknown_training=frozenset(table["trained_on_hint"].get("unknown", ())),
        rows=tuple(_rows(name)),
        note=table.get("note", ""),
    )


def load_sources() -> tuple[Source, ...]:
    """Read all sources, the HaMeR paper first."""
    return tuple(load_source(name) for name in sorted(_FILES.names(), key=lambda name: (name != HAMER, name)))


def _rows(name: str) -> Sequence[Reference]:
    text = files("leaderboard").joinpath("reference", f"{name}.csv").read_text(encoding="utf-8")
    return [
        Reference(
            source=row["source"],
            where=row["where"],
            method=row["method"],
            protocol=row["protocol"],
            subset=row["subset"],
            visibility=row["visibility"],
            key=(row["metric"], float(row["threshold"]) if row["threshold"] else None),
            text=row["value"],
        )
        for row in csv.DictReader(text.splitlines())
    ]
