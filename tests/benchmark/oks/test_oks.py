"""AP and AR by OKS equal a slow reference, and COCOeval called by hand; perfect hands have 100, missing ones none."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmark.evaluate import Evaluation, evaluate
from benchmark.oks.protocol import load_oks_protocol
from benchmark.oks.scores import oks_cell
from benchmark.oks.table import FoundHands, OksTable, read_oks_table, write_oks_table
from hint.bootstrap import clip_weights
from hint.errors import InputError
from hint.files import read_labels, write_coco
from hint.types import HandLabels, Predictions

PROTOCOL = replace(load_oks_protocol(), replicates=20)
HOLDS = {"all": (1, 2), "visible": (2,), "occluded": (1,)}


def test_the_frozen_protocol_is_unchanged() -> None:
    protocol = load_oks_protocol()
    assert protocol.sha256 == "c4f54079df751e1d2dc0d56bd7d1edc92c94e6754682c4dbc2aaa6e2cb8b90db"
    assert protocol.sigmas[0] == 0.029
    assert protocol.with_sigmas(protocol.sigmas, "the same") is protocol
    assert protocol.with_sigmas([0.02] * 21, "others").sha256 != protocol.sha256


def slowly(reference: ModuleType, table: OksTable, visibility: str, any_side: bool) -> dict[str, float]:
    """Score a table hand by hand; given boxes leave out hands without a joint that counts."""
    counts = np.isin(table.labels.visibility, HOLDS[visibility])
    sides = [rows.is_right & (not any_side) for rows in (table.labels, table.found)]
    labels = zip(table.picture, sides[0], table.labels.box_xyxy, table.labels.keypoints_2d, counts, strict=True)
    truths = [reference.Truth((p, bool(s)), b, x, c) for p, s, b, x, c in labels if table.is_whole or c.any()]
    found = zip(table.found.picture, sides[1], table.found.score, table.found.keypoints_2d, strict=True)
    guesses = [reference.Guess((p, bool(s)), v, x) for p, s, v, x in found]
    if not table.is_whole:
        guesses = [guess for guess in guesses if guess.picture in {truth.picture for truth in truths}]
    return reference.scores(truths, guesses, table.sigmas.tolist())


def values(result: Evaluation, visibility: str) -> dict[str, float]:
    return {score.metric: score.value for score in result.record.scores if score.visibility == visibility}


def ours(labels: HandLabels, seed: int = 0) -> Predictions:
    """One prediction for most hands: good or bad, with joints that are missing, or NaN throughout."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.001, 0.06, (len(labels), 1, 1)) * labels.longest_side[:, None, None]
    points = labels.keypoints_2d + rng.normal(0, 1, labels.keypoints_2d.shape) * spread
    points[rng.random((len(labels), 21)) < 0.05] = np.nan
    points[::9] = np.nan
    return Predictions(labels.hand_id, points, score=rng.random(len(labels))).select(rng.random(len(labels)) < 0.9)


def test_given_boxes_equal_the_slow_reference(reference: ModuleType, make_scene: Callable[..., Any]) -> None:
    labels = make_scene().labels
    result = evaluate(labels, ours(labels), PROTOCOL)
    for visibility in HOLDS:
        assert values(result, visibility) == pytest.approx(slowly(reference, result.table, visibility, False))
    missing = set(labels.hand_id) - set(ours(labels).hand_id)
    assert set(result.record.coverage.missing) == missing
    shuffled = ours(labels).select(np.random.default_rng(1).permutation(len(ours(labels))))
    assert evaluate(labels.select(np.arange(len(labels))[::-1]), shuffled, PROTOCOL).record.scores == (
        result.record.scores
    )


def test_whole_pictures_equal_the_slow_reference(reference: ModuleType, make_scene: Callable[..., Any]) -> None:
    for seed in range(3):
        scene = make_scene(seed=seed)
        result = evaluate(scene.labels, scene.write(), PROTOCOL, whole_pictures=True, all_hands_labelled=True)
        for visibility in HOLDS:
            found = values(result, visibility)
            sided, any_side = (slowly(reference, result.table, visibility, blind) for blind in (False, True))
            assert {name: found[name] for name in sided} == pytest.approx(sided)
            for name in ("oks_ap", "oks_ar"):
                assert found[f"{name}_any_side"] == pytest.approx(any_side[name])
            assert found["oks_ar_any_side"] > found["oks_ar"]  # some hands were found on the wrong side


