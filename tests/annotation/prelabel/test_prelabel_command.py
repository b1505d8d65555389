"""``hint prelabel`` as a person types it, with controls and with real models of random weights."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import EVERY_STEP, error, hint, interrupt, start, wait_for
from object_store import object_store
from pyarrow import Table, parquet

from annotation.prelabel.run import prelabel
from hint.engine import Work
from hint.errors import InputError
from hint.files import read_predictions, storage, write_predictions
from hint.landmarks.files import missing
from hint.methods.mmpose.card import missing_parts
from hint.methods.table import create
from hint.types import HandLabels, Method, MethodOptions

Sample = Callable[..., tuple[Path, HandLabels]]


@pytest.fixture(scope="module")
def mmpose() -> Method:
    if missing := missing_parts():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"mmpose {missing}")
    return create("mmpose", MethodOptions(device="cpu", weights="random", extra={"flip-test": "0"}))


# One run


def test_predictions_lie_beside_the_manifest_with_a_first_guess(write_sample: Sample) -> None:
    manifest, labels = write_sample()
    done = hint("prelabel", manifest, "--method", "box-centre", "--json")
    summary = json.loads(done.stdout)
    path = manifest.with_name("TEST_newdays_img.box-centre.npz")
    assert summary["predictions"] == str(path)
    assert (summary["hands"], summary["found"], summary["reused"], summary["occlusion_from"]) == (12, 12, 0, "nothing")
    rows = read_predictions(path)
    assert rows.hand_id.tolist() == sorted(labels.hand_id.tolist())
    assert rows.existence is not None
    assert rows.existence.all()
    assert rows.occlusion is not None
    assert not rows.occlusion.any()
    assert sorted(p.name for p in manifest.parent.iterdir()) == [
        *("TEST_newdays_img", "TEST_newdays_img.box-centre.npz", "TEST_newdays_img.jsonl")
    ]
    before = path.read_bytes()
    again = hint("prelabel", "--method", "box-centre", manifest)
    assert "12 hands reused" in again.stderr
    assert "every joint inside the frame is guessed visible" in again.stderr
    assert path.read_bytes() == before


def test_a_manifest_in_a_store_gives_the_rows_of_one_on_a_disk(write_sample: Sample, tmp_path: Path) -> None:
    manifest, _ = write_sample()
    hint("prelabel", manifest, "--method", "hamer-tiny", "--limit", 4, "--out", tmp_path / "disk.npz")
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.unlink()
    parquet.write_table(Table.from_pylist(rows), manifest.with_suffix(".parquet"))
    with object_store("samples") as url:
        for file in manifest.parent.rglob("*.*"):
            storage.write_bytes(Path(url) / file.relative_to(manifest.parent), file.read_bytes())
        command = ("prelabel", f"{url}/{manifest.stem}.parquet", "--method", "hamer-tiny", "--limit", 4)
        assert "add --out FILE.npz" in error(hint(*command, code=2))
        hint(*command, "--out", tmp_path / "store.npz")
    disk, store = read_predictions(tmp_path / "disk.npz"), read_predictions(tmp_path / "store.npz")
    assert store.hand_id.tolist() == disk.hand_id.tolist()
    np.testing.assert_array_equal(store.keypoints_2d, disk.keypoints_2d)


def test_what_is_no_manifest_is_refused(write_sample: Sample) -> None:
    manifest, labels = write_sample()
    for wrong in (manifest.parent, labels):
        with pytest.raises(InputError, match="hint sample"):
            prelabel(wrong, "box-centre")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"is a folder; give the file to write, such as .*\.box-centre\.npz"):
        prelabel(manifest, "box-centre", out=manifest.parent)


@pytest.mark.parametrize("name", ["mediapipe", "mediapipe-detector", "hamer", "mean-pose"])
def test_any_method_can_prelabel(name: str, write_sample: Sample) -> None:
    if name.startswith("mediapipe") and (lacking := missing()):
        pytest.skip(f"{name} {lacking}")
    manifest, labels = write_sample(3)
    options = MethodOptions(device="cpu", weights="tiny-random" if name == "hamer" else None)
    result = prelabel(manifest, create(name, options))
    rows = read_predictions(result.path)
    assert rows.hand_id.tolist() == sorted(labels.hand_id.tolist())
    assert rows.meta["prelabel"]["occlusion_from"] == ("nothing" if name == "mean-pose" else "picture")
    found = np.isfinite(rows.keypoints_2d).all((1, 2))
    assert rows.existence is not None
    # Noise is no hand, and the detector says so.
    assert found.any() == (name != "mediapipe-detector")
    assert not rows.existence[~found].any()
    assert rows.existence[found].any() == found.any()


def test_rows_of_other_hands_stay(write_sample: Sample) -> None:
    manifest, _ = write_sample()
    run = ("prelabel", manifest, "--method", "mean-pose")
    hint(*run)
    path = manifest.with_name("TEST_newdays_img.mean-pose.npz")
    before = read_predictions(path)
    done = hint(*run, "--limit", 3, "--json")
    assert json.loads(done.stdout)["hands"] == 3
    after = read_predictions(path)
    order = np.argsort(after.hand_id)
    assert after.hand_id[order].tolist() == before.hand_id.tolist()
    assert np.array_equal(after.existence[order], before.existence)
    assert after.meta["derived"] == ["existence", "occlusion"]


def test_hands_without_a_box_are_listed_or_get_a_square(write_sample: Sample) -> None:
    manifest, labels = write_sample(without_box=(2, 5))
    done = hint("prelabel", manifest, "--method", "box-centre", code=1)
    assert f"2 hands have no box and were left out: {labels.hand_id[2]}, {labels.hand_id[5]}" in error(done)
    path = manifest.with_name("TEST_newdays_img.box-centre.npz")
    assert len(read_predictions(path)) == 10
    done = hint("prelabel", manifest, "--method", "box-centre", "--box-px", 60, "--json")
    assert json.loads(done.stdout)["reused"] == 10
    rows = read_predictions(path)
    box = labels.box_xyxy[2]
    np.testing.assert_allclose(rows.keypoints_2d[2, 0], (box[:2] + box[2:]) / 2, rtol=1e-6)


def test_pictures_that_cannot_be_used_are_exit_1(write_sample: Sample) -> None:
    manifest, labels = write_sample()
    picture = Path(str(labels.image[3]))
    picture.write_bytes(picture.read_bytes()[:300])
    options = ("--weights", "random", "--limit", 4, "--batch-size", 4)
    if missing_parts():
        hint("prelabel", manifest, "--method", "mmpose", *options, code=3)
        return
    # 4 of 12 hands: 0, 4, 7, 11; the broken one is not among them.
    done = hint("prelabel", manifest, "--method", "mmpose", *options)
    assert "note: random weights" in done.stderr
    assert "occlusion is guessed from the pictures" in done.stderr
    rows = read_predictions(manifest.with_name("TEST_newdays_img.mmpose.npz"))
    assert rows.hand_id.tolist() == [str(labels.hand_id[k]) for k in (0, 4, 7, 11)]
    assert rows.score is not None
    assert rows.score.shape == (4, 21)


def test_a_truncated_picture_fails_alone(mmpose: Method, write_sample: Sample) -> None:
    manifest, labels = write_sample(4)
    picture = Path(str(labels.image[1]))
    picture.write_bytes(picture.read_bytes()[:300])
    result = prelabel(manifest, mmpose)
    assert list(result.failures) == [str(labels.hand_id[1])]
    assert not result.is_complete
    assert len(read_predictions(result.path)) == 3


def test_new_thresholds_need_no_new_predictions(mmpose: Method, write_sample: Sample, tmp_path: Path) -> None:
    manifest, _ = write_sample(4)
    first = prelabel(manifest, mmpose, occlusion="score")
    assert first.predictions.occlusion is not None
    assert not first.predictions.occlusion.any(), "SimCC scores of random weights lie above 1"
    calibration = tmp_path / "c.toml"
    calibration.write_text(CALIBRATION.format(occlusion_below=1.5))
    second = prelabel(manifest, mmpose, occlusion="score", calibration=calibration)
    assert second.reused == 4
    kept = read_predictions(second.path)
    assert np.array_equal(kept.occlusion, kept.existence)
    assert kept.meta["prelabel"]["occlusion_below"] == 1.5
    assert len(kept.meta["prelabel"]["calibration_sha256"]) == 64


CALIBRATION = """
schema_version = 1
method = ""
fingerprint_sha256 = ""
hands = 1
existence_at = 0.0
occlusion_below = {occlusion_below}
[existence]
positives = 1
negatives = 0
informative = false
true_positives = 1
false_negatives = 0
false_positives = 0
true_negatives = 0
[occlusion]
positives = 1
negatives = 1
auc = 1.0
informative = true
balanced_accuracy = 1.0
true_positives = 1
false_negatives = 0
false_positives = 0
true_negatives = 1
"""


def test_occlusion_from_the_method_is_kept(write_sample: Sample) -> None:
    manifest, labels = write_sample()
    inner = create("box-centre", MethodOptions())

    class Knows:
        card = replace(inner.card, name="knows")
        fingerprint = inner.fingerprint
        prepare = staticmethod(inner.prepare)

        @staticmethod
        def infer(hands: Any, prepared: Any) -> Any:
            rows = inner.infer(hands, prepared)
            return replace(rows, occlusion=np.arange(21)[None].repeat(len(rows), 0) == 4)

    for _ in range(2):
        result = prelabel(manifest, Knows())  # type: ignore[arg-type]
        rows = read_predictions(result.path)
        assert rows.occlusion is not None
        assert rows.occlusion[:, 4].all()
        assert rows.occlusion.sum() == len(labels)
    assert result.reused == 12


def test_ctrl_c_keeps_finished_hands_and_the_next_run_continues(mmpose: Method, write_sample: Sample) -> None:
    manifest, _ = write_sample(8)
    options = ("--method", "mmpose", "--weights", "random", "--set", "flip-test=0", "--device", "cpu")
    process = start("prelabel", manifest, *options, "--batch-size", 1, setup=EVERY_STEP)
    wait_for(process, "hands: 4/8")
    assert "the same command continues from there" in interrupt(process)
    path = manifest.with_name("TEST_newdays_img.mmpose.npz")
    result = prelabel(manifest, mmpose)
    assert 4 <= result.reused < 8
    resumed = path.read_bytes()
    path.unlink()
    prelabel(manifest, mmpose)
    assert path.read_bytes() == resumed


# Shards


def test_shards_become_the_bytes_of_one_run(mmpose: Method, write_sample: Sample) -> None:
    manifest, _ = write_sample(12)
    whole = prelabel(manifest, mmpose, work=Work(batch_size=5))
    expected = whole.path.read_bytes()
    whole.path.unlink()
    shards = [prelabel(manifest, mmpose, shard=f"{k}/3", work=Work(batch_size=2)) for k in (3, 1)]
    assert [shard.path.name for shard in shards] == ["TEST_newdays_img.mmpose.parts"] * 2
    assert [len(shard.predictions) for shard in shards] == [4, 4]
    joined = prelabel(manifest, mmpose)
    assert (joined.path, joined.reused) == (whole.path, 8), "what no shard did is done by whoever joins them"
    assert joined.path.read_bytes() == expected
    assert not shards[0].path.exists()
    done = hint("prelabel", manifest, "--method", "box-centre", "--shard", "2/3")
    parts = manifest.with_name("TEST_newdays_img.box-centre.parts")
    assert f"parts: {parts}; when all shards are done, the command without --shard joins them" in done.stderr
    hint("prelabel", manifest, "--method", "box-centre")
    late = hint("prelabel", manifest, "--method", "box-centre", "--shard", "2/3")
    assert late.stderr.endswith("nothing is left to do: the results hold the hands of this shard\n")


# What cannot be done

ERRORS = {
    "unknown method": (["--method", "mmpos"], 2, "did you mean mmpose"),
    "shard": (["--method", "box-centre", "--shard", "3/2"], 2, "write number/count"),
    "setting": (["--method", "mmpose", "--set", "flip"], 2, "write key=value"),
    "control": (["--method", "oracle-noise"], 2, "ground truth"),
    "calibration": (["--method", "box-centre", "--calibration", "no.toml"], 2, "no.toml: No such file"),
    "weights": (["--method", "mmpose"], 3, "hint fetch rtmpose-m-hand5"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_line(case: str, write_sample: Sample, hint_home: Path) -> None:
    manifest, _ = write_sample()
    arguments, code, message = ERRORS[case]
    if case == "weights" and missing_parts():
        message = "requirements-nodeps.txt"
    done = hint("prelabel", manifest, *arguments, cwd=manifest.parent, code=code)
    assert message in error(done)
    assert not list(manifest.parent.glob("*.npz"))


def test_manifests_that_cannot_be_read(write_sample: Sample, tmp_path: Path) -> None:
    assert "nowhere.jsonl: No such file" in error(hint("prelabel", tmp_path / "nowhere.jsonl", code=2))
    (tmp_path / "odd.jsonl").write_text('{"hand_id": "a"}\n')
    assert "are not sampled hands" in error(hint("prelabel", tmp_path / "odd.jsonl", code=2))
    manifest, labels = write_sample()
    Path(str(labels.image[0])).unlink()
    done = hint("prelabel", manifest, "--method", "hamer", "--weights", "tiny-random", "--mano", "procedural", code=3)
    assert "1 of 12 pictures of" in error(done)
    assert "rerun the hint sample command" in error(done)


def test_results_with_other_settings_are_not_changed(write_sample: Sample) -> None:
    manifest, _ = write_sample()
    run = ("prelabel", manifest, "--method", "box-centre")
    hint(*run)
    path = manifest.with_name("TEST_newdays_img.box-centre.npz")
    done = hint(*run, "--overwrite", "never", code=2)
    assert "already exists" in error(done)
    rows = read_predictions(path)
    write_predictions(path, replace(rows, meta={**rows.meta, "fingerprint": {"version": 0}}))
    before = path.read_bytes()
    done = hint(*run, code=2)
    assert "made with version 0 (now 1)" in error(done)
    assert path.read_bytes() == before
    hint(*run, "--overwrite", "always")
