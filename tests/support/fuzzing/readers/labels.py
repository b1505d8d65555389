"""Labels and predictions, of this toolkit and of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing import drawn
from fuzzing.target import Target
from hint.files import read_labels, read_predictions, write_pairs, write_predictions
from hint.files.coco import write_coco
from hint.files.cvat import write_cvat
from hint.files.evaluation_npz import write_evaluation_npz
from hint.files.freihand import read_freihand
from hint.files.hand_lists import read_two_lists, write_two_lists
from hint.files.ho3d import ho3d_views, read_ho3d
from hint.files.yolo import write_yolo
from hint.images import write_image
from hint.types import HandLabels


def _pairs(folder: Path) -> Path:
    write_pairs(folder / "TEST_newdays_img", drawn.labels())
    return next(iter(sorted((folder / "TEST_newdays_img").glob("*.json"))))


def _evaluation(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_evaluation_npz(folder / "npz", drawn.labels())
        return folder / "npz" / f"TEST_newdays_img_{part}.npz"

    return make


def _coco(folder: Path) -> Path:
    write_coco(folder / "coco.json", drawn.labels())
    return folder / "coco.json"


def _whole_body(folder: Path) -> Path:
    """Persons of COCO-WholeBody, and hands whose joints have other names."""
    points = [value for x, y in drawn.labels().keypoints_2d[0].tolist() for value in (x, y, 1)]
    person = {"id": 1, "image_id": 5, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, 60, 40]}
    hand = {
        "lefthand_box": [5, 5, 20, 20],
        "lefthand_kpts": points,
        "lefthand_valid": True,
        "righthand_box": [0, 0, 0, 0],
    }
    named = {"id": 2, "image_id": 5, "category_id": 3, "bbox": [5, 5, 20, 20], "keypoints": points, "side": "left"}
    numbers = {"id": 3, "name": "hand", "keypoints": [str(k) for k in range(21)]}
    content = {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{**person, **hand}, named],
        "categories": [{"id": 1, "name": "person"}, numbers],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def _results(folder: Path) -> Path:
    labels = drawn.labels()
    _coco(folder)
    found = [
        {"image_id": k + 1, "category_id": 2, "score": 0.5, "keypoints": [v for x, y in points for v in (x, y, 1)]}
        for k, points in enumerate(labels.keypoints_2d.tolist())
    ]
    found[0] |= {"annotation_id": 1, "bbox": [5, 5, 20, 20]}
    (folder / "results.json").write_text(json.dumps(found))
    return folder / "results.json"


def _cvat(folder: Path) -> Path:
    labels = _pictured(folder)
    write_cvat(folder / "annotations.xml", labels)
    return folder / "annotations.xml"


def _pictured(folder: Path) -> HandLabels:
    """Return labels with a picture each."""
    labels = drawn.labels()
    files = [folder / "pictures" / f"{hand_id}.jpg" for hand_id in drawn.IDS]
    for file in files:
        write_image(file, np.zeros((*drawn.SIZE[::-1], 3), np.uint8))
    from dataclasses import replace

    return replace(labels, image=np.array([str(file) for file in files]))


def _yolo(folder: Path) -> Path:
    write_yolo(folder / "yolo", _pictured(folder))
    return folder / "yolo" / "data.yaml"


def _yolo_line(folder: Path) -> Path:
    _yolo(folder)
    return next(iter(sorted((folder / "yolo").rglob("labels/**/*.txt"))))


def _predictions(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_predictions(folder / name, drawn.predictions())
        return folder / name

    return make


def _two_lists(folder: Path) -> Path:
    found = drawn.predictions()
    assert found.keypoints_3d is not None
    assert found.vertices is not None
    write_two_lists(folder / "pred.json", found.keypoints_3d, found.vertices)
    return folder / "pred.json"


def _freihand(folder: Path) -> Path:
    drawn.synthetic().write_freihand(folder / "freihand", count=2, vertices=21, pictures=False)
    return folder / "freihand" / "evaluation_xyz.json"


def _ho3d(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        drawn.synthetic().write_ho3d(folder / "ho3d", count=2)
        centre = np.full((2, 2), 30.0)
        np.savez(
            folder / "ho3d" / "ho3d_val.npz",
            imgname=["SM1/rgb/0000.jpg", "AP10/rgb/0001.jpg"],
            center=centre,
            scale=centre,
        )
        return folder / "ho3d" / name

    return make


def _read_views(folder: Path) -> object:
    return ho3d_views(folder / "ho3d", ["SM1/0000", "AP10/0001"])


def _read_both(path: Path) -> object:
    """Read labels of another tool, and again without those that cannot be read."""
    read_labels(path, skip_bad=True)
    return read_labels(path)


TARGETS = (
    Target("HInt pair", "json", _pairs, lambda folder: read_labels(folder)),
    *(
        Target(f"evaluation npz {part}", "npz", _evaluation(part), lambda folder: read_labels(folder / "npz"))
        for part in ("all", "occ")
    ),
    Target("COCO", "json", _coco, lambda folder: _read_both(folder / "coco.json")),
    Target("COCO-WholeBody", "json", _whole_body, lambda folder: _read_both(folder / "coco.json")),
    Target(
        "COCO results", "json", _results, lambda folder: read_predictions(folder / "results.json", folder / "coco.json")
    ),
    Target(
        "COCO of results",
        "json",
        lambda folder: _results(folder).with_name("coco.json"),
        lambda folder: read_predictions(folder / "results.json", folder / "coco.json"),
    ),
    Target("CVAT", "xml", _cvat, lambda folder: _read_both(folder / "annotations.xml")),
    Target("YOLO data.yaml", "yaml", _yolo, lambda folder: _read_both(folder / "yolo" / "data.yaml")),
    Target("YOLO label", "text", _yolo_line, lambda folder: _read_both(folder / "yolo" / "data.yaml")),
    Target("predictions npz", "npz", _predictions("a.npz"), lambda folder: read_predictions(folder / "a.npz")),
    Target("predictions csv", "text", _predictions("a.csv"), lambda folder: read_predictions(folder / "a.csv")),
    Target(
        "predictions parquet",
        "parquet",
        _predictions("a.parquet"),
        lambda folder: read_predictions(folder / "a.parquet"),
    ),
    Target("pred.json", "json", _two_lists, lambda folder: read_two_lists(folder / "pred.json")),
    Target("FreiHAND", "json", _freihand, lambda folder: read_freihand(folder / "freihand")),
    Target("HO-3D list", "text", _ho3d("evaluation.txt"), lambda folder: read_ho3d(folder / "ho3d")),
    Target("HO-3D meta", "pickle", _ho3d("evaluation/SM1/meta/0000.pkl"), _read_views),
    Target("HO-3D boxes", "npz", _ho3d("ho3d_val.npz"), _read_views),
)