def test_it_is_what_cocoeval_says_of_files(make_scene: Callable[..., Any], tmp_path: Path) -> None:
    """A COCO file and a results list, read by pycocotools alone, with its own summary."""
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    labels = make_scene(40).labels
    everything = replace(labels, is_right=np.ones(len(labels), bool), image=labels.hand_id)
    write_coco(tmp_path / "labels.json", replace(everything, occlusion=np.zeros((len(labels), 21), bool)))
    content = json.loads((tmp_path / "labels.json").read_text())
    rng = np.random.default_rng(5)
    points = labels.keypoints_2d + rng.normal(0, 0.02, labels.keypoints_2d.shape) * labels.longest_side[:, None, None]
    predictions = Predictions(labels.hand_id, points, score=rng.random(len(labels)))
    rows = zip(content["annotations"], predictions.keypoints_2d.tolist(), predictions.score.tolist(), strict=True)
    results = [
        {
            "image_id": annotation["image_id"],
            "category_id": 2,
            "keypoints": [value for x, y in keypoints for value in (x, y, 1)],
            "score": score,
        }
        for annotation, keypoints, score in rows
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO(str(tmp_path / "labels.json"))
        run = evaluation.COCOeval(truth, truth.loadRes(results), "keypoints")
        run.params.kpt_oks_sigmas = np.array(load_oks_protocol().sigmas)
        run.evaluate()
        run.accumulate()
        run.summarize()
    expected = dict(
        zip(("oks_ap", "oks_ap50", "oks_ap75", "oks_ar"), (100 * run.stats[[0, 1, 2, 5]]).tolist(), strict=True)
    )
    assert values(evaluate(labels, predictions, PROTOCOL), "all") == pytest.approx(expected, abs=1e-9)


def test_perfect_hands_have_100_and_missing_ones_0(make_scene: Callable[..., Any]) -> None:
    labels = make_scene().labels
    perfect = Predictions(labels.hand_id, labels.keypoints_2d)
    result = evaluate(labels, perfect, PROTOCOL)
    assert {score.value for score in result.record.scores} == {100.0}
    assert {(score.ci.low, score.ci.high) for score in result.record.scores} == {(100.0, 100.0)}
    assert "the same score" in " ".join(result.remarks)
    nothing = Predictions(labels.hand_id, np.full((len(labels), 21, 2), np.nan))
    result = evaluate(labels, nothing, PROTOCOL)
    assert {score.value for score in result.record.scores} == {0.0}
    assert (result.record.status, len(result.record.coverage.non_finite)) == ("complete", len(labels))


def test_intervals_draw_clips_as_often_as_a_list_that_repeats_them(
    reference: ModuleType, make_scene: Callable[..., Any]
) -> None:
    scene = make_scene(12)
    result = evaluate(scene.labels, scene.write(), PROTOCOL, whole_pictures=True, all_hands_labelled=True)
    table = result.table
    cell = oks_cell(table, "mine_whole_pictures", "all", PROTOCOL)
    drawn = cell.replicates(seed=4)
    clips = sorted(set(table.labels.clip_id))
    ((_, weights),) = clip_weights(len(clips), PROTOCOL.replicates, 4)
    for k in range(4):
        repeated = repeat(table, dict(zip(clips, weights[k].astype(int).tolist(), strict=True)))
        expected = slowly(reference, repeated, "all", False)
        assert {name: drawn[name][k] for name in expected} == pytest.approx(expected)


def repeat(table: OksTable, times: dict[str, int]) -> OksTable:
    """Take every clip several times; copies of one detection follow each other."""
    clip_of = dict(zip(table.picture.tolist(), table.labels.clip_id.tolist(), strict=True))
    hands = [(k, c) for k, clip in enumerate(table.labels.clip_id) for c in range(times[clip])]
    found = [(k, c) for k, p in enumerate(table.found.picture) for c in range(times[clip_of[p]])]
    parts = [table.labels.select([k]) for k, _ in hands]
    parts = [replace(one, hand_id=[f"{one.hand_id[0]}#{c}"]) for one, (_, c) in zip(parts, hands, strict=True)]
    labels = HandLabels.concatenate(parts)
    copies = table.found.select([k for k, _ in found])
    copies = replace(copies, picture=np.array([f"{table.found.picture[k]}#{c}" for k, c in found]))
    pictures = np.array([f"{table.picture[k]}#{c}" for k, c in hands])
    return OksTable(labels, pictures, copies, table.sigmas, True, True)


def test_the_table_is_read_as_it_was_written(make_scene: Callable[..., Any], tmp_path: Path) -> None:
    scene = make_scene(6)
    table = evaluate(scene.labels, scene.write(), PROTOCOL, whole_pictures=True).table
    write_oks_table(table, tmp_path / "errors.npz")
    read = read_oks_table(tmp_path / "errors.npz")
    assert (read.is_whole, read.all_labelled, read.has_precision) == (True, False, False)
    for name in ("picture", "score", "keypoints_2d"):
        np.testing.assert_array_equal(getattr(read.found, name), getattr(table.found, name))
    with pytest.raises(InputError, match="detections in pictures without labels"):
        replace(table, found=replace(table.found, picture=np.full(len(table.found), "elsewhere")))
    with pytest.raises(InputError, match="named"):
        replace(table, is_whole=False)
    with pytest.raises(InputError, match="sigmas"):
        replace(table, sigmas=np.zeros(21))
    with pytest.raises(InputError, match="finite score"):
        FoundHands(*(["a"], ["b"], [True], [np.nan], np.zeros((1, 21, 2))))


def test_the_official_files_are_scored(shared: Path) -> None:
    folder = shared / "data" / "hint_eval_npz"
    if not folder.is_dir():
        pytest.skip("the released evaluation files are not here")
    labels = read_labels(folder, ["newdays"])
    result = evaluate(labels, Predictions(labels.hand_id, labels.keypoints_2d + 1), PROTOCOL)
    assert [(part.n_hands, part.expected_hands) for part in result.record.data] == [(1753, 1753)]
    assert result.record.value("newdays", "all", "oks_ap", None).n_hands == 1753
