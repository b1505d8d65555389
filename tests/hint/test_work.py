"""``work=``: whoever does the work of a run, and however it is shared out, the results have the same bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from engine_methods import Middle

import hint
from hint.errors import HintError
from hint.images import write_image
from hint.prediction import PredictResult
from hint.types import HandLabels

TWO = hint.Work(devices="cpu*2", batch_size=5, workers=1)
METHOD = "box-centre"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "rai"}, "unknown engine 'rai'; did you mean ray"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"workers": None}, "workers must be a whole number of at least 1, not None"),
        ({"devices": 1.5}, 'devices must be a number or a text such as "all" or "cpu\\*4", not 1.5'),
        ({"parts": b"parts"}, "expected a path as str or Path, not bytes"),
        ({"parts": "a\0b"}, "names of files hold no NUL"),
    ],
    ids=["engine", "batch", "threads", "devices", "parts", "name"],
)
def test_nonsense_is_refused_before_any_work(given: dict[str, Any], message: str) -> None:
    with pytest.raises(HintError, match=message):
        hint.Work(**given)


def test_a_number_of_devices_may_be_a_number() -> None:
    assert hint.Work(devices=2).find_engine("cpu") == hint.Work(devices="2").find_engine("cpu")
    with pytest.raises(HintError, match="--devices 0: write all, a number"):
        hint.Work(devices=0).find_engine()


@pytest.mark.parametrize("given", [None, "ray", {"engine": "ray"}, hint.Work], ids=["none", "text", "dict", "class"])
def test_who_works_and_what_part_are_of_the_types_they_are(given: Any, labels: HandLabels, tmp_path: Path) -> None:
    out, manifest, shard = tmp_path / "out", tmp_path / "sample.jsonl", cast(Any, 3)
    calls: list[Callable[[], object]] = [
        lambda: hint.evaluate(labels, METHOD, out=out, work=given),
        lambda: hint.evaluate_shard("1/2", labels, METHOD, out=out, work=given),
        lambda: hint.predict(tmp_path, METHOD, out=out, work=given),
        lambda: hint.prelabel(manifest, METHOD, out=out, work=given),
        lambda: hint.fit_labels(labels, out, work=given),
        lambda: hint.fit_shard("1/2", labels, out, work=given),
    ]
    for call in calls:
        with pytest.raises(HintError, match=r"work must be a hint\.Work"):
            call()
    with pytest.raises(HintError, match='shard must be a text such as "2/8", not 3'):
        hint.fit_shard(shard, labels, out)
    assert not out.exists()


@pytest.mark.parametrize("given", [3, b"labels", None, {}], ids=["number", "bytes", "none", "dict"])
def test_what_is_no_path_is_refused(given: Any, labels: HandLabels, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: hint.check(given),
        lambda: hint.agreement(given, labels),
        lambda: hint.export(given, "coco", tmp_path / "out"),
        lambda: hint.prelabel(given, METHOD),
        lambda: hint.load_labels(given),
        lambda: hint.fit_labels(given, tmp_path / "out"),
    ]
    for call in calls:
        with pytest.raises(HintError):
            call()
    with pytest.raises(HintError, match="s3://bucket/out: results go to a disk"):
        hint.agreement(labels, labels, out="s3://bucket/out")


def test_evaluations_of_processes_and_shards_have_the_bytes_of_one(hint_root: Path, tmp_path: Path) -> None:
    def evaluated(name: str, **options: Any) -> tuple[bytes, int]:
        result = hint.evaluate(hint_root, METHOD, out=tmp_path / name, **options)
        assert [file.name for file in (tmp_path / name / METHOD).iterdir() if file.suffix == ".parts"] == []
        return (tmp_path / name / METHOD / "predictions.npz").read_bytes(), result.record.timing.reused

    whole, _ = evaluated("whole")
    assert evaluated("two", work=TWO) == (whole, 0)
    for shard, work in (("2/3", hint.Work()), ("1/3", TWO)):
        done = hint.evaluate_shard(shard, hint_root, METHOD, out=tmp_path / "shards", work=work)
        assert (done.hands, str(done.shard)) == (4, shard)
        assert done.parts == tmp_path / "shards" / METHOD / "predictions.parts"
    assert evaluated("shards") == (whole, 8)
    elsewhere = hint.Work(parts=tmp_path / "parts")
    assert hint.evaluate_shard("1/1", hint_root, METHOD, out=tmp_path / "mine", work=elsewhere).parts == elsewhere.parts
    assert evaluated("yours", work=elsewhere) == (whole, 12)


def test_pictures_shared_out_among_processes_and_shards_give_the_same_hands_and_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for k in range(12):
        write_image(tmp_path / "in" / f"p{k:02d}.png", rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        lines += [{"image": f"p{k:02d}.png", "box_xyxy": [j, k, 40, 50], "is_right": bool(j)} for j in range(2)]
    for line in lines:
        line["image"] = str(tmp_path / "in" / str(line["image"]))

    def predicted(name: str, **options: Any) -> PredictResult:
        return hint.predict(tmp_path / "in", METHOD, boxes=lines, out=tmp_path / name, **options)

    whole, two = predicted("whole", overlay=True), predicted("two", overlay=True, work=TWO)
    assert contents(tmp_path / "two") == contents(tmp_path / "whole")
    assert two.predictions.hand_id.tolist() == whole.predictions.hand_id.tolist()
    assert np.array_equal(two.keypoints_2d, whole.keypoints_2d)
    parts = [predicted("shards", overlay=True, shard=f"{k}/2") for k in (2, 1)]
    assert [len(part) for part in parts] == [12, 12]
    assert parts[1].predictions.hand_id.tolist() == whole.predictions.hand_id.tolist()[:12]
    assert predicted("shards", overlay=True).reused == 24
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    elsewhere = predicted("elsewhere", work=hint.Work(parts=tmp_path / "parts"))
    assert np.array_equal(elsewhere.keypoints_2d, whole.keypoints_2d)
    assert list((tmp_path / "parts").iterdir()) == [], "no empty folder is left"


def test_manifests_shared_out_among_processes_have_the_bytes_of_one(hint_root: Path, tmp_path: Path) -> None:
    (sample,) = hint.sample_labels(hint_root, out=tmp_path / "frames")
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    hint.prelabel(sample.manifest, METHOD, out=one)
    hint.prelabel(sample.manifest, METHOD, out=two, shard="1/2", work=hint.Work(parts=tmp_path / "parts"))
    assert hint.prelabel(sample.manifest, METHOD, out=two, work=TWO).reused == 6
    assert two.read_bytes() == one.read_bytes()


def test_whole_pictures_are_shared_out_too(hint_root: Path, tmp_path: Path) -> None:
    def evaluated(name: str, work: hint.Work) -> dict[str, bytes]:
        result = hint.evaluate(
            hint_root, METHOD, "hint-oks-v1", out=tmp_path / name, whole_pictures=True, detector=Middle(), work=work
        )
        assert result.record.timing.device == "cpu"
        return {key: value for key, value in contents(tmp_path / name).items() if not key.endswith("record.json")}

    assert evaluated("two", TWO) == evaluated("one", hint.Work())


def test_fits_take_no_batches(make: Callable[..., HandLabels], tmp_path: Path) -> None:
    with pytest.raises(HintError, match="of work=, give engine and devices"):
        hint.fit_labels(make(2), tmp_path, work=hint.Work(batch_size=4))
