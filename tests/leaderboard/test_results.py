"""The records that come with the toolkit: small, sound, and enough to rebuild a site and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.protocol import load_protocol
from benchmark.scores import score_table
from hint.cli.leaderboard import app
from leaderboard.entry import read_entries
from leaderboard.protocols import known_protocols
from leaderboard.ranking import find_sections

RESULTS = Path(__file__).parents[2] / "leaderboard" / "results"


def test_they_are_small() -> None:
    sizes = {p: p.stat().st_size for p in RESULTS.rglob("*") if p.is_file()}
    assert {path.name for path in sizes} <= {"record.json", "errors.npz"}
    assert max(sizes.values()) < 60_000


def test_scores_follow_from_the_error_tables() -> None:
    entries = read_entries([RESULTS / "demo"])
    assert [entry.problem for entry in entries] == [""] * len(entries)
    for entry in entries:
        assert entry.errors is not None
        again = score_table(entry.errors, load_protocol(), seed=entry.record.seed)
        assert [(s.subset, s.visibility, s.metric, s.threshold) for s in again.scores] == [
            (s.subset, s.visibility, s.metric, s.threshold) for s in entry.record.scores
        ]
        for new, old in zip(again.scores, entry.record.scores, strict=True):
            ends = [(s.value, *((s.ci.low, s.ci.high) if s.ci else ())) for s in (new, old)]
            assert ends[0] == pytest.approx(ends[1])


def test_they_were_made_by_committed_code_and_are_as_many_as_the_page_says() -> None:
    entries = read_entries([RESULTS / "demo"])
    assert [entry.declared.provenance["git"]["dirty"] for entry in entries] == [False] * 6
    assert "has six records" in (RESULTS.parents[1] / "docs" / "leaderboard.md").read_text()


def test_they_are_ranked_together() -> None:
    entries = read_entries([RESULTS / "demo"])
    (section,) = find_sections(entries, known_protocols(entries))
    assert [entry.record.method.name for entry in section.controls] == ["oracle-noise"]
    assert {entry.record.method.name for entry in section.ranked} == {
        "box-centre",
        "hamer-tiny",
        "mean-pose",
        "mediapipe",
        "mediapipe-mano",
    }


def test_site_and_table_are_rebuilt(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["build", str(RESULTS / "demo"), "--out", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "site" / "methods" / "mediapipe.html").is_file()
    done = CliRunner().invoke(app, ["table", str(RESULTS / "demo")])
    assert done.exit_code == 0
    rows = [row for row in done.stdout.splitlines() if row.startswith("| MediaPipe Hands |")]
    assert len(rows) == 3
    assert any("**" in row for row in rows)  # the best of some column
