"""Hands with known labels among the others: unseen, labelled by everybody, scored, and never exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error
from hypothesis import given
from hypothesis import strategies as st
from labelling import label_all, push, tasks_in

from annotation.studio.honeypots import name_like
from annotation.studio.known import honeypots_in
from annotation.studio.task import from_percent, results
from hint.files import read_labels, write_pairs
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
def gold(draw_sample: Callable[..., Any], tmp_path: Path) -> tuple[Any, Path]:
    """Eight hands with known labels: a sample, and the labels."""
    folder = tmp_path / "gold"
    folder.mkdir()
    sample = draw_sample(folder, 8, seed=7)
    write_pairs(folder / "answers" / "TRAIN_newdays_img", sample.labels)
    return sample, folder / "answers"


def to_the_right(task: Any) -> list[dict[str, Any]]:
    """The results of somebody who sees every point too far to the right."""
    found = results(task.hint)
    for one in found:
        one["value"]["x"] = min(99.0, one["value"]["x"] + 6)
    return found


def test_honeypots(server: Any, sample: Any, gold: tuple[Any, Path], people: dict[str, str], tmp_path: Path) -> None:
    known, answers = gold
    push(server, sample, "honeypots")
    project = server.client().find("honeypots").id
    run: tuple[object, ...] = (
        "studio",
        "honeypots",
        4,
        known.manifest,
        "--labels",
        answers,
        "--project",
        "honeypots",
        "--seed",
        3,
    )
    assert "so honeypots without any would be recognised; pass --predictions" in error(server.hint(*run, code=2))
    run = (*run, "--predictions", known.predictions)
    first = json.loads(server.hint(*run[:2], 2, *run[3:], "--json").stdout)
    assert "4 honeypots in 'honeypots', 2 of them new (seed 3)" in server.hint(*run).stdout
    done = json.loads(server.hint(*run, "--json").stdout)
    assert (done["new"], len(done["hand_ids"])) == ({}, 4)
    assert set(first["new"].values()) < set(known.ids)
    assert "already has 4 honeypots" in error(server.hint(*run[:2], 3, *run[3:], code=2))
    assert "5 more honeypots wanted, but only 4 other hands" in error(server.hint(*run[:2], 9, *run[3:], code=2))

    tasks = tasks_in(server, "honeypots").tasks
    pots = sorted(honeypots_in({hand_id: task.hint for hand_id, task in tasks.items()}))
    assert (pots, len(tasks)) == (done["hand_ids"], 16)
    ordinary = tasks[sample.ids[0]].data
    for pot in pots:
        data = tasks[pot].data
        assert (data.keys(), data["hint"].keys()) == (ordinary.keys(), ordinary["hint"].keys())
        assert not {pot, data["hint"]["image"]} & {*known.ids, *sample.ids}
        assert not any(hand_id in json.dumps(data) for hand_id in known.ids)
        assert data["hint"]["folder"] == ordinary["hint"]["folder"]
        assert (data["hint"]["guess"]["version"], data["hint"]["double"]) == ("guess", None)
        clips = {parse_name(hand_id).clip_id for hand_id in sample.ids}
        assert parse_name(pot).clip_id in clips

    listing = tasks_in(server, "honeypots")
    doubles = json.loads(server.hint("studio", "double", 12, "--project", "honeypots", "--json").stdout)["hand_ids"]
    assert doubles == sample.ids, "honeypots are no doubles"
    ann = label_all(server.client(people[ANN]), project, listing)
    assert sorted(ann) == sorted([*sample.ids, *pots])
    assert ann[-4:] != pots, "they come among the others"
    ben = label_all(server.client(people[BEN]), project, listing, to_the_right)
    assert sorted(ben) == sorted(ann), "everybody gets all of them"

    status = json.loads(server.hint("studio", "status", "--project", "honeypots", "--json").stdout)
    assert (status["tasks"], status["labelled"], status["doubles_done"]) == (12, 12, 12)
    scores = {one["annotator"]: one for one in status["honeypots"]["people"]}
    assert [scores[ANN][name]["value"] for name in ("within", "existence", "occlusion")] == [100, 100, 100]
    assert scores[ANN]["hands"] == scores[BEN]["hands"] == 4
    assert scores[BEN]["within"]["value"] == pytest.approx(expected_within(known, listing, pots), abs=1e-6)
    shown = server.hint("studio", "status", "--project", "honeypots").stdout
    assert "honeypots: 4, not counted above" in shown

    elsewhere = {"HINT_HOME": str(tmp_path / "elsewhere")}
    where = ("--url", server.url, "--token", server.login["token"])
    done = server.hint("studio", "status", "--project", "honeypots", *where, **elsewhere)
    assert "the answers of 4 honeypots are not here; pass --gold LABELS" in done.stderr
    found = json.loads(
        server.hint(
            "studio", "status", "--project", "honeypots", "--gold", answers, "--json", *where, **elsewhere
        ).stdout
    )
    assert found["honeypots"] == status["honeypots"]

    out = tmp_path / "out"
    server.hint("studio", "pull", "--project", "honeypots", "--out", out, *where, **elsewhere)
    record = json.loads((out / "pull.json").read_text())
    assert (record["tasks"], record["labelled"], record["labels"]) == (12, 12, {ANN: 12, BEN: 12})
    assert record["honeypots"]["hands"] == pots
    assert read_labels(out / ANN, ["train_newdays"]).hand_id.tolist() == sample.ids
    assert not [path for path in (out / ANN).rglob("*") if path.stem in pots]
    lines = [json.loads(line) for line in (out / "honeypots.jsonl").read_text().splitlines()]
    assert [(line["annotator"], line["hand_id"]) for line in lines] == [
        (who, pot) for who in (ANN, BEN) for pot in pots
    ]


def expected_within(known: Any, listing: Any, pots: list[str]) -> float:
    """Count Ben's hits one joint at a time."""
    hits = []
    for pot in pots:
        task = listing.tasks[pot]
        k = next(
            k for k, p in enumerate(known.labels.keypoints_2d) if np.allclose(p, task.hint.guess.keypoints, atol=1e-3)
        )
        true, seen = known.labels.keypoints_2d[k], to_the_right(task)
        palm = np.linalg.norm(true[9] - true[0])
        for joint in range(21):
            if known.labels.existence[k, joint] and not known.labels.occlusion[k, joint]:
                value = seen[2 * joint]["value"]
                point = from_percent(np.array([value["x"], value["y"]]), task.hint.crop)
                hits.append(np.linalg.norm(point - true[joint]) <= 0.25 * palm)
    return 100 * float(np.mean(hits))


def test_what_would_be_recognised_is_refused(server: Any, sample: Any, gold: tuple[Any, Path], tmp_path: Path) -> None:
    known, answers = gold
    server.hint("studio", "push", sample.manifest, "--project", "strange")
    run = ("studio", "honeypots", 2, known.manifest, "--labels", answers, "--project", "strange")
    message = error(server.hint(*run, "--predictions", known.predictions, code=2))
    assert "holds points of guess, the tasks of 'strange' start from none; honeypots would be recognised" in message
    assert len(tasks_in(server, "strange").tasks) == 12
    message = error(server.hint(*run[:3], sample.manifest, *run[4:], code=2))
    assert "has a known label; hint sample labels makes a manifest" in message
    assert "2 of them new" in server.hint(*run).stdout


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
