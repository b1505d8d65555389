from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.record import Record, read_record
from hint.cli.leaderboard import app
from hint.errors import InputError
from hint.types import HandLabels
from leaderboard.entry import read_entries
from leaderboard.paper_table import BEST, SECOND, Table, build_tables
from leaderboard.protocols import known_protocols
from leaderboard.ranking import find_sections
from leaderboard.reference import load_source
from leaderboard.table_formats import to_csv, to_latex, to_markdown, to_parquet

SOURCE = load_source()


def tables_of(folder: Path, *wanted: str) -> list[Table]:
    entries = read_entries([folder])
    return build_tables(find_sections(entries, known_protocols(entries)), SOURCE, wanted)


def names(table: Table) -> list[str]:
    return [line.name for line in table.blocks[0][1]]


@pytest.fixture
def hint_runs(tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]) -> Path:
    """Runs on the three subsets of the paper: two of HaMeR, one with HInt, one of somebody else's."""
    labels = HandLabels.concatenate([make(20, k, subset) for k, subset in enumerate(("newdays", "epick", "ego4d"))])
    for folder, sigma, card in (
        ("hamer", 0.04, {"name": "hamer", "title": "HaMeR"}),
        ("hamer-hint", 0.03, {"name": "hamer", "title": "HaMeR", "note": "with HInt", "trained_on_hint": True}),
        ("mine", 0.2, {"name": "mine", "title": "Mine_100% & <b>|x"}),
    ):
        make_record(tmp_path / "runs" / folder, labels, sigma, **card)
    return tmp_path / "runs"


def test_each_table_holds_the_records_it_is_about(hint_runs: Path) -> None:
    found = {table.name: table for table in tables_of(hint_runs)}
    assert list(found) == ["3", "4", "5"]
    paper = {number: list(SOURCE.table(number).methods) for number in (3, 4, 5)}
    assert names(found["3"]) == [*paper[3], "HaMeR", "Mine_100% & <b>|x"]
    assert names(found["4"]) == [*paper[4], "HaMeR", "HaMeR (with HInt)"]
    assert names(found["5"]) == [*paper[5], "HaMeR"]
    assert [visibility for visibility, _ in found["3"].blocks] == ["all", "visible", "occluded"]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_reported_rows_are_the_papers(hint_runs: Path, number: int) -> None:
    (table,) = tables_of(hint_runs, str(number))
    for visibility, lines in table.blocks:
        reported = [line for line in lines if line.source]
        assert [line.name for line in reported] == list(SOURCE.table(number).methods)
        assert all(re.fullmatch(r"HaMeR paper, table \d, p\. 98\d\d", line.source) for line in reported)
        for line in reported:
            for cell, (_, subset, key) in zip(line.cells, table.columns, strict=True):
                found = SOURCE.cell(line.name, subset, visibility, key)
                assert cell.text == (found.text if found else "-")


def test_best_and_second_best_of_every_column(hint_runs: Path) -> None:
    (table,) = tables_of(hint_runs, "3")
    for _, lines in table.blocks:
        for k in range(len(table.columns)):
            values = {float(line.cells[k].text) for line in lines}
            first, second, *_ = sorted(values, reverse=True)
            marks = {(float(line.cells[k].text), line.cells[k].mark) for line in lines if line.cells[k].mark}
            assert marks == {(first, BEST), (second, SECOND)}


def test_smaller_errors_are_better(hint_runs: Path) -> None:
    """In the paper's Table 1 MobRecon has the lowest joint error, HaMeR the lowest mesh error."""
    (table,) = tables_of(hint_runs, "1")
    marked = {(line.name, k): c.mark for line in table.blocks[0][1] for k, c in enumerate(line.cells) if c.mark}
    best = {("MobRecon", 0), ("HaMeR", 1), ("HaMeR", 2), ("HaMeR", 3)}
    second = {("Mesh Graphormer", 0), ("MobRecon", 1), ("MobRecon", 2), ("AMVUR", 3)}
    assert marked == {**dict.fromkeys(best, BEST), **dict.fromkeys(second, SECOND)}


