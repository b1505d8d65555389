"""Downloads: archives, lists of files, receipts, notes of interrupted ones; and pictures."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing.judge import at_home
from fuzzing.target import Target
from hint.exif import open_picture, read_exif
from hint.fetch.archive import Member, unpack
from hint.fetch.assets import KnownDigest, Tree
from hint.fetch.listing import read_list
from hint.fetch.receipts import receipt, receipt_path
from hint.fetch.zipped import opened, read_contents
from hint.fetch.zipped import unpack as unzip
from hint.images import read_image, write_image

_MEMBERS = (Member("a/x.bin", "weights/x.bin", 100_000), Member("a/y.txt", "weights/y.txt", 100_000))
_TREE = Tree("data", (".jpg", ".json"), KnownDigest("0" * 64), 0, 10_000_000, 100)


def _tar_gz(folder: Path) -> Path:
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        for member in _MEMBERS:
            info = tarfile.TarInfo(member.path)
            info.size = 600
            archive.addfile(info, io.BytesIO(bytes(600)))
    return folder / "a.tar.gz"


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("top/TEST_x/a.jpg", "top/TEST_x/a.json", "top/README.md"):
            archive.writestr(name, b"[]" * 50)
    return folder / "a.zip"


def _unzip(folder: Path) -> object:
    with opened(folder / "a.zip") as packed:
        files, _ = read_contents(packed, _TREE)
        unzip(packed, files, folder / "out")
    return files


def _list(folder: Path) -> Path:
    lines = [{"path": f"a/{k}.jpg", "bytes": 10, "crc32": "00ff00ff"} for k in range(3)]
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder / "a.jsonl"


def _receipt(folder: Path) -> Path:
    with at_home(folder / "kept"):
        path = receipt_path("hamer")
    path.parent.mkdir(parents=True)
    about = {"name": "hamer", "source": "x", "utc": "x", "licence": "MIT"}
    path.write_text(json.dumps({**about, "files": {"weights/a": {"bytes": 3, "sha256": "0" * 64}}}))
    return path


def _read_receipt(folder: Path) -> object:
    with at_home(folder / "kept"):
        return receipt("hamer")


def _picture(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        if name.endswith(".jpg"):
            from PIL import Image

            exif = Image.Exif()
            exif[0x0112], exif[0x010F], exif[0xA405] = 6, "Maker", 26
            Image.fromarray(pixels).save(folder / name, exif=exif)
        else:
            write_image(folder / name, pixels)
        return folder / name

    return make


def _read_picture(name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        read_exif(folder / name)
        read_image(folder / name)
        with open_picture(folder / name) as picture:
            return picture.size

    return read


TARGETS = (
    Target("weights tar.gz", "tar.gz", _tar_gz, lambda folder: unpack(folder / "a.tar.gz", _MEMBERS, folder / "out")),
    Target("dataset zip", "zip", _zip, _unzip),
    Target("list of files", "json lines", _list, lambda folder: read_list(folder / "a.jsonl")),
    Target("receipt", "json", _receipt, _read_receipt),
    Target("picture jpg", "bytes", _picture("a.jpg"), _read_picture("a.jpg")),
    Target("picture png", "bytes", _picture("a.png"), _read_picture("a.png")),
)
