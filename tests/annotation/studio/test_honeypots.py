"""Hands with known labels among the others: unseen, labelled by everybody, scored, and never exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelling import label_all, push, tasks_in

from annotation.studio.honeypots import Honeypots, add_honeypots, name_like
from annotation.studio.known import honeypots_in
from annotation.studio.pull import pull
from annotation.studio.status import project_status
from annotation.studio.store import ServedFolder
from annotation.studio.task import from_percent, results
from hint.errors import InputError
from hint.files import read_labels, write_pairs
from hint.files.load import load_labels
from hint.names import parse_name

ANN, BEN = "ann@example.com", "ben@example.com"
MODELS = (
    "ND_0123456789a_frame001201_l",
    "EK_0012_P01_107_frame_0000012345_r",
    "5ee1dc5b-0d8f-4b58-9d3d-0e1c1a2b3c4d_0e1c1a2b-0d8f-4b58-9d3d-5ee1dc5b3c4d_45_pre_45_l",
    "IMG_0012_0_r",
    "kitchen_l",
)


@pytest.fixture
def at_server(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Work on the machine of the server, where pictures and known answers are."""
    monkeypatch.setenv("HINT_HOME", str(server.home))
    return server


@pytest.fixture
def gold(draw_sample: Callable[..., Any], tmp_path: Path) -> tuple[Any, Path]:
    """Five hands with known labels: a sample, and the labels."""
    folder = tmp_path / "gold"
    folder.mkdir()
    sample = draw_sample(folder, 5, seed=7)
    write_pairs(folder / "answers" / "TRAIN_newdays_img", sample.labels)
    return sample, folder / "answers"


@pytest.fixture
def project(draw_sample: Callable[..., Any], tmp_path: Path) -> Any:
    """Six hands to be labelled."""
    folder = tmp_path / "hands"
    folder.mkdir()
    return draw_sample(folder, 6)


def add(server: Any, gold: tuple[Any, Path], title: str, number: int, with_points: bool = True) -> Honeypots:
    known, answers = gold
    store = ServedFolder(server.data / "pictures")
    points = known.predictions if with_points else None
    return add_honeypots(server.client(), store, known.manifest, answers, title, number, predictions=points, seed=3)


def to_the_right(task: Any) -> list[dict[str, Any]]:
    """The results of somebody who sees every point too far to the right."""
    found = results(task.hint)
    for one in found:
        one["value"]["x"] = min(99.0, one["value"]["x"] + 6)
    return found


def test_honeypots(
    at_server: Any,
    project: Any,
    gold: tuple[Any, Path],
    people: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (known, answers), server, studio = gold, at_server, at_server.client()
    push(server, project, "honeypots")
    with pytest.raises(InputError, match="so honeypots without any would be recognised; pass --predictions"):
        add(server, gold, "honeypots", 3, with_points=False)
    first = add(server, gold, "honeypots", 2)
    options = ("--labels", answers, "--predictions", known.predictions, "--seed", 3, "--project", "honeypots")
    done = server.hint("studio", "honeypots", 3, known.manifest, *options)
    assert "honeypots: honeypots: 3, 1 of them new (seed 3)" in done.stdout
    again = add(server, gold, "honeypots", 3)
    assert (again.new, len(again.hand_ids)) == ({}, 3)
    assert set(first.hand_ids) < set(again.hand_ids)
    assert set(first.new.values()) < set(known.ids)
    with pytest.raises(InputError, match="already has 3 honeypots"):
        add(server, gold, "honeypots", 2)
    with pytest.raises(InputError, match="5 more honeypots wanted, but only 2 other hands"):
        add(server, gold, "honeypots", 8)

    listing = tasks_in(server, "honeypots")
    pots = sorted(honeypots_in({hand_id: task.hint for hand_id, task in listing.tasks.items()}))
    assert (pots, len(listing.tasks)) == (again.hand_ids, 9)
    assert_alike([listing.tasks[pot].data for pot in pots], listing.tasks[project.ids[0]].data, project.ids, known.ids)
    doubles = json.loads(server.hint("studio", "double", 6, "--project", "honeypots", "--json").stdout)["hand_ids"]
    assert doubles == project.ids, "honeypots are no doubles"

    number = studio.find("honeypots").id
    ann = label_all(server.client(people[ANN]), number, listing)
    assert sorted(ann) == sorted([*project.ids, *pots])
    ben = label_all(server.client(people[BEN]), number, listing, to_the_right)
    assert sorted(ben) == sorted(ann), "everybody gets all of them"
    assert [hand_id in pots for hand_id in (*ann, *ben)] != 2 * [*(6 * [False]), *(3 * [True])], "not as a block"

    status = project_status(studio, "honeypots")
    assert (status.tasks, status.labelled, status.doubles_done) == (6, 6, 6)
    scores = {one.annotator: one for one in status.honeypots.people}
    assert {scores[ANN].within.value, scores[ANN].existence.value, scores[ANN].occlusion.value} == {100}
    assert scores[ANN].hands == scores[BEN].hands == 3
    assert scores[BEN].within.value == pytest.approx(expected_within(known, listing, pots), abs=1e-6)
    shown = server.hint("studio", "status", "--project", "honeypots").stdout
    assert "honeypots: 3, not counted above" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith(BEN)] == ["6", "3"]

    monkeypatch.setenv("HINT_HOME", str(tmp_path / "elsewhere"))
    assert project_status(studio, "honeypots").honeypots.unknown == pots
    assert project_status(studio, "honeypots", load_labels(answers, ["train_newdays"])) == status

    record = pull(studio, "honeypots", tmp_path / "out")
    assert (record.tasks, record.labelled, record.labels) == (6, 6, {ANN: 6, BEN: 6})
    assert record.honeypots.hands == pots
    assert read_labels(tmp_path / "out" / ANN, ["train_newdays"]).hand_id.tolist() == project.ids
    assert not [path for path in (tmp_path / "out" / ANN).rglob("*") if path.stem in pots]
    lines = [json.loads(line) for line in (tmp_path / "out" / "honeypots.jsonl").read_text().splitlines()]
    expected = [(who, pot) for who in (ANN, BEN) for pot in pots]
    assert [(line["annotator"], line["hand_id"]) for line in lines] == expected


