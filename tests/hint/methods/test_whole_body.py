"""MMPose's models of whole bodies: the hands of 133 keypoints, beside MMPose's own inference, with random weights."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.methods.hamer.config import VitSizes
from hint.methods.mmpose.card import missing_parts, weights_path
from hint.methods.selftest import selftest
from hint.methods.table import create
from hint.types import Hand, MethodOptions

VITPOSE, RTMW = "vitpose-wholebody", "rtmw-wholebody"
IMAGE = np.random.default_rng(2).integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
PICTURE = Path("frames/a.jpg")
#: COCO-WholeBody: its places of the left and of the right hand.
PLACES = {False: slice(91, 112), True: slice(112, 133)}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if lacking := missing_parts():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"mmpose {lacking}")


def load(name: str, weights: str | None = "random", **extra: str) -> Any:
    return create(name, MethodOptions(device="cpu", weights=weights, seed=3, extra={"flip-test": "0", **extra}))


@cache
def method_of(name: str) -> Any:
    return load(name)


def hands(box: tuple[float, float, float, float] = (60.0, 50.0, 120.0, 110.0)) -> list[Hand]:
    return [Hand(f"a_{side}", box, side == "r", PICTURE) for side in "lr"]


def predict(method: Any, found: list[Hand]) -> Any:
    return method.infer(found, [method.prepare(hand, IMAGE) for hand in found])


def theirs(method: Any, boxes: list[tuple[float, ...]] | None) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (P,133,2) and scores (P,133) that MMPose's own inference gives for people."""
    from hint.methods.mmpose.shim import mmpose_apis

    given = None if boxes is None else np.array(boxes, np.float32)
    found = mmpose_apis().inference_topdown(method._network, np.ascontiguousarray(IMAGE[..., ::-1]), given)
    instances = [sample.pred_instances for sample in found]
    return np.concatenate([i.keypoints for i in instances]), np.concatenate([i.keypoint_scores for i in instances])


def listed(path: Path, *boxes: Any, image: str = "a.jpg") -> str:
    path.write_text("".join(json.dumps({"image": image, "box_xyxy": box}) + "\n" for box in boxes))
    return str(path)


@pytest.mark.parametrize("name", [VITPOSE, RTMW])
def test_the_hands_are_those_of_the_person_who_fills_the_picture(name: str) -> None:
    method, found = method_of(name), hands()
    ours = predict(method, found)
    keypoints, scores = theirs(method, None)
    assert keypoints.shape == (1, 133, 2)
    for row, hand in enumerate(found):
        # Where two places are as likely, rounding decides, which differs with the size of the batch.
        same = (np.abs(ours.keypoints_2d[row] - keypoints[0, PLACES[hand.is_right]]) < 1e-3).all(1)
        assert same.mean() > 0.8
        expected = np.clip(scores[0, PLACES[hand.is_right]], 0, 1)
        np.testing.assert_allclose(ours.score[row], expected, atol=1e-4)
    assert method.card.name == name


def test_of_several_people_the_one_whose_hand_is_at_the_box_is_taken(tmp_path: Path) -> None:
    boxes = [(0.0, 0.0, 100.0, 240.0), (100.0, 20.0, 200.0, 230.0), (210.0, 0.0, 320.0, 240.0)]
    method = load(VITPOSE, persons=listed(tmp_path / "persons.jsonl", *boxes))
    keypoints, _ = theirs(method, boxes)
    chosen = set()
    for box in ((10.0, 40.0, 60.0, 200.0), (130.0, 60.0, 170.0, 190.0), (260.0, 60.0, 310.0, 200.0)):
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        ours = predict(method, hands(box)).keypoints_2d
        for row, is_right in enumerate((False, True)):
            far = [float(np.linalg.norm(p[PLACES[is_right]].mean(0) - middle)) for p in keypoints]
            nearest = int(np.argmin(far))
            chosen.add(nearest)
            apart = np.abs(ours[row] - keypoints[nearest, PLACES[is_right]]).max(1)
            assert (apart < 1e-3).mean() > 0.8
    assert len(chosen) > 1, "one person who is always taken would prove nothing"
    assert "persons_sha256" in method.fingerprint


