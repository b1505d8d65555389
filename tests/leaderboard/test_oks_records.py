"""Records of OKS: numbers follow from what lies beside them; ranked, compared and printed as the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.oks.protocol import load_oks_protocol
from benchmark.record import Record, read_record
from hint.errors import InputError
from hint.files import write_predictions
from hint.types import HandLabels, Predictions
from leaderboard.comparison import compare
from leaderboard.entry import Entry, read_entries
from leaderboard.oks import with_computed_scores
from leaderboard.paper_table import build_tables
from leaderboard.protocols import known_protocols
from leaderboard.ranking import Section, find_sections
from leaderboard.reference import load_source
from leaderboard.site.build import build_leaderboard

PROTOCOL = load_oks_protocol()


def found(labels: HandLabels, sigma: float, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    offset = rng.normal(0, sigma, labels.keypoints_2d.shape) * labels.longest_side[:, None, None]
    return Predictions(labels.hand_id, labels.keypoints_2d + offset, score=rng.random(len(labels)))


@pytest.fixture
def runs(tmp_path: Path, make: Callable[..., HandLabels], change_record: Callable[..., Record]) -> Path:
    """Three methods on 40 hands: two alike, one worse."""
    labels = make(40)
    for seed, (name, sigma) in enumerate((("first", 0.02), ("second", 0.02), ("worse", 0.06))):
        result = evaluate(labels, found(labels, sigma, seed), PROTOCOL, out=tmp_path / "runs", name=name)
        assert result.folder is not None
        change_record(result.folder / "record.json", method=replace(result.record.method, title=name))
    return tmp_path / "runs"


def sections(*paths: Path) -> tuple[list[Entry], list[Section]]:
    entries = read_entries(paths)
    protocols = known_protocols(entries)
    entries = with_computed_scores(entries, protocols)
    return entries, find_sections(entries, protocols)


def test_they_are_ranked_compared_and_printed(runs: Path, tmp_path: Path) -> None:
    entries, (section,) = sections(runs)
    assert [(entry.problem, entry.record) for entry in entries] == [("", read_record(entry.path)) for entry in entries]
    assert (section.title, [entry.name for entry in section.ranked]) == ("New Days, OKS", ["first", "second", "worse"])
    rows = {
        (row.visibility, row.metric): row
        for row in compare(*(runs / f"{n}-hint-oks-v1" for n in ("first", "worse"))).rows
    }
    assert rows["all", "oks_ap"].is_clear
    assert rows["all", "oks_ap"].difference > 0
    (table,) = build_tables([section], load_source())
    assert (table.name, [key[0] for _, _, key in table.columns]) == (
        "newdays-oks",
        ["oks_ap", "oks_ap50", "oks_ap75", "oks_ar"],
    )
    best = [line.name for line in table.blocks[0][1] if line.cells[0].mark == "best"]
    assert len(best) == 1
    assert best != ["worse"]
    site = build_leaderboard(runs, tmp_path / "site")
    assert site.pages == 13
    front = (tmp_path / "site" / "index.html").read_text()
    assert "OKS AP@0.75" in front
    rules = (tmp_path / "site" / "protocols" / "hint-oks-v1.html").read_text()
    assert "COCOeval" in rules
    assert "COCO-WholeBody: 0.029" in rules
    assert "first is better" in (tmp_path / "site" / "compare" / "first--worse.html").read_text()


def test_what_a_record_claims_is_never_shown(runs: Path, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    path = runs / "worse-hint-oks-v1" / "record.json"
    content = json.loads(path.read_text())
    for score in content["scores"]:
        score["value"] = 98.7
    path.write_text(json.dumps(content))
    (runs / "second-hint-oks-v1" / "errors.npz").unlink()
    entries, (section,) = sections(runs)
    problems = {entry.name: entry.problem for entry in entries}
    assert problems == {
        "first": "",
        "second": "there is no errors.npz beside the record",
        "worse": "the errors.npz beside the record gives other scores",
    }
    assert [entry.name for entry in section.ranked] == ["first"]
    assert max(score.value for score in entries[2].record.scores if score.visibility == "all") < 60
    assert entries[1].record.scores == ()
    plain = evaluate(make(40), found(make(40), 0.02, 0), out=runs, name="plain").folder
    assert plain is not None
    claims = [{**content["scores"][0], "metric": "oks_ap"}]
    content = json.loads((plain / "record.json").read_text())
    (plain / "record.json").write_text(json.dumps({**content, "scores": [*content["scores"], *claims]}))
    build_leaderboard(runs, tmp_path / "site")
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "98.7" not in pages


def test_other_labels_and_other_sigmas_are_not_ranked(
    runs: Path, tmp_path: Path, make: Callable[..., HandLabels]
) -> None:
    labels = make(40)
    easy = replace(labels, keypoints_2d=found(labels, 0.06, 2).keypoints_2d.astype(np.float64))
    evaluate(easy, found(labels, 0.06, 2), PROTOCOL, out=tmp_path / "easy", name="easy")
    (runs / "worse-hint-oks-v1" / "errors.npz").write_bytes(
        (tmp_path / "easy" / "easy-hint-oks-v1" / "errors.npz").read_bytes()
    )
    own = PROTOCOL.with_sigmas([0.1] * 21, "two annotators of 90 hands of 40 clips")
    evaluate(labels, found(labels, 0.06, 2), own, out=runs, name="lenient")
    entries, (section,) = sections(runs)
    reasons = {entry.name: reason for entry, reason in section.unranked}
    assert "is of other labels" in reasons["worse"]
    assert "other protocol file" in reasons["lenient"]
    assert [entry.problem for entry in entries if entry.name == "lenient"] == [""]
    assert {entry.name for entry in section.ranked} == {"first", "second"}
    with pytest.raises(InputError, match="labels differ"):
        compare(tmp_path / "easy" / "easy-hint-oks-v1", runs / "first-hint-oks-v1")


def test_whole_pictures_are_a_section_of_their_own(runs: Path, make: Callable[..., HandLabels], tmp_path: Path) -> None:
    labels = make(40)
    folder = tmp_path / "found"
    folder.mkdir()
    hands = [{"image": f"{h.hand_id}.jpg", "hand_id": h.hand_id, "box_xyxy": h.box_xyxy} for h in labels.hands()]
    sides = labels.is_right.tolist()
    lines = [{**hand, "is_right": side, "score": 0.5} for hand, side in zip(hands, sides, strict=True)]
    (folder / "hands.jsonl").write_text("\n".join(map(json.dumps, lines)))
    write_predictions(folder / "predictions.npz", found(labels, 0.02, 0))
    evaluate(labels, folder, PROTOCOL, out=runs, whole_pictures=True)
    _, (given, whole) = sections(runs)
    assert (given.subset, whole.subset, whole.title) == (
        "newdays",
        "newdays_whole_pictures",
        "New Days, whole pictures, OKS",
    )
    (entry,) = whole.ranked
    assert {score.metric for score in entry.record.scores} == {"oks_ar", "oks_ar_any_side"}
    records = [(entry.record, whole.subset), (given.ranked[0].record, given.subset)]
    first, second = (record.value(subset, "all", "oks_ar") for record, subset in records)
    assert first.value == second.value  # type: ignore[union-attr]
