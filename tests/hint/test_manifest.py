"""Manifests that somebody wrote or changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hint.errors import InputError
from hint.files.manifest import SampledHand, read_manifest, write_manifest
from hint.prediction.box_files import lines_of_file


def a_hand(number: int, **changes: Any) -> dict[str, Any]:
    name = f"ND_000video000_frame{number:06}_l"
    texts = dict.fromkeys(("source", "source_split", "video", "clip", "frame_type", "action", "contact"), "")
    texts |= dict.fromkeys(("interaction", "stratum", "policy", "policy_sha256", "origin", "image_sha256"), "")
    numbers = {"frame": number, "seed": 0, "box_xyxy": (10.0, 10.0, 50.0, 60.0), "centre": (30.0, 35.0)}
    own = {"hand_id": name, "split": "train", "side": "left", "folder": "TRAIN_newdays_img", "size": (200, 150)}
    return {**texts, **numbers, **own, "image": f"TRAIN_newdays_img/{name}.jpg", **changes}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("hand_id", value) for value in ("../../x_r", "/etc/x_r", "", "..", "x" * 300 + "_r")),
        pytest.param("hand_id", "\x1b[31m_r", id="hand_id-an escape sequence"),
        *(("folder", value) for value in ("..", "", "/etc/evil", "a/b")),
        *(("image", value) for value in ("../a.jpg", "/a.jpg", "a/../../b.jpg", "", "a\\b.jpg")),
        pytest.param("image", "a\x00.jpg", id="image-a null character"),
        *(("box_xyxy", (value, 1, 20, 30)) for value in (float("nan"), float("-inf"), -1e308, 20, 30)),
        *(("size", value) for value in ((0, 0), (-5, 5), (2**70, 5))),
        *(("centre", (value, 1)) for value in (float("nan"), 1e200)),
    ],
)
def test_a_hand_that_cannot_be_is_named_with_its_line(field: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "TRAIN_newdays_img.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (a_hand(0), a_hand(1, **{field: value}))))
    with pytest.raises(InputError, match=f"1 of 2 lines are not sampled hands: line 2 .{field}"):
        read_manifest(path)


def test_what_editors_do_to_a_manifest_changes_nothing(tmp_path: Path) -> None:
    path, hands = tmp_path / "m.jsonl", [SampledHand.model_validate(a_hand(number)) for number in range(2)]
    write_manifest(path, hands)
    text = path.read_text()
    path.write_bytes(b"\xef\xbb\xbf\r\n" + text.replace("\n", "\r\n\r\n").encode())
    assert read_manifest(path) == hands


def _parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    from pyarrow import Table, parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(Table.from_pylist(rows), path, **options)
    return path


def test_a_manifest_as_parquet_is_the_one_as_lines(tmp_path: Path) -> None:
    rows = [a_hand(k, box_xyxy=None if k == 3 else (10.0, 10.0, 50.0, 60.0)) for k in range(9)]
    path = tmp_path / "sample.jsonl"
    write_manifest(path, [SampledHand(**row) for row in rows])
    whole = _parquet(tmp_path / "sample.parquet", rows, row_group_size=2)
    for part, some in (("b", rows[4:]), ("a", rows[:4])):
        _parquet(tmp_path / "shards" / f"{part}.parquet", some)
    expected, boxes = read_manifest(path), lines_of_file(path)
    for other in (whole, whole.parent / "shards"):
        assert read_manifest(other) == expected
        assert lines_of_file(other) == boxes


def test_a_row_of_parquet_that_cannot_be_is_named(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "sample.parquet", [a_hand(0), a_hand(1, folder="a/b")])
    with pytest.raises(InputError, match=r"sample\.parquet: 1 of 2 lines are not sampled hands: line 2 .folder"):
        read_manifest(path)
    path.write_bytes(path.read_bytes()[:-9])
    for read in (read_manifest, lines_of_file):
        with pytest.raises(InputError, match=r"sample\.parquet is not readable as Parquet: "):
            read(path)


def test_boxes_as_parquet_are_those_of_a_list(tmp_path: Path) -> None:
    boxes = [{"image": f"{k}.jpg", "box_xyxy": [1.0, 2.0, 30.0, 40.0], "side": "left"} for k in range(3)]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    path = _parquet(tmp_path / "boxes.parquet", boxes)
    assert lines_of_file(path) == lines_of_file(tmp_path / "boxes.json")