def test_where_nobody_is_no_hand_is_found_and_others_keep_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "persons.jsonl"
    listed(path, None)
    path.write_text(path.read_text() + '{"image": "b.jpg", "box_xyxy": [0, 0, 320, 240]}\n')
    method = load(VITPOSE, persons=str(path))
    there = [Hand("b_r", (60.0, 50.0, 120.0, 110.0), True, Path("frames/b.jpg"))]
    ours = predict(method, [*hands(), *there])
    assert np.isnan(ours.keypoints_2d[:2]).all()
    assert ours.score[:2].max() == 0
    alone = predict(method_of(VITPOSE), there).keypoints_2d[0]
    assert (np.abs(ours.keypoints_2d[2] - alone) < 1e-3).all(1).mean() > 0.8
    with pytest.raises(InputError, match=r'lists nobody in frames/c\.jpg; add a line, with "box_xyxy": null'):
        method.prepare(Hand("c_r", (0, 0, 9, 9), True, Path("frames/c.jpg")), IMAGE)


def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    from hint.methods.mmpose.persons import Persons

    path = tmp_path / "persons.jsonl"
    lines = [("one/a.jpg", [0, 0, 10, 10]), ("two/a.jpg", [0, 0, 20, 20])]
    path.write_text("".join(json.dumps({"image": image, "box_xyxy": box}) + "\n" for image, box in lines))
    assert Persons(path).at(Path("/data/two/a.jpg")) == [(0, 0, 20, 20)]
    with pytest.raises(InputError, match="lists nobody in /data/three/a"):
        Persons(path).at(Path("/data/three/a.jpg"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", r"persons\.jsonl is not readable as JSON: line 1"),
        ("[" * 100_000, r"line 1: nested too deeply"),
        ("3", r"person 1: image: "),
        ('{"image": "a.jpg"}', r"person 1: box_xyxy: .*a line is \{\"image\": NAME"),
        ('{"image": "a.jpg", "box_xyxy": [0, 0, 1e999, 5]}', r"person 1: box_xyxy"),
        ('{"image": "a.jpg", "box_xyxy": [9, 9, 3, 12]}', r"person 1: .*box_xyxy has no area"),
    ],
)
def test_lists_that_cannot_be_read_are_refused_in_one_line(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "persons.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=words) as raised:
        load(VITPOSE, persons=str(path))
    assert "\n" not in str(raised.value)


def test_published_files_of_vitpose_load_at_their_size_without_what_is_for_other_tasks(hint_home: Path) -> None:
    state = dict(method_of(VITPOSE)._network.state_dict())
    old = {key.replace("head.", "keypoint_head.", 1) if key.startswith("head.") else key: v for key, v in state.items()}
    old["backbone.blocks.0.mlp.experts.0.weight"] = torch.zeros(3)
    old["associate_keypoint_heads.0.final_layer.weight"] = torch.zeros(3)
    path = weights_path("vitpose-h-wholebody")
    path.parent.mkdir(parents=True)
    torch.save({"state_dict": old}, path)
    method = load(VITPOSE, weights=None)
    assert method._network.backbone.blocks[0].mlp.fc1.out_features == VitSizes.tiny().mlp_width
    assert np.array_equal(predict(method, hands()).keypoints_2d, predict(method_of(VITPOSE), hands()).keypoints_2d)
    assert method.card.training_data[-1] == "COCO-WholeBody"


def test_it_keeps_the_contract() -> None:
    report = selftest(method_of(VITPOSE))
    # Random weights answer with places all over the picture, so only what does not depend on that can pass.
    assert [check.check for check in report.checks if check.passed is False] in ([], ["moves with the picture"])


@pytest.mark.parametrize(("name", "preset"), [(RTMW, "rtmw-x-wholebody"), (VITPOSE, "vitpose-h-wholebody")])
def test_what_is_missing_is_named_with_what_to_type(name: str, preset: str) -> None:
    with pytest.raises(MissingRequirementError, match=rf"{name} needs its weights: hint fetch {preset} "):
        load(name, weights=None)


def test_settings_it_cannot_follow_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown setting of rtmw-wholebody 'person'; did you mean persons"):
        load(RTMW, person="x")
    with pytest.raises(InputError, match=r"absent\.jsonl: no such file"):
        load(VITPOSE, persons=str(tmp_path / "absent.jsonl"))
    with pytest.raises(InputError, match=r"RTMPose-m .* looks at hands; leave out --set persons="):
        load("mmpose", persons="absent.jsonl")
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"not ViTPose's weights, 'backbone\.pos_embed' is absent"):
        load(VITPOSE, weights=str(tmp_path / "w.pth"))
