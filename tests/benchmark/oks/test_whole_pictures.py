"""Detector and method are scored as users run them, from every file they leave; what cannot be scored is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import hint

from benchmark.evaluate import evaluate
from benchmark.oks.protocol import load_oks_protocol
from hint.detection import Detection, Picture
from hint.errors import InputError
from hint.files import read_labels, write_coco, write_json
from hint.files.prediction_table import write_csv
from hint.prediction import predict
from hint.types import HandLabels, Image, Predictions

PROTOCOL = replace(load_oks_protocol(), replicates=20)


def perfect(scene: Any) -> Any:
    """Every hand found once, exactly."""
    labels = scene.labels
    boxes = zip(labels.hand_id.tolist(), labels.image.tolist(), labels.box_xyxy.tolist(), labels.is_right, strict=True)
    scene.lines = [
        {"image": image, "hand_id": f"f_{hand}", "box_xyxy": box, "is_right": bool(right), "score": 0.9}
        for hand, image, box, right in boxes
    ]
    scene.found = Predictions(np.char.add("f_", labels.hand_id), labels.keypoints_2d)
    return scene


def score(scene: Any, visibility: str = "all", **options: Any) -> dict[str, float]:
    result = evaluate(scene.labels, scene.write(), PROTOCOL, whole_pictures=True, **options)
    return {s.metric: s.value for s in result.record.scores if s.visibility == visibility}


def test_false_positives_misses_and_wrong_sides_count(make_scene: Callable[..., Any]) -> None:
    scene = perfect(make_scene(12))
    assert set(score(scene, all_hands_labelled=True).values()) == {100.0}
    every = scene.lines
    scene.lines = [{**line, "is_right": not line["is_right"]} for line in every]
    assert score(scene, all_hands_labelled=True) == {
        **dict.fromkeys(("oks_ap", "oks_ap50", "oks_ap75", "oks_ar"), 0.0),
        **dict.fromkeys(("oks_ap_any_side", "oks_ar_any_side"), 100.0),
    }
    scene.lines = [line for line in every if line["image"].endswith("1.jpg")]
    scene.lines += [{"image": line["image"]} for line in every if not line["image"].endswith("1.jpg")]
    scene.found = scene.found.select(
        [hand in {one.get("hand_id") for one in scene.lines} for hand in scene.found.hand_id]
    )
    share = 100 * len(scene.found) / len(scene.labels)
    assert score(scene)["oks_ar"] == pytest.approx(share)  # and no AP: other hands may be unlabelled
    assert set(score(scene)) == {"oks_ar", "oks_ar_any_side"}
    twice = perfect(make_scene(12))
    extra = [{**line, "hand_id": f"{line['hand_id']}x", "score": 0.95} for line in twice.lines]
    moved = Predictions(np.char.add(twice.found.hand_id, "x"), twice.found.keypoints_2d + 500)
    twice.lines, twice.found = [*twice.lines, *extra], Predictions.concatenate([twice.found, moved])
    found = score(twice, all_hands_labelled=True)
    assert found["oks_ar"] == 100.0
    assert found["oks_ap"] == pytest.approx(50.0, abs=0.5)


def test_pictures_nobody_looked_at_are_missing(make_scene: Callable[..., Any]) -> None:
    scene = perfect(make_scene(6))
    gone = scene.labels.image[0]
    scene.lines = [line for line in scene.lines if line["image"] != gone] + [{"image": "elsewhere/other.jpg"}]
    scene.found = scene.found.select(
        [hand in {one.get("hand_id") for one in scene.lines} for hand in scene.found.hand_id]
    )
    result = evaluate(scene.labels, scene.write(), PROTOCOL, whole_pictures=True)
    assert set(result.record.coverage.missing) == set(scene.labels.hand_id[scene.labels.image == gone])
    assert result.record.fingerprint["all_hands_labelled"] is False
    assert [part.name for part in result.record.data] == ["mine_whole_pictures"]
    frame = result.hands()
    assert frame.oks.tolist() == pytest.approx((scene.labels.image != gone).astype(float).tolist())


def test_tables_and_coco_results_give_the_same(make_scene: Callable[..., Any], tmp_path: Path) -> None:
    scene = make_scene(10)
    found, lines = scene.found, {line["hand_id"]: line for line in scene.lines if "hand_id" in line}
    joint = np.asarray(found.score, float).mean(1)
    scores = [lines[hand]["score"] * own for hand, own in zip(found.hand_id.tolist(), joint.tolist(), strict=True)]
    plain = Predictions(found.hand_id, np.nan_to_num(found.keypoints_2d, nan=9e4), score=np.array(scores))
    scene.found = plain
    scene.lines = [{k: v for k, v in line.items() if k != "score"} for line in scene.lines]
    expected = score(scene, all_hands_labelled=True)
    rows = [lines[hand] for hand in found.hand_id.tolist()]
    places = {
        "picture": [row["image"] for row in rows],
        "side": ["right" if row["is_right"] else "left" for row in rows],
        **{name: [row["box_xyxy"][k] for row in rows] for k, name in enumerate(("x1", "y1", "x2", "y2"))},
    }
    write_csv(tmp_path / "mine.csv", plain, places)
    by_table = evaluate(scene.labels, tmp_path / "mine.csv", PROTOCOL, whole_pictures=True, all_hands_labelled=True)
    assert {s.metric: s.value for s in by_table.record.scores if s.visibility == "all"} == pytest.approx(expected)

    write_coco(tmp_path / "labels.json", scene.labels)
    numbers = {
        image["file_name"]: image["id"] for image in json.loads((tmp_path / "labels.json").read_text())["images"]
    }
    results = [
        {
            "image_id": next(number for name, number in numbers.items() if Path(name).name == Path(row["image"]).name),
            "category_id": 2 if row["is_right"] else 1,
            "keypoints": [v for x, y in points for v in (x, y, 1)],
            "score": value,
        }
        for row, points, value in zip(rows, plain.keypoints_2d.tolist(), scores, strict=True)
    ]
    write_json(tmp_path / "results.json", results)
    options = {"whole_pictures": True, "all_hands_labelled": True}
    by_list = evaluate(tmp_path / "labels.json", tmp_path / "results.json", PROTOCOL, **options)
    assert {s.metric: s.value for s in by_list.record.scores if s.visibility == "all"} == pytest.approx(expected)
    write_json(tmp_path / "bare.json", [{k: v for k, v in one.items() if k != "score"} for one in results])
    with pytest.raises(InputError, match="with no score: result 1, "):
        evaluate(tmp_path / "labels.json", tmp_path / "bare.json", PROTOCOL, **options)


def test_what_cannot_be_scored_is_refused(make_scene: Callable[..., Any]) -> None:
    scene = perfect(make_scene(4))
    lines = scene.lines

    values: tuple[tuple[dict[str, Any], str], ...] = (
        ({"score": None}, "detections without scores"),
        ({"is_right": None}, "with no side: f_p000"),
        ({"image": "elsewhere/q.jpg"}, "predictions of other pictures"),
        ({"orientation": 6}, "turned upright"),
        ({"frame": 0}, "with no picture"),
    )
    for change, message in values:
        scene.lines = [line | change for line in lines]
        with pytest.raises(InputError, match=message):
            score(scene)
    (scene.folder / "hands.jsonl").unlink()
    with pytest.raises(InputError, match=r"hands\.jsonl"):
        evaluate(scene.labels, scene.folder, PROTOCOL, whole_pictures=True)
    given: Any = (scene.labels, Predictions(scene.labels.hand_id, scene.labels.keypoints_2d))
    for options, message in (
        ({"all_hands_labelled": True}, "add --whole-pictures"),
        ({"match_boxes": True}, "use --whole-pictures"),
        ({"detector": "wilor"}, "add --whole-pictures"),
        ({"whole_pictures": True, "detector": "wilor"}, "goes with a method"),
        ({"protocol": "hint-v1", "whole_pictures": True, "agreement": "a"}, "add --protocol hint-oks-v1"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate(*given, **{"protocol": PROTOCOL, **options})
    half = replace(given[1], score=np.where(np.arange(len(scene.labels)) == 0, np.nan, 1))
    with pytest.raises(InputError, match="1 detection with no score: p000"):
        evaluate(scene.labels, half, PROTOCOL)
    others = replace(given[1], hand_id=np.char.add("other_", given[1].hand_id))
    with pytest.raises(InputError, match="or score whole pictures with --whole-pictures"):
        evaluate(scene.labels, others, PROTOCOL)


class Annotator:
    """A detector that knows the labelled boxes, and takes one of three hands for the other side's."""

    identity = "annotator"

    def __init__(self, labels: HandLabels) -> None:
        self._hands = {hand.hand_id: (k, hand) for k, hand in enumerate(labels.hands())}

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        k, hand = self._hands[picture.name]
        return [Detection(hand.box_xyxy, hand.is_right ^ (k % 3 == 0), 0.5)]


