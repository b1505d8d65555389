"""Merging annotations of the same hands: the rule by hand, by property, and as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import error, hint

import hint as toolkit
from annotation.agreement.consensus import consensus
from hint.errors import InputError
from hint.files import read_labels, write_coco, write_pairs
from hint.skeleton import JOINT_NAMES
from hint.types import HandLabels

Annotate = Callable[..., HandLabels]


@pytest.fixture
def truth(make: Callable[..., HandLabels]) -> HandLabels:
    """Twelve hands with palms of 100 px whose joints all exist and are visible."""
    drawn = make()
    points = drawn.keypoints_2d.copy()
    points[:, 9] = points[:, 0] + (60, 80)
    flags = np.ones_like(drawn.existence)
    return replace(drawn, keypoints_2d=points, existence=flags, occlusion=~flags)


def moved(labels: HandLabels, hand: int, joint: int, by: float) -> HandLabels:
    points = labels.keypoints_2d.copy()
    points[hand, joint, 0] += by
    return replace(labels, keypoints_2d=points)


def flipped(labels: HandLabels, flag: str, hand: int, joint: int) -> HandLabels:
    flags = getattr(labels, flag).copy()
    flags[hand, joint] ^= True
    return replace(labels, **{flag: flags})


def test_two_people(truth: HandLabels) -> None:
    second = moved(truth, 0, 4, 20)
    second = flipped(flipped(moved(second, 1, 4, 30), "occlusion", 2, 7), "existence", 3, 8)
    found = toolkit.consensus([truth, second.select(slice(0, 11))])
    assert found.labels.hand_id.tolist() == [truth.hand_id[0], *truth.hand_id[4:11]]
    assert found.labels.keypoints_2d[0, 4] == pytest.approx(truth.keypoints_2d[0, 4] + (10, 0)), "the mean of both"
    points, hidden, absent = found.disputed
    assert (points.hand_id, points.points) == (str(truth.hand_id[1]), {JOINT_NAMES[4]: 0.3})
    assert (hidden.hand_id, hidden.occlusion, hidden.points) == (str(truth.hand_id[2]), (JOINT_NAMES[7],), {})
    assert (absent.hand_id, absent.existence, absent.occlusion) == (str(truth.hand_id[3]), (JOINT_NAMES[8],), ())
    assert found.single == (str(truth.hand_id[11]),)
    assert found.as_json()["disputed_by"] == {"existence": 1, "occlusion": 1, "points": 1}
    strict = consensus([truth, second.select(slice(0, 11))], within=0.19)
    assert len(strict.disputed) == 4


def test_a_third_person_decides(truth: HandLabels) -> None:
    second = flipped(flipped(moved(truth, 1, 4, 30), "occlusion", 2, 7), "existence", 3, 8)
    third = moved(moved(second, 1, 4, -2), 4, 5, 300).select(slice(1, 5))
    found = consensus([truth, second, third])
    assert len(found.disputed) == 0
    assert found.labels.keypoints_2d[1, 4, 0] == pytest.approx(truth.keypoints_2d[1, 4, 0] + 29), (
        "the first is outvoted"
    )
    assert found.labels.occlusion[2, 7]
    assert not found.labels.existence[3, 8]
    assert found.labels.keypoints_2d[4, 5] == pytest.approx(truth.keypoints_2d[4, 5]), "the third is outvoted"
    chain = [moved(truth, 0, 4, by) for by in (0, 40, 20)]
    assert consensus(chain).labels.keypoints_2d[0, 4, 0] == pytest.approx(truth.keypoints_2d[0, 4, 0] + 20)
    apart = [moved(truth, 0, 4, by) for by in (0, 40, 80)]
    assert consensus(apart).disputed[0].points == {JOINT_NAMES[4]: 0.8}


def test_points_outside_the_frame_are_no_dispute(truth: HandLabels) -> None:
    both = [flipped(moved(truth, 0, 4, by), "existence", 0, 4) for by in (0, 400)]
    found = consensus([both[0], flipped(both[1], "occlusion", 0, 4)])
    assert len(found.labels) == 12
    assert not found.labels.existence[0, 4]


def test_the_rule_against_a_slow_count(truth: HandLabels, annotated: Annotate) -> None:
    sets = [annotated(truth, seed, noise=0.2) for seed in range(5)]
    found = consensus(sets)
    merged = {hand_id: k for k, hand_id in enumerate(found.labels.hand_id.tolist())}
    for k, hand_id in enumerate(truth.hand_id.tolist()):
        palm = np.mean([np.linalg.norm(one.keypoints_2d[k, 9] - one.keypoints_2d[k, 0]) for one in sets])
        for j in range(21):
            points = np.array([one.keypoints_2d[k, j] for one in sets])
            near = np.linalg.norm(points[:, None] - points[None], axis=-1) <= 0.25 * palm
            if near.sum(1).max() < 3:
                assert hand_id not in merged
            elif hand_id in merged:
                groups = [np.median(points[row], axis=0) for row in near if row.sum() == near.sum(1).max()]
                assert any(np.allclose(found.labels.keypoints_2d[merged[hand_id], j], one) for one in groups)
                votes = sum(int(one.occlusion[k, j]) for one in sets)
                assert found.labels.occlusion[merged[hand_id], j] == (votes > 2)
    assert 0 < len(merged) < 12, "some of both"


def test_as_a_person_types_it(hint_root: Path, annotated: Annotate, tmp_path: Path) -> None:
    truth = read_labels(hint_root)
    write_pairs(tmp_path / "anna", annotated(truth, 1, noise=0.001, flips=0))
    write_coco(tmp_path / "ben.json", annotated(truth, 2, noise=0.001, flips=0.01).select(slice(1, 12)))
    done = hint("agreement", tmp_path / "anna", tmp_path / "ben.json", "--merge", tmp_path / "out", code=1)
    assert "Cohen's kappa" in done.stdout
    record = json.loads((tmp_path / "out" / "consensus.json").read_text())
    disputes = [json.loads(line) for line in (tmp_path / "out" / "disputed.jsonl").read_text().splitlines()]
    ids = (tmp_path / "out" / "disputed.txt").read_text().split()
    assert 0 < len(ids) < 11
    assert [one["hand_id"] for one in disputes] == ids
    assert record["rule"] == {"flags": "majority", "points": "median", "within": 0.25, "palm": "wrist-middle"}
    assert (record["merged"], record["disputed"], record["single"]) == (11 - len(ids), len(ids), 1)
    assert f"annotated by one person only, not merged: {truth.hand_id[0]}" in done.stderr
    assert f"--hands {tmp_path / 'out' / 'disputed.txt'}" in done.stderr
    merged = read_labels(tmp_path / "out")
    assert {*merged.hand_id.tolist(), *ids} == set(truth.hand_id[1:].tolist())
    assert all(Path(image).is_file() for image in merged.image.tolist()), "pictures come along"

    write_pairs(tmp_path / "cid", truth.select([hand_id in ids for hand_id in truth.hand_id.tolist()]))
    three = (tmp_path / "anna", tmp_path / "ben.json", tmp_path / "cid")
    done = hint("agreement", *three, "--merge", tmp_path / "three")
    assert "11 hands merged" in done.stderr
    assert len(read_labels(tmp_path / "three")) == 11
    assert "add --merge DIR" in error(hint("agreement", *three, code=2))
    assert "already exists; use another --merge" in error(
        hint("agreement", *three, "--merge", tmp_path / "out", code=2)
    )


def test_what_cannot_be_merged(truth: HandLabels) -> None:
    with pytest.raises(InputError, match="at least two annotations"):
        consensus([truth])
    with pytest.raises(InputError, match="no hand is in two"):
        consensus([truth.select(slice(0, 3)), truth.select(slice(3, 5))])
    with pytest.raises(InputError, match=f"left in one annotation, right in the other: {truth.hand_id[4]}"):
        consensus([truth, truth, replace(truth, is_right=truth.is_right ^ (np.arange(12) == 4))])
    with pytest.raises(InputError, match="--within -1"):
        consensus([truth, truth], within=-1)