def assert_alike(pots: list[Any], ordinary: Any, ids: list[str], known: list[str]) -> None:
    """Check that nothing an annotator can see tells honeypots apart."""
    for data in pots:
        assert (data.keys(), data["hint"].keys()) == (ordinary.keys(), ordinary["hint"].keys())
        assert not any(hand_id in json.dumps(data) for hand_id in (*known, *ids))
        assert data["hint"]["folder"] == ordinary["hint"]["folder"]
        assert data["hint"]["guess"]["version"] == ordinary["hint"]["guess"]["version"]
        assert data["hint"]["double"] is None
        assert parse_name(data["hand_id"]).clip_id in {parse_name(hand_id).clip_id for hand_id in ids}


def expected_within(known: Any, listing: Any, pots: list[str]) -> float:
    """Count Ben's hits one joint at a time."""
    hits = []
    for pot in pots:
        task = listing.tasks[pot]
        guess = task.hint.guess.keypoints
        k = next(k for k, points in enumerate(known.labels.keypoints_2d) if np.allclose(points, guess, atol=1e-3))
        true, seen = known.labels.keypoints_2d[k], to_the_right(task)
        palm = np.linalg.norm(true[9] - true[0])
        for joint in range(21):
            if known.labels.existence[k, joint] and not known.labels.occlusion[k, joint]:
                value = seen[2 * joint]["value"]
                point = from_percent(np.array([value["x"], value["y"]]), task.hint.crop)
                hits.append(np.linalg.norm(point - true[joint]) <= 0.25 * palm)
    return 100 * float(np.mean(hits))


def test_what_would_be_recognised_is_refused(at_server: Any, project: Any, gold: tuple[Any, Path]) -> None:
    at_server.hint("studio", "push", project.manifest, "--project", "strange")
    with pytest.raises(InputError, match="holds points of guess, the tasks of 'strange' start from none"):
        add(at_server, gold, "strange", 2)
    with pytest.raises(InputError, match="has a known label; hint sample labels makes a manifest"):
        add(at_server, (project, gold[1]), "strange", 2)
    assert len(tasks_in(at_server, "strange").tasks) == 6
    assert len(add(at_server, gold, "strange", 2, with_points=False).new) == 2


@given(model=st.sampled_from(MODELS), is_right=st.booleans(), chance=st.integers(0, 2**64))
def test_names_look_like_those_beside_them(model: str, is_right: bool, chance: int) -> None:
    name = name_like(model, is_right, {model}, chance)
    was, now = parse_name(model), parse_name(name)
    assert was is not None
    assert now is not None
    assert name != model
    assert (now.source, now.is_right, now.frame_type) == (was.source, is_right, was.frame_type)
    assert now.source == "other" or now.clip_id == was.clip_id
    assert name_like(model, is_right, {model, name}, chance) not in (model, name)
