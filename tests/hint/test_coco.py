"""COCO files of other tools: joints by name, sides, the hands of persons, what is left alone and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from hint.errors import InputError
from hint.files import read_coco, read_labels, write_coco, write_json
from hint.files.joint_names import find_hands, side_in
from hint.prediction.box_files import lines_of_file
from hint.skeleton import JOINT_NAMES
from hint.types import HandLabels, Predictions

MMPOSE = (
    "wrist",
    *(f"{f}{k}" for f in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger") for k in range(1, 5)),
)
MEDIAPIPE = tuple(n.upper().replace("LITTLE", "PINKY").replace("INDEX_", "INDEX_FINGER_") for n in JOINT_NAMES)
OURS = ("hand_id", "clip_id", "subset", "side", "box_xyxy", "occlusion", "has_image")


@pytest.mark.parametrize(
    "names",
    [JOINT_NAMES, MMPOSE, MEDIAPIPE, [str(k) for k in range(1, 22)], [str(k) for k in range(21)]],
    ids=["ours", "mmpose", "mediapipe", "from 1", "from 0"],
)
def test_joints_are_found_by_name_in_any_order(names: Any) -> None:
    order = np.random.default_rng(3).permutation(21)
    (hand,) = find_hands([names[k] for k in order])
    assert (hand.side, [int(order[k]) for k in hand.places]) == (None, list(range(21)))


def test_both_hands_of_a_person_are_found_among_133_names() -> None:
    body = ["nose", "left_wrist", "right_wrist", "left_big_toe", "face-0"]
    sides = {side: [f"{side}_{name}".replace("wrist", "hand_root") for name in MMPOSE] for side in ("left", "right")}
    left, right = find_hands([*body, *sides["left"], *sides["right"]])
    assert (left.side, left.places) == ("left", tuple(range(5, 26)))
    assert (right.side, right.places) == ("right", tuple(range(26, 47)))
    assert find_hands(body) == []


@pytest.mark.parametrize(
    ("names", "message"),
    [(["wrist", "thumb_cmc", "elbow"], "'elbow'"), (JOINT_NAMES[:20], "little_tip"), ([*JOINT_NAMES, "x"], "'x'")],
)
def test_names_that_are_not_a_hands_are_named(names: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_hands(names)


def test_sides_are_read_from_names() -> None:
    names = ["left_hand", "Hand-Right", "L_hand", "hand r", "LeftHand", "LH", "bright_cup", "hand", "left or right"]
    assert [side_in(n) for n in names] == ["left", "right", "left", "right", "left", "left", None, None, None]


def plain(labels: HandLabels, folder: Path) -> dict[str, Any]:
    """Return a COCO file of one category ``hand`` without anything that only files of this toolkit have."""
    write_coco(folder / "ours.json", labels)
    content: dict[str, Any] = json.loads((folder / "ours.json").read_text())
    for one in content["annotations"]:
        one["category_id"] = 1
        for key in OURS:
            del one[key]
    content["categories"] = [{**content["categories"][0], "name": "hand"}]
    return content


Change = Callable[[dict[str, Any]], None]


def in_another_order(content: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(21)
    content["categories"][0]["keypoints"] = [MMPOSE[k] for k in order]
    for one in content["annotations"]:
        one["keypoints"] = np.reshape(one["keypoints"], (21, 3))[order].ravel().tolist()


def sides_in_categories(content: dict[str, Any]) -> None:
    content["categories"] = [
        {**content["categories"][0], "id": k, "name": n} for k, n in ((4, "right_hand"), (9, "Left Hand"))
    ]
    for image, one in zip(content["images"], content["annotations"], strict=True):
        one["category_id"] = 4 if image["file_name"].endswith("_r.jpg") else 9
        image["file_name"] = f"frames/{image['id']:04d}.png"


def sides_in_attributes(content: dict[str, Any]) -> None:
    for image, one in zip(content["images"], content["annotations"], strict=True):
        one["attributes"] = {"occluded": False, "Side": "x", "side": "Right" if "_r." in image["file_name"] else "Left"}
        image["file_name"] = f"{image['id']:04d}.png"


def hands_of_persons(content: dict[str, Any]) -> None:
    content["categories"] = [{"id": 1, "name": "person", "keypoints": ["nose", "left_wrist"], "skeleton": []}]
    for image, one in zip(content["images"], content["annotations"], strict=True):
        side, other = ("right", "left") if "_r." in image["file_name"] else ("left", "right")
        one[f"{side}hand_kpts"], one[f"{side}hand_box"], one[f"{side}hand_valid"] = one["keypoints"], one["bbox"], True
        one[f"{other}hand_kpts"], one[f"{other}hand_box"], one[f"{other}hand_valid"] = [0] * 63, [0] * 4, False
        one["keypoints"], one["bbox"] = [0] * 6, [0, 0, 9, 9]


def among_133(content: dict[str, Any]) -> None:
    names = [f"{side}_{name}".replace("wrist", "hand_root") for side in ("left", "right") for name in MMPOSE]
    content["categories"] = [{"id": 1, "name": "person", "keypoints": ["nose", *names]}]
    for one in content["annotations"]:
        shifted = [v + 500 * (k % 3 == 0) for k, v in enumerate(one["keypoints"])]
        one["keypoints"] = [0, 0, 0, *one["keypoints"], *shifted]


def beside_cups(content: dict[str, Any]) -> None:
    content["categories"] += [{"id": 2, "name": "cup"}, {"id": 3, "name": "face", "keypoints": ["eye", "nose"]}]
    cups = [{"id": 900 + k, "image_id": 1, "category_id": 2 + k, "bbox": [0, 0, 5, 5]} for k in range(2)]
    content["annotations"] = [*cups, *content["annotations"]]


@pytest.mark.parametrize(
    "change", [in_another_order, sides_in_categories, sides_in_attributes, hands_of_persons, beside_cups]
)
def test_hands_are_read_as_other_tools_write_them(labels: HandLabels, tmp_path: Path, change: Change) -> None:
    content = plain(labels, tmp_path)
    change(content)
    write_json(tmp_path / "other.json", content)
    read = read_labels(tmp_path / "other.json")
    np.testing.assert_array_equal(read.is_right, labels.is_right)
    np.testing.assert_allclose(read.keypoints_2d, labels.keypoints_2d)
    np.testing.assert_array_equal(read.existence, labels.existence)
    if change is hands_of_persons:  # their visibility tells nothing about occlusion
        assert not read.occlusion.any()
    else:
        np.testing.assert_array_equal(read.visibility, labels.visibility)
    np.testing.assert_allclose(read.box_xyxy, labels.box_xyxy)
    assert len(read.notes) == (change is beside_cups)
    perfect = Predictions(read.hand_id, read.keypoints_2d)
    assert set(read.notes) <= set(evaluate(tmp_path / "other.json", perfect).remarks)
    lines = lines_of_file(tmp_path / "other.json")
    assert [line.is_right for line in lines] == labels.is_right.tolist()
    np.testing.assert_allclose([line.box_xyxy for line in lines], labels.box_xyxy)


def test_two_hands_in_one_list_of_keypoints(labels: HandLabels, tmp_path: Path) -> None:
    content = plain(labels.select([0]), tmp_path)
    among_133(content)
    write_json(tmp_path / "other.json", content)
    read = read_coco(tmp_path / "other.json")
    assert read.is_right.tolist() == [False, True]
    np.testing.assert_allclose(read.keypoints_2d[1] - read.keypoints_2d[0], [[500, 0]] * 21)
    there = labels.keypoints_2d[0][labels.existence[0]]
    np.testing.assert_allclose(read.box_xyxy[0], [*there.min(0), *there.max(0)])
    content["annotations"][0]["keypoints"][66:] = [0] * 63  # the right hand is not annotated
    write_json(tmp_path / "other.json", content)
    assert read_coco(tmp_path / "other.json").is_right.tolist() == [False]


BAD: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "short": (lambda a: a.update(keypoints=a["keypoints"][:60]), "keypoint numbers: 60 numbers, expected 63"),
    "none": (lambda a: a.pop("keypoints"), "lacks keypoints"),
    "no box": (lambda a: a.pop("bbox"), "lacks bbox"),
    "flat": (lambda a: a.update(bbox=[5, 5, 0, 9]), "zero or negative size"),
    "nan": (lambda a: a.update(bbox=[5, 5, float("nan"), 9]), "bbox: something is not a number"),
    "huge": (lambda a: a["keypoints"].__setitem__(0, 10**400), "not finite"),
    "word": (lambda a: a["keypoints"].__setitem__(0, "7"), "not a number"),
    "score": (lambda a: a["keypoints"].__setitem__(2, 0.7), "visibility 0.7"),
    "image": (lambda a: a.update(image_id=[1]), r"image_id \[1\] is not among"),
    "escape": (lambda a: a.update(hand_id="../../a_l"), "'../../a_l' cannot be part of the name of a file"),
    "folder": (lambda a: a.update(subset="../../a"), "'../../a' cannot be part"),
    "surrogate": (lambda a: a.update(hand_id="\ud800_l"), "cannot be part"),
    "category": (lambda a: a.update(category_id=77), "category_id 77 is not among"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_annotation_is_named_or_left_out(labels: HandLabels, tmp_path: Path, case: str) -> None:
    spoil, message = BAD[case]
    content = plain(labels, tmp_path)
    content["annotations"][3]["id"] = 4711
    spoil(content["annotations"][3])
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=rf"1 of 12 annotations in .*other\.json .*annotation 4711 \(.*{message}.*skip"
    ):
        read_labels(path)
    read = read_labels(path, skip_bad=True)
    assert len(read) == 11
    assert "1 of 12 annotations left out: annotation 4711" in read.notes[0]


def empty(annotation: Any, *categories: Any) -> dict[str, Any]:
    return {"images": [], "annotations": [annotation], "categories": list(categories)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"image_id": 1, "keypoints": [], "score": 1}], "COCO results, which are predictions"),
        ({"images": [{"id": 1, "file_name": "a\0.jpg"}], "annotations": [{}]}, "image 1 needs an id"),
        ({"images": [{"id": 1}], "annotations": [{}]}, "image 1 needs an id of its own and a file_name"),
        (empty(3), r"1 of 1 annotations .*entry 1 \(expected an object"),
        (
            {
                "images": [{"id": 1, "file_name": "a_l.jpg"}],
                "annotations": [{"id": [1], "image_id": 1, "keypoints": [1, 1, 2] * 21, "bbox": [0, 0, 9, 9]}],
            },
            r"id \[1\] is neither a number nor a name",
        ),
        (empty({}, "a"), "categories are not a list of objects"),
        (empty({}, {"id": 1, "name": "hand", "keypoints": ["a", "b"]}), "category 'hand': .*: a, b"),
        (empty({"category_id": 1}, {"id": 1, "name": "dog", "keypoints": ["tail"]}), "1 annotation left .*'dog'"),
    ],
)
def test_what_is_no_file_of_hands_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "other.json", content)
    with pytest.raises(InputError, match=message):
        read_coco(tmp_path / "other.json")


def test_given_cases_read_as_the_labels_they_were_made_from(shared: Path) -> None:
    cases, root = shared / "cases", shared / "data" / "real_hands"
    if not cases.is_dir():
        pytest.skip(f"no cases at {cases}")
    truth = read_labels(root)
    for name in (
        "joint_names_in_another_order",
        "side_in_category_name",
        "wholebody_hands",
        "hands_among_other_categories",
    ):
        read = read_labels(cases / f"coco_{name}.json", images=root / "TEST_real_img")
        np.testing.assert_allclose(read.keypoints_2d, truth.keypoints_2d, err_msg=name)
        np.testing.assert_array_equal(read.is_right, truth.is_right)
        assert [line.is_right for line in lines_of_file(cases / f"coco_{name}.json")] == truth.is_right.tolist()
    with pytest.raises(InputError, match=r"annotation 4 \(lacks keypoints"):
        read_labels(cases / "coco_one_bad_annotation.json")
