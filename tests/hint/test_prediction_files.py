"""Predictions as tables and as COCO results: what is written is read, and what is no such file is refused by name."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from hint.errors import InputError
from hint.files import read_labels, read_predictions, write_coco, write_json, write_predictions
from hint.files.prediction_table import COLUMNS, write_csv, write_parquet
from hint.prediction.box_files import lines_of_file
from hint.skeleton import JOINT_NAMES
from hint.types import HandLabels, Predictions

RNG = np.random.default_rng(2)
N = 4
POINTS = RNG.uniform(0, 900, (N, 21, 2)).astype(np.float32)
IDS = np.array([f"a,{k} \u00e9_l" for k in range(N)])
ALL = Predictions(
    IDS,
    np.where(np.arange(N)[:, None, None] == 1, np.nan, POINTS),
    RNG.normal(0, 0.1, (N, 21, 3)),
    score=RNG.random((N, 21)),
    existence=RNG.random((N, 21)) < 0.8,
    occlusion=np.zeros((N, 21), bool),
    meta={"method": "mine"},
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("kept", ["all", "points", "one score"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str, kept: str) -> None:
    written = {
        "all": ALL,
        "points": Predictions(IDS, ALL.keypoints_2d),
        "one score": Predictions(IDS, ALL.keypoints_2d, score=np.array([0.5, np.nan, 0.125, 1])),
    }[kept]
    path = tmp_path / f"p{suffix}"
    write_predictions(path, written)
    read = read_predictions(path)
    for name in ("hand_id", "keypoints_2d", "keypoints_3d", "score", "existence", "occlusion"):
        expected = getattr(written, name)
        if expected is None:
            assert getattr(read, name) is None, name
        else:
            np.testing.assert_array_equal(getattr(read, name), expected, err_msg=name)
    if suffix == ".parquet":
        assert read.meta == written.meta
    first = path.read_bytes()
    write_predictions(path, written)
    assert path.read_bytes() == first


def test_every_method_has_the_same_columns(tmp_path: Path) -> None:
    from pyarrow import parquet

    for written in (ALL, Predictions(IDS, ALL.keypoints_2d), ALL.select([])):
        for suffix in ("csv", "parquet"):
            write_predictions(tmp_path / f"p.{suffix}", written)
        with (tmp_path / "p.csv").open(encoding="utf-8") as stream:
            assert tuple(next(csv.reader(stream))) == COLUMNS
        schema = parquet.read_schema(tmp_path / "p.parquet")
        assert tuple(schema.names) == COLUMNS
        assert {str(schema.field(f"wrist_{part}").type) for part in ("x", "score", "z_3d")} == {"float"}
    assert len(COLUMNS) == len(set(COLUMNS)) == 10 + 21 * 7


NAMES = ["hand_id", *(f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xy")]
Cells = list[list[str]]


def table(change: Callable[[Cells], Any] = lambda rows: None) -> str:
    rows = [NAMES[::-1], *([str(k + column) for column in range(42)] + [f"h{k}_l"] for k in range(3))]
    change(rows)
    return "\n".join(",".join(row) for row in rows)


def test_a_table_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("\ufeff" + table(lambda rows: [row.append("x") for row in rows]).replace("\n", "\r\n"))
    read = read_predictions(path)
    assert read.hand_id.tolist() == ["h0_l", "h1_l", "h2_l"]
    assert read.keypoints_2d[1, 0].tolist() == [42, 41]
    assert read.score is read.existence is read.keypoints_3d is None


def with_visibility_7(rows: Cells) -> None:
    for row, cell in zip(rows, ("wrist_visibility", "2", "1", "7"), strict=True):
        row.append(cell)


HOSTILE: dict[str, tuple[Any, str]] = {
    "column": (table(lambda rows: rows[0].__setitem__(3, "pinky")), "no column ring_tip_x|no column little_dip_x"),
    "twice": (table(lambda rows: rows[0].__setitem__(0, "wrist_x")), "columns twice: wrist_x"),
    "short": (table(lambda rows: rows[2].pop()), "line 3 has 42 columns, expected 43"),
    "word": (table(lambda rows: rows[2].__setitem__(0, "far")), "row 2: little_tip_y is 'far'"),
    "infinite": (table(lambda rows: rows[2].__setitem__(0, "inf")), "row 2: little_tip_y is not finite"),
    "huge": (table(lambda rows: rows[3].__setitem__(0, "1e400")), "row 3: little_tip_y is not finite"),
    "ids": (table(lambda rows: rows[2].__setitem__(42, "h0_l")), "duplicate hand ids: h0_l"),
    "state": (table(with_visibility_7), "0 .out of frame."),
    "quotes": (table().replace("h1_l", '"h1'), "not a CSV table"),
    "long": (table().replace("h1_l", '"' + "x" * 200_000 + '"'), "not a CSV table"),
    "latin": (table().replace("h1_l", "\u00e9").encode("latin-1"), "not a CSV table in UTF-8"),
    "empty": ("", "no column hand_id"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_broken_table_gives_one_line(tmp_path: Path, case: str) -> None:
    content, message = HOSTILE[case]
    (tmp_path / "p.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=rf"p\.csv.*({message})") as raised:
        read_predictions(tmp_path / "p.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more PAR1", b"hand_id,wrist_x\n"])
def test_a_broken_parquet_file_gives_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"p\.parquet is not readable as Parquet") as raised:
        read_predictions(tmp_path / "p.parquet")
    assert "\n" not in str(raised.value)


def test_a_table_scores_as_the_npz_does(labels: HandLabels, tmp_path: Path) -> None:
    noisy = Predictions(labels.hand_id, labels.keypoints_2d + RNG.normal(0, 4, labels.keypoints_2d.shape))
    records = []
    for suffix in ("npz", "csv", "parquet"):
        write_predictions(tmp_path / f"p.{suffix}", noisy)
        records.append(evaluate(labels, str(tmp_path / f"p.{suffix}")).record)
    assert records[0].scores == records[1].scores == records[2].scores


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_hands_of_a_table_are_matched_by_picture_side_and_box(hint_root: Path, tmp_path: Path, suffix: str) -> None:
    """As a detector and a method of somebody else write them, with ids of their own."""
    labels = read_labels(hint_root)
    found = Predictions(np.array([f"found {k}" for k in range(12)]), labels.keypoints_2d)
    places = {
        "picture": labels.image.tolist(),
        "side": ["right" if is_right else "left" for is_right in labels.is_right],
        **dict(zip(("x1", "y1", "x2", "y2"), (labels.box_xyxy + 2).T.tolist(), strict=True)),
    }
    path = tmp_path / f"p.{suffix}"
    {"csv": write_csv, "parquet": write_parquet}[suffix](path, found, places)
    done = evaluate(hint_root, path, match_boxes=True)
    assert {s.value for s in done.record.scores if s.metric == "pck"} == {100.0}
    lines = lines_of_file(path)
    np.testing.assert_allclose([line.box_xyxy for line in lines], labels.box_xyxy + 2)
    assert [line.is_right for line in lines] == labels.is_right.tolist()


@pytest.fixture
def annotated(labels: HandLabels, tmp_path: Path) -> tuple[Path, HandLabels, list[dict[str, Any]]]:
    """A COCO file of six pictures with two hands each, in categories without a side, and its perfect results."""
    paired = replace(labels, image=[f"{k // 2}.jpg" for k in range(len(labels))], keypoints_2d=labels.keypoints_2d)
    apart = np.arange(len(labels)) % 2 * 300.0
    moved = replace(
        paired,
        keypoints_2d=paired.keypoints_2d + apart[:, None, None],
        box_xyxy=paired.box_xyxy + apart[:, None],
        existence=np.ones((12, 21), bool),
    )
    path = tmp_path / "labels.json"
    write_coco(path, moved)
    content = json.loads(path.read_text())
    order = np.random.default_rng(0).permutation(21)
    for category in content["categories"]:
        category["keypoints"] = [JOINT_NAMES[k] for k in order]
    for one in content["annotations"]:
        one["keypoints"] = np.reshape(one["keypoints"], (21, 3))[order].ravel().tolist()
    write_json(path, content)
    results = [
        {key: one[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 0.5 + one["id"] / 100}
        for one in content["annotations"]
    ]
    return path, read_labels(path), results


Annotated = tuple[Path, HandLabels, list[dict[str, Any]]]


def scored(annotated: Annotated, results: list[dict[str, Any]]) -> tuple[float, tuple[str, ...]]:
    path, _, _ = annotated
    write_json(path.with_name("results.json"), results)
    done = evaluate(path, path.with_name("results.json"))
    return next(s.value for s in done.record.scores if s.metric == "pck" and s.threshold == 0.05), done.remarks


def test_results_are_matched_with_hands_of_their_picture(annotated: Annotated) -> None:
    path, labels, results = annotated
    assert scored(annotated, results[::-1])[0] == pytest.approx(100)
    worse = {**results[0], "score": 0.1, "keypoints": [0.0] * 63}
    swapped = [{**one, "category_id": 3 - one["category_id"]} for one in results]
    score, remarks = scored(annotated, [worse, *swapped])
    assert score == pytest.approx(100)
    assert "1 result of 13" in remarks[0]
    named = [{**one, "annotation_id": k, "keypoints": [5.0] * 63} for k, one in enumerate(results, start=1)]
    write_json(path.with_name("named.json"), named)
    read = read_predictions(path.with_name("named.json"), path)
    assert sorted(read.hand_id.tolist()) == sorted(labels.hand_id.tolist())
    assert (read.keypoints_2d == 5).all()


def test_a_bad_prediction_of_the_only_hand_is_its_prediction(annotated: Annotated) -> None:
    path, _, results = annotated
    content = json.loads(path.read_text())
    write_json(path, {**content, "annotations": content["annotations"][:1]})
    write_json(path.with_name("results.json"), [{**results[0], "keypoints": [900.0] * 63}])
    assert read_predictions(path.with_name("results.json"), path).keypoints_2d[0, 0].tolist() == [900, 900]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"annotations": []}, "annotations, which are labels: hint eval --data"),
        ([], "it is empty"),
        ([3], "expected a list of image_id, category_id, keypoints and score"),
        ([3, {"image_id": 1}], r"2 of 2 results .*result 1 \(expected an object"),
        ([{"image_id": 1, "category_id": 9, "keypoints": []}], "result 1 .category_id 9 is no category of hands"),
        ([{"image_id": 1, "category_id": 1}], r"result 1 \(lacks keypoints"),
        ([{"image_id": 1, "category_id": 1, "keypoints": [1e300] * 63}], "far outside"),
        ([{"image_id": 99, "category_id": 1, "keypoints": [1.0] * 63}], "none of 1 results .* of 12 hands"),
        ([{"image_id": [1], "category_id": 1, "keypoints": [1.0] * 63}], "neither a number nor a name"),
        (
            [{"image_id": 1, "annotation_id": {}, "category_id": 1, "keypoints": [1.0] * 63}],
            "annotation_id {} is neither a number nor a name",
        ),
    ],
)
def test_what_is_no_list_of_results_is_named(annotated: Annotated, content: Any, message: str) -> None:
    path = annotated[0].with_name("results.json")
    write_json(path, content)
    with pytest.raises(InputError, match=rf"results\.json.*{message}|{message}"):
        read_predictions(path, annotated[0])


def test_results_need_the_file_they_number(annotated: Annotated, hint_root: Path) -> None:
    path = annotated[0].with_name("results.json")
    write_json(path, annotated[2])
    for labels in (None, hint_root):
        with pytest.raises(InputError, match=r"results\.json numbers pictures .*--data LABELS\.json"):
            read_predictions(path, labels)


def test_given_results_are_perfect(shared: Path, tmp_path: Path) -> None:
    cases = shared / "cases"
    if not cases.is_dir():
        pytest.skip(f"no cases at {cases}")
    for name in ("hands_among_other_categories", "side_in_category_name", "wholebody_hands"):
        done = evaluate(cases / f"coco_{name}.json", cases / "coco_results_list.json")
        assert {s.value for s in done.record.scores if s.metric == "pck" and s.visibility == "all"} == {100.0}
    ours = evaluate(cases / "coco_joint_names_in_another_order.json", cases / "perfect_predictions.npz")
    assert {s.value for s in ours.record.scores if s.metric == "pck" and s.visibility == "all"} == {100.0}


def test_a_folder_of_parquet_is_one_table(labels: HandLabels, tmp_path: Path) -> None:
    rows = Predictions(labels.hand_id, labels.keypoints_2d.astype(np.float32))
    for part, some in (("b", slice(5, None)), ("a", slice(0, 5))):
        write_predictions(tmp_path / "shards" / f"{part}.parquet", rows.select(some))
    whole = read_predictions(tmp_path / "shards")
    assert whole.hand_id.tolist() == rows.hand_id.tolist()
    np.testing.assert_array_equal(whole.keypoints_2d, rows.keypoints_2d)
    scored = evaluate(labels, tmp_path / "shards")
    assert scored.record.status == "complete"
    assert scored.record.method.name == "shards"


def _parquet(path: Path, rows: int = 3, **columns: Any) -> Path:
    from pyarrow import array, parquet, table

    numbers = dict.fromkeys(NAMES[1:], array([1.0] * rows).dictionary_encode())
    parquet.write_table(table({"hand_id": [f"h{k}_l" for k in range(rows)], **numbers, **columns}), path)
    return path


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("hand_id", [b"h0_l", b"h1_l", b"h2_l"], "row 1: hand_id is b'h0_l', expected a text"),
        ("hand_id", ["h0_l", None, None], "row 2: hand_id is None, expected a text"),
        ("side", [None, ["left"], None], r"row 2: side is \['left'\], expected a text"),
        ("picture", [{"a": 1}] * 3, "row 1: picture is .*, expected a text"),
        ("wrist_x", [[1.0]] * 3, "row 1: wrist_x is .*, expected a number"),
    ],
    ids=["bytes", "nulls", "lists", "objects", "lists of numbers"],
)
def test_a_column_of_parquet_of_another_type_is_named(
    column: str, values: list[Any], problem: str, tmp_path: Path
) -> None:
    path = _parquet(tmp_path / "p.parquet", **{column: values})
    for read in (read_predictions, lines_of_file) if column != "wrist_x" else (read_predictions,):
        with pytest.raises(InputError, match=rf"p\.parquet: {problem}"):
            read(path)


def test_columns_of_others_in_parquet_are_not_read(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "p.parquet", other=[{"deep": [1]}] * 3)
    assert read_predictions(path).hand_id.tolist() == ["h0_l", "h1_l", "h2_l"]


def test_a_file_among_parquet_files_that_is_another_is_named(tmp_path: Path) -> None:
    _parquet(tmp_path / "a.parquet")
    _parquet(tmp_path / "b.parquet", wrist_x=[1, 2, 3])
    with pytest.raises(InputError, match=r"b\.parquet has other columns, or of other types, than the first file"):
        read_predictions(tmp_path)
    os.mkfifo(tmp_path / "0.parquet")
    for read in (read_predictions, lines_of_file):
        with pytest.raises(InputError, match=r"0\.parquet is a pipe or a device"):
            read(tmp_path)


def test_a_small_parquet_file_does_not_fill_the_memory(tmp_path: Path) -> None:
    many = _parquet(tmp_path / "p.parquet", 100_000, hand_id=["h"] * 100_000)
    for read in (read_predictions, lines_of_file):
        with pytest.raises(InputError, match=r"p\.parquet is not readable as Parquet: 100,000 rows in [0-9,]+ bytes"):
            read(many)
