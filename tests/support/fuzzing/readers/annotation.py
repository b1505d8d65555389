"""What annotation reads: samples, boxes, cameras, results of checks, exports of Label Studio, records of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sampled_hands import line_of

from annotation.agreement.result import (
    Agreement,
    IntervalEntry,
    JointRow,
    PalmEntry,
    Paper,
    Score,
    read_agreement,
    write_agreement,
)
from annotation.check.population import load_population, rendered_population
from annotation.prelabel.calibration import CalibrationFile, Separation, read_calibration, write_calibration
from annotation.prepare.ego4d import frame_names
from annotation.prepare.verify import verify
from annotation.sample.photo_record import read_record as read_photos
from annotation.sample.policy import load_policy
from annotation.sample.summary import read_summary
from annotation.studio.exported.run import import_labels
from annotation.studio.kept import unfinished
from annotation.studio.login import Login, read_login, write_login
from annotation.studio.pull import read_record as read_pull
from annotation.studio.task import HandTask, results, task_data
from annotation.studio.work import read_export, sort_work
from benchmark.oks.protocol import load_oks_protocol
from benchmark.oks.sigmas import with_agreement
from fuzzing import drawn
from fuzzing.target import Target
from hint.errors import InputError
from hint.files import write_pairs
from hint.files.camera_file import read_calibration as read_camera
from hint.files.manifest import read_manifest, write_manifest
from hint.files.prediction_table import write_csv
from hint.prediction.box_files import lines_of_file
from hint.skeleton import JOINT_NAMES


def _manifest(folder: Path) -> Path:
    path = folder / "TRAIN_newdays_img.jsonl"
    labels = drawn.labels()
    write_manifest(path, [line_of(labels, k, drawn.SIZE) for k in range(drawn.COUNT)])
    return path


def _written(name: str, content: Any) -> Callable[[Path], Path]:
    """Return what writes a value as JSON, a list as lines where the name says so, and a text as it is."""

    def make(folder: Path) -> Path:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{json.dumps(line)}\n" for line in content) if name.endswith(".jsonl") else ""
        (folder / name).write_text(lines or (content if isinstance(content, str) else json.dumps(content)))
        return folder / name

    return make


_BOXES = [
    {"image": "a.jpg", "hand_id": "a_r", "box_xyxy": [1, 2, 30, 40], "is_right": True, "score": 0.5, "size": [64, 48]},
    {"image": "a.jpg", "box_xyxy": None},
    {"image": "v.mp4", "frame": 3, "box_xyxy": [1, 2, 30, 40], "is_right": False, "orientation": 1},
]
_CAMERA = {
    "width": 64,
    "height": 48,
    "camera_matrix": [[50, 0, 32], [0, 50, 24], [0, 0, 1]],
    "distortion": [0, 0],
    "frames": [
        {"image": "a.jpg", "rvec": [0, 0.1, 0], "tvec": [0, 0, 1]},
        {"image": "b.jpg", "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "tvec": [0, 0, 1]},
    ],
}
_CAMERA_TOML = """
width = 64
height = 48
model = 'PINHOLE'
params = [50, 50, 32, 24]
[extrinsics]
qvec = [1, 0, 0, 0]
tvec = [0, 0, 1]
"""


def _boxes_of_table(folder: Path) -> Path:
    n = drawn.COUNT
    edges = {edge: [value] * n for edge, value in zip(("x1", "y1", "x2", "y2"), (1.0, 2.0, 30.0, 40.0), strict=True)}
    write_csv(folder / "boxes.csv", drawn.predictions(), {"picture": ["a.jpg"] * n, "side": ["left"] * n, **edges})
    return folder / "boxes.csv"


def _policy(folder: Path) -> Path:
    import annotation.sample

    source = Path(annotation.sample.__file__).parent / "policies" / "paper-v1.toml"
    (folder / "a.toml").write_bytes(source.read_bytes())
    return folder / "a.toml"


def _calibration(folder: Path) -> Path:
    counts = dict.fromkeys(
        ("positives", "negatives", "true_positives", "false_negatives", "false_positives", "true_negatives"), 3
    )
    separation = Separation(auc=0.8, informative=True, balanced_accuracy=0.7, **counts)
    content = CalibrationFile(
        method="x",
        fingerprint_sha256="0" * 64,
        hands=3,
        existence_at=0.2,
        occlusion_below=0.5,
        existence=separation,
        occlusion=separation,
    )
    write_calibration(folder / "a.toml", content)
    return folder / "a.toml"


def _agreement(folder: Path) -> Path:
    score = Score(value=90.0, n=3, ci=IntervalEntry(level=0.95, low=80.0, high=100.0))
    parts = dict.fromkeys(("existence", "occlusion", "occlusion_kappa", "within"), score)
    row = JointRow(name="wrist", **parts, visible=3, median_distance=0.1, sigma=0.05)
    written = Agreement(
        a="a",
        b="b",
        hands=3,
        clips=3,
        only_a=("x",),
        only_b=(),
        palm=PalmEntry(definition="x", whose="mean", median_px=10.0),
        within_palms=0.25,
        existence_kappa=score,
        **parts,
        same_points=1.0,
        paper=Paper(),
        per_joint=tuple(row.model_copy(update={"name": name}) for name in JOINT_NAMES),
        per_finger=(row,),
        curves=(),
        prelabels=(),
        anchoring=(),
        worst=(),
        remarks=(),
    )
    write_agreement(folder / "agreement.json", written)
    return folder / "agreement.json"


def _read_agreement(folder: Path) -> object:
    """Read it as a result, and as the source of the sigmas of OKS."""
    with suppress(InputError):
        with_agreement(replace(load_oks_protocol(), minimum_doubles=1), folder)
    return read_agreement(folder / "agreement.json")


def _population(folder: Path) -> Path:
    (folder / "a.json").write_text(rendered_population().to_json())
    return folder / "a.json"


def _task(k: int) -> dict[str, Any]:
    labels = drawn.labels()
    x1, y1, x2, y2 = labels.box_xyxy[k].tolist()
    task = HandTask(
        folder="TRAIN_newdays_img",
        image=f"TRAIN_newdays_img/{drawn.IDS[k]}.jpg",
        image_sha256="0" * 64,
        frame_size=drawn.SIZE,
        box_xyxy=(x1, y1, x2, y2),
        crop=(0, 0, *drawn.SIZE),
        shown=drawn.SIZE,
        mean_pose=tuple((float(x), float(y)) for x, y in labels.keypoints_2d[k] + 3),
    )
    found = results(
        task.model_copy(update={"mean_pose": tuple((float(x), float(y)) for x, y in labels.keypoints_2d[k])})
    )
    annotation = {
        "id": 10 + k,
        "completed_by": {"id": 3, "email": "eva@example.com"},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "lead_time": 4.0,
        "was_cancelled": False,
        "result": found,
    }
    draft = {"id": 1, "user": "eva@example.com", "result": found[:2]}
    return {
        "id": k,
        "project": 2,
        "data": task_data(drawn.IDS[k], "/x.jpg", task),
        "annotations": [annotation],
        "drafts": [draft],
    }


def _export(rows: Callable[[], Sequence[Any]]) -> Callable[[Path], Path]:
    return lambda folder: _written("export.json", rows())(folder)


def _foreign() -> list[Any]:
    """Return a task of somebody else's project: a rectangle with named points in it, a state and a side."""

    def region(name: str, x: float, **more: Any) -> dict[str, Any]:
        size = {"original_width": 64, "original_height": 48, "image_rotation": 0}
        value = {"x": x, "y": 20.0, "width": 0.5, "keypointlabels": [name]}
        return {
            "id": f"r{name}",
            "from_name": "joints",
            "to_name": "img",
            "type": "keypointlabels",
            "value": value,
            **size,
            **more,
        }

    points = [region(name, 20.0 + k, parentID="box") for k, name in enumerate(JOINT_NAMES)]
    box = {**region("x", 10.0), "id": "box", "type": "rectanglelabels"}
    box["value"] = {"x": 10, "y": 10, "width": 50, "height": 60, "rectanglelabels": ["Left hand"]}
    state = {**points[0], "from_name": "vis", "type": "labels", "value": {"x": 20.0, "y": 20.0, "labels": ["Occluded"]}}
    own = {
        "id": 5,
        "completed_by": {"id": 3, "email": "eva@example.com"},
        "lead_time": 4.0,
        "result": [box, *points, state],
    }
    return [{"id": 7, "project": 2, "data": {"img": "/data/upload/2/0123abcd-my%20cup.jpg"}, "annotations": [own]}]


