import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.error_table import ErrorTable, read_error_table
from benchmark.evaluate import evaluate
from benchmark.protocol import load_protocol
from benchmark.record import Record, labels_sha256, read_record
from hint.errors import InputError
from hint.files import read_labels, write_coco, write_evaluation_npz, write_pairs
from hint.methods.table import create
from hint.types import HandLabels, MethodOptions, Predictions

PROTOCOL = load_protocol()


def perfect(labels: HandLabels) -> Predictions:
    return Predictions(labels.hand_id, labels.keypoints_2d)


def test_a_run_leaves_three_files_that_agree(labels: HandLabels, tmp_path: Path) -> None:
    method = create("box-centre", MethodOptions())
    result = evaluate(labels, method, out=tmp_path)
    folder = tmp_path / "box-centre"
    assert result.folder == folder
    assert sorted(p.name for p in folder.iterdir()) == ["errors.npz", "predictions.npz", "record.json"]
    assert read_record(folder / "record.json") == result.record
    assert isinstance(result.table, ErrorTable)
    assert np.array_equal(read_error_table(folder / "errors.npz").error, result.table.error, equal_nan=True)
    assert result.record.status == "complete"
    assert result.record.timing.reused == 0


def test_running_again_reuses_every_row(labels: HandLabels, tmp_path: Path) -> None:
    first, second = (evaluate(labels, "box-centre", out=tmp_path).record for _ in range(2))
    assert second.timing.reused == 12
    assert second.timing.hands_per_second is None
    assert second.scores == first.scores


def test_overwrite_decides_what_happens_to_earlier_results(labels: HandLabels, tmp_path: Path) -> None:
    evaluate(labels, "oracle-noise", out=tmp_path)
    with pytest.raises(InputError, match="holds results already"):
        evaluate(labels, "oracle-noise", out=tmp_path, seed=7, overwrite="never")
    with pytest.raises(InputError, match=r"seed 0 \(now 7\)"):
        evaluate(labels, "oracle-noise", out=tmp_path, seed=7)
    again = evaluate(labels, "oracle-noise", out=tmp_path, seed=7, overwrite="always")
    assert again.record.timing.reused == 0


def test_perfect_predictions_score_100_in_every_cell(labels: HandLabels) -> None:
    record = evaluate(labels, perfect(labels)).record
    pck = [s for s in record.scores if s.metric == "pck"]
    assert len(pck) == 9
    assert {s.value for s in pck} == {100.0}
    assert {(s.ci.low, s.ci.high) for s in pck if s.ci} == {(100.0, 100.0)}


def test_missing_and_non_finite_hands_are_misses_and_listed(labels: HandLabels) -> None:
    given = perfect(labels)
    points = given.keypoints_2d.copy()
    points[3] = np.nan
    half = replace(given, keypoints_2d=points).select(slice(0, 6))
    record = evaluate(labels, half).record
    assert record.coverage.missing == tuple(labels.hand_id[6:].tolist())
    assert record.coverage.non_finite == (labels.hand_id[3],)
    assert record.status == "complete", "misses, not a part of the hands"
    all_joints = record.value("newdays", "all", "pck", 0.1)
    assert all_joints is not None
    assert all_joints.n_keypoints == labels.existence.sum(), "misses stay in the denominator"
    kept = labels.existence[[0, 1, 2, 4, 5]].sum(0) / labels.existence.sum(0)
    assert all_joints.value == pytest.approx(100 * kept.mean())


def test_unknown_ids_are_an_error_that_counts_them(labels: HandLabels) -> None:
    strangers = Predictions(np.array([f"x{k}_l" for k in range(7)]), np.zeros((7, 21, 2)))
    with pytest.raises(InputError, match=r"x0_l, x1_l, x2_l, x3_l, x4_l, \.\.\. \(7 in all\)"):
        evaluate(labels, strangers)


def test_ids_of_other_subsets_may_be_predicted(make: Callable[..., HandLabels], tmp_path: Path) -> None:
    parts = [make(seed=0), make(seed=1, subset="ego4d")]
    write_pairs(tmp_path / "TEST_newdays_img", parts[0])
    write_pairs(tmp_path / "TEST_ego4d_img", parts[1])
    given = perfect(HandLabels.concatenate(parts))
    record = evaluate(tmp_path, given, subsets=["ego4d"]).record
    assert [entry.name for entry in record.data] == ["ego4d"]
    assert record.status == "complete"


