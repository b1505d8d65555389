"""Lists of boxes in every form, and what is said about wrong ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.errors import InputError
from hint.prediction.boxes import Boxes, read_boxes
from hint.prediction.seen import Found, Look, Seen, lines_of, write_lines
from hint.prediction.source import Picture
from hint.types import Hand

BOX = (10.0, 20.0, 90.0, 120.0)
NO_PIXELS = np.zeros((1, 1, 3), np.uint8)


def picture(path: Path, frame: int | None = None) -> Picture:
    return Picture(path.stem, path, "key", frame)


def written(folder: Path, content: Any, name: str = "boxes.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("image", ["photos/a.jpg", "a.jpg", "{absolute}"])
def test_a_box_belongs_to_the_picture_it_names(tmp_path: Path, image: str) -> None:
    a = tmp_path / "photos" / "a.jpg"
    entry = {"image": image.format(absolute=a), "box_xyxy": BOX, "is_right": False}
    boxes = read_boxes(written(tmp_path, [entry]))
    assert boxes.find(picture(a), NO_PIXELS) == [Found(BOX, False)]
    assert boxes.find(picture(a.with_name("b.jpg")), NO_PIXELS) == []


def test_frames_of_a_video(tmp_path: Path) -> None:
    lines = [{"frame": 0, "box_xyxy": BOX, "is_right": True}, {"frame": 2}]
    boxes = read_boxes(written(tmp_path, "\n".join(map(json.dumps, lines)), "boxes.jsonl"))
    found = [boxes.find(picture(tmp_path / "clip.mp4", frame), NO_PIXELS) for frame in range(3)]
    assert found == [[Found(BOX, True)], [], []]
    assert boxes.find(picture(tmp_path / "a.jpg"), NO_PIXELS) == []


def test_coco_boxes_need_no_keypoints_but_a_side(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "ND_x_frame000001_l.jpg"}]
    annotations: list[dict[str, Any]] = [
        {"id": 1, "image_id": 7, "bbox": [10, 20, 80, 100], "side": "right"},
        {"id": 2, "image_id": 8, "bbox": [10, 20, 80, 100]},
    ]
    path = written(tmp_path, {"images": images, "annotations": annotations})
    boxes = read_boxes(path)
    assert boxes.find(picture(tmp_path / "a.jpg"), NO_PIXELS) == [Found(BOX, True)]
    assert boxes.find(picture(tmp_path / "ND_x_frame000001_l.jpg"), NO_PIXELS) == [Found(BOX, False)]
    del annotations[0]["side"]
    with pytest.raises(InputError, match=r"1 of 2 entries are no boxes: entry 1 \(lacks is_right\)"):
        read_boxes(written(tmp_path, {"images": images, "annotations": annotations}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not readable as JSON"),
        ("3", "holds a int"),
        ('{"a": 1}', "neither a list of boxes nor a COCO file"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 5], "is_right": True}], r"entry 1 \(box_xyxy.3: Field required\)"),
        ([{"image": "a.jpg", "box_xyxy": [9, 0, 5, 5], "is_right": True}], "zero or negative size"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 5, 5]}], "lacks is_right"),
        ([{"box_xyxy": [0, 0, 5, 5], "is_right": True}], "lacks image, or frame"),
        ({"images": [], "annotations": [{"image_id": 3, "bbox": [0, 0, 1, 1]}]}, "images that are not listed: 3"),
    ],
)
def test_wrong_lists_are_named(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_boxes(written(tmp_path, content))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_boxes(tmp_path / "boxes.json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    clip = tmp_path / "clips" / "clip.mp4"
    hand = Hand("clip_frame000003_0_l", BOX, False, clip)
    looks = [
        Look(picture(clip, 3), (640, 480), (Seen(hand, 0.75, 0),)),
        Look(picture(clip, 4), (640, 480), ()),
    ]
    lines = [line for look in looks for line in lines_of(look, tmp_path / "out")]
    write_lines(tmp_path / "out" / "hands.jsonl", lines)
    boxes = read_boxes(tmp_path / "out" / "hands.jsonl")
    assert boxes.find(looks[0].picture, NO_PIXELS) == [Found(BOX, False, 0.75, hand.hand_id)]
    assert boxes.of(looks[1].picture) is not None
    assert boxes.of(picture(clip, 5)) is None


def test_other_boxes_are_another_source() -> None:
    from hint.prediction.seen import BoxLine

    def identity(box: tuple[float, float, float, float]) -> str:
        return Boxes([BoxLine(image="a.jpg", box_xyxy=box, is_right=True)], Path()).identity

    assert identity(BOX) == identity(BOX) != identity((*BOX[:3], 121.0))