def _minimal() -> list[Any]:
    labels = drawn.labels()
    size = {"original_width": 64, "original_height": 48}
    points = [
        {"x": x, "y": y, "width": 0.5, "keypointlabels": [name], **size}
        for name, (x, y) in zip(JOINT_NAMES, labels.keypoints_2d[0].tolist(), strict=True)
    ]
    return [
        {
            "id": 1,
            "image": "/data/upload/a.jpg",
            "joints": points,
            "status": "usable",
            "annotation_id": 4,
            "annotator": 3,
            "created_at": "x",
            "updated_at": "x",
            "lead_time": 1.5,
        }
    ]


def _import(folder: Path) -> object:
    return import_labels(folder / "export.json", folder / "out" / "labels", side="right")


def _read_export(folder: Path) -> object:
    return sort_work(read_export("http://x", (folder / "export.json").read_bytes()), {3: "eva@example.com"})


def _login(folder: Path) -> Path:
    write_login(folder / "login.json", Login(password="x", token="y", data="/z"))
    return folder / "login.json"


def _pull(folder: Path) -> Path:
    _written("export.json", [_task(0)])(folder)
    import_labels(folder / "export.json", folder / "labels")
    return folder / "labels" / "pull.json"


def _summary(folder: Path) -> Path:
    content = {
        "folder": "TRAIN_newdays_img",
        "unit": "hand",
        "policy": "paper-v1",
        "policy_sha256": "0" * 64,
        "seed": 0,
        "units": 3,
        "hands": 3,
        "videos": 3,
        "strata": [{"name": "random", "drawn": 3, "available": 3}],
        "left_out": {"no box": 1},
        "read": {"a.txt": 10},
        "pool": {},
    }
    return _written("a.json", content)(folder)


