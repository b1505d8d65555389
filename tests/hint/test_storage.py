"""Files in object stores are read, written and listed as local ones are."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from object_store import object_store

from hint.errors import InputError, MissingRequirementError, WriteError
from hint.files import storage
from hint.images import encode_image, read_image


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "local":
        yield tmp_path
        return
    with object_store("hands") as bucket:
        yield Path(f"{bucket}/run 1")


def test_files_are_written_read_listed_and_removed(folder: Path) -> None:
    picture = np.arange(6000, dtype=np.uint8).reshape(40, 50, 3)
    storage.write_bytes(folder / "a.png", encode_image(picture, ".png"))
    storage.write_bytes(folder / "below" / "c.bin", b"c")
    before = storage.files_in(folder)
    assert list(before) == ["a.png"]
    np.testing.assert_array_equal(read_image(folder / "a.png"), picture)

    versions = storage.Versions()
    assert versions.find(folder / "a.png") == before["a.png"]
    assert versions.find(folder / "b.bin") is None
    storage.write_bytes(folder / "a.png", b"other")
    storage.write_bytes(folder / "b.bin", b"bb")
    after = storage.files_in(folder)
    assert [(name, version.size) for name, version in after.items()] == [("a.png", 5), ("b.bin", 2)]
    assert after["a.png"] != before["a.png"]

    storage.remove(folder / "a.png")
    assert list(storage.files_in(folder)) == ["b.bin"]
    assert storage.files_in(folder / "absent") == {}
    with pytest.raises(InputError, match=r"run 1/a\.png|/a\.png: No such file"):
        storage.read_bytes(folder / "a.png")


def test_a_store_that_is_not_there_is_named() -> None:
    with object_store("hands"), pytest.raises(WriteError, match=r"s3://other/a: no such file or bucket"):
        storage.write_bytes(Path("s3://other/a"), b"")
    with pytest.raises(MissingRequirementError, match="pip install gcsfs"):
        storage.read_bytes(Path("gs://hands/a.jpg"))
    with pytest.raises(MissingRequirementError, match="pip install paramiko"):
        storage.read_bytes(Path("sftp://hands/a.jpg"))
    with pytest.raises(InputError, match="hint-no-such://"):
        read_image(Path("hint-no-such://hands/a.jpg"))
    with pytest.raises(InputError, match="ftp:// cannot be read: no address says its host"):
        storage.files_in(Path("ftp://hands/a"))


class _Server(BaseHTTPRequestHandler):
    """Sends without end, stops in the middle, or names files of the reader's machine."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "elsewhere" in self.path:
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
        else:
            self.send_response(200)
        if "short" in self.path:
            self.send_header("Content-Length", "99")
        self.end_headers()
        with suppress(OSError):
            while "endless" in self.path:
                self.wfile.write(bytes(100_000))


def test_web_servers_of_strangers_are_one_line_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.files.web.LARGEST", 1_000_000)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for read, name, reason in (
            (storage.read_bytes, "endless", "the server sends more than 1,000,000 bytes"),
            (storage.files_in, "endless", "the server sends more than 1,000,000 bytes"),
            (storage.read_bytes, "short", "Response payload is not completed"),
            (storage.read_bytes, "elsewhere", "file:///etc/passwd"),
        ):
            with pytest.raises(InputError) as caught:
                read(Path(f"http://me:hush@127.0.0.1:{server.server_port}/{name}?signature=hush"))
            assert reason in str(caught.value)
            assert "hush" not in str(caught.value)
            assert "http://***@127.0.0.1" in str(caught.value)
        server.shutdown()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://hands/a b.jpg", "s3://hands/a b.jpg"),
        ("s3://hands//a/../b.jpg", "s3://hands/a/../b.jpg"),
        ("file:///hands/a.jpg", "file:///hands/a.jpg"),
        ("https://host:80/a.jpg", "https://host:80/a.jpg"),
        ("hands/s3:/a.jpg", None),
        ("c:/hands/a.jpg", None),
        ("/hands/a.jpg", None),
    ],
    ids=["s3", "slashes", "file", "port", "below a folder", "drive", "absolute"],
)
def test_urls_survive_being_paths(text: str, url: str | None) -> None:
    assert storage.url_of(Path(text)) == url
    assert str(InputError(f"{Path(text)}: no picture")) == f"{url or text}: no picture", "messages can be copied"
    assert storage.named_in(Path("data"), text) == (Path(text) if url or text[0] == "/" else Path("data", text))


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "toml"])
def test_devices_which_never_end_are_not_read(suffix: str, tmp_path: Path) -> None:
    from annotation.prelabel.calibration import read_calibration
    from hint.files import read_predictions
    from hint.files.camera_file import read_calibration as read_camera
    from hint.files.manifest import read_manifest
    from hint.prediction.box_files import lines_of_file

    path = tmp_path / f"endless.{suffix}"
    path.symlink_to("/dev/zero")
    readers: dict[str, list[Callable[[Path], object]]] = {
        "csv": [read_predictions, lines_of_file],
        "json": [lines_of_file, read_camera],
        "jsonl": [lines_of_file, read_manifest],
        "toml": [read_calibration, read_camera],
    }
    for read in readers[suffix]:
        with pytest.raises(InputError, match="it is a device, not a file"):
            read(path)
