"""``hint check`` as a person types it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error, hint

from annotation.check.geometry import palm_spread
from annotation.check.hands import Hands
from annotation.check.rules import RULES
from annotation.check.run import check
from hint.files import read_labels, write_coco, write_evaluation_npz, write_pairs, write_predictions
from hint.images import read_image, write_image
from hint.types import HandLabels, Predictions


def report(*arguments: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hint("check", *arguments, "--json", code=code).stdout)
    return found


def by_rule(found: dict[str, Any]) -> dict[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for finding in found["findings"]:
        rules.setdefault(finding["rule"], []).append(finding["hand_id"])
    return rules


@pytest.fixture(scope="module")
def few(flagged: HandLabels, hands: Callable[..., Hands]) -> HandLabels:
    """Thirty good hands in which no rule finds anything."""
    some = flagged.select(slice(0, 60))
    found = np.any([rule.found(rule.measure(hands(some)).value) for rule in RULES], axis=0)
    return some.select(np.flatnonzero(~found)[:30])


@pytest.fixture
def folder(few: HandLabels, tmp_path: Path) -> Path:
    """The same as jpg+json pairs; the pictures are 640x640."""
    rng = np.random.default_rng(0)
    path = tmp_path / "TEST_newdays_img"
    for hand_id in few.hand_id.tolist():
        coarse = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        write_image(path / f"{hand_id}.jpg", np.kron(coarse, np.ones((80, 80, 1), np.uint8)))
    write_pairs(path, replace(few, image=np.array([str(path / f"{i}.jpg") for i in few.hand_id.tolist()])))
    return path


def test_good_hands_pass_in_every_format(folder: Path, tmp_path: Path) -> None:
    labels = read_labels(folder)
    write_evaluation_npz(tmp_path / "npz", labels)
    write_coco(tmp_path / "coco.json", labels)
    for path in (folder, tmp_path, tmp_path / "npz", tmp_path / "coco.json"):
        found = report(path, "--fail-on", "warning")
        assert found["hands"] == 30
        assert found["findings"] == []
    done = hint("check", folder)
    assert "30 hands: 0 errors, 0 warnings" in done.stdout
    assert "needs prelabels" in done.stdout
    assert list(tmp_path.glob("*.jsonl")) == [], "nothing is written unless asked for"


def spoilt(folder: Path) -> dict[str, str]:
    """Put five errors into a folder; rule -> hand."""
    labels = read_labels(folder)
    points, exists, occluded = labels.keypoints_2d.copy(), labels.existence.copy(), labels.occlusion.copy()
    points[0, 4], exists[0, 4] = (700, 300), True
    exists[1, 9] = False
    occluded[2] = True
    points[3, 7] = points[3, 2]
    broad = 5 + int(abs(palm_spread(points[5:])).argmax())
    points[broad, 5:13] = points[broad][[9, 10, 11, 12, 5, 6, 7, 8]]
    write_pairs(folder, replace(labels, keypoints_2d=points, existence=exists, occlusion=occluded))
    rules = ("outside-picture", "existence-flag", "no-visible", "same-point")
    return {rule: str(labels.hand_id[k]) for k, rule in enumerate(rules)} | {
        "knuckle-order": str(labels.hand_id[broad])
    }


def test_errors_are_found_reported_and_drawn(folder: Path, tmp_path: Path) -> None:
    wrong = spoilt(folder)
    out = tmp_path / "out"
    done = hint("check", folder, "--out", out, code=1)
    lines = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    assert lines == sorted(lines, key=lambda line: (line["hand_id"], line["rule"]))
    assert set(lines[0]) == {"hand_id", "set", "rule", "level", "joint", "value", "threshold", "message"}
    found = {(line["rule"], line["hand_id"]) for line in lines}
    assert set(wrong.items()) <= found
    outside = next(line for line in lines if line["rule"] == "outside-picture")
    assert (outside["joint"], outside["value"], outside["threshold"]) == ("thumb_tip", 1, 0)
    assert outside["message"] == "existing joints outside the picture: thumb_tip, 1 joints (limit 0)"
    assert "outside-picture" in done.stdout
    sheet = read_image(out / "worst.png")
    assert sheet.shape[1] > 1000
    assert sheet.std() > 20
    summary = json.loads((out / "check.json").read_text())
    assert summary["findings"] == len(lines)
    assert {p.name for p in out.iterdir()} == {"findings.jsonl", "check.json", "worst.png"}


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("error", 1), ("warning", 1), ("never", 0), ("existence-flag", 1), ("collapsed-finger", 0)],
    ids=["error", "warning", "never", "rule that found", "rule that did not"],
)
def test_the_exit_code_is_what_was_asked_for(fail_on: str, code: int, folder: Path) -> None:
    spoilt(folder)
    hint("check", folder, "--fail-on", fail_on, code=code)


def test_python_does_what_the_command_does(folder: Path, tmp_path: Path) -> None:
    spoilt(folder)
    hint("check", folder, "--out", tmp_path / "a", code=1)
    found = check(str(folder), out=str(tmp_path / "b"))
    assert found.fails("error")
    assert (tmp_path / "a" / "check.json").read_bytes() == (tmp_path / "b" / "check.json").read_bytes()
    loaded = check(read_labels(folder))
    assert [one.as_json() for one in loaded.findings] == [one.as_json() for one in found.findings]


def test_warnings_alone_do_not_fail(folder: Path) -> None:
    spoilt(folder)
    only = ("--rule", "no-visible", "--rule", "knuckle-order")
    found = report(folder, *only)
    assert set(by_rule(found)) == {"no-visible", "knuckle-order"}
    assert [rule["rule"] for rule in found["rules"]] == ["no-visible", "knuckle-order"]
    report(folder, *only, "--fail-on", "warning", code=1)


def test_untouched_hands_are_found_and_their_share_is_reported(folder: Path, few: HandLabels, tmp_path: Path) -> None:
    start = few.keypoints_2d.copy()
    start[10:] += 3
    write_predictions(tmp_path / "pre.npz", Predictions(few.hand_id[:25], start[:25].astype(np.float32)))
    done = hint("check", folder, "--prelabels", tmp_path / "pre.npz", "--json")
    found = json.loads(done.stdout)
    assert sorted(by_rule(found)["untouched"]) == sorted(few.hand_id[:10].tolist())
    assert found["sets"][0]["untouched"] == pytest.approx(10 / 25)
    assert "5 of 30 hands have no pre-label" in done.stderr
    other = Predictions(np.array(["nobody_r"]), np.zeros((1, 21, 2), np.float32))
    write_predictions(tmp_path / "other.npz", other)
    assert "contains none of these 30 hands" in error(
        hint("check", folder, "--prelabels", tmp_path / "other.npz", code=2)
    )


def test_what_two_splits_share_is_found_in_a_root(folder: Path, tmp_path: Path) -> None:
    labels = read_labels(folder)
    some = labels.select(slice(0, 4))
    train = replace(
        some,
        hand_id=np.array([f"ND_good0000{k:02d}x_frame00000{k}_r" for k in range(4)]),
        subset=np.full(4, "train_newdays"),
        clip_id=np.array([f"other{k}" for k in range(4)]),
    )
    write_pairs(folder.parent / "TRAIN_newdays_img", train)
    again = replace(labels.select([5]), subset=np.array(["val_newdays"]))
    write_pairs(folder.parent / "VAL_newdays_img", again)
    found = by_rule(report(tmp_path))
    assert set(some.hand_id.tolist()) < set(found["near-duplicate"])
    assert str(labels.hand_id[5]) in found["shared-clip"]
    alone = by_rule(report(folder, "--against", folder.parent / "TRAIN_newdays_img"))
    assert set(alone["near-duplicate"]) == set(some.hand_id.tolist())
    assert report(folder, "--rule", "near-duplicate")["rules"][0]["judged"] is None


def test_an_outlier_annotator_is_named(good: HandLabels, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for k, (name, share) in enumerate((("anna", 0.4), ("ben", 0.42), ("cy", 0.9), ("dora", 0.41), ("eve", 0.4))):
        part = good.select(slice(40 * k, 40 * (k + 1)))
        write_pairs(tmp_path / name, replace(part, occlusion=rng.random((40, 21)) < share))
    others = [option for name in ("ben", "cy", "dora", "eve") for option in ("--against", tmp_path / name)]
    found = report(tmp_path / "anna", *others)
    (odd,) = [f for f in found["findings"] if f["rule"] == "outlier-annotator"]
    assert (odd["hand_id"], odd["set"], odd["joint"]) == ("", str(tmp_path / "cy"), "occluded")
    assert [s["hands"] for s in found["sets"]] == [40] * 5
    assert [s["with_findings"] is None for s in found["sets"]] == [False, True, True, True, True]
    assert found["hands"] == 40


def test_a_broken_picture_costs_only_its_own_rule(folder: Path) -> None:
    pictures = sorted(folder.glob("*.jpg"))
    pictures[0].write_bytes(pictures[0].read_bytes()[:300])
    done = hint("check", folder, "--json")
    assert "1 pictures cannot be read" in done.stderr
    rules = {rule["rule"]: rule["judged"] for rule in json.loads(done.stdout)["rules"]}
    assert rules["outside-picture"] == 29
    assert rules["existence-flag"] == 30


def test_the_rules_are_listed() -> None:
    rules = json.loads(hint("check", "--list", "--json").stdout)
    assert len(rules) == 25
    assert len({rule["rule"] for rule in rules}) == 25
    assert {rule["level"] for rule in rules} == {"error", "warning"}
    assert "zigzag" in hint("check", "--list").stdout


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "pass LABELS to check"),
    "absent": (("nowhere",), "nowhere: no such file or folder"),
    "no labels": (("EMPTY",), "holds no labels"),
    "rule": (("FOLDER", "--rule", "zigzak"), "did you mean zigzag"),
    "fail-on": (("FOLDER", "--fail-on", "errors"), "unknown rule 'errors'"),
    "against": (("FOLDER", "--against", "nowhere"), "nowhere: no such file"),
    "prelabels": (("FOLDER", "--prelabels", "no.npz"), "no.npz"),
    "population": (("FOLDER", "--population", "no.json"), "no.json: no such file"),
    "few": (("FOLDER", "--population", "FOLDER"), "30 hands are too few"),
    "images": (("FOLDER", "--images", "nowhere"), "no such folder of pictures"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_2(case: str, folder: Path, tmp_path: Path) -> None:
    arguments, message = BAD[case]
    (tmp_path / "empty").mkdir()
    places = {"FOLDER": folder, "EMPTY": tmp_path / "empty"}
    assert message in error(hint("check", *(places.get(a, a) for a in arguments), code=2))


def test_labels_and_pictures_can_be_in_different_folders(folder: Path, tmp_path: Path) -> None:
    write_evaluation_npz(tmp_path / "npz", read_labels(folder))
    assert report(tmp_path / "npz")["rules"][0]["judged"] is None
    assert report(tmp_path / "npz", "--images", folder)["rules"][0]["judged"] == 30


def test_real_hands_with_pictures(shared: Path, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    if not (shared / "data" / "real_hands").is_dir():
        pytest.skip("no real hands")
    found = report(shared / "data" / "real_hands", "--out", tmp_path)
    assert found["hands"] == 22
    assert found["rules"][0]["judged"] == 22
    assert read_image(tmp_path / "worst.png").size