def _verified(folder: Path) -> Path:
    write_pairs(folder / "TEST_newdays_img", drawn.labels())
    return next(iter(sorted((folder / "TEST_newdays_img").glob("*.json"))))


_FRAMES = {
    "TEST_ego4d_img": ["0a1b2c3d-0000-4000-8000-000000000000_0a1b2c3d-0000-4000-8000-000000000001_45_pre_45_l.jpg"]
}

TARGETS = (
    Target("manifest", "json lines", _manifest, lambda folder: read_manifest(folder / "TRAIN_newdays_img.jsonl")),
    Target("boxes jsonl", "json lines", _written("a.jsonl", _BOXES), lambda folder: lines_of_file(folder / "a.jsonl")),
    Target("boxes json", "json", _written("a.json", _BOXES), lambda folder: lines_of_file(folder / "a.json")),
    Target("boxes csv", "text", _boxes_of_table, lambda folder: lines_of_file(folder / "boxes.csv")),
    Target("camera json", "json", _written("a.json", _CAMERA), lambda folder: read_camera(folder / "a.json")),
    Target("camera toml", "toml", _written("a.toml", _CAMERA_TOML), lambda folder: read_camera(folder / "a.toml")),
    Target("policy", "toml", _policy, lambda folder: load_policy(str(folder / "a.toml"))),
    Target("calibration", "toml", _calibration, lambda folder: read_calibration(folder / "a.toml")),
    Target("agreement", "json", _agreement, _read_agreement),
    Target("population", "json", _population, lambda folder: load_population(folder / "a.json")),
    Target("summary", "json", _summary, lambda folder: read_summary(folder / "a.json")),
    Target(
        "photo record",
        "json",
        _written("a.json", {"found_by": "boxes", "photos": {}}),
        lambda folder: read_photos(folder / "a.json"),
    ),
    Target("export", "json", _export(lambda: [_task(0), _task(1)]), _import),
    Target("export of others", "json", _export(_foreign), _import),
    Target("export JSON-MIN", "json", _export(_minimal), _import),
    Target("answer of Label Studio", "json", _export(lambda: [_task(0), _task(1)]), _read_export),
    Target("login", "json", _login, lambda folder: read_login(folder / "login.json")),
    Target("pull record", "json", _pull, lambda folder: read_pull(folder / "labels" / "pull.json")),
    Target("unfinished pull", "json", _written("unfinished.json", {"project": "x", "files": ["a.json"]}), unfinished),
    Target(
        "frames of Ego4D", "json", _written("a.json", _FRAMES), lambda folder: frame_names(folder, folder / "a.json")
    ),
    Target("released pair", "json", _verified, lambda folder: verify(folder)),
)