def test_a_detector_and_a_method_are_run_on_the_pictures(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    centre = (labels.box_xyxy[:, None, :2] + labels.box_xyxy[:, None, 2:]) / 2
    labels = replace(labels, keypoints_2d=np.repeat(centre, 21, 1), existence=np.ones((12, 21), bool))
    options: Any = {"whole_pictures": True, "detector": Annotator(labels), "all_hands_labelled": True, "out": tmp_path}
    result = evaluate(labels, "box-centre", PROTOCOL, **options)
    value = {s.metric: s.value for s in result.record.scores if s.visibility == "all"}
    assert (value["oks_ar"], value["oks_ap_any_side"]) == (pytest.approx(100 * 8 / 12), 100.0)
    assert result.record.method.title.endswith(", annotator detector")
    assert result.folder == tmp_path / "box-centre-annotator-detector-hint-oks-v1"
    assert evaluate(labels, "box-centre", PROTOCOL, **options).record.timing.reused == 12
    again = evaluate(labels, result.folder, PROTOCOL, whole_pictures=True, all_hands_labelled=True)
    assert again.record.scores == result.record.scores
    held = predict(labels.image.tolist(), "box-centre", detector=Annotator(labels))
    in_memory = evaluate(labels, held, PROTOCOL, whole_pictures=True, all_hands_labelled=True)
    assert in_memory.record.scores == result.record.scores
    with pytest.raises(InputError, match="pictures are missing"):
        evaluate(replace(labels, image=np.full(12, "")), "box-centre", PROTOCOL, **options)


def test_the_command_line_takes_the_same(make_scene: Callable[..., Any], tmp_path: Path) -> None:
    scene = make_scene(8)
    write_coco(tmp_path / "labels.json", scene.labels)
    shared = ("--data", tmp_path / "labels.json", "--predictions", scene.write(), "--protocol", "hint-oks-v1")
    done = hint("eval", *shared, "--whole-pictures", "--all-hands-labelled", cwd=tmp_path)
    assert "all hands labelled" in done.stdout
    assert "AP" in done.stdout
    done = hint("eval", *shared, "--whole-pictures", "--name", "recall", cwd=tmp_path)
    assert "--all-hands-labelled" in done.stderr
    done = hint("eval", *shared, "--agreement", tmp_path / "none.json", code=2)
    assert "none.json" in done.stderr
