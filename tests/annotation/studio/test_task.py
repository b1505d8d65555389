"""Labels to tasks to annotations to labels, without a server."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.studio.answer import read_answer
from annotation.studio.config import (
    JOINT,
    STATE,
    is_as_written,
    label_config,
    require_same_meaning,
    require_unchanged,
    signed,
)
from annotation.studio.task import Guess, HandTask, read_task, results, task_data
from hint.errors import InputError
from hint.skeleton import JOINT_NAMES

FLAGS = st.lists(st.booleans(), min_size=21, max_size=21)
WIDTH, HEIGHT = 1920, 1080


def make_task(points: Any, exists: Any, hidden: Any, crop: tuple[int, int, int, int] = (100, 50, 400, 300)) -> HandTask:
    guess = Guess.model_validate(
        {"version": "m", "keypoints": points, "existence": exists, "occlusion": hidden},
    )
    return HandTask(
        folder="TRAIN_newdays_img",
        image="TRAIN_newdays_img/a_l.jpg",
        image_sha256="0" * 64,
        frame_size=(WIDTH, HEIGHT),
        box_xyxy=(150, 80, 300, 200),
        crop=crop,
        shown=(2 * crop[2], 2 * crop[3]),
        guess=guess,
    )


@st.composite
def crops(draw: Callable[..., Any]) -> tuple[int, int, int, int]:
    x, y = draw(st.integers(0, WIDTH - 2)), draw(st.integers(0, HEIGHT - 2))
    return x, y, draw(st.integers(1, WIDTH - x)), draw(st.integers(1, HEIGHT - y))


POINTS = st.lists(st.tuples(*(st.floats(-5000, 5000),) * 2), min_size=21, max_size=21)
INSIDE = st.lists(st.tuples(*(st.floats(0, 1),) * 2), min_size=21, max_size=21)


def from_server(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the server makes of results: JSON, in another order."""
    back: list[dict[str, Any]] = json.loads(json.dumps(result))
    return back[::-1]


@given(points=POINTS, exists=FLAGS, hidden=FLAGS, crop=crops())
def test_untouched_labels_come_back_exactly(points: Any, exists: Any, hidden: Any, crop: Any) -> None:
    task = make_task(points, exists, hidden, crop)
    hand_id, asked = read_task(json.loads(json.dumps(task_data("a_l", "/data/a.jpg", task))))
    assert (hand_id, asked) == ("a_l", task)
    answer, problems = read_answer(asked, from_server(results(asked)))
    assert problems == {}
    assert np.array_equal(answer.keypoints, np.array(points))
    assert answer.existence.tolist() == exists
    # The server cannot store whether a joint that does not exist is occluded; the task can.
    assert answer.occlusion.tolist() == hidden
    assert answer.moved == answer.restated == ()


@given(where=INSIDE, points=POINTS, exists=FLAGS, hidden=FLAGS, crop=crops())
def test_placed_points_make_the_round_trip_within_a_hundredth_of_a_pixel(
    where: Any, points: Any, exists: Any, hidden: Any, crop: Any
) -> None:
    """A label placed anywhere in the shown part, over a guess that says something else."""
    true = np.array(where) * crop[2:] + crop[:2]
    placed = make_task(true.tolist(), exists, hidden, crop)
    asked = make_task(points, [not e for e in exists], hidden, crop)
    answer, problems = read_answer(asked, from_server(results(placed)))
    assert problems == {}
    np.testing.assert_allclose(answer.keypoints, true, atol=0.01)
    assert answer.existence.tolist() == exists
    assert (answer.occlusion & answer.existence).tolist() == [h and e for h, e in zip(hidden, exists, strict=True)]
    assert answer.restated == JOINT_NAMES
    bare = asked.model_copy(update={"guess": None})
    answer, problems = read_answer(bare, from_server(results(placed)))
    assert problems == {}
    np.testing.assert_allclose(answer.keypoints, true, atol=0.01)


@given(points=POINTS, exists=FLAGS, hidden=FLAGS, crop=crops())
def test_every_point_can_be_seen_and_reached(points: Any, exists: Any, hidden: Any, crop: Any) -> None:
    found = results(make_task(points, exists, hidden, crop))
    assert [one["from_name"] for one in found] == [STATE, JOINT] * 21, "the first one determines how a point looks"
    shown = np.array([[one["value"]["x"], one["value"]["y"]] for one in found])
    assert ((shown >= 0) & (shown <= 100)).all()
    assert all(one["value"]["width"] == 0.5 for one in found)
    states = [one["value"]["labels"] for one in found[::2]]
    assert ["out_of_frame" not in state for state in states] == exists


