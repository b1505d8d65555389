"""Exports of Label Studio become labels without a server: ``hint studio import``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error, hint
from PIL import Image

from annotation.studio.project import list_tasks
from annotation.studio.task import results
from hint.files import read_pairs
from hint.skeleton import JOINT_NAMES

WHOLE_BODY = ["wrist"] + [f"{name}{k}" for name in ("thumb", "forefinger") for k in range(1, 5)]
WHOLE_BODY += [f"{finger}_finger{k}" for finger in ("middle", "ring", "pinky") for k in range(1, 5)]
MEDIAPIPE = ["WRIST", *(f"THUMB_{part}" for part in ("CMC", "MCP", "IP", "TIP"))]
MEDIAPIPE += [
    f"{finger}_FINGER_{part}" for finger in ("INDEX", "MIDDLE", "RING") for part in ("MCP", "PIP", "DIP", "TIP")
]
MEDIAPIPE += [f"PINKY_{part}" for part in ("MCP", "PIP", "DIP", "TIP")]
SIZE = (160, 120)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_export_of_hint_gives_what_pull_gives(
    server: Any, sample: Any, people: dict[str, str], tmp_path: Path
) -> None:
    project = "exported"
    server.hint("studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", project)
    studio = server.client()
    number = studio.find(project).id
    for email, k in (("ann@example.com", 0), ("ann@example.com", 1), ("ben@example.com", 1), ("ben@example.com", 2)):
        task = list_tasks(studio, number).tasks[sample.ids[k]]
        result = results(task.hint)
        comment = {"id": "c", "from_name": "comment", "to_name": "image", "type": "textarea"}
        spoken = [{**comment, "value": {"text": ["blurred"]}}] if k else []
        server.client(people[email]).api.annotations.create(id=task.id, result=[*result, *spoken], lead_time=3.0)
    pulled, out = tmp_path / "pulled", tmp_path / "out"
    server.hint("studio", "pull", "--project", project, "--out", pulled)
    (tmp_path / "export.json").write_bytes((pulled / "raw.json").read_bytes())
    numbers = {email: number for number, email in studio.emails().items()}
    who = [part for email in people for part in ("--person", f"{numbers[email]}={email}")]
    options = ("--manifest", sample.manifest, *who)
    done = hint("studio", "import", tmp_path / "export.json", "--out", out, *options)
    assert "3 of 12 hands labelled" in done.stdout
    expected, found = files(pulled), files(out)
    records = [json.loads(one.pop("pull.json")) for one in (expected, found)]
    assert expected == found
    assert [record["labels"] for record in records] == [{"ann@example.com": 2, "ben@example.com": 2}] * 2

    every = {"exportType": "JSON_MIN", "download_all_tasks": True}  # also those that nobody labelled
    minimal = studio.send("GET", f"/api/projects/{number}/export", params=every).content
    (tmp_path / "min.json").write_bytes(minimal)
    done = hint("studio", "import", tmp_path / "min.json", "--out", tmp_path / "min", *options)
    assert "3 of 12 hands labelled" in done.stdout
    assert "JSON-MIN does not tell" in done.stderr
    found = files(tmp_path / "min")
    assert found.keys() == expected.keys() | {"pull.json"}
    assert all(found[name] == content for name, content in expected.items() if name != "raw.json")


def points(names: list[str], seed: int = 0) -> list[tuple[str, float, float]]:
    rng = np.random.default_rng(seed)
    return [(name, *rng.uniform(10, 90, 2).tolist()) for name in names]


def export(picture: str, result: list[dict[str, Any]], **annotation: Any) -> list[dict[str, Any]]:
    own = {"id": 5, "completed_by": {"id": 3, "email": "eva@example.com"}, "lead_time": 4.0, "result": result}
    return [{"id": 7, "project": 2, "data": {"img": picture}, "annotations": [{**own, **annotation}]}]


def keypoint(name: str, x: float, y: float, size: tuple[int, int] = SIZE, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}
    own = {"id": f"r{name}{x}", "from_name": "joints", "to_name": "img", "type": "keypointlabels", "value": value}
    return {**own, "original_width": size[0], "original_height": size[1], "image_rotation": 0, **more}


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Any]:
    """The function that imports rows with ``hint studio import``."""

    def run(rows: Any, *options: Any, code: int = 0) -> Any:
        (tmp_path / "theirs.json").write_text(json.dumps(rows))
        return hint("studio", "import", tmp_path / "theirs.json", "--out", tmp_path / "out", *options, code=code)

    return run


@pytest.mark.parametrize("names", [list(JOINT_NAMES), WHOLE_BODY, MEDIAPIPE, [str(k) for k in range(21)]])
def test_points_named_after_joints_become_labels(imported: Any, tmp_path: Path, names: list[str]) -> None:
    drawn = points(names)
    regions = [keypoint(*point) for point in reversed(drawn)]
    hidden = {
        **regions[0],
        "from_name": "vis",
        "type": "labels",
        "value": {**regions[0]["value"], "labels": ["Occluded"]},
    }
    del hidden["value"]["keypointlabels"]
    side = {"id": "s", "from_name": "side", "to_name": "img", "type": "choices", "value": {"choices": ["Left hand"]}}
    rows = export("/data/upload/2/0123abcd-my%20cup.jpg", [*regions, hidden, side])
    imported(rows, "--name", "cups")
    (label,) = [*(tmp_path / "out" / "eva@example.com" / "TRAIN_cups_img").glob("*.json")]
    assert label.stem.endswith("_0_l")
    found = read_pairs(label.parent)
    expected = np.array([point[1:] for point in drawn]) * SIZE / 100
    np.testing.assert_allclose(found.keypoints_2d[0], expected)
    assert found.existence.all()
    assert found.occlusion[0].tolist() == [False] * 20 + [True]
    np.testing.assert_allclose(found.box_xyxy[0], [*expected.min(0), *expected.max(0)])
    record = json.loads((tmp_path / "out" / "pull.json").read_text())
    assert (record["labels"], record["pictures_absent"]) == ({"eva@example.com": 1}, [label.stem])
    imported(rows, "--name", "cups")


def test_two_hands_in_rectangles_get_their_pictures_and_boxes(imported: Any, tmp_path: Path) -> None:
    """The picture is stored turned; a browser turns it upright, and labels refer to that."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "photos" / "day1").mkdir(parents=True)
    Image.new("RGB", SIZE).save(tmp_path / "photos" / "day1" / "cup.jpg", exif=exif)
    shown = SIZE[::-1]
    result = []
    for number, side in enumerate(("right", "left")):
        box = keypoint("", 10 + 40 * number, 20, shown, id=side, type="rectanglelabels")
        box["value"] = {"x": 10 + 40 * number, "y": 20, "width": 30, "height": 50, "rectanglelabels": [f"{side}_hand"]}
        drawn = points(list(JOINT_NAMES), number)
        result += [box, *(keypoint(*point, shown, parentID=side, id=f"{side}{point[0]}") for point in drawn)]
    done = imported(export("s3://bucket/cup.jpg", result), "--images", tmp_path / "photos", "--split", "test")
    assert "2 of 2 hands labelled" in done.stdout
    found = read_pairs(tmp_path / "out" / "eva@example.com" / "TEST_import_img")
    assert found.hand_id.tolist() == ["cup_0_l", "cup_0_r"]
    for k, number in enumerate((1, 0)):
        x, y = np.array([point[1:] for point in points(list(JOINT_NAMES), number)]).T
        np.testing.assert_allclose(found.keypoints_2d[k], np.stack([y * 1.6, (100 - x) * 1.2], axis=1))
    np.testing.assert_allclose(found.box_xyxy[1], (20 * 1.6, 60 * 1.2, 70 * 1.6, 90 * 1.2))
    copied = Path(found.image[0]).read_bytes()
    assert copied == (tmp_path / "photos" / "day1" / "cup.jpg").read_bytes()


