"""Records of 3D protocols: ranked, compared and printed as the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.error_table import compute_errors, write_error_table
from benchmark.evaluate import evaluate
from benchmark.mesh.protocol import load_mesh_protocol
from benchmark.record import write_record
from hint.files import read_npz, write_npz
from hint.types import HandLabels, Predictions
from leaderboard.draws import draw_mesh
from leaderboard.entry import read_candidates, read_entries
from leaderboard.paper_table import build_tables
from leaderboard.protocols import known_protocols
from leaderboard.ranking import find_sections, rank
from leaderboard.reference import load_source
from leaderboard.site.build import build_leaderboard

PROTOCOL = load_mesh_protocol("freihand")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three methods on 24 hands of 40 vertices: two alike, one worse."""
    rng = np.random.default_rng(0)
    joints, vertices = rng.normal(0, 0.05, (24, 21, 3)), rng.normal(0, 0.05, (24, 40, 3))
    data = tmp_path / "freihand"
    data.mkdir()
    (data / "evaluation_xyz.json").write_text(json.dumps(joints.tolist()))
    (data / "evaluation_verts.json").write_text(json.dumps(vertices.tolist()))
    for name, sigma in (("first", 0.004), ("second", 0.004), ("worse", 0.02)):
        given = [(part + rng.normal(0, sigma, part.shape)).tolist() for part in (joints, vertices)]
        (tmp_path / f"{name}.json").write_text(json.dumps(given))
        result = evaluate(data, tmp_path / f"{name}.json", PROTOCOL, out=tmp_path / "runs")
        assert result.folder is not None
        changed = result.record.model_copy(update={"method": replace(result.record.method, title=name)})
        write_record(result.folder / "record.json", changed)
    return tmp_path / "runs"


def test_they_are_ranked_by_small_errors_and_large_shares(runs: Path) -> None:
    entries = read_entries([runs])
    (section,) = find_sections(entries, known_protocols(entries))
    assert (section.subset, section.title) == ("freihand", "FreiHAND evaluation")
    assert not section.unranked
    draws = {e.name: draw_mesh(e.mesh_errors, PROTOCOL) for e in section.ranked if e.mesh_errors}
    for key in (("pa_mpjpe_mm", None), ("f_at_5mm", None)):
        ranks = rank(draws, key)
        assert ranks["worse"].text == "3"
        for entry in entries:
            score = entry.record.value("freihand", "all", *key)
            assert score is not None
            assert draws[entry.name].values[key] == pytest.approx(score.value)


def test_a_table_of_other_scores_is_noticed(runs: Path) -> None:
    (runs / "first-freihand" / "errors.npz").write_bytes((runs / "worse-freihand" / "errors.npz").read_bytes())
    found = read_candidates([runs])
    assert [entry.name for entry in found.entries] == ["second", "worse"]
    (problem, *_) = found.refused
    assert problem.file == "first-freihand/errors.npz"
    assert "scores: the record differs from the error table" in " ".join(map(str, found.refused))


@pytest.mark.parametrize(
    ("column", "change", "named"),
    [
        ("values.pa_mpjpe_mm", lambda old: old / 2, "pa_mpjpe_mm does not follow from the distances"),
        ("values.f_at_5mm", lambda old: old + 1, "f_at_5mm does not follow"),
        ("values.<script>", lambda _: np.ones(24), "is not a column"),
        ("values.auc_j", lambda old: old.astype(str), "is not a column"),
        ("joints.procrustes", lambda old: old[:3], "is not a column"),
        ("joints.none", lambda old: -old, "does not follow"),
        ("n_vertices", lambda _: np.array(10**9), "is not a column"),
        ("hand_id", lambda old: np.full(24, old[0]), "a hand id twice"),
        ("clip_id", lambda old: np.full(24, old[0] + "\n"), "cannot be seen"),
    ],
)
def test_an_edited_table_is_refused(runs: Path, column: str, change: Callable[[Any], Any], named: str) -> None:
    path = runs / "first-freihand" / "errors.npz"
    arrays = read_npz(path)
    write_npz(path, arrays | {column: change(arrays.get(column))})
    found = read_candidates([runs])
    assert [entry.name for entry in found.entries] == ["second", "worse"]
    assert any(named in problem.text for problem in found.refused), found.refused


def test_a_table_of_another_kind_is_refused(runs: Path, make: Callable[..., HandLabels]) -> None:
    labels = make(24)
    table, _ = compute_errors(labels, Predictions(labels.hand_id, labels.keypoints_2d))
    write_error_table(table, runs / "first-freihand" / "errors.npz")
    (problem, *_) = read_candidates([runs]).refused
    assert problem.text == "is not the error table of a run under freihand"


def test_they_are_in_the_papers_table_and_on_the_site(runs: Path, tmp_path: Path) -> None:
    entries = read_entries([runs])
    (table,) = build_tables(find_sections(entries, known_protocols(entries)), load_source())
    assert table.name == "1"
    assert [line.name for line in table.blocks[0][1]][-3:] == ["first", "second", "worse"]
    build_leaderboard(runs, tmp_path / "site")
    front = (tmp_path / "site" / "index.html").read_text()
    assert "PA-MPJPE" in front
    assert "HaMeR paper, table 1, p. 9830" in front
    assert "first is better" in (tmp_path / "site" / "compare" / "first--worse.html").read_text()
    assert "Aligned by" in (tmp_path / "site" / "protocols" / "freihand.html").read_text()