def test_records_that_are_not_ranked_get_no_mark_but_a_reason(
    hint_runs: Path, make_record: Callable[..., Record], make: Callable[..., HandLabels]
) -> None:
    labels = HandLabels.concatenate([make(20, k, subset) for k, subset in enumerate(("newdays", "epick", "ego4d"))])
    make_record(hint_runs / "perfect", labels, 0.0, title="Perfect", needs_labels=True)
    (table,) = tables_of(hint_runs, "3")
    (line,) = [line for line in table.blocks[0][1] if line.name == "Perfect"]
    assert {cell.text for cell in line.cells} == {"100.0"}
    assert {cell.mark for cell in line.cells} == {""}
    assert line.footnote == "a control that sees the ground truth"
    assert "[1] not ranked: a control that sees the ground truth" in to_markdown([table])
    assert r"Perfect\textsuperscript{1}" in to_latex([table])


def test_markup_in_names_stays_text(hint_runs: Path) -> None:
    (table,) = tables_of(hint_runs, "3")
    assert r"| Mine\_100% &amp; &lt;b&gt;\|x |" in to_markdown([table])
    rows = [row for row in to_markdown([table]).splitlines() if row.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, "every row has as many cells"
    latex = to_latex([table])
    assert r"Mine\_100\% \& \textless{}b\textgreater{}|x &" in latex
    assert r"HaMeR (re-run) &" in latex, "only runs of methods of the toolkit are re-runs"
    assert latex.count("{") == latex.count("}")
    body = [line for line in latex.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {9}


def test_a_row_of_latex_never_starts_with_an_argument_of_the_row_above(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    for k, title in enumerate(("[Ours]", "*Net")):
        make_record(tmp_path / str(k), make(20), 0.05, k, title=title)
    latex = to_latex(tables_of(tmp_path, "3"))
    for title in ("{[}Ours{]}", "{*}Net"):
        assert f"\n{title} &" in latex
    assert r"@: PCK in \%, by threshold in box sides." in latex, "a heading such as @0.05 is explained"


def test_csv_has_the_numbers_of_the_records(hint_runs: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(tables_of(hint_runs)))))
    record = read_record(hint_runs / "hamer" / "record.json")
    own = [row for row in rows if row["source"] == "record" and row["table"] == "3" and row["method"] == "HaMeR"]
    assert len(own) == 27
    for row in own:
        score = record.value(row["subset"], row["visibility"], row["metric"], float(row["threshold"]))
        assert score is not None
        assert score.ci is not None
        numbers = (float(row["value"]), float(row["low"]), float(row["high"]))
        assert numbers == pytest.approx((score.value, score.ci.low, score.ci.high))


def test_subsets_the_paper_does_not_have(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    labels = make(20, subset="zoo")
    three = tmp_path / "r"
    for title, sigma in (("Good", 0.02), ("Fair", 0.05), ("Bad", 0.5)):
        make_record(three / title, labels, sigma, title=title)
    with pytest.raises(InputError, match="there is no table demo; known: 1, 2, 3, 4, 5, zoo"):
        tables_of(three, "demo")
    (table,) = tables_of(three)
    assert table.name == "zoo"
    assert {line.name: line.cells[0].mark for line in table.blocks[0][1]}["Bad"] == ""


def test_parquet_holds_the_numbers_of_the_csv(hint_runs: Path) -> None:
    tables = tables_of(hint_runs)
    frame = pd.read_parquet(io.BytesIO(to_parquet(tables)))
    rows = pd.read_csv(io.StringIO(to_csv(tables)), dtype={"table": str}, keep_default_na=False)
    assert list(frame.columns) == list(rows.columns)
    for name in ("threshold", "value", "low", "high"):
        assert np.allclose(frame[name], pd.to_numeric(rows[name]), equal_nan=True)
    for name in ("table", "method", "source", "subset", "visibility", "metric", "mark", "not_ranked"):
        assert frame[name].tolist() == rows[name].tolist()


def test_the_command_writes_parquet_to_a_file(three: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["table", str(three), "--format", "parquet", "--out", str(tmp_path / "t.parquet")])
    assert done.exit_code == 0
    assert set(pd.read_parquet(tmp_path / "t.parquet")["metric"]) == {"pck"}


def test_the_command_prints_each_format(three: Path) -> None:
    for form, start in (("markdown", "**Table 3."), ("latex", r"\begin{table}"), ("csv", "table,method,source,")):
        done = CliRunner().invoke(app, ["table", str(three), "--format", form])
        assert done.exit_code == 0
        assert done.stdout.startswith(start)
