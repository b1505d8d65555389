"""Lists of boxes in every form, which pictures they belong to, and the messages about wrong ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hint
from hint.detection import Detection, Picture
from hint.errors import InputError
from hint.exif import Exif
from hint.files import write_coco, write_evaluation_npz, write_pairs
from hint.prediction.boxes import BoxCount, KnownBoxes, boxes_of_pictures, read_boxes
from hint.prediction.camera import Intrinsics
from hint.prediction.detections import BoxLine, DetectedHand, FrameDetections, lines_of
from hint.prediction.source import Source, Stills
from hint.types import Hand

BOX = (10.0, 20.0, 90.0, 120.0)
NO_PIXELS = np.zeros((1, 1, 3), np.uint8)


def picture(path: Path, frame: int | None = None) -> Picture:
    return Picture(path.stem, path, "key", frame)


def written(folder: Path, content: Any, name: str = "boxes.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def found(boxes: KnownBoxes, *pictures: Picture) -> list[list[Detection]]:
    boxes.match(Stills(pictures))
    return [boxes.detect(picture, NO_PIXELS) for picture in pictures]


class Clip(Source):
    """A video of three frames, without a file."""

    total, rate = 3, 25.0

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name

    def pictures(self) -> Iterator[Picture]:
        return iter(picture(self.path, frame) for frame in range(self.total))

    def files(self) -> dict[str, Path | None]:
        return {self.path.stem: self.path}


@pytest.mark.parametrize(
    "image", ["photos/a.jpg", "a.jpg", "a", "a.png", "elsewhere/a.jpg", "{absolute}", "/other/photos/a.jpg"]
)
def test_a_box_belongs_to_the_picture_it_names(tmp_path: Path, image: str) -> None:
    a = tmp_path / "photos" / "a.jpg"
    entry = {"image": image.format(absolute=a), "box_xyxy": BOX, "is_right": False}
    boxes = read_boxes(written(tmp_path, [entry]))
    assert found(boxes, picture(a), picture(a.with_name("b.jpg"))) == [[Detection(BOX, False)], []]


def test_a_path_decides_before_a_file_name_and_that_before_a_stem(tmp_path: Path) -> None:
    names = ["x/a.jpg", "y/a.jpg", "b.jpg", "b.png"]
    entries = [{"image": name, "box_xyxy": [0, 0, k + 1, 9], "is_right": True} for k, name in enumerate(names)]
    boxes = read_boxes(written(tmp_path, entries))
    far = Path("/elsewhere")
    hands = found(boxes, picture(far / "y" / "a.jpg"), picture(far / "b.png"), Picture("b-jpg", far / "b.jpg", "key"))
    assert [hand.box_xyxy[2] for (hand,) in hands] == [2, 4, 3]


@pytest.mark.parametrize(
    ("named", "pictures", "message"),
    [
        (["x/a.jpg", "y/a.jpg"], ["/z/a.jpg"], r"/z/a\.jpg may be x/a\.jpg, y/a\.jpg of the boxes"),
        (["a"], ["/z/a.jpg", "/z/a.png"], r"boxes of a may belong to /z/a\.jpg, /z/a\.png"),
        (["b.jpg"], ["/z/a.jpg"], r"none of the boxes \(b\.jpg\) belongs to the 1 picture \(a-jpg\)"),
    ],
    ids=["two lines for one picture", "two pictures for one line", "none"],
)
def test_unclear_names_are_refused(tmp_path: Path, named: list[str], pictures: list[str], message: str) -> None:
    entries = [{"image": name, "box_xyxy": BOX, "is_right": True} for name in named]
    boxes = read_boxes(written(tmp_path, entries))
    with pytest.raises(InputError, match=message):
        found(boxes, *(Picture(Path(name).name.replace(".", "-"), Path(name), "key") for name in pictures))


def test_boxes_are_counted(tmp_path: Path) -> None:
    entries = [{"image": f"{name}.jpg", "box_xyxy": BOX, "is_right": True} for name in "aabx"]
    boxes = read_boxes(written(tmp_path, entries))
    assert boxes.match(Stills([picture(tmp_path / f"{name}.jpg") for name in "abc"])) == BoxCount(4, 3, 2, 3)


def test_frames_of_a_video(tmp_path: Path) -> None:
    lines = [{"frame": 0, "box_xyxy": BOX, "is_right": True}, {"frame": 2}, {"frame": 9, "box_xyxy": BOX}]
    boxes = read_boxes(written(tmp_path, "\n".join(map(json.dumps, lines)), "boxes.jsonl"))
    clip = Clip(tmp_path / "clip.mp4")
    assert boxes.match(clip) == BoxCount(2, 1, 1, 3)
    assert [boxes.detect(frame, NO_PIXELS) for frame in clip.pictures()] == [[Detection(BOX, True)], [], []]
    with pytest.raises(InputError, match="none of the boxes belongs"):
        found(boxes, picture(tmp_path / "a.jpg"))


def test_coco_boxes_need_neither_keypoints_nor_a_side(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "val/a.jpg"}, {"id": 8, "file_name": "ND_x_frame000001_l.jpg"}]
    annotations: list[dict[str, Any]] = [
        {"id": 1, "image_id": 7, "bbox": [10, 20, 80, 100], "side": "right"},
        {"id": 2, "image_id": 7, "bbox": [10, 20, 80, 100]},
        {"id": 3, "image_id": 8, "bbox": [10, 20, 80, 100]},
    ]
    boxes = read_boxes(written(tmp_path, {"images": images, "annotations": annotations}))
    hands = found(boxes, picture(tmp_path / "a.jpg"), picture(tmp_path / "ND_x_frame000001_l.jpg"))
    assert hands == [[Detection(BOX, True), Detection(BOX, None)], [Detection(BOX, False)]]
    assert not boxes.has_sides


@pytest.mark.parametrize("kind", ["pairs", "npz", "coco"])
def test_labels_in_another_folder_match_by_name(hint_root: Path, tmp_path: Path, kind: str) -> None:
    labels = hint.load_labels(hint_root).select([0, 1, 2])
    source = {"pairs": tmp_path / "TEST_newdays_img", "npz": tmp_path, "coco": tmp_path / "labels.json"}[kind]
    {"pairs": write_pairs, "npz": write_evaluation_npz, "coco": write_coco}[kind](source, labels)
    photos = [picture(tmp_path / "photos" / f"{i}.png") for i in labels.hand_id.tolist()]
    hands = found(read_boxes(source), *photos)
    assert [hand.hand_id for (hand,) in hands] == labels.hand_id.tolist()
    assert np.allclose([hand.box_xyxy for (hand,) in hands], labels.box_xyxy)


def test_labels_refer_to_stored_pixels_and_other_boxes_to_upright_ones(tmp_path: Path) -> None:
    turned = Picture("a", tmp_path / "a.jpg", "key", known_exif=Exif(orientation=6))
    for line, orientation in (({}, 6), ({"orientation": 6}, 6), ({"orientation": 1}, 1)):
        boxes = KnownBoxes([BoxLine(image="a.jpg", box_xyxy=BOX, is_right=True, **line)], tmp_path)
        boxes.match(Stills([turned]))
        assert boxes.at(turned).orientation == orientation
    mixed = KnownBoxes([BoxLine(image="a.jpg", box_xyxy=BOX, orientation=k) for k in (1, 6)], tmp_path)
    with pytest.raises(InputError, match=r"boxes of a .*orientation 1"):
        mixed.match(Stills([turned]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable as JSON"),
        ("3", "int"),
        ('{"a": 1}', "COCO"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 5], "is_right": True}], r"entry 1 \(box_xyxy.3: Field required\)"),
        ([{"image": "a.jpg", "box_xyxy": [9, 0, 5, 5], "is_right": True}], r"entry 1 \(box_xyxy.*x1, y1, x2, y2"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 1e30, 1e30], "is_right": True}], r"entry 1 \(box_xyxy.*far outside"),
        ([{"image": "a.jpg", "box_xyxy": [0, float("nan"), 9, 9]}], r"entry 1 \(box_xyxy.*not finite"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 9, 9], "hand_id": "../../h"}], r"entry 1 \(hand_id.*slashes"),
        ([{"image": "a.jpg", "box_xyxy": [0, 0, 9, 9], "hand_id": "a\nb"}], r"entry 1 \(hand_id.*control"),
        ([{"image": "a\0.jpg", "box_xyxy": [0, 0, 9, 9]}], r"entry 1 \(image.*no path"),
        ([{"image": "a.jpg", "bbox": [0, 0, 5, 5]}], r"entry 1 \(.*box_xyxy.*bbox.*\).*is_right"),
        ([{"box_xyxy": [0, 0, 5, 5], "is_right": True}], r"entry 1 \(.*image.*frame"),
        ({"images": [], "annotations": [{"image_id": 3, "bbox": [0, 0, 1, 1]}]}, r"annotation 1 \(image_id 3 "),
    ],
)
def test_wrong_lists_are_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_boxes(written(tmp_path, content))


def test_a_side_may_be_a_word(tmp_path: Path) -> None:
    box = {"image": "a.jpg", "box_xyxy": [1, 2, 30, 40]}
    content = [{**box, "side": "left"}, {**box, "side": "right"}, {**box, "side": "left", "is_right": True}]
    boxes = read_boxes(written(tmp_path, content))
    assert boxes.has_sides
    assert [hand.is_right for hand in found(boxes, picture(tmp_path / "a.jpg"))[0]] == [False, True, True]
    with pytest.raises(InputError, match='side is "right" or "left"'):
        read_boxes(written(tmp_path, [{**box, "side": "up"}]))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_boxes(tmp_path / "boxes.json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "clips" / "clip.mp4")
    hand = Hand("clip_frame000001_0_l", BOX, False, clip.path)
    first, second = Picture("clip_frame000001", clip.path, "key", 1, seconds=0.04), picture(clip.path, 2)
    frames = [
        FrameDetections(first, (640, 480), (DetectedHand(hand, 0.75, 0),), Intrinsics(500.0, "given")),
        FrameDetections(second, (640, 480), ()),
    ]
    lines = [line for frame in frames for line in lines_of(frame, tmp_path / "out")]
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "hands.jsonl").write_text("".join(f"{line.model_dump_json()}\n" for line in lines))
    stored = [json.loads(line) for line in (tmp_path / "out" / "hands.jsonl").read_text().splitlines()]
    assert (stored[0]["seconds"], stored[0]["focal_length"], stored[0]["focal_length_from"]) == (0.04, 500.0, "given")
    boxes = read_boxes(tmp_path / "out" / "hands.jsonl")
    assert boxes.match(clip) == BoxCount(1, 1, 1, 3)
    assert boxes.detect(first, NO_PIXELS) == [Detection(BOX, False, 0.75, hand.hand_id)]


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
        ([BOX, OTHER], None, [[(BOX, None)], [(OTHER, None)]]),
    ],
)
def test_boxes_as_numbers(boxes: Any, sides: Any, expected: list[list[tuple[Any, bool]]]) -> None:
    pictures = PICTURES[: len(expected)]
    known = boxes_of_pictures(boxes, sides, pictures)
    assert [[(d.box_xyxy, d.is_right) for d in hands] for hands in found(known, *pictures)] == expected


@pytest.mark.parametrize(
    ("boxes", "sides", "message"),
    [
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