@pytest.fixture
def task() -> HandTask:
    rng = np.random.default_rng(1)
    points = rng.uniform((110, 60), (480, 330), (21, 2))
    points[20] = (2000.5, 400)
    exists = [True] * 20 + [False]
    return make_task(points.tolist(), exists, [k % 3 == 0 for k in range(21)])


def value(result: list[dict[str, Any]], joint: int, control: str = JOINT) -> dict[str, Any]:
    found: dict[str, Any] = result[2 * joint + (control == JOINT)]["value"]
    return found


def test_a_moved_point_counts_as_it_was_placed(task: HandTask) -> None:
    result = results(task)
    for control in (JOINT, STATE):
        value(result, 20, control).update(x=10.0, y=50.0)
    answer, problems = read_answer(task, result)
    assert problems == {}
    assert answer.keypoints[20].tolist() == [140.0, 200.0], "the true position beyond the frame no longer holds"
    assert answer.moved == ("little_tip",)
    assert answer.restated == ()


def test_a_point_marked_as_existing_is_where_it_is_shown(task: HandTask) -> None:
    result = results(task)
    value(result, 20, STATE)["labels"] = []
    for said in (result, [one for one in result if one is not result[40]]):  # no state, or no result for it
        answer, _ = read_answer(task, said)
        assert answer.existence[20]
        assert answer.keypoints[20, 0] == pytest.approx(100 + 400 * 0.99)
        assert answer.restated == ("little_tip",)


def test_points_left_where_the_mean_pose_put_them_are_no_labels(task: HandTask) -> None:
    """Somebody has to have placed every joint that is in the frame; out of frame, nobody can."""
    mean = (*((120.0 + 10 * k, 60.0 + 12 * k) for k in range(20)), (90.0, 60.0))
    bare = task.model_copy(update={"guess": None, "mean_pose": mean})
    assert task_data("a_l", "a.jpg", bare)["start"].startswith("MEAN POSE, not a prediction")
    untouched = results(bare)
    for k in range(20):
        for control in (STATE, JOINT):
            value(untouched, k, control)["x"] += 1e-3 if k else 0
    kind = "points were left where the mean pose put them"
    assert read_answer(bare, untouched)[1] == {kind: ["wrist", "little_tip"]}
    value(untouched, 20, STATE)["labels"] = ["out_of_frame"]
    assert read_answer(bare, untouched)[1] == {kind: ["wrist"]}, "the wrist still is"
    for control in (STATE, JOINT):
        value(untouched, 0, control)["y"] += 1e-3
    answer, problems = read_answer(bare, untouched)
    assert problems == {}
    assert answer.moved == JOINT_NAMES[:20]
    guessed = bare.model_copy(update={"guess": task.guess})
    assert kind in read_answer(guessed, results(bare))[1], "also if predictions came later"
    unusable = {"from_name": "hand_status", "value": {"choices": ["unusable"]}}
    assert read_answer(bare, [*results(bare), unusable])[1] == {}


def test_labels_made_with_an_earlier_page_are_read(task: HandTask) -> None:
    """States were of the same kind as joints, and visible was one of them."""
    result = results(task)
    for one in result[::2]:
        state = one["value"].pop("labels") or ["visible"]
        one.update(type="keypointlabels", value={**one["value"], "keypointlabels": state})
    assert read_answer(task, result)[1] == {}
    assert np.array_equal(read_answer(task, result)[0].occlusion, read_answer(task, results(task))[0].occlusion)


def test_status_and_comment(task: HandTask) -> None:
    more = [
        {"from_name": "hand_status", "type": "choices", "value": {"choices": ["unusable"]}},
        {"from_name": "comment", "type": "textarea", "value": {"text": ["too", "dark"]}},
    ]
    answer, problems = read_answer(task, more)
    assert (answer.usable, answer.comment, answer.keypoints, problems) == (False, "too dark", None, {})
    answer, problems = read_answer(task, [*results(task), {**more[0], "value": {"choices": ["ok"]}}])
    assert answer.usable
    assert answer.keypoints is not None


def edited(result: list[dict[str, Any]], *edits: object) -> list[dict[str, Any]]:
    """The results after edits in place."""
    del edits
    return result


