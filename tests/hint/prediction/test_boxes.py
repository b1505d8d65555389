"""Lists of boxes in every form, and the messages about wrong ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.detection import Detection, Picture
from hint.errors import InputError
from hint.prediction.boxes import KnownBoxes, boxes_of_pictures, read_boxes
from hint.prediction.detections import BoxLine, DetectedHand, FrameDetections, lines_of, write_lines
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
    assert boxes.detect(picture(a), NO_PIXELS) == [Detection(BOX, False)]
    assert boxes.detect(picture(a.with_name("b.jpg")), NO_PIXELS) == []


def test_frames_of_a_video(tmp_path: Path) -> None:
    lines = [{"frame": 0, "box_xyxy": BOX, "is_right": True}, {"frame": 2}]
    boxes = read_boxes(written(tmp_path, "\n".join(map(json.dumps, lines)), "boxes.jsonl"))
    found = [boxes.detect(picture(tmp_path / "clip.mp4", frame), NO_PIXELS) for frame in range(3)]
    assert found == [[Detection(BOX, True)], [], []]
    assert boxes.detect(picture(tmp_path / "a.jpg"), NO_PIXELS) == []


def test_coco_boxes_need_no_keypoints_but_a_side(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "ND_x_frame000001_l.jpg"}]
    annotations: list[dict[str, Any]] = [
        {"id": 1, "image_id": 7, "bbox": [10, 20, 80, 100], "side": "right"},
        {"id": 2, "image_id": 8, "bbox": [10, 20, 80, 100]},
    ]
    path = written(tmp_path, {"images": images, "annotations": annotations})
    boxes = read_boxes(path)
    assert boxes.detect(picture(tmp_path / "a.jpg"), NO_PIXELS) == [Detection(BOX, True)]
    assert boxes.detect(picture(tmp_path / "ND_x_frame000001_l.jpg"), NO_PIXELS) == [Detection(BOX, False)]
    del annotations[0]["side"]
    with pytest.raises(InputError, match=r"1 of 2 .*entry 1 \(.*is_right"):
        read_boxes(written(tmp_path, {"images": images, "annotations": annotations}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable as JSON"),
        ("3", "int"),
        ('{"a": 1}', "COCO"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 5], "is_right": True}], r"entry 1 \(box_xyxy.3: Field required\)"),
        ([{"image": "a.jpg", "box_xyxy": [9, 0, 5, 5], "is_right": True}], r"entry 1 \(box_xyxy.*x1, y1, x2, y2"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 5, 5]}], r"entry 1 \(.*is_right"),
        ([{"image": "a.jpg", "bbox": [0, 0, 5, 5]}], r"entry 1 \(.*box_xyxy.*bbox.*\).*is_right"),
        ([{"box_xyxy": [0, 0, 5, 5], "is_right": True}], r"entry 1 \(.*image.*frame"),
        ({"images": [], "annotations": [{"image_id": 3, "bbox": [0, 0, 1, 1]}]}, "images .*: 3"),
    ],
)
def test_wrong_lists_are_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_boxes(written(tmp_path, content))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_boxes(tmp_path / "boxes.json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    clip = tmp_path / "clips" / "clip.mp4"
    hand = Hand("clip_frame000003_0_l", BOX, False, clip)
    frames = [
        FrameDetections(picture(clip, 3), (640, 480), (DetectedHand(hand, 0.75, 0),)),
        FrameDetections(picture(clip, 4), (640, 480), ()),
    ]
    lines = [line for frame in frames for line in lines_of(frame, tmp_path / "out")]
    write_lines(tmp_path / "out" / "hands.jsonl", lines)
    boxes = read_boxes(tmp_path / "out" / "hands.jsonl")
    assert boxes.detect(frames[0].picture, NO_PIXELS) == [Detection(BOX, False, 0.75, hand.hand_id)]
    assert boxes.of(frames[1].picture) is not None
    assert boxes.of(picture(clip, 5)) is None


def test_other_boxes_are_another_source() -> None:
    def identity(box: tuple[float, float, float, float]) -> str:
        return KnownBoxes([BoxLine(image="a.jpg", box_xyxy=box, is_right=True)], Path()).identity

    assert identity(BOX) == identity(BOX) != identity((*BOX[:3], 121.0))


PICTURES = [Picture(name, None, "key") for name in ("a", "b")]
OTHER = (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("boxes", "sides", "expected"),
    [
        ([BOX], ["right"], [[(BOX, True)]]),
        (BOX, "left", [[(BOX, False)]]),
        ([BOX, OTHER], [True, np.False_], [[(BOX, True)], [(OTHER, False)]]),
        (np.array([BOX, OTHER]), ["left", "right"], [[(BOX, False), (OTHER, True)]]),
        ([[BOX, OTHER]], [["left", "right"]], [[(BOX, False), (OTHER, True)]]),
        ([BOX, OTHER], ["left", "right"], [[(BOX, False)], [(OTHER, True)]]),
        ([[BOX, OTHER], []], [["left", "right"], []], [[(BOX, False), (OTHER, True)], []]),
        ([[BOX], OTHER], "right", [[(BOX, True)], [(OTHER, True)]]),
    ],
)
def test_boxes_as_numbers(boxes: Any, sides: Any, expected: list[list[tuple[Any, bool]]]) -> None:
    pictures = PICTURES[: len(expected)]
    known = boxes_of_pictures(boxes, sides, pictures)
    found = [[(d.box_xyxy, d.is_right) for d in known.detect(picture, NO_PIXELS)] for picture in pictures]
    assert found == expected


@pytest.mark.parametrize(
    ("boxes", "sides", "message"),
    [
        ([BOX, BOX], None, "sides="),
        ([BOX], ["right"], "boxes of 1 .* 2 pictures"),
        ([BOX, BOX], ["right", "up"], "'up'"),
        ([BOX, [1, 2, 3]], "right", r"shape \(3,\)"),
        ([BOX, "x"], "right", "boxes of b"),
        ([BOX, [BOX, BOX]], ["left", ["left"]], r"b: 1 side given, but 2 needed"),
        ([BOX, (9, 0, 5, 5)], "right", r"entry 2 \(box_xyxy"),
    ],
)
def test_wrong_boxes_as_numbers(boxes: Any, sides: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        boxes_of_pictures(boxes, sides, PICTURES)