def test_two_hands_named_by_side(imported: Any, tmp_path: Path) -> None:
    names = [f"{side}_{name}" for side in ("left", "right") for name in JOINT_NAMES]
    drawn = points(names)
    imported(export("cup.jpg", [keypoint(*point) for point in drawn]))
    found = read_pairs(tmp_path / "out" / "eva@example.com" / "TRAIN_import_img")
    assert found.is_right.tolist() == [False, True]
    np.testing.assert_allclose(found.keypoints_2d.reshape(42, 2), np.array([p[1:] for p in drawn]) * SIZE / 100)


def test_what_cannot_be_read_is_refused_with_a_reason(imported: Any, tmp_path: Path) -> None:
    full = [keypoint(*point) for point in points(list(JOINT_NAMES))]
    named = "ND_abcdefghijk_frame000001_r.jpg"
    refusals = {
        "nothing says the side of the hand; pass --side right": export("a.jpg", full),
        "lacks joints of the hand: thumb_tip": export(named, [one for one in full if "thumb_tip" not in str(one)]),
        "not joints of a hand: 'elbow'": export(named, [*full, keypoint("elbow", 4, 4)]),
        "wrist appears twice": export(named, [*full, keypoint("wrist", 4, 4)]),
        "the picture was rotated": export(named, [{**full[0], "image_rotation": 90}, *full[1:]]),
        "no points": export(named, []),
        "not a name": [{**export(named, full)[0], "data": {"hand_id": "../../out_l", "hint": {"image": "a.jpg"}}}],
        "without a number": [{**export(named, full)[0], "data": {"hint": {}}, "annotations": [{"result": []}]}],
        "no pictures in its data": export("text", full),
        "labels of a picture of 160x120 px": export(named, [{**full[0], "original_width": 10}, *full[1:]]),
    }
    for reason, rows in refusals.items():
        done = imported(rows, code=2)
        assert reason in error(done), done.stderr
        assert "task 7" in error(done)
        assert not (tmp_path / "out").exists()
    assert imported(refusals["nothing says the side of the hand; pass --side right"], "--side", "right").stdout
    good, bad = export(named, full)[0], {**refusals["wrist appears twice"][0], "id": 8}
    done = imported([good, bad], "--out", tmp_path / "mixed", code=1)
    assert "left out 1: wrist appears twice" in done.stderr
    numbered = imported(export(named, full, completed_by=3), "--out", tmp_path / "numbered", code=0)
    assert "to name them, import into another folder with --person 3=EMAIL" in numbered.stderr
    assert "is not an export" in error(imported({"a": 1}, code=2))
    assert "is not an export" in error(imported([{"id": 1}], code=2))