PROBLEMS: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "joints are missing": lambda r: r[4:],
    "a joint appears twice": lambda r: [*r, *({**one, "id": "new"} for one in copy.deepcopy(r[:2]))],
    "an unknown joint": lambda r: edited(r, value(r, 0).update(keypointlabels=["x"])),
    "a point without a joint, or with several": lambda r: [r[0], *r[2:]],
    "a point with several states": lambda r: edited(r, value(r, 3, STATE).update(labels=["occluded", "out_of_frame"])),
    "an unknown state": lambda r: edited(r, value(r, 3, STATE).update(labels=["y"])),
    "an initial point was assigned to another joint": lambda r: edited(
        r, value(r, 3).update(keypointlabels=["wrist"]), value(r, 0).update(keypointlabels=["thumb_ip"])
    ),
    "a point outside the picture": lambda r: edited(r, *(value(r, 4, c).update(x=100.5) for c in (JOINT, STATE))),
    "the picture had another size or was rotated": lambda r: edited(r, r[6].update(original_width=300)),
    "malformed results": lambda r: edited(r, r[5].pop("value")),
}


#: The joints that are named with some of the problems.
CONCERNED = {
    "joints are missing": ["wrist", "thumb_cmc"],
    "a joint appears twice": ["wrist"],
    "a point with several states": ["thumb_ip"],
    "an initial point was assigned to another joint": ["wrist", "thumb_ip"],
    "a point outside the picture": ["thumb_tip"],
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_problems_are_named_and_nothing_is_guessed(task: HandTask, kind: str) -> None:
    answer, problems = read_answer(task, PROBLEMS[kind](results(task)))
    assert kind in problems
    assert problems[kind] == CONCERNED.get(kind, problems[kind])
    assert answer.keypoints is None


def test_foreign_tasks_are_recognised(task: HandTask) -> None:
    with pytest.raises(ValueError, match="not pushed by hint"):
        read_task({"image": "a.jpg"})
    data = task_data("a_l", "a.jpg", task)
    data["hint"]["crop"] = [1, 2]
    with pytest.raises(ValueError, match="its data was changed: crop"):
        read_task(data)


def test_the_configuration_is_valid_and_its_keys_are_free(task: HandTask) -> None:
    from label_studio_sdk.label_interface import LabelInterface

    from annotation.studio.config import RESERVED_KEYS, STATE_KEYS, STATUS_KEYS

    interface = LabelInterface(label_config())
    interface.validate()
    prediction = {"model_version": "m", "result": results(task)}
    assert interface.validate_prediction(prediction, return_errors=True) == []
    keys = [*STATE_KEYS.values(), *STATUS_KEYS.values()]
    assert len(keys) == len(set(keys)) == 5
    assert not set(keys) & RESERVED_KEYS
    joints = re.findall(r'<Label value="\w+_?\w*" background="#\w+" hotkey="([^"]+)"/>', label_config())[2:]
    assert len(set(joints)) == 21
    assert all(key.startswith("ctrl+alt+shift+") for key in joints), "a key typed by mistake would change a joint"


def test_a_changed_configuration_is_noticed() -> None:
    config = label_config()
    require_unchanged(config.replace("\n", "\r\n  "), "x")
    recoloured = config.replace("#ff00ff", "#ff00fe")
    require_same_meaning(recoloured, "x")
    assert is_as_written(config)
    assert is_as_written(signed("<View><Header/></View>"))
    assert not is_as_written(recoloured)
    for changed in (recoloured, config.replace("thumb_tip", "thumb_end"), "<View/>", "no xml"):
        with pytest.raises(InputError, match="labelling configuration of project"):
            require_unchanged(changed, "x")
    for changed in (config.replace("thumb_tip", "thumb_end"), "<View/>", "no xml"):
        with pytest.raises(InputError, match="were renamed"):
            require_same_meaning(changed, "x")


def test_the_page_of_an_earlier_hint_is_recognised_and_its_labels_are_readable() -> None:
    """Its states were key points, and visible was one of them; its tasks fit no other page."""
    old = label_config().replace('<Labels name="state"', '<KeyPointLabels name="state"').replace("</Labels>", "X", 1)
    old = old.replace("X", '<Label value="visible"/></KeyPointLabels>')
    require_same_meaning(old, "x")
    with pytest.raises(InputError, match=r"earlier hint.*push hands that are not in it into another project"):
        require_unchanged(old, "x")
