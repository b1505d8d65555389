import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from hint.errors import InputError, WriteError
from hint.images import read_image, write_image


@pytest.fixture
def picture() -> np.ndarray:
    ramp = np.linspace(0, 255, 60 * 80 * 3).reshape(60, 80, 3)
    return ramp.astype(np.uint8)


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """Insert an EXIF block that asks viewers to turn the picture."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_come_back_as_rgb(suffix: str, picture: np.ndarray, tmp_path: Path) -> None:
    write_image(tmp_path / f"a{suffix}", picture, quality=100)
    tolerance = 0 if suffix == ".png" else 6
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - picture).max() <= tolerance


def test_exif_orientation_is_ignored(picture: np.ndarray, tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", picture)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "turned.jpg").write_bytes(with_orientation(content, 6))
    assert cv2.imread(str(tmp_path / "turned.jpg")).shape == (80, 60, 3), "the marker must be valid for this test"
    assert np.array_equal(read_image(tmp_path / "turned.jpg"), read_image(tmp_path / "a.jpg"))


def test_grey_pictures_get_three_channels(picture: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.jpg"), picture[:, :, 0])
    read = read_image(tmp_path / "grey.jpg")
    assert read.shape == (60, 80, 3)
    assert np.array_equal(read[..., 0], read[..., 2])


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_picture_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    write_image(path, noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_a_thumbnail_does_not_hide_a_cut(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    write_image(path, picture)
    whole = path.read_bytes()
    block = b"Exif\0\0" + whole
    path.write_bytes(whole[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + whole[2:-40])
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    (tmp_path / "b.jpg").write_bytes(b"")
    for name, message in (("a.jpg", "not a picture"), ("b.jpg", "not a picture"), ("c.jpg", "No such file")):
        with pytest.raises(InputError, match=message):
            read_image(tmp_path / name)


def test_an_unwritable_place_is_one_line(picture: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        write_image(tmp_path / "file" / "a.png", picture)


def test_a_picture_that_claims_too_many_pixels_is_named(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(InputError, match=r"bomb\.png: OpenCV refuses the picture"):
        read_image(tmp_path / "bomb.png")
