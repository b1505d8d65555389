import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import hint
from hint.errors import InputError, WriteError
from hint.files import (
    read_coco,
    read_evaluation_npz,
    read_labels,
    read_npz,
    read_pairs,
    read_predictions,
    write_bytes,
    write_coco,
    write_evaluation_npz,
    write_json,
    write_npz,
    write_pairs,
    write_predictions,
)
from hint.files.atomic import write_json_lists
from hint.files.bounded_npz import parse_npz
from hint.types import HandLabels, Predictions

REAL_COUNTS = {"newdays": 1753, "epick": 1906, "ego4d": 1714}


def assert_same(a: HandLabels, b: HandLabels, ignore: tuple[str, ...] = ()) -> None:
    for f in fields(HandLabels):
        if f.name not in (*ignore, "box_side"):
            np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name), err_msg=f.name)
    np.testing.assert_allclose(a.longest_side, b.longest_side, rtol=1e-12)


coordinates = st.floats(-4000, 8000, allow_nan=False, width=64)


@st.composite
def label_sets(draw: Any) -> HandLabels:
    n = draw(st.integers(1, 4))
    corner = draw(arrays.arrays(np.float64, (n, 2), elements=coordinates))
    size = draw(arrays.arrays(np.float64, (n, 2), elements=st.floats(0.125, 3000)))
    stems = sorted(f"ND_{'_-abcdefghijkl'[k : k + 11]}_frame{k:06d}_{'lr'[k % 2]}" for k in range(n))
    return HandLabels(
        hand_id=np.array(stems),
        clip_id=np.array([s[3:14] for s in stems]),
        subset=np.full(n, "newdays"),
        box_xyxy=np.concatenate([corner, corner + size], axis=1),
        is_right=np.array([s.endswith("r") for s in stems]),
        keypoints_2d=draw(arrays.arrays(np.float64, (n, 21, 2), elements=coordinates)),
        existence=draw(arrays.arrays(np.bool_, (n, 21))),
        occlusion=draw(arrays.arrays(np.bool_, (n, 21))),
        image=np.full(n, ""),
    )


round_trips = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def through_npz(labels: HandLabels, folder: Path) -> HandLabels:
    write_evaluation_npz(folder / "npz", labels)
    return read_labels(folder / "npz")


def through_coco(labels: HandLabels, folder: Path) -> HandLabels:
    write_coco(folder / "coco.json", labels)
    return read_coco(folder / "coco.json")


