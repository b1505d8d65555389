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
from hint.files import write_pairs, write_predictions
from hint.types import HandLabels, Predictions
from leaderboard.comparison import compare
from leaderboard.entry import read_candidates
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


def sections(path: Path) -> tuple[dict[str, str], list[Section]]:
    """Return file -> first problem of what is refused, and the sections of the others."""
    found = read_candidates([path])
    refused = {problem.file: problem.text for problem in reversed(found.refused)}
    return refused, find_sections(found.entries, known_protocols(found.entries))


def test_they_are_ranked_compared_and_printed(runs: Path, tmp_path: Path) -> None:
    refused, (section,) = sections(runs)
    assert refused == {}
    for entry in section.ranked:
        claimed = {(score.visibility, score.metric): score for score in read_record(entry.path).scores}
        shown = {(score.visibility, score.metric): score for score in entry.record.scores}
        assert shown == claimed  # intervals, too
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
    build_leaderboard(runs, tmp_path / "site")
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "OKS AP@0.75" in pages
    rules = (tmp_path / "site" / "protocols" / "hint-oks-v1.html").read_text()
    assert "COCOeval" in rules
    assert "COCO-WholeBody: 0.029" in rules
    assert "first is better" in (tmp_path / "site" / "compare" / "first--worse.html").read_text()


def test_what_a_record_claims_is_never_shown(runs: Path, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    def claim(folder: Path, metric: str) -> None:
        content = json.loads((folder / "record.json").read_text())
        content["scores"].append({**content["scores"][0], "metric": metric, "threshold": None, "value": 98.7})
        content["scores"] = [*{(s["metric"], s["visibility"]): s for s in content["scores"]}.values()]
        (folder / "record.json").write_text(json.dumps(content))

    claim(runs / "worse-hint-oks-v1", "oks_ap")
    (runs / "second-hint-oks-v1" / "errors.npz").unlink()
    plain = evaluate(make(40), found(make(40), 0.02, 0), out=runs, name="plain").folder
    assert plain is not None
    claim(plain, "oks_ap")
    refused, (section,) = sections(runs)
    assert "scores: the record differs from the error table" in refused["worse-hint-oks-v1/errors.npz"]
    assert "scores: the record differs from the error table" in refused["plain/errors.npz"]
    assert [entry.name for entry in section.ranked] == ["first"]
    assert [entry.name for entry, _ in section.unranked] == ["second"]
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
    evaluate(labels, found(labels, 0.06, 5), own, out=runs, name="lenient")
    evaluate(labels, labels_as_they_are(labels), PROTOCOL, out=runs, name="too good")
    refused, (section,) = sections(runs)
    assert list(refused) == ["worse-hint-oks-v1/errors.npz"]
    reasons = {entry.name: reason for entry, reason in section.unranked}
    assert "other protocol file" in reasons["lenient"]
    assert "closer to the labels than a guess can be" in reasons["too good"]
    (lenient,) = (entry for entry, _ in section.unranked if entry.name == "lenient")
    recall = lenient.record.value("newdays", "all", "oks_ar")
    assert recall is not None
    assert recall.value > 50
    assert {entry.name for entry in section.ranked} == {"first", "second"}
    with pytest.raises(InputError, match="labels differ"):
        compare(tmp_path / "easy" / "easy-hint-oks-v1", runs / "first-hint-oks-v1")


def labels_as_they_are(labels: HandLabels) -> Predictions:
    return Predictions(labels.hand_id, labels.keypoints_2d)


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
    assert first is not None
    assert second is not None
    assert first.value == second.value
    write_pairs(tmp_path / "labels" / "TEST_newdays_img", labels)
    board = read_candidates([runs], data=tmp_path / "labels")
    assert board.refused == []
    assert board.labels is not None
    assert board.labels.subsets == ["newdays"]
