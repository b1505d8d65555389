"""Photographs as cameras write them: turned, with a focal length, of odd sizes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageOps

import hint
from hint.detection import Detection, Picture
from hint.errors import InputError
from hint.files import read_predictions, write_pairs
from hint.methods.box_centre import BoxCentre
from hint.methods.hamer.method import HamerMethod
from hint.prediction.camera import picture_camera
from hint.prediction.drawing import annotated
from hint.prediction.mano_file import translations
from hint.prediction.tasks import HandResult
from hint.render import crop_camera
from hint.types import Hand, ManoParameters, MethodOptions

SIZE = (160, 120)
#: In the upright picture.
BOX = (20.0, 30.0, 60.0, 80.0)


class Corner:
    """A detector that finds a hand of one side at each of some boxes."""

    identity = "corner"

    def __init__(self, *boxes: Sequence[float], is_right: bool = True) -> None:
        self.boxes, self.is_right = boxes, is_right
        self.seen: list[np.ndarray] = []

    def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
        self.seen.append(image)
        return [Detection(box, self.is_right, 0.9) for box in self.boxes]


@pytest.fixture(scope="module")
def method() -> BoxCentre:
    return BoxCentre.create(MethodOptions())


def stored(folder: Path, orientation: int, name: str = "a.png", focal_35: int | None = None) -> tuple[Path, np.ndarray]:
    """Write a picture that a viewer shows as it is returned."""
    exif = Pil.Exif()
    exif[0x0112] = orientation
    if focal_35 is not None:
        exif.get_ifd(0x8769)[0xA405] = focal_35
    pixels = np.random.default_rng(orientation).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    Pil.fromarray(pixels).save(folder / name, exif=exif)
    with Pil.open(folder / name) as picture:
        return folder / name, np.asarray(ImageOps.exif_transpose(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_searched_and_drawn_upright(tmp_path: Path, orientation: int, method: BoxCentre) -> None:
    path, shown = stored(tmp_path, orientation)
    detector = Corner(BOX)
    result = hint.predict(path, method, detector=detector, out=tmp_path / "out", overlay=True)
    assert np.array_equal(detector.seen[0], shown)
    line = json.loads((tmp_path / "out" / "hands.jsonl").read_text())
    assert (line["orientation"], line["size"]) == (orientation, [*shown.shape[1::-1]])
    assert np.allclose(result.keypoints_2d[0, 0], [40, 55], atol=1)
    with Pil.open(tmp_path / "out" / "overlay" / "a.jpg") as drawn:
        assert drawn.size == shown.shape[1::-1]
    with Pil.open(path) as picture:  # a PIL image is its file
        hint.predict(picture, method, detector=detector)
    assert np.array_equal(detector.seen[1], shown)


def test_boxes_refer_to_upright_pixels_and_labels_to_stored_ones(
    tmp_path: Path, method: BoxCentre, hint_root: Path
) -> None:
    path, _ = stored(tmp_path, 6, "ND_x_frame000001_r.png")
    entry = {"image": path.name, "box_xyxy": BOX, "is_right": True}
    (tmp_path / "boxes.json").write_text(json.dumps([entry]))
    labels = hint.load_labels(hint_root)[:1]
    write_pairs(tmp_path / "labels", replace(labels, hand_id=np.array([path.stem]), image=np.array([""])))
    sizes = {}
    for boxes in ("boxes.json", "labels"):
        out = tmp_path / f"out-{boxes}"
        hint.predict(path, method, boxes=tmp_path / boxes, out=out)
        line = json.loads((out / "hands.jsonl").read_text())
        sizes[boxes] = (line["size"], line["orientation"])
        again = hint.predict(path, method, boxes=out / "hands.jsonl")
        assert list(again.frames[0].size) == line["size"]
    assert sizes == {"boxes.json": ([120, 160], 6), "labels": ([160, 120], 1)}


def test_a_turned_picture_is_not_taken_for_a_label(tmp_path: Path, method: BoxCentre, hint_root: Path) -> None:
    labels = hint.load_labels(hint_root)[:1]
    path, _ = stored(tmp_path, 6)
    labels = replace(labels, image=np.array([str(path)]))
    hint.predict(path, method, detector=Corner(tuple(labels.box_xyxy[0].tolist())), out=tmp_path / "out")
    with pytest.raises(InputError, match=r"turned upright.*--boxes"):
        hint.evaluate(labels, tmp_path / "out" / "predictions.npz", match_boxes=True)


def test_the_focal_length_is_given_or_read_or_long(tmp_path: Path) -> None:
    hamer = HamerMethod.create(MethodOptions(weights="tiny-random"))
    stored(tmp_path, 6, "a.jpg", focal_35=26)
    stored(tmp_path, 1, "b.jpg")
    pictures, out = [tmp_path / "a.jpg", tmp_path / "b.jpg"], tmp_path / "out"

    def focal_lengths(given: float | None) -> list[tuple[float, str]]:
        hint.predict(pictures, hamer, detector=Corner(BOX), out=out, focal_length=given)
        lines = [json.loads(line) for line in (out / "hands.jsonl").read_text().splitlines()]
        with np.load(out / "mano.npz") as mano:
            assert np.allclose(mano["focal_length"], [line["focal_length"] for line in lines])
            depth = 2 * mano["focal_length"] / (mano["square"][:, 2] * mano["cam"][:, 0])
            assert np.allclose(mano["cam_t"][:, 2], depth, rtol=1e-4)
        return [(line["focal_length"], line["focal_length_from"]) for line in lines]

    read, long = (pytest.approx(26 / 43.2666 * 200, abs=0.1), "exif"), (160 * 5000 / 256, "default")
    assert focal_lengths(None) == [read, long]
    assert focal_lengths(500.0) == [(500.0, "given")] * 2
    assert focal_lengths(None) == [read, long]
    assert len(read_predictions(out / "predictions.npz")) == 2


def test_with_the_right_focal_length_depths_are_right() -> None:
    # Two hands of 10 px/cm and 20 px/cm in a picture of focal length 600 px: 0.6 m and 0.3 m away.
    focal, scales, square = 600.0, np.array([1000.0, 2000.0]), np.array([[150, 100, 300], [400, 250, 450]], np.float32)
    cam = np.stack([2 * scales / square[:, 2], np.zeros(2), np.zeros(2)], 1).astype(np.float32)
    cam_t = np.stack([cam[:, 1], cam[:, 2], 2 * 5000 / (256 * cam[:, 0])], 1)
    eye = np.tile(np.eye(3, dtype=np.float32), (2, 16, 1, 1))
    crop = 5000 / 256 * square[:, 2]
    parameters = ManoParameters(eye[:, :1], eye[:, 1:], np.zeros((2, 10), np.float32), cam, cam_t, crop, square)
    sides = np.array([True, False])
    depths = {f: translations(parameters, sides, [picture_camera((640, 480), f)] * 2)[:, 2] for f in (focal, None)}
    assert np.allclose(depths[focal], [0.6, 0.3])
    # The default is 20.8 times as long, and so are all depths, and what lies between them.
    assert np.allclose(depths[None] / depths[focal], 640 * 5000 / 256 / focal)


def test_a_mesh_is_drawn_where_the_crop_shows_it(tmp_path: Path) -> None:
    hamer = HamerMethod.create(MethodOptions(weights="tiny-random"))
    image = np.full((300, 400, 3), 128, np.uint8)
    box = (250.0, 150.0, 390.0, 290.0)
    result = hint.predict(image, hamer, detector=Corner(box), focal_length=200.0)
    row = HandResult(Hand("a", box, True), result.predictions, result.parameters)
    drawn = np.abs(annotated(image, [row], hamer.faces).astype(int) - image).max(2) > 10
    camera = crop_camera(tuple(result.parameters.square[0]), 400, 300)
    places = camera.project(result.vertices[0] + result.parameters.cam_t[0])
    y, x = np.nonzero(drawn)
    low, high = np.maximum(places.min(0), 0), np.minimum(places.max(0), (399, 299))
    assert np.allclose([x.min(), y.min(), x.max(), y.max()], [*low, *high], atol=4)


@pytest.mark.parametrize(
    ("boxes", "doubtful"),
    [
        ([(0, 0, 40, 40), (60, 0, 100, 40)], True),
        ([(0, 0, 40, 40), (60, 0, 150, 90)], False),
        ([(0, 0, 10, 10), (140, 0, 150, 10)], False),
        ([(0, 0, 40, 40)], False),
        ([(0, 0, 40, 40), (60, 0, 100, 40), (110, 0, 150, 40)], False),
    ],
    ids=["alike", "another size", "far apart", "one", "three"],
)
def test_two_hands_of_one_side_are_flagged(tmp_path: Path, method: BoxCentre, boxes: list[Any], doubtful: bool) -> None:
    path, _ = stored(tmp_path, 1)
    result = hint.predict(path, method, detector=Corner(*boxes, is_right=False), out=tmp_path / "out")
    assert result.frames[0].sides_doubtful == doubtful
    assert ('"side_doubtful":true' in (tmp_path / "out" / "hands.jsonl").read_text()) == doubtful
    known = [{"image": "a.png", "box_xyxy": box, "is_right": False} for box in boxes]
    assert not hint.predict(path, method, boxes=known).frames[0].sides_doubtful


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000)], ids=["one pixel", "a row", "a column"])
def test_tiny_and_long_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    hamer = HamerMethod.create(MethodOptions(weights="tiny-random"))
    Pil.new("L", size, 90).save(tmp_path / "a.png")
    result = hint.predict(
        tmp_path / "a.png", hamer, detector=Corner((-1, -1, 2, 2)), out=tmp_path / "out", overlay=True
    )
    assert result.failures == {}
    with Pil.open(tmp_path / "out" / "overlay" / "a.jpg") as drawn:
        assert drawn.size == size


@pytest.mark.parametrize(
    ("box", "message"),
    [((-30, -20, 50, 60), ""), ((-500, -500, 600, 600), "far beyond"), ((200, 0, 300, 50), "lies outside")],
    ids=["partly outside", "far beyond", "outside"],
)
def test_boxes_may_reach_out_of_the_picture(tmp_path: Path, method: BoxCentre, box: Any, message: str) -> None:
    path, _ = stored(tmp_path, 1)
    result = hint.predict(path, method, boxes=[box], sides="right")
    assert len(result) == (0 if message else 1)
    assert message in result.failures.get("a", "")


def test_refusals_come_before_a_method_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = stored(tmp_path, 1)

    def load(*arguments: object) -> None:
        raise AssertionError("the method was loaded")

    monkeypatch.setattr("hint.engine.recipe.create", load)
    with pytest.raises(InputError, match=r"none of the boxes \(b\.png\)"):
        hint.predict(path, "box-centre", boxes=[{"image": "b.png", "box_xyxy": BOX, "is_right": True}])
    with pytest.raises(InputError, match="focal length is -1"):
        hint.predict(path, "box-centre", detector=Corner(BOX), focal_length=-1)
    with pytest.raises(InputError, match="detector= is a name"):
        hint.predict(path, "box-centre", detector=BOX)
    with pytest.raises(InputError, match="boxes= are rows"):
        hint.predict(path, "box-centre", boxes=5)
    with pytest.raises(InputError, match="only a video"):
        hint.predict(path, "box-centre", detector=Corner(BOX), smooth=True)


def test_seconds_of_a_video_of_variable_rate(tmp_path: Path, method: BoxCentre) -> None:
    frames = [Pil.new("RGB", (80, 60), (40 * k, 0, 0)) for k in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[100, 300, 100, 100])
    boxes = [{"frame": k, "box_xyxy": [10, 10, 50, 50], "is_right": True} for k in range(6)]
    hint.predict(tmp_path / "a.gif", method, boxes=boxes, out=tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "hands.jsonl").read_text().splitlines()]
    shown = [line["seconds"] for line in lines]
    assert shown[0] == 0
    assert set(shown) <= {0.0, 0.1, 0.4, 0.5}
    assert shown == sorted(shown)