def test_a_limit_is_spread_evenly_and_makes_the_record_partial(labels: HandLabels) -> None:
    few = evaluate(labels, perfect(labels), limit=3)
    assert few.table.hand_id.tolist() == labels.hand_id[[0, 6, 11]].tolist()
    assert (few.record.status, few.record.coverage.n_hands) == ("partial", 3)
    assert len(evaluate(labels, perfect(labels), limit=100).table) == 12


def test_the_ground_truth_has_one_digest_in_every_format_and_order(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs" / "TEST_newdays_img", labels)
    write_evaluation_npz(tmp_path / "npz", labels)
    write_coco(tmp_path / "coco.json", labels)
    readings = [read_labels(tmp_path / name) for name in ("pairs", "npz", "coco.json")]
    assert {labels_sha256(r) for r in [labels, labels.select(slice(None, None, -1)), *readings]} == {
        labels_sha256(labels)
    }
    moved = replace(labels, keypoints_2d=labels.keypoints_2d + 0.01)
    assert labels_sha256(moved) != labels_sha256(labels)


def test_a_record_of_a_file_tells_which_predictions_it_scored(labels: HandLabels) -> None:
    given = perfect(labels)
    moved = replace(given, keypoints_2d=given.keypoints_2d + 1)
    sets = (given, given.select(slice(None, None, -1)), moved)
    records = [evaluate(labels, p).record for p in sets]
    assert records[0].fingerprint == records[1].fingerprint != records[2].fingerprint


def test_a_record_refuses_unknown_keys_nan_and_other_versions(labels: HandLabels, tmp_path: Path) -> None:
    evaluate(labels, perfect(labels), out=tmp_path, name="p")
    path = tmp_path / "p" / "record.json"
    content = json.loads(path.read_text())
    broken = {
        "scores.0.surprise": {**content, "scores": [{**content["scores"][0], "surprise": 1}]},
        "scores.0.value": {**content, "scores": [{**content["scores"][0], "value": float("nan")}]},
        "scores": {**content, "scores": [{**content["scores"][0], "value": 999}]},
        "extra": {**content, "extra": 1},
        "schema": {**content, "schema": "hint-record-99"},
    }
    for where, change in broken.items():
        path.write_text(json.dumps(change))
        with pytest.raises(InputError, match=f"is not a record of this version: {where}"):
            read_record(path)
    path.write_text("{")
    with pytest.raises(InputError, match="not readable as JSON"):
        read_record(path)


def test_the_record_holds_its_provenance(labels: HandLabels, tmp_path: Path) -> None:
    folder = evaluate(labels, perfect(labels), out=tmp_path).folder
    assert folder is not None
    record = json.loads((folder / "record.json").read_text())
    assert record["schema"] == "hint-record-1"
    assert record["protocol"]["sha256"] == PROTOCOL.sha256
    assert record["provenance"]["packages"]["numpy"] == np.__version__
    assert Record.model_validate(record).to_json() == (folder / "record.json").read_text()


def test_scores_of_controls_on_the_real_test_hands(shared: Path) -> None:
    """Noise of known size has a known PCK: with sigma 0.05, a distance is within 0.05 in 39.35% of cases."""
    labels = read_labels(shared / "data" / "hint_eval_npz")
    record = evaluate(labels, "oracle-noise").record
    for subset in ("newdays", "epick", "ego4d"):
        for threshold in (0.05, 0.1, 0.15):
            score = record.value(subset, "all", "pck", threshold)
            assert score is not None
            assert score.value == pytest.approx(100 * (1 - np.exp(-((threshold / 0.05) ** 2) / 2)), abs=0.9)


def test_a_mean_fitted_on_the_real_hands_has_the_least_squared_error(shared: Path) -> None:
    labels = read_labels(shared / "data" / "hint_eval_npz")
    controls = create("mean-pose", MethodOptions(train_labels=labels)), create("box-centre", MethodOptions())
    fitted, centre = (evaluate(labels, control).table.error for control in controls)
    assert np.nanmean(fitted**2) < np.nanmean(centre**2)
