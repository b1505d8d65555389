"""Labels, manifests and predictions at a URL are read as those on a disk."""

import json
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from command import error, hint
from object_store import object_store

from hint.errors import InputError
from hint.files import read_labels, storage, write_coco, write_evaluation_npz, write_predictions
from hint.files.cvat import write_cvat
from hint.types import HandLabels, Predictions


@pytest.fixture(scope="module")
def bucket() -> Iterator[Path]:
    with object_store("labels") as url:
        yield Path(url)


def _upload(folder: Path, place: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            storage.write_bytes(place / file.relative_to(folder), file.read_bytes())


def _as_coco(folder: Path, labels: HandLabels) -> str:
    write_coco(folder / "labels.json", labels, copy_images=True)
    return "labels.json"


def _as_cvat(folder: Path, labels: HandLabels) -> str:
    write_cvat(folder / "annotations.xml", labels, copy_images=True)
    return "annotations.xml"


def _as_npz(folder: Path, labels: HandLabels) -> str:
    write_evaluation_npz(folder, labels)
    return "TEST_newdays_img_all.npz"


def _as_pairs(folder: Path, labels: HandLabels) -> str:
    for image in map(Path, labels.image.tolist()):
        for file in (image, image.with_suffix(".json")):
            (folder / image.parent.name).mkdir(parents=True, exist_ok=True)
            (folder / image.parent.name / file.name).write_bytes(file.read_bytes())
    return "TEST_newdays_img"


@pytest.mark.parametrize(
    "write", [_as_coco, _as_cvat, _as_npz, _as_pairs], ids=["COCO", "CVAT", "evaluation npz", "pairs"]
)
def test_labels_of_a_store_are_those_of_a_disk(
    write: Callable[[Path, HandLabels], str], bucket: Path, hint_root: Path, tmp_path: Path
) -> None:
    folder, place = tmp_path / "data", bucket / write.__name__
    name = write(folder, read_labels(hint_root))
    _upload(folder, place)
    for given, expected in ((place, folder), (place / name, folder / name)):
        labels, known = read_labels(storage.url_of(given)), read_labels(expected)
        for column in ("hand_id", "clip_id", "subset", "box_xyxy", "is_right", "keypoints_2d", "visibility"):
            np.testing.assert_array_equal(getattr(labels, column), getattr(known, column), column)
        images = [image.replace(str(folder), str(place)) for image in known.image.tolist()]
        assert labels.image.tolist() == images
        assert all(image == "" or storage.is_file(Path(image)) for image in images)


def test_what_is_not_in_a_store_is_named(bucket: Path, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "yolo" / "data.yaml", b"names: [hand]")
    for name, reason in (
        ("absent.json", "absent.json: no such file or bucket"),
        ("absent", "absent holds no labels"),
        ("yolo", "data.yaml: a YOLO dataset is read from a disk; download it first"),
    ):
        with pytest.raises(InputError, match=rf"^s3://labels/.*{reason}"):
            read_labels(bucket / name)
    url = storage.url_of(bucket / "results")
    refused = error(hint("eval", "--data", tmp_path, "--method", "box-centre", "--out", url, code=2))
    assert f"{url}: results go to a disk" in refused


class _Signed(SimpleHTTPRequestHandler):
    """Serves files to those who know the key alone, and the password."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "signature=hush" in self.path and self.headers["Authorization"]:
            super().do_GET()
        else:
            self.send_error(403)

    def do_HEAD(self) -> None:
        self.do_GET()


def test_neither_messages_nor_records_show_logins_and_keys_of_addresses(
    hint_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = read_labels(hint_root)
    write_coco(tmp_path / "labels.json", labels)
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d.astype(np.float32)))
    content = json.loads((tmp_path / "labels.json").read_text())
    content["categories"].append({"id": 9, "name": "dog"})
    content["annotations"].append({"id": 99, "image_id": 1, "category_id": 9, "bbox": [1, 1, 9, 9]})
    (tmp_path / "labels.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Signed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        data, mine = (
            f"http://me:hush@127.0.0.1:{server.server_port}/{name}?signature=hush&path=a/b.c"
            for name in ("labels.json", "mine.npz")
        )
        done = hint("eval", "--data", data, "--predictions", mine, "--out", tmp_path / "out", "--json")
        server.shutdown()
    record = json.loads(done.stdout)
    assert record["coverage"]["missing"] == []
    assert record["method"]["name"] == "mine"
    assert "1 annotation left alone: 1 of category 'dog'" in done.stderr
    written = [*(tmp_path / "out").rglob("*.json"), *(tmp_path / "out").rglob("*.npz")]
    assert len(written) >= 2
    for text in (done.stdout, done.stderr, *(file.read_bytes().decode(errors="replace") for file in written)):
        assert "hush" not in text
        assert "a/b.c" not in text
