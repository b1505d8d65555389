"""``hint view``: files for FiftyOne and rerun, and what FiftyOne makes of its own."""

import json
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rerun.chunk

from benchmark.evaluate import evaluate
from benchmark.oks.protocol import load_oks_protocol
from benchmark.record import Record, read_record
from hint.errors import InputError
from hint.files import read_labels, write_coco, write_pairs
from hint.images import write_image
from hint.skeleton import BONES, JOINT_NAMES
from hint.types import HandLabels
from leaderboard.view import view

FIFTYONE = "fiftyone==1.22.1"
SIZE = (640, 480)


@pytest.fixture
def scored(tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]) -> Path:
    """Labels as pairs with pictures, and two records, one of them without its first hand."""
    labels = make(12, seed=3)
    pictures = tmp_path / "pictures"
    for hand_id in labels.hand_id.tolist():
        write_image(pictures / f"{hand_id}.jpg", np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    image = np.array([str(pictures / f"{hand_id}.jpg") for hand_id in labels.hand_id.tolist()])
    write_pairs(tmp_path / "labels" / "TEST_newdays_img", HandLabels(**{**vars(labels), "image": image}))
    make_record(tmp_path / "res" / "good", labels, 0.03, name="good", title="Good")
    make_record(tmp_path / "res" / "poor", labels, 0.2, seed=1, name="poor", title="Poor one")
    return tmp_path


def written(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return json.loads((folder / "metadata.json").read_text()), json.loads((folder / "samples.json").read_text())[
        "samples"
    ]


def check_samples(samples: list[dict[str, Any]], scored: Path) -> None:
    """Check numbers against the records, and the order."""
    errors = [sample["poor_error"] for sample in samples]
    assert errors == sorted(errors, reverse=True)
    for name in ("good", "poor"):
        record = read_record(scored / "res" / name / "record.json")
        for threshold in (5, 10, 15):
            score = next(
                s for s in record.scores if (s.metric, s.threshold, s.visibility) == ("pck", threshold / 100, "all")
            )
            per_hand = np.array([sample[f"{name}_pck_{threshold}"] for sample in samples])
            # The score averages joints first; it is not far from the mean over hands.
            assert abs(per_hand.mean() - score.value) < 5
    for sample in samples:
        truth, found = (np.array(sample[key]["keypoints"][0]["points"], float) for key in ("labels", "poor"))
        visible = np.array(sample["labels"]["keypoints"][0]["visible"])
        distance = np.linalg.norm((found - truth) * SIZE, axis=1) / sample["box_side"]
        assert np.isnan(truth).any(1).tolist() == (visible == 0).tolist()
        assert np.nanmean(distance) * 100 == pytest.approx(sample["poor_error"], rel=1e-4)
        right = 100 * (distance[visible > 0] <= 0.1).mean()
        assert right == pytest.approx(sample["poor_pck_10"])
        tags = {"occluded joints"} & set(sample["tags"])
        assert bool(tags) == bool((visible == 1).any())
        assert {sample["subset"], sample["clip"]} <= set(sample["tags"])


def test_a_fiftyone_dataset_shows_the_worst_first(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = scored / "fiftyone"
    shown = view([scored / "res" / "poor", scored / "res" / "good"], scored / "labels", "fiftyone", out=out)
    assert (shown.hands, shown.runs, shown.without_pictures) == (12, ("Poor one", "Good"), ())
    metadata, samples = written(out)
    assert metadata["info"]["default_skeleton"] == {"labels": list(JOINT_NAMES), "edges": [list(b) for b in BONES]}
    check_samples(samples, scored)
    assert all(Path(sample["filepath"]).is_file() for sample in samples)
    first = (out / "samples.json").read_bytes()
    with pytest.raises(InputError, match="--overwrite always"):
        view([scored / "res"], scored / "labels", "fiftyone", out=out)
    view([scored / "res" / "poor", scored / "res" / "good"], scored / "labels", "fiftyone", out=out, replace=True)
    assert (out / "samples.json").read_bytes() == first
    view([scored / "res" / "poor"], scored / "labels", "fiftyone", out=out, limit=3, replace=True)
    assert [s["hand_id"] for s in written(out)[1]] == [s["hand_id"] for s in samples[:3]]


def test_a_recording_shows_the_worst_first(scored: Path) -> None:
    out = scored / "view.rrd"
    view([scored / "res" / "poor", scored / "res" / "good"], scored / "labels", "rerun", out=out)
    rows: dict[int, float] = {}
    entities = set()
    for chunk in rerun.chunk.RrdReader(out).stream():
        entities.add(chunk.entity_path)
        batch = chunk.to_record_batch()
        if chunk.entity_path == "/errors/poor" and not chunk.is_static:
            assert set(chunk.timeline_names) == {"worst", "hand"}
            values = [value for (value,) in batch.column("Scalars:scalars").to_pylist()]
            rows |= dict(zip(batch.column("worst").to_pylist(), values, strict=True))
    assert {"/world/camera/picture/labels", "/world/camera/picture/runs/good", "/errors/good"} <= entities
    errors = [rows[k] for k in range(12)]
    assert errors == sorted(errors, reverse=True)


def test_records_of_other_protocols_in_a_folder_are_left_out(scored: Path) -> None:
    res, labels = scored / "res", scored / "labels"
    evaluate(labels, res / "good" / "predictions.npz", load_oks_protocol(), out=res, name="a")
    shown = view(res, labels, "fiftyone", out=scored / "fiftyone")
    assert (shown.runs, shown.left_out) == (("Good", "Poor one"), ("a-hint-oks-v1",))
    with pytest.raises(InputError, match="a: records of OKS and of 3D protocols are not shown; hint eval"):
        view(res / "a-hint-oks-v1", labels, "fiftyone", out=scored / "o")


def test_what_cannot_be_shown_is_named(scored: Path, make: Callable[..., HandLabels]) -> None:
    res, labels = scored / "res", scored / "labels"
    cases: list[tuple[list[Path], Path, str, Path, str]] = [
        ([scored / "none"], labels, "fiftyone", scored / "o", "no such file or folder"),
        ([res], scored / "none", "fiftyone", scored / "o", "no such file"),
        ([res], labels, "rerun", scored / "o.mp4", r"end in \.rrd"),
        ([res], labels, "fiftyone", res / "good" / "record.json", "is a file"),
        ([res], labels, "fiftyone", res, "holds files already"),
        ([res], labels, "napari", scored / "o", "unknown viewer 'napari'"),
    ]
    for records, data, viewer, out, words in cases:
        with pytest.raises(InputError, match=words):
            view(records, data, viewer, out=out)
    (res / "good" / "predictions.npz").unlink()
    with pytest.raises(InputError, match=r"Good: there is no predictions.npz beside .*; repeat its hint eval command"):
        view([res], labels, "fiftyone", out=scored / "o")
    write_pairs(scored / "bare" / "TEST_newdays_img", make(12, seed=3))
    with pytest.raises(InputError, match="name their folder with --images"):
        view([res / "poor"], scored / "bare", "fiftyone", out=scored / "o")
    assert not (scored / "o").exists()


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], dict[str, Any]]:
    """FiftyOne in an environment of its own, with a database in memory: loads a folder of a kind."""
    environment = tmp_path_factory.mktemp("fiftyone")
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = subprocess.run([python, "-m", "pip", "install", "--quiet", FIFTYONE, "mongomock"], capture_output=True)
    if install.returncode:
        pytest.skip(f"{FIFTYONE} cannot be installed: {install.stderr.decode()[-200:]}")
    script = Path(__file__).parents[1] / "support" / "fiftyone_in_memory.py"

    def load(folder: Path, kind: str) -> dict[str, Any]:
        done = subprocess.run([python, script, folder, kind], capture_output=True, text=True, check=True)
        held: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"schema"') :])
        return held

    return load


@pytest.mark.slow
def test_fiftyone_loads_it(scored: Path, load: Callable[[Path, str], dict[str, Any]]) -> None:
    out = scored / "fiftyone"
    view([scored / "res" / "poor", scored / "res" / "good"], scored / "labels", "fiftyone", out=out)
    held = load(out, "FiftyOneDataset")
    assert held["skeleton"] == [list(JOINT_NAMES), [list(bone) for bone in BONES]]
    assert held["schema"]["labels"] == held["schema"]["poor"] == "EmbeddedDocumentField"
    assert held["schema"]["poor_error"] == held["schema"]["good_pck_5"] == "FloatField"
    plain = [{**sample, **_points(sample)} for sample in held["samples"]]
    check_samples(plain, scored)


@pytest.mark.slow
def test_fiftyone_loads_our_coco(scored: Path, load: Callable[[Path, str], dict[str, Any]]) -> None:
    labels = read_labels(scored / "labels")
    write_coco(scored / "coco" / "labels.json", labels, copy_images=True)
    samples = load(scored / "coco", "COCODetectionDataset")["samples"]
    hands = {hand["hand_id"]: hand for sample in samples for hand in sample["keypoints"]["keypoints"]}
    assert sorted(hands) == sorted(labels.hand_id.tolist())
    for k, hand_id in enumerate(labels.hand_id.tolist()):
        hand = hands[hand_id]
        assert hand["label"] == ("right_hand" if labels.is_right[k] else "left_hand")
        points = np.array(_numbers(hand["points"]), float) * SIZE
        there = labels.existence[k]
        np.testing.assert_allclose(points[there], labels.keypoints_2d[k][there], atol=1e-3)


def _points(sample: dict[str, Any]) -> dict[str, Any]:
    """Return keypoints as plain numbers."""
    return {key: _numbers(sample[key]) for key in ("labels", "poor", "good")}


def _numbers(held: Any) -> Any:
    """Return what FiftyOne holds without its way to write NaN."""
    return json.loads(json.dumps(held).replace('{"$numberDouble": "NaN"}', "NaN"))
