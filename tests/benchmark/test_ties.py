"""Keypoints exactly at a threshold: the cells and the curve must round as the evaluation released with HaMeR does.

That evaluation takes the side of the box as the file states it, measures the square root of a sum of squares, and asks
whether it is at most the side times the threshold, all in double precision.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmark.error_table import ErrorTable, compute_errors, read_error_table, write_error_table
from benchmark.pck import curve_thresholds, pck_curve, pck_sums, select
from benchmark.protocol import load_protocol
from hint.files import read_labels, write_evaluation_npz, write_npz
from hint.names import folder_of_subset
from hint.types import HandLabels, Predictions

PROTOCOL = load_protocol()
PARTS = {"all": "all", "visible": "vis", "occluded": "occ"}
THRESHOLDS = (0.05, 0.1, 0.15)
CURVE = curve_thresholds(PROTOCOL.auc_maximum, PROTOCOL.curve_points)


def official_pck(file: Path, points: np.ndarray, threshold: float) -> float:
    """Score predictions (N,21,2) against one npz, in percent."""
    with np.load(file) as npz:
        truth, side = npz["hand_keypoints_2d"].astype(np.float64), npz["scale"].max(1)
    annotated = truth[..., 2] > 0.5
    distance = np.sqrt(np.square(points.astype(np.float64) - truth[..., :2]).sum(-1))
    correct = annotated & (distance <= side[:, None] * threshold)
    return 100 * float(np.mean(correct.sum(0) / annotated.sum(0)))


def write_ties(folder: Path, subset: str, threshold: float, n: int = 300) -> np.ndarray:
    """Write npz files, and return predictions that all lie exactly at the threshold.

    All joints of a hand are at one place, and the longer side of the box is the one at which the threshold is exactly
    as far away as the prediction. Centres are such that corners lose the last digit of the size.
    """
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 2000, (20 * n, 2))
    points = (truth + rng.uniform(-40, 40, truth.shape)).astype(np.float32)
    distance = np.sqrt(np.square(points - truth).sum(1))
    side = distance / threshold
    truth, points, side = (values[side * threshold == distance][:n] for values in (truth, points, side))
    assert len(side) == n
    exists, occluded = rng.random((n, 21)) < 0.9, rng.random((n, 21)) < 0.4
    truth, points = (np.repeat(values[:, None], 21, 1) for values in (truth, points))
    common = {
        "imgname": np.array([f"ND_{k:011d}_frame000001_r.jpg" for k in range(n)]),
        "center": rng.uniform(0, 2000, (n, 2)),
        "scale": np.stack([side, side * 0.7], 1),
        "right": np.ones(n, np.int64),
    }
    for part, flag in (("all", exists), ("vis", exists & ~occluded), ("occ", exists & occluded)):
        keypoints = np.concatenate([truth, flag[..., None]], 2)
        write_npz(folder / f"{folder_of_subset(subset)}_{part}.npz", {**common, "hand_keypoints_2d": keypoints})
    return points


def near_ties(file: Path, threshold: float, direction: tuple[float, float]) -> tuple[np.ndarray, int]:
    """Return predictions exactly at the threshold, or on the label where float32 has no such place, and the ties."""
    with np.load(file) as npz:
        truth, side = npz["hand_keypoints_2d"][..., :2], npz["scale"].max(1)[:, None]
    points = (truth + side[..., None] * threshold * np.array(direction)).astype(np.float32)
    exact = np.sqrt(np.square(points.astype(np.float64) - truth).sum(-1)) == side * threshold
    return np.where(exact[..., None], points, truth.astype(np.float32)), int(exact.sum())


def scored(labels: HandLabels, points: np.ndarray, tmp_path: Path) -> ErrorTable:
    """Return the table as it comes back from its file."""
    write_error_table(compute_errors(labels, Predictions(labels.hand_id, points))[0], tmp_path / "errors.npz")
    return read_error_table(tmp_path / "errors.npz")


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_ties_on_made_up_files(threshold: float, tmp_path: Path) -> None:
    points = write_ties(tmp_path, "newdays", threshold)
    table = scored(read_labels(tmp_path), points, tmp_path)
    assert pck_sums(select(table, "newdays", "all"), threshold).value() == 100
    check_every_cell(tmp_path, "newdays", points, table)


def check_every_cell(folder: Path, subset: str, points: np.ndarray, table: ErrorTable) -> None:
    for visibility, part in PARTS.items():
        file = folder / f"{folder_of_subset(subset)}_{part}.npz"
        cell = select(table, subset, visibility)
        for threshold in THRESHOLDS:
            assert pck_sums(cell, threshold).value() == pytest.approx(official_pck(file, points, threshold), abs=1e-11)
        curve = [official_pck(file, points, t) for t in CURVE.tolist()]
        assert pck_curve(cell, CURVE) == pytest.approx(curve, abs=1e-11)


def test_corners_and_quotients_would_decide_some_ties_otherwise(tmp_path: Path) -> None:
    """The files above are hard enough: each of the three other ways to round loses keypoints."""
    points = write_ties(tmp_path, "newdays", 0.1)
    labels = read_labels(tmp_path)
    table = scored(labels, points, tmp_path)
    corners = labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]
    offset = points.astype(np.float64) - labels.keypoints_2d
    side = table.box_side[:, None]
    others = {
        "corners": table.distance_px <= corners.max(1)[:, None] * 0.1,
        "hypot": np.hypot(offset[..., 0], offset[..., 1]) <= side * 0.1,
        "quotient": table.distance_px / side <= 0.1,
    }
    assert {name for name, correct in others.items() if not correct[labels.existence].all()} == set(others)


@pytest.mark.parametrize("subset", ["newdays", "epick", "ego4d"])
@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.6, 0.8)])
def test_ties_on_the_released_files(shared: Path, subset: str, direction: tuple[float, float], tmp_path: Path) -> None:
    folder = shared / "data" / "hint_eval_npz"
    points, ties = near_ties(folder / f"{folder_of_subset(subset)}_all.npz", 0.1, direction)
    assert ties > 200
    labels = read_labels(folder, [subset])
    check_every_cell(folder, subset, points, scored(labels, points, tmp_path))


def test_the_side_survives_our_own_files(tmp_path: Path) -> None:
    write_ties(tmp_path / "official", "newdays", 0.1)
    labels = read_labels(tmp_path / "official")
    write_evaluation_npz(tmp_path / "ours", labels)
    assert np.array_equal(read_labels(tmp_path / "ours").longest_side, labels.longest_side)
    joined = HandLabels.concatenate([labels.select([3, 1]), labels.select([2])])
    assert np.array_equal(joined.longest_side, labels.longest_side[[3, 1, 2]])
