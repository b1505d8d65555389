"""The picture an annotator sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sampled_hands import sampled_hand

from annotation.studio.picture import crop_of, cut, read_frame, shown_size
from hint.errors import InputError
from hint.files.manifest import SampledHand, read_manifest
from hint.provenance import sha256_file

COORDINATE = st.floats(-3000, 5000)


def hand(box: Any, size: tuple[int, int] = (1920, 1080), centre: tuple[float, float] = (700.0, 500.0)) -> SampledHand:
    return sampled_hand("a_l", box, size, centre=centre, image="a_l.jpg", image_sha256="")


@given(
    corner=st.tuples(COORDINATE, COORDINATE),
    side=st.tuples(st.floats(1, 2000), st.floats(1, 2000)),
    points=st.lists(st.tuples(st.floats(0, 1919), st.floats(0, 1079)), max_size=21),
    margin=st.floats(0, 3),
)
def test_a_crop_lies_in_the_frame_and_shows_every_point(corner: Any, side: Any, points: Any, margin: float) -> None:
    box = (*corner, corner[0] + side[0], corner[1] + side[1])
    x, y, width, height = crop_of(hand(box), np.array(points).reshape(-1, 2), margin)
    assert 0 <= x < x + width <= 1920
    assert 0 <= y < y + height <= 1080
    for px, py in points:
        assert x <= px <= x + width
        assert y <= py <= y + height
    shown = shown_size((x, y, width, height))
    assert shown[0] % width == shown[1] % height == 0
    assert shown[0] // width == shown[1] // height


def test_room_around_the_box_is_the_margin() -> None:
    assert crop_of(hand((600, 400, 800, 500)), None, 0.5) == (500, 300, 400, 300)
    assert crop_of(hand((600, 400, 800, 500)), None, 0) == (600, 400, 200, 100)
    assert crop_of(hand((600, 400, 800, 500)), None, None) == (0, 0, 1920, 1080)
    assert crop_of(hand((0, 0, 200, 100)), None, 0.5) == (0, 0, 300, 200)


def test_without_a_box_the_points_or_the_centre_determine_the_crop() -> None:
    points = np.array([(600.0, 400.0), (800.0, 500.0)])
    assert crop_of(hand(None), points, 0.5) == (500, 300, 400, 300)
    x, y, width, height = crop_of(hand(None), None, 0.5)
    assert (x + width / 2, y + height / 2) == (700, 500)
    assert (width, height) == (540, 540)


def test_small_hands_are_enlarged_and_nothing_moves() -> None:
    frame = np.zeros((60, 80, 3), np.uint8)
    frame[30:, 40:] = 255
    picture = cut(frame, (20, 10, 40, 40))
    assert picture.shape == (720, 720, 3)
    assert picture[:320].max() == 0
    assert picture[400:, 400:].min() == 255
    # The edge between pixels 29 and 30, 19 and 20 of the part, lies in the middle.
    assert picture[359, -1, 0] == pytest.approx(255 - picture[360, -1, 0], abs=2)


def test_the_box_is_marked_by_corners_that_hide_nothing_of_the_hand() -> None:
    """Nothing inside the box and nothing away from its corners changes, wherever the box lies."""
    frame = np.full((80, 100, 3), 90, np.uint8)
    crop = (20, 10, 60, 60)
    plain, marked = cut(frame, crop), cut(frame, crop, (30, 20, 60, 50))
    changed = (marked != plain).any(2)
    assert frame.max() == 90, "the frame itself stays"
    assert not changed[120:480, 120:480].any(), "inside the box; the picture is 12 times as large"
    for y, x in ((116, 116), (116, 484), (484, 116), (484, 484)):
        corner = marked[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).tolist()
        assert [255, 221, 0] in corner
        assert [0, 0, 0] in corner, "a dark rim, to be seen on everything"
    assert not changed[:, 250:350].any(), "the middle of the sides is free"
    assert not changed[250:350].any()
    assert not (cut(frame, crop, (0, 0, 100, 80)) != plain).any(), "a box around everything"


def test_exif_orientation_is_ignored(sample: Any, server: Any, tmp_path: Path) -> None:
    """A browser turns pictures by their EXIF orientation; the pictures pushed carry none."""
    path = sample.folder / "TRAIN_newdays_img" / f"{sample.ids[0]}.jpg"
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(path, exif=exif)
    lines = sample.manifest.read_text().splitlines()
    old = read_manifest(sample.manifest)[0].image_sha256
    lines[0] = lines[0].replace(old, sha256_file(path))
    sample.manifest.write_text("\n".join(lines) + "\n")
    server.hint("studio", "push", sample.manifest, "--project", "turned", "--full-frame")
    project = server.client().find("turned").id
    pushed = server.data / "pictures" / f"project-{project}" / f"{sample.ids[0]}.jpg"
    with Image.open(pushed) as shown:
        assert 0x0112 not in shown.getexif()
        assert shown.width > shown.height, "as stored, 200x150"


def test_another_picture_is_refused(sample: Any) -> None:
    first = read_manifest(sample.manifest)[0]
    assert read_frame(first, sample.folder).shape == (150, 200, 3)
    with pytest.raises(InputError, match="in the manifest"):
        read_frame(first.model_copy(update={"size": (150, 200)}), sample.folder)
    with pytest.raises(InputError, match="sha256 differs"):
        read_frame(first.model_copy(update={"image_sha256": "0"}), sample.folder)
