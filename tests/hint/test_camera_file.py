"""Calibrated cameras, in the forms of several tools, and what is no camera."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.files.camera_file import read_calibration

ROTATION = Rotation.from_rotvec([0.1, -0.4, 0.2])
SIZE = {"width": 640, "height": 480}
PLAIN = {**SIZE, "fx": 500.0, "fy": 502.0, "cx": 310.0, "cy": 250.0}
MATRIX: list[list[float]] = [[500.0, 0, 310.0], [0, 502.0, 250.0], [0, 0, 1]]
OPENCV = {"rvec": [0.1, -0.4, 0.2], "tvec": [0.1, 0.2, 0.3]}
AT = {"frame": 0, "rotation": ROTATION.as_matrix().tolist(), "translation": [0.1, 0.2, 0.3]}


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


FORMS = {
    "plain": {**PLAIN, "extrinsics": {"rotation": AT["rotation"], "translation": AT["translation"]}},
    "opencv": {**SIZE, "camera_matrix": MATRIX, "dist_coeffs": [0, 0.0, 0, 0, 0], "extrinsics": OPENCV},
    "opencv file": {
        **SIZE,
        "K": {"rows": 3, "cols": 3, "dt": "d", "data": [*MATRIX[0], *MATRIX[1], *MATRIX[2]]},
        "extrinsics": OPENCV,
    },
    "colmap": {
        **SIZE,
        "model": "PINHOLE",
        "params": [500, 502, 310, 250],
        "extrinsics": {"qvec": ROTATION.as_quat()[[3, 0, 1, 2]].tolist(), "tvec": [0.1, 0.2, 0.3]},
    },
    "toml": """
        width = 640
        height = 480
        fx = 500
        fy = 502
        cx = 310
        cy = 250
        [extrinsics]
        rvec = [0.1, -0.4, 0.2]
        tvec = [0.1, 0.2, 0.3]
    """,
}


@pytest.mark.parametrize("camera", FORMS.values(), ids=FORMS)
def test_all_forms_are_one_camera(tmp_path: Path, camera: Any) -> None:
    path = tmp_path / ("camera.toml" if isinstance(camera, str) else "camera.json")
    found = read_calibration(write(path, camera))
    assert (found.size, found.focal_length, found.principal_point) == ((640, 480), 501.0, (310.0, 250.0))
    assert found.pose is not None
    point = np.array([0.3, -0.1, 2.0])
    seen = ROTATION.apply(point) + np.array([0.1, 0.2, 0.3])
    assert np.allclose(found.pose.to_world(seen), point)


def test_what_is_not_stated_is_usual(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path / "a.json", {**SIZE, "fx": 500}))
    assert found.principal_point == (320.0, 240.0)
    assert not found.is_placed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fx": -500.0}, "fx: Input should be greater than 0"),
        ({"fx": float("nan")}, "fx: Input should be a finite number"),
        ({"fx": "500"}, "fx: Input should be a valid number"),
        ({"fx": 1e300}, "fx: Input should be less than"),
        ({"fx": 0.1, "fy": 0.1}, "focal length"),
        ({"fy": 600.0}, "pixels are not square"),
        ({"cx": 900.0}, "principal point 900, 250 lies outside of 640 x 480"),
        ({"width": 0}, "width: Input should be greater than or equal to 1"),
        ({"distortion": [0.1, 0, 0, 0]}, "undistort them first"),
        ({"model": "OPENCV", "params": [1.0]}, "give one of fx"),
        ({"fx": None, "model": "OPENCV", "params": [1.0]}, "undistort the pictures first; known: SIMPLE_PINHOLE"),
        ({"fx": None, "model": "PINHOLE", "params": [1.0]}, "PINHOLE has 4 params, found 1"),
        ({"fx": None, "camera_matrix": [[1, 2], [3, 4]]}, "camera_matrix"),
        ({"fx": None, "camera_matrix": [[500, 3, 9], [0, 500, 9], [0, 0, 1]]}, "camera_matrix is fx 0 cx"),
        ({"focal": 3}, "focal: unknown key"),
        ({"extrinsics": {"rvec": [0, 0], "tvec": [0, 0, 0]}}, "extrinsics.rvec: List should have at least 3"),
        ({"extrinsics": {"rvec": [0, 0, 0]}}, "give translation, 3 numbers in metres"),
        ({"extrinsics": {"rvec": [0, 0, 0], "qvec": [1, 0, 0, 0], "tvec": [0, 0, 0]}}, "give one of rotation"),
        ({"extrinsics": {"qvec": [1, 1, 0, 0], "tvec": [0, 0, 0]}}, "not a unit quaternion"),
        ({"extrinsics": {**AT, "rotation": np.diag([1, 1, -1]).tolist()}}, "not a rotation matrix"),
        ({"frames": [AT, AT]}, "frames: 0 is there twice"),
        ({"frames": [{**OPENCV, "image": f"{k}/a.jpg"} for k in (1, 2)]}, "frames: 'a.jpg' is there twice"),
        ({"frames": [{**AT, "frame": None}]}, "needs either frame"),
        ({"frames": [AT], "extrinsics": AT}, "give one of them"),
        ({"frames": [{**AT, "frame": -1}]}, "frames.0.frame"),
    ],
)  # fmt: skip
def test_what_is_no_camera_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    entry = {key: value for key, value in {**PLAIN, **change}.items() if value is not None}
    if "fx" not in entry:
        entry = {key: value for key, value in entry.items() if key not in ("fy", "cx", "cy")}
    with pytest.raises(InputError) as error:
        read_calibration(write(tmp_path / "camera.json", entry))
    assert words in str(error.value)
    assert "camera.json is no camera" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[]", "is no camera"),
        ("a.toml", "width = ", "not readable as TOML"),
        ("a.toml", "a = " + "[" * 5000 + "]" * 5000, "a.toml"),
        ("b.toml", None, "no such file"),
    ],
    ids=["deep", "list", "no toml", "deep toml", "absent"],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_calibration(path)