@pytest.mark.parametrize("other_format", [through_npz, through_coco])
@round_trips
@given(label_sets())
def test_pairs_survive_a_round_trip_through_another_format(
    other_format: Callable[[HandLabels, Path], HandLabels],
    tmp_path_factory: pytest.TempPathFactory,
    labels: HandLabels,
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    write_pairs(folder / "TEST_newdays_img", labels)
    first = read_pairs(folder / "TEST_newdays_img")
    assert_same(first, labels, ignore=("image",))
    second = other_format(first, folder)
    assert_same(second, first, ignore=("image",))
    write_pairs(folder / "again" / "TEST_newdays_img", second)
    for path in (folder / "TEST_newdays_img").iterdir():
        assert path.read_bytes() == (folder / "again" / "TEST_newdays_img" / path.name).read_bytes()


def test_pictures_are_copied_with_pairs(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    write_evaluation_npz(tmp_path / "npz", labels)
    back = read_labels(tmp_path / "npz", images=hint_root)
    assert back.image.tolist() == labels.image.tolist()
    write_pairs(tmp_path / "copy" / "TEST_newdays_img", back)
    for image in labels.image.tolist():
        assert (tmp_path / "copy" / "TEST_newdays_img" / Path(image).name).read_bytes() == Path(image).read_bytes()


def test_pictures_in_another_folder(hint_root: Path, labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path / "json" / "TEST_newdays_img", labels)
    for place in (hint_root, hint_root / "TEST_newdays_img"):
        assert read_labels(tmp_path / "json", images=place).image.tolist() == read_labels(hint_root).image.tolist()


def test_a_pair_reads_as_released(tmp_path: Path) -> None:
    hand = {
        "bbox": [[412, 188.5, 655.0, 430.0]],
        "keypoints": [[-3.5, 10]] + [[600.25, 300]] * 20,
        "existence": [0] + [1] * 20,
        "occlusion": [0, True] + [0] * 19,
    }
    write_json(tmp_path / "ND_AbCdEfGhIjK_frame001201_l.json", [hand])
    labels = read_pairs(tmp_path)
    assert labels.box_xyxy.tolist() == [[412.0, 188.5, 655.0, 430.0]]
    assert labels.keypoints_2d[0, 0].tolist() == [-3.5, 10.0]
    assert labels.visibility[0, :3].tolist() == [0, 1, 2]
    assert not labels.is_right[0]


def test_a_flat_box_is_accepted(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path, labels)
    path = next(tmp_path.glob("*.json"))
    hand = json.loads(path.read_text())
    hand[0]["bbox"] = hand[0]["bbox"][0]
    write_json(path, hand)
    assert_same(read_pairs(tmp_path), labels, ignore=("image", "subset"))


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "text": (lambda h: "not json", "not readable as JSON|expected a list"),
    "dict": (lambda h: h, "expected a list with one hand"),
    "two": (lambda h: [h, h], "expected a list with one hand"),
    "20": (lambda h: [{**h, "keypoints": h["keypoints"][:20]}], "20 keypoints, expected 21"),
    "nan": (lambda h: [{**h, "keypoints": [[float("nan"), 1.0]] * 21}], "not a finite number"),
    "far": (lambda h: [{**h, "keypoints": [[1e308, 1.0]] * 21}], "far outside any picture"),
    "words": (lambda h: [{**h, "keypoints": [["a", 1.0]] * 21}], "not a finite number"),
    "three": (lambda h: [{**h, "keypoints": [[1.0, 1.0, 1.0]] * 21}], "keypoint 0 is not 2 numbers"),
    "box": (lambda h: [{**h, "bbox": [[5, 5, 5, 9]]}], "zero or negative size"),
    "flags": (lambda h: [{**h, "occlusion": [2] * 21}], "occlusion is not 21 flags"),
    "lacks": (lambda h: [{k: v for k, v in h.items() if k != "existence"}], "lacks existence"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_invalid_label_is_named(case: str, labels: HandLabels, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    write_pairs(tmp_path, labels)
    path = sorted(tmp_path.glob("*.json"))[3]
    path.write_text(json.dumps(change(json.loads(path.read_text())[0])))
    with pytest.raises(InputError, match=f"1 of 12 files .*{path.name} .*({message})"):
        read_labels(tmp_path)


def test_a_pipe_among_labels_is_named(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path, labels)
    (path := sorted(tmp_path.glob("*.json"))[3]).unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=f"1 of 12 files .*{path.name} .not a file"):
        read_labels(tmp_path)


def test_a_stem_without_a_side_is_refused(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path, labels)
    next(tmp_path.glob("*.json")).rename(tmp_path / "hand.json")
    with pytest.raises(InputError, match=r"hand\.json \(the name must end in _l or _r\)"):
        read_labels(tmp_path)


def test_empty_folder_error_names_the_expected_layout(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no labels: expected HInt folders"):
        read_labels(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        read_labels(tmp_path / "absent")
    (tmp_path / "TEST_newdays_img").mkdir()
    with pytest.raises(InputError, match="TEST_newdays_img has no HInt labels"):
        read_labels(tmp_path)


def test_a_root_gives_its_test_folders_by_default(make: Callable[..., HandLabels], tmp_path: Path) -> None:
    for seed, folder in enumerate(["TEST_newdays_img", "VAL_newdays_img", "TRAIN_ego4d_img"]):
        write_pairs(tmp_path / folder, make(seed=seed))
    assert read_labels(tmp_path).subsets == ["newdays"]
    assert read_labels(tmp_path, split="train").subsets == ["train_ego4d"]
    assert read_labels(tmp_path, ["val_newdays", "TRAIN_ego4d_img"]).subsets == ["val_newdays", "train_ego4d"]
    with pytest.raises(InputError, match="has no subset 'newday'; it has newdays"):
        read_labels(tmp_path, ["newday"])


@pytest.mark.parametrize("part", ["all", "vis", "occ"])
def test_a_missing_part_of_the_npz_is_named(part: str, labels: HandLabels, tmp_path: Path) -> None:
    write_evaluation_npz(tmp_path, labels)
    (tmp_path / f"TEST_newdays_img_{part}.npz").unlink()
    with pytest.raises(InputError, match=rf"lacks TEST_newdays_img_{part}\.npz: the all, vis and occ files"):
        read_labels(tmp_path)


def test_contradictory_npz_parts_are_refused(labels: HandLabels, tmp_path: Path) -> None:
    write_evaluation_npz(tmp_path, labels)
    path = tmp_path / "TEST_newdays_img_vis.npz"
    content = dict(read_npz(path))
    content["hand_keypoints_2d"] = content["hand_keypoints_2d"].copy()
    content["hand_keypoints_2d"][4, :, 2] = 1
    write_npz(path, content)
    with pytest.raises(InputError, match=f"all is not vis plus occ in {labels.hand_id[4]}"):
        read_labels(tmp_path)
    content["hand_keypoints_2d"][2, 0, 0] += 1
    write_npz(path, content)
    with pytest.raises(InputError, match=rf"vis\.npz differs from .*_all\.npz in {labels.hand_id[2]}"):
        read_labels(tmp_path)
    write_npz(path, {key: values[1:] for key, values in content.items()})
    with pytest.raises(InputError, match=rf"vis\.npz holds {len(labels) - 1} hands, .*_all\.npz {len(labels)}$"):
        read_labels(tmp_path)


def test_json_written_value_by_value_has_the_same_bytes(tmp_path: Path) -> None:
    lists: dict[str, list[Any]] = {"images": [{"name": "ä", "size": [1, 2]}, {}], "none": [], "numbers": [0.1, 3, None]}
    write_json(tmp_path / "whole.json", lists)
    write_json_lists(tmp_path / "pieces.json", {key: iter(values) for key, values in lists.items()})
    assert (tmp_path / "pieces.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_lists(tmp_path / "pieces.json", {"numbers": [float("nan")]})
    assert (tmp_path / "pieces.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_entries_without_a_size_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    for descr, version, size in (("|S0", 1, 2), ("<U0", 2, 4), ("|V0", 3, 4)):
        header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({10**11},), }}".encode().ljust(117) + b"\n"
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed:
            start = b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(size, "little")
            packed.writestr("hand_id.npy", start + header)
        with pytest.raises(InputError, match="plain arrays"):
            read_npz(tmp_path / "a.npz")
        with pytest.raises(ValueError, match="without a size"):
            parse_npz((tmp_path / "a.npz").read_bytes(), ["hand_id"], 1 << 20)


def test_one_file_of_the_three_names_the_set(labels: HandLabels, tmp_path: Path) -> None:
    write_evaluation_npz(tmp_path, labels)
    assert_same(read_labels(tmp_path / "TEST_newdays_img_occ.npz"), labels)


def test_official_loader_defaults_hold(labels: HandLabels, tmp_path: Path) -> None:
    """One-column scale, names as bytes, no side: as the official loader, all are right hands and square boxes."""
    write_evaluation_npz(tmp_path, labels)
    for path in tmp_path.iterdir():
        content = dict(read_npz(path))
        del content["right"], content["box_xyxy"], content["occlusion"]
        content["imgname"] = np.char.encode(content["imgname"])
        content["scale"] = content["scale"].max(1, keepdims=True)
        write_npz(path, content)
    read = read_labels(tmp_path)
    assert read.is_right.all()
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    np.testing.assert_allclose(read.box_xyxy[:, 2:] - read.box_xyxy[:, :2], np.stack([side, side], 1))


def test_npz_of_python_objects_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    np.savez(tmp_path / "p.npz", hand_id=np.array([Hostile()], dtype=object), keypoints_2d=np.zeros((1, 21, 2)))
    with pytest.raises(InputError, match=r"holds .* save ids with \.astype\(str\)"):
        read_predictions(tmp_path / "p.npz")
    assert not (tmp_path / "ran").exists()


def test_coco_file_works_in_pycocotools(labels: HandLabels, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    write_coco(tmp_path / "gt.json", labels)
    truth = COCO(str(tmp_path / "gt.json"))
    found = truth.loadRes([{**a, "score": 1.0} for a in truth.dataset["annotations"]])
    scorer = COCOeval(truth, found, "keypoints")
    scorer.params.kpt_oks_sigmas = np.full(21, 0.035)
    scorer.evaluate()
    scorer.accumulate()
    scorer.summarize()
    assert scorer.stats[0] == pytest.approx(1.0)


def test_plain_coco_is_read(labels: HandLabels, tmp_path: Path) -> None:
    write_coco(tmp_path / "gt.json", labels)
    content = json.loads((tmp_path / "gt.json").read_text())
    ours = ("hand_id", "clip_id", "subset", "side", "box_xyxy", "occlusion", "has_image")
    content["annotations"] = [{k: v for k, v in a.items() if k not in ours} for a in content["annotations"]]
    write_json(tmp_path / "plain.json", content)
    read = read_labels(tmp_path / "plain.json")
    assert np.array_equal(read.visibility, labels.visibility)
    assert np.array_equal(read.is_right, labels.is_right)
    np.testing.assert_allclose(read.box_xyxy, labels.box_xyxy)
    content["images"][0]["file_name"] = "no_side.jpg"
    content["categories"] = [{**content["categories"][0], "id": k, "name": "hand"} for k in (1, 2)]
    write_json(tmp_path / "sideless.json", content)
    with pytest.raises(InputError, match=r"1 of 12 annotations .*annotation 1 \(no side"):
        read_labels(tmp_path / "sideless.json")


def test_predictions_come_back_as_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    p = Predictions(
        np.array(["a_l", "bb_r"]), rng.random((2, 21, 2)), rng.random((2, 21, 3)), score=rng.random(2), meta={"a": [1]}
    )
    write_predictions(tmp_path / "p.npz", p)
    first = (tmp_path / "p.npz").read_bytes()
    back = read_predictions(tmp_path / "p.npz")
    assert back.hand_id.tolist() == ["a_l", "bb_r"]
    assert np.array_equal(back.keypoints_2d, p.keypoints_2d)
    assert back.vertices is None
    assert back.meta == {"a": [1]}
    write_predictions(tmp_path / "p.npz", back)
    assert (tmp_path / "p.npz").read_bytes() == first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"hand_id": np.array(["a_l"])}, "lacks keypoints_2d"),
        ({"hand_id": np.array(["a_l"]), "keypoints_2d": np.zeros((1, 20, 2))}, r"shape \(1, 20, 2\)"),
        ({"hand_id": np.array(["a_l", "a_l"]), "keypoints_2d": np.zeros((2, 21, 2))}, "duplicate hand ids: a_l"),
        ({"hand_id": np.array(["a_l"]), "keypoints_2d": np.full((1, 21, 2), "x")}, "expected real numbers"),
        ({"hand_id": np.array(["a_l"]), "keypoints_2d": np.zeros((1, 21, 2), complex)}, "expected real numbers"),
    ],
)
def test_unusable_predictions_give_one_line(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "p.npz", content)
    with pytest.raises(InputError, match=message):
        read_predictions(tmp_path / "p.npz")


def a_single_array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


NOT_NPZ = {
    "text": (b"hello", "not a .npz file"),
    "empty": (b"", "empty"),
    "json": (b'{"a": 1}', "JSON"),
    "npy": (a_single_array(), "a single array"),
    "damaged": (b"PK\x03\x04 and no more", "damaged"),
}


@pytest.mark.parametrize("case", NOT_NPZ)
def test_a_file_that_is_not_an_npz_gives_one_line(case: str, tmp_path: Path) -> None:
    content, message = NOT_NPZ[case]
    (tmp_path / "p.npz").write_bytes(content)
    for read in (read_predictions, read_labels):
        with pytest.raises(InputError, match=rf"p\.npz .*{re.escape(message)}") as raised:
            read(tmp_path / "p.npz")
        assert "pickle" not in str(raised.value)


def test_a_folder_of_predictions_is_told_from_a_missing_file(tmp_path: Path) -> None:
    write_npz(tmp_path / "predictions.npz", {"a": np.zeros(1)})
    with pytest.raises(InputError, match=r"is a folder.* holds predictions\.npz"):
        read_predictions(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_predictions(tmp_path / "q.npz")


def test_json_nested_too_deeply_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="nested too deeply"):
        read_labels(tmp_path / "deep.json")
    with pytest.raises(InputError, match="nested too deeply"):
        hint.load_record(tmp_path / "deep.json")


@pytest.mark.parametrize("wrong", [None, 3])
def test_what_is_not_a_path_is_refused(wrong: Any, labels: HandLabels) -> None:
    for load in (hint.load_labels, hint.load_predictions, hint.load_record):
        with pytest.raises(InputError, match="expected a path"):
            load(wrong)
    with pytest.raises(InputError, match="expected a path, then predictions"):
        hint.save_predictions("y.npz", labels)  # type: ignore[arg-type]


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    write_bytes(tmp_path / "f", b"old")
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "f", {"a": float("nan")})
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        write_bytes(tmp_path / "file" / "below", b"x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="a device or a pipe"):
        write_bytes(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "pipe").unlink()
    assert (tmp_path / "f").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "file"]


def test_real_test_labels_load_completely(shared: Path) -> None:
    labels = read_labels(shared / "data" / "hint_eval_npz")
    assert {s: int((labels.subset == s).sum()) for s in labels.subsets} == REAL_COUNTS
    assert [int((labels.visibility == v).sum()) for v in (1, 2)] == [12527 + 17168 + 15898, 21583 + 21264 + 19260]
    assert len(set(labels.clip_id[labels.subset == "newdays"].tolist())) == 850
    assert len(set(labels.clip_id[labels.subset == "epick"].tolist())) == 41
    assert len(set(labels.clip_id[labels.subset == "ego4d"].tolist())) == 198


def test_real_npz_survives_pairs_and_back(shared: Path, tmp_path: Path) -> None:
    labels = read_evaluation_npz(shared / "data" / "hint_eval_npz", "TEST_ego4d_img")
    write_pairs(tmp_path / "TEST_ego4d_img", labels)
    back = read_labels(tmp_path)
    assert_same(back, labels, ignore=("image",))
    write_evaluation_npz(tmp_path / "npz", replace(back, image=labels.image))
    official = read_npz(shared / "data" / "hint_eval_npz" / "TEST_ego4d_img_occ.npz")
    ours = read_npz(tmp_path / "npz" / "TEST_ego4d_img_occ.npz")
    for key in ("imgname", "right", "hand_keypoints_2d"):
        assert np.array_equal(ours[key], official[key]), key
    for key in ("center", "scale"):
        np.testing.assert_allclose(ours[key], official[key], rtol=0, atol=1e-9)
