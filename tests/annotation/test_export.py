"""``hint export`` as a person types it: from pulled labels, and from any HInt root."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import error, hint

from annotation.studio.pull import PullRecord
from annotation.studio.scores import HoneypotScores
from hint.files import (
    read_coco,
    read_evaluation_npz,
    read_labels,
    read_predictions,
    write_json,
    write_pairs,
    write_predictions,
)
from hint.images import write_image
from hint.types import HandLabels, Predictions

ANN, BEN, CID = "ann@example.com", "ben@example.com", "cid@example.com"


def record(labels: dict[str, int]) -> PullRecord:
    return PullRecord(
        url="http://127.0.0.1:8089",
        server="1.23.2",
        project="mine",
        project_id=1,
        provenance={"utc": "2026-01-01T00:00:00+00:00"},
        raw_sha256="0" * 64,
        tasks=12,
        labelled=12,
        labels=labels,
        pictures=0,
        pictures_absent=[],
        unusable={},
        returned={},
        skipped={},
        drafts={},
        changed_by_others=[],
        superseded=0,
        doubled=[],
        foreign=[],
        problems={},
        doubles=[],
        honeypots=HoneypotScores(hands=[], unknown=[], people=[]),
        files=[],
    )


def shifted(labels: HandLabels, by: float) -> HandLabels:
    return HandLabels(**{**vars(labels), "keypoints_2d": labels.keypoints_2d + by})


@pytest.fixture
def pulled(tmp_path: Path, make: Callable[..., HandLabels]) -> tuple[Path, HandLabels]:
    """Twelve hands; ann labelled 0..7, ben 6..9, cid 9..11, each with another offset."""
    truth = make()
    out = tmp_path / "pulled"
    parts = {ANN: slice(0, 8), BEN: slice(6, 10), CID: slice(9, 12)}
    for by, (email, part) in enumerate(parts.items()):
        folder = out / email / "TRAIN_newdays_img"
        write_pairs(folder, shifted(truth.select(part), by))
        for hand_id in truth.hand_id[part].tolist():
            write_image(folder / f"{hand_id}.jpg", np.full((200, 240, 3), 80 * by, np.uint8))
        (out / email / "annotations.jsonl").write_text("{}\n")
    write_json(out / "pull.json", record({ANN: 8, BEN: 4, CID: 3}).model_dump(mode="json"))
    return out, truth


def offsets(found: HandLabels, truth: HandLabels) -> list[int]:
    order = np.argsort(truth.hand_id)
    assert found.hand_id.tolist() == truth.hand_id[order].tolist()
    return np.round((found.keypoints_2d - truth.keypoints_2d[order]).mean((1, 2))).astype(int).tolist()


def test_the_preferred_annotator_decides(pulled: tuple[Path, HandLabels], tmp_path: Path) -> None:
    source, truth = pulled
    done = hint("export", source, "--prefer", BEN, "--out", tmp_path / "out")
    assert f"12 hands: 6 by {ANN}, 4 by {BEN}, 2 by {CID}" in done.stderr
    found = read_labels(tmp_path / "out", ["train_newdays"])
    order = np.argsort(truth.hand_id)
    assert offsets(found, truth) == np.array([0] * 6 + [1] * 4 + [2] * 2)[order].tolist()
    for hand_id in found.hand_id.tolist():
        by = [ANN, BEN, CID][offsets(found, truth)[found.hand_id.tolist().index(hand_id)]]
        for suffix in (".json", ".jpg"):
            name = f"TRAIN_newdays_img/{hand_id}{suffix}"
            assert (tmp_path / "out" / name).read_bytes() == (source / by / name).read_bytes()
    told = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert told["taken_from"] == {ANN: 6, BEN: 4, CID: 2}
    assert (told["hands"], told["pull"]["project"]) == (12, "mine")


def test_undecided_hands_are_named(pulled: tuple[Path, HandLabels], tmp_path: Path) -> None:
    source, _ = pulled
    stderr = hint("export", source, "--prefer", ANN, "--out", tmp_path / "out", code=2).stderr
    assert f"1 hands have several labels but none by {ANN}" in stderr
    hint("export", source, "--prefer", ANN, "--prefer", CID, "--out", tmp_path / "out")
    stderr = hint("export", source, "--out", tmp_path / "x", code=2).stderr
    assert f"3 people labelled this: {ANN}, {BEN}, {CID}" in stderr
    assert "did you mean" in hint("export", source, "--annotator", "an@example.com", "--out", "x", code=2).stderr
    assert not (tmp_path / "x").exists()


def test_merged_labels_decide(pulled: tuple[Path, HandLabels], tmp_path: Path) -> None:
    source, truth = pulled
    merged = tmp_path / "merged"
    hint("agreement", source / ANN, source / BEN, "--merge", merged)
    stderr = hint("export", source, "--consensus", merged, "--out", tmp_path / "out", code=2).stderr
    assert "1 hands have several labels but none by consensus" in stderr, "ben and cid share a hand that was not merged"
    done = hint("export", source, "--consensus", merged, "--prefer", CID, "--out", tmp_path / "out")
    assert f"12 hands: 6 by {ANN}, 1 by {BEN}, 3 by {CID}, 2 by consensus" in done.stderr
    found = read_labels(tmp_path / "out", ["train_newdays"])
    both = found[[str(hand_id) for hand_id in truth.hand_id[6:8]]]
    np.testing.assert_allclose(both.keypoints_2d, truth.keypoints_2d[6:8] + 0.5)
    stderr = hint("export", source, "--consensus", merged / "no", "--out", tmp_path / "x", code=2).stderr
    assert "no such folder; hint agreement A B --merge" in stderr
    stderr = hint("export", source, "--consensus", merged, "--annotator", ANN, "--out", tmp_path / "x", code=2).stderr
    assert "not both" in stderr


@pytest.mark.parametrize("fmt", ["hint", "npz", "coco", "cvat"])
def test_every_format_holds_the_same_labels(pulled: tuple[Path, HandLabels], tmp_path: Path, fmt: str) -> None:
    source, truth = pulled
    out = tmp_path / "out"
    hint("export", source, "--annotator", ANN, "--format", fmt, "--out", out)
    read = {
        "hint": lambda: read_labels(out, ["train_newdays"]),
        "npz": lambda: read_evaluation_npz(out, "TRAIN_newdays_img"),
        "coco": lambda: read_coco(out / "labels.json"),
        "cvat": lambda: read_labels(out / "annotations.xml"),
    }
    found = read[fmt]()
    expected = truth.select(np.argsort(truth.hand_id[:8]))
    assert found.hand_id.tolist() == expected.hand_id.tolist()
    for name in ("keypoints_2d", "box_xyxy", "existence", "is_right"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.visibility, expected.visibility)
    if fmt == "coco":
        assert {Path(image).is_file() for image in found.image.tolist()} == {True}
        content = json.loads((out / "labels.json").read_text())
        assert {v for one in content["annotations"] for v in one["keypoints"][2::3]} == {0, 1, 2}
        assert (out / "labels.provenance.json").is_file()
    stderr = hint("export", source, "--annotator", ANN, "--format", fmt, "--out", out, code=2).stderr
    assert "already exists" in stderr


def test_any_hint_root_can_be_exported(hint_root: Path, tmp_path: Path) -> None:
    hint("export", hint_root, "--format", "coco", "--out", tmp_path / "mine.json")
    found = read_coco(tmp_path / "mine.json")
    np.testing.assert_array_equal(found.keypoints_2d, read_labels(hint_root).keypoints_2d)
    assert (tmp_path / "mine.provenance.json").is_file()
    hint("export", hint_root / "TEST_newdays_img", "--out", tmp_path / "one")
    for path in (hint_root / "TEST_newdays_img").iterdir():
        assert (tmp_path / "one" / "TEST_newdays_img" / path.name).read_bytes() == path.read_bytes()
    (tmp_path / "empty").mkdir()
    assert "holds no labels" in hint("export", tmp_path / "empty", "--out", tmp_path / "x", code=2).stderr
    assert "no such file or folder" in hint("export", tmp_path / "no", "--out", tmp_path / "x", code=2).stderr


@pytest.mark.parametrize("fmt", ["coco", "cvat", "yolo"])
def test_a_copied_folder_can_be_moved(hint_root: Path, tmp_path: Path, fmt: str) -> None:
    options = [] if fmt == "yolo" else ["--copy-images"]
    hint("export", hint_root, "--format", fmt, *options, "--out", tmp_path / "out")
    shutil.move(hint_root, tmp_path / "gone")
    moved = Path(shutil.move(tmp_path / "out", tmp_path / "moved"))
    read = read_labels(moved)
    assert len(read) == 12
    assert all(Path(image).is_file() and Path(image).is_relative_to(moved) for image in read.image.tolist())
    if fmt == "coco":
        images = json.loads((moved / "labels.json").read_text())["images"]
        assert {(i["width"], i["height"], i["file_name"].split("/")[0]) for i in images} == {(240, 200, "images")}


def test_bad_annotations_are_left_out_on_request(hint_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    hint("export", hint_root, "--format", "coco", "--out", path)
    content = json.loads(path.read_text())
    del content["annotations"][4]["bbox"]
    path.write_text(json.dumps(content))
    message = error(hint("export", path, "--format", "npz", "--out", tmp_path / "npz", code=2))
    assert "1 of 12 annotations" in message
    assert "annotation 5 (lacks bbox)" in message
    assert f"hint export {path} --skip-bad --out NEW writes the other 11" in message
    done = hint("export", path, "--format", "npz", "--skip-bad", "--out", tmp_path / "npz")
    assert "1 of 12 annotations left out: annotation 5" in done.stderr
    assert "11 hands" in done.stderr
    assert len(read_labels(tmp_path / "npz")) == 11


def test_predictions_become_a_table(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d))
    hint("export", tmp_path / "mine.npz", "--format", "csv", "--data", hint_root, "--out", tmp_path / "mine.csv")
    with (tmp_path / "mine.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["hand_id"] for row in rows] == labels.hand_id.tolist()
    assert [row["side"] == "right" for row in rows] == labels.is_right.tolist()
    assert [float(row["x2"]) for row in rows] == labels.box_xyxy[:, 2].tolist()
    assert all((tmp_path / row["picture"]).is_file() for row in rows)
    assert rows[0]["wrist_score"] == rows[0]["frame"] == ""
    hint("export", tmp_path / "mine.csv", "--format", "npz", "--out", tmp_path / "back")
    back = read_predictions(tmp_path / "back" / "predictions.npz")
    np.testing.assert_array_equal(back.keypoints_2d, labels.keypoints_2d.astype(np.float32))


def test_options_and_formats_that_do_not_go_with_the_source(hint_root: Path, tmp_path: Path) -> None:
    write_predictions(tmp_path / "mine.csv", Predictions(np.array(["a_l"]), np.zeros((1, 21, 2))))
    out = ("--out", tmp_path / "out")
    assert "csv is for predictions" in error(hint("export", hint_root, "--format", "csv", *out, code=2))
    assert "--copy-images is for coco" in error(hint("export", hint_root, "--copy-images", *out, code=2))
    assert "--data is for predictions" in error(hint("export", hint_root, "--data", hint_root, *out, code=2))
    message = error(hint("export", tmp_path / "mine.csv", "--skip-bad", *out, code=2))
    assert "--skip-bad is for labels" in message
    assert "unknown format of predictions 'coco'" in error(
        hint("export", tmp_path / "mine.csv", "--format", "coco", *out, code=2)
    )
    assert not (tmp_path / "out").exists()


def test_coco_results_become_a_table(hint_root: Path, tmp_path: Path) -> None:
    hint("export", hint_root, "--format", "coco", "--out", tmp_path / "labels.json")
    results = [
        {key: one[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 0.5}
        for one in json.loads((tmp_path / "labels.json").read_text())["annotations"]
    ]
    write_json(tmp_path / "results.json", results)
    options = ("--format", "csv", "--data", tmp_path / "labels.json", "--out", tmp_path / "mine.csv")
    hint("export", tmp_path / "results.json", *options)
    read, labels = read_predictions(tmp_path / "mine.csv"), read_labels(hint_root)
    assert sorted(read.hand_id.tolist()) == sorted(labels.hand_id.tolist())
    assert read.score.tolist() == [0.5] * 12


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("fmt", ["hint", "coco"])
def test_an_export_that_was_killed_can_be_repeated(hint_root: Path, tmp_path: Path, fmt: str) -> None:
    common = ("export", hint_root, "--format", fmt, "--out")
    hint(*common, tmp_path / "whole")
    disturbed = "os.replace = os.rename = lambda *_: os.kill(os.getpid(), 9)"
    killed = subprocess.run(
        [sys.executable, "-c", f"import os; {disturbed}; from hint.cli import main; main()", *common, tmp_path / "out"],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    hint(*common, tmp_path / "out")
    assert names(tmp_path / "out") == names(tmp_path / "whole")
