from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hint.errors import InputError
from leaderboard.reference import load_source, load_sources

SUBSETS = {"New Days": "newdays", "VISOR": "epick", "Ego4D": "ego4d"}
NAMES = {"HaMeR + HInt train": "HaMeR + HInt"}


def test_every_row_says_where_it_is_printed() -> None:
    source = load_source()
    assert Counter(row.where for row in source.rows) == {
        "table 1, p. 9830": 36,
        "table 2, p. 9830": 72,
        "table 3, p. 9831": 162,
        "table 4, p. 9831": 27,
        "table 5, p. 9832": 81,
    }
    keys = [(r.method, r.subset, r.visibility, r.key) for r in source.rows]
    assert len(set(keys)) == len(keys)
    known = {row.method for row in source.rows}
    assert {method for table in source.tables for method in table.methods} == known
    assert set(source.runs_as) <= known
    assert source.trained_on_hint <= known


def test_later_papers_say_which_numbers_they_compared_with() -> None:
    sources = {source.id: source for source in load_sources()}
    assert next(iter(sources)) == "hamer-2024"
    for source in sources.values():
        known = {row.method for row in source.rows}
        assert {row.source for row in source.rows} == {source.id}
        assert all(row.where for row in source.rows)
        assert set(source.runs_as) | source.trained_on_hint | source.unknown_training <= known
    first, report = sources["hamer-2023"], sources["dino-x-2024"]
    assert first.cell("HaMeR", "newdays", "all", ("pck", 0.05)).value == 48.0
    assert report.cell("Hamba", "ego4d", "all", ("pck", 0.05)) is None, "not printed"
    assert report.cell("DINO-X Pro", "ego4d", "occluded", ("pck", 0.05)).text == "49.1"
    assert "first arXiv version" in report.place("HaMeR + HInt", "newdays")


def test_numbers_as_printed() -> None:
    source = load_source()
    for method, subset, visibility, key, text in (
        ("HaMeR", "newdays", "all", ("pck", 0.05), "49.4"),
        ("HaMeR + HInt", "epick", "occluded", ("pck", 0.15), "91.3"),
        ("HandOccNet (no param)", "ego4d", "visible", ("pck", 0.1), "36.5"),
        ("HaMeR", "freihand", "all", ("f_at_15mm", None), "0.990"),
        ("AMVUR", "ho3d-v2", "all", ("auc_j", None), "0.835"),
    ):
        found = source.cell(method, subset, visibility, key)
        assert found is not None
        assert found.text == text
    assert source.cell("MobRecon", "ho3d-v2", "all", ("auc_j", None)) is None
    with pytest.raises(InputError, match="has no table 6"):
        source.table(6)


def test_all_numbers_are_those_typed_from_the_paper(shared: Path) -> None:
    found = {(r.method, r.subset, r.visibility, r.key): r.text for r in load_source().rows}
    with (shared / "paper" / "hint_pck.csv").open() as file:
        typed: dict[tuple[Any, ...], str] = {
            (NAMES.get(r["method"], r["method"]), SUBSETS[r["subset"]], r["joints"], ("pck", float(r["threshold"]))): r[
                "pck"
            ]
            for r in csv.DictReader(file)
        }
    for name, subset in (("freihand", "freihand"), ("ho3d_v2", "ho3d-v2")):
        with (shared / "paper" / f"{name}.csv").open() as file:
            for row in csv.DictReader(file):
                method = row.pop("method")
                typed |= {(method, subset, "all", (metric, None)): text for metric, text in row.items() if text}
    assert found == typed
