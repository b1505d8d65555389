"""Photographs of every kind are read as a viewer shows them, or refused in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil

from hint.errors import InputError
from hint.exif import Exif, read_exif
from hint.photo import pixels_of, read_photo

#: Smooth, so that compression hardly changes it.
RAMP = np.linspace(20, 230, 60 * 80).reshape(60, 80).astype(np.uint8)
RGB = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], 2)
GREY = np.repeat(RAMP[..., None], 3, 2)


def half_transparent() -> Pil.Image:
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:30] = 0
    return Pil.fromarray(np.dstack([RGB, alpha]))


ON_WHITE = np.concatenate([np.full((30, 80, 3), 255, np.uint8), RGB[30:]])
COLOUR = Pil.fromarray(RGB)

KINDS: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "grey jpeg": (".jpg", lambda p: Pil.fromarray(RAMP).save(p, quality=100), GREY),
    "16-bit grey png": (".png", lambda p: Pil.fromarray(RAMP.astype(np.uint16) * 257).save(p), GREY),
    "16-bit colour png": (".png", lambda p: cv2.imwrite(str(p), RGB[..., ::-1].astype(np.uint16) * 257), RGB),
    "16-bit tiff": (".tif", lambda p: Pil.fromarray(RAMP.astype(np.uint16) * 257).save(p), GREY),
    "palette png": (".png", lambda p: Pil.fromarray(RAMP).convert("P").save(p), GREY),
    "cmyk jpeg": (".jpg", lambda p: COLOUR.convert("CMYK").save(p, quality=100), RGB),
    "cmyk tiff": (".tif", lambda p: COLOUR.convert("CMYK").save(p), RGB),
    "transparent png": (".png", lambda p: half_transparent().save(p), ON_WHITE),
    "transparent tiff": (".tif", lambda p: half_transparent().save(p), ON_WHITE),
    "gif": (".gif", lambda p: Pil.fromarray(RAMP).save(p), GREY),
    "png that is called jpg": (".jpg", lambda p: COLOUR.save(p, "PNG"), RGB),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(tmp_path: Path, kind: str) -> None:
    suffix, write, expected = KINDS[kind]
    write(tmp_path / f"a{suffix}")
    read = read_photo(tmp_path / f"a{suffix}")
    assert (read.shape, read.dtype) == ((60, 80, 3), np.uint8)
    assert np.abs(read.astype(int) - expected).mean() < 2


def test_heic_is_read_upright_where_its_reader_is_installed() -> None:
    pytest.importorskip("pi_heif")
    path = Path(__file__).parents[1] / "fixtures" / "turned.heic"  # a ramp of 64x48 px, to be turned by a quarter
    read = read_photo(path)
    assert read.shape == (64, 48, 3)
    assert np.abs(read[2, -3].astype(int) - (8, 10, 90)).max() < 20
    assert read[-3, 3].max() > 200
    assert read_exif(path) == Exif(1, pytest.approx(26 / 43.2666 * 80, rel=1e-4))


def test_pictures_in_memory() -> None:
    assert np.array_equal(pixels_of(Pil.fromarray(RAMP.astype(np.uint16) * 257)), GREY)
    assert np.array_equal(pixels_of(half_transparent()), ON_WHITE)
    with pytest.raises(InputError, match="mode F"):
        pixels_of(Pil.fromarray(RAMP.astype(np.float32)))


@pytest.mark.parametrize("kind", ["cut short", "no picture", "empty", "absent", "folder", "huge", "heic", "latin"])
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    half_transparent().save(path)
    if kind == "folder":
        path = tmp_path
    elif kind == "absent":
        path = tmp_path / "b.png"
    elif kind == "huge":
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 60 * 80 // 3)
    elif kind == "heic":
        monkeypatch.setattr("hint.photo.missing_packages", lambda names, extra: f"needs {names[0]}: pip [{extra}]")
        path.write_bytes(b"\0\0\0\x1cftypheic" + bytes(50))
    elif kind == "latin":
        path = path.rename(tmp_path / os.fsdecode(b"\xe9t\xe9.png"))
    else:
        path.write_bytes({"cut short": path.read_bytes()[:-100], "no picture": b"text", "empty": b""}[kind])
    with pytest.raises(InputError) as error:
        read_photo(path)
    assert str(tmp_path if kind == "latin" else path) in str(error.value)
    assert "\n" not in str(error.value)
    assert {"huge": "megapixels", "heic": "HEIC: convert it", "latin": "rename it"}.get(kind, "") in str(error.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_damage_in_the_middle_is_told_and_not_printed(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, noise = tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    Pil.fromarray(noise).save(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20] = b"\xff\xd9" * 10
    path.write_bytes(content)
    told: list[str] = []
    if suffix == ".jpg":  # shows its upper half
        assert read_photo(path, told.append).shape == (60, 80, 3)
        assert told
        assert "Corrupt" not in told[0]
    else:
        with pytest.raises(InputError, match="damaged"):
            read_photo(path, told.append)
    assert capfd.readouterr().err == ""


def test_what_others_print_meanwhile_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    COLOUR.save(tmp_path / "a.jpg")

    def chatty(path: Path) -> np.ndarray:
        os.write(2, b"50 %\nCorrupt JPEG data: bad Huffman code\n\n60 %\n")
        return RGB

    monkeypatch.setattr("hint.photo.read_image", chatty)
    told: list[str] = []
    read_photo(tmp_path / "a.jpg", told.append)
    assert (told, capfd.readouterr().err) == (["bad Huffman code"], "50 %\n\n60 %\n")
