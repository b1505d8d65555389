"""What photographs say about themselves: which side is up, and the focal length."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageOps

from hint.exif import Exif, exif_of, read_exif, upright
from hint.photo import read_photo

FOCAL_35, FOCAL, PLANE_X, UNIT, WIDTH, HEIGHT = 0xA405, 0x920A, 0xA20E, 0xA210, 0xA002, 0xA003
CAMERA = {"FOCAL": 50.0, "WIDTH": 3888, "HEIGHT": 2592}


def photo(path: Path, orientation: int = 1, size: tuple[int, int] = (80, 60), **tags: Any) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    exif = Pil.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769).update({globals()[name]: value for name, value in tags.items()})
    Pil.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
def test_all_orientations_are_undone_as_viewers_do(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = photo(tmp_path / f"a{suffix}", orientation)
    with Pil.open(path) as picture:
        assert exif_of(picture) == read_exif(path)
        shown = np.asarray(ImageOps.exif_transpose(picture))
    read = upright(read_photo(path), read_exif(path).orientation)
    assert read.shape == shown.shape
    assert np.abs(read.astype(int) - shown).mean() < (0.1 if suffix in (".png", ".tif") else 5)


def test_no_picture_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 no picture")
    for path in (tmp_path / "a.jpg", tmp_path / "absent.jpg", photo(tmp_path / "b.jpg", orientation=9)):
        assert read_exif(path) == Exif(1, None)


@pytest.mark.parametrize(
    ("tags", "size", "expected"),
    [
        # A phone: 26 mm on 36 x 24 mm film; over the diagonal of 5 : 4 : 3.
        ({"FOCAL_35": 26}, (400, 300), 26 / 43.2666 * 500),
        ({"FOCAL_35": 26}, (300, 400), 26 / 43.2666 * 500),
        # A camera of 3888 px over 22.2 mm, at 50 mm, and its picture at half the size.
        (
            {"FOCAL": 50.0, "PLANE_X": 3888 / 22.2 * 25.4, "UNIT": 2, "WIDTH": 3888, "HEIGHT": 2592},
            (1944, 1296),
            4378.4,
        ),
        ({"FOCAL": 50.0, "PLANE_X": 3888 / 2.22, "UNIT": 3, "WIDTH": 3888, "HEIGHT": 2592}, (1296, 1944), 4378.4),
        ({"FOCAL_35": 26, "WIDTH": 400, "HEIGHT": 300}, (200, 150), 26 / 43.2666 * 250),
        ({"FOCAL_35": 26, "WIDTH": 400, "HEIGHT": 300}, (150, 150), None),
        ({"FOCAL_35": 2}, (400, 300), None),
        ({"FOCAL_35": 0, "FOCAL": 4.2}, (400, 300), None),
        ({"FOCAL": 4.2, "PLANE_X": 0.0, "UNIT": 2}, (400, 300), None),
        ({"FOCAL_35": 65535}, (400, 300), None),
    ],
    ids=[
        "35 mm film",
        "upright",
        "inches",
        "centimetres",
        "resized",
        "cut out",
        "too short",
        "no sensor",
        "zero",
        "too long",
    ],
)
def test_focal_length(tmp_path: Path, tags: dict[str, Any], size: tuple[int, int], expected: float | None) -> None:
    found = read_exif(photo(tmp_path / "a.jpg", size=size, **tags)).focal_length
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-4))
