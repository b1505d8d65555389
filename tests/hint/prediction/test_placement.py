"""Hands in metres under a calibrated camera, animated hands of a video, and the recording for rerun."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rerun.chunk
import trimesh
from scipy.spatial.transform import Rotation

import hint
from hint.errors import InputError
from hint.images import write_image
from hint.methods.hamer.method import HamerMethod
from hint.methods.synthetic_hands import synthetic_hands
from hint.prediction import PredictResult
from hint.prediction.video_file import VideoFile
from hint.skeleton import N_JOINTS
from hint.types import HandLabels, MethodOptions

N, RATE = 5, 25.0
#: The size of the pictures, with the margin that the hand moves into.
MARGIN = 4 * N


@pytest.fixture(scope="module")
def hamer() -> HamerMethod:
    return HamerMethod.create(MethodOptions(weights="tiny-random"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of a right hand that moves to the right, and of a left one in all but the third and the last."""
    folder = tmp_path_factory.mktemp("clip")
    lines: list[dict[str, Any]] = []
    with VideoFile(folder / "clip.mp4", RATE) as video:
        for frame in range(N):
            moved = synthetic_hands()[0].shifted(4 * frame, 0)
            video.add(np.pad(moved.picture, ((0, 0), (0, MARGIN - 4 * frame), (0, 0)), mode="edge"))
            box = [float(edge) for edge in moved.hand.box_xyxy]
            lines.append({"frame": frame, "box_xyxy": box, "is_right": True})
            if frame not in (2, N - 1):
                lines.append({"frame": frame, "box_xyxy": [10, 10, 90, 100], "is_right": False})
    (folder / "boxes.json").write_text(json.dumps(lines))
    height, width = moved.picture.shape[0], moved.picture.shape[1] + MARGIN - 4 * frame
    camera = {"width": width - width % 2, "height": height - height % 2, "fx": 420.0, "cx": 150.0, "cy": 160.0}
    (folder / "camera.json").write_text(json.dumps(camera))
    poses = [{"frame": k, "rvec": [0.1 * k, 0.2, 0], "tvec": [0, 0.1 * k, 0.5]} for k in range(N)]
    (folder / "moving.json").write_text(json.dumps({**camera, "frames": poses}))
    return folder


def run(clip: Path, method: HamerMethod, out: Path, **options: Any) -> PredictResult:
    return hint.predict(clip / "clip.mp4", method, boxes=clip / "boxes.json", out=out, **options)


def test_hands_stand_in_the_world(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    result = run(clip, hamer, tmp_path, camera=clip / "moving.json", mesh="ply")
    placed, mano, found = (np.load(tmp_path / f"{name}.npz") for name in ("placed", "mano", "predictions"))
    assert placed["hand_id"].tolist() == found["hand_id"].tolist() == [hand.hand_id for hand in result]
    assert str(placed["axes"]) == "world"
    frames = [hand.frame for hand in result]
    rotation = Rotation.from_rotvec([[0.1 * k, 0.2, 0] for k in frames]).as_matrix()
    assert np.allclose(placed["camera_rotation"], rotation)
    translation = np.array([[0, 0.1 * k, 0.5] for k in frames])
    assert np.allclose(placed["camera_translation"], translation)
    for name in ("keypoints_3d", "vertices"):
        seen = np.einsum("nij,nvj->nvi", rotation, placed[name]) + translation[:, None]
        assert np.allclose(seen, found[name] + mano["cam_t"][:, None], atol=1e-5)
    assert mano["focal_length"].tolist() == [420.0] * len(result)
    assert mano["principal_point"].tolist() == [[150.0, 160.0]] * len(result)
    seen = np.einsum("nij,nvj->nvi", rotation, placed["keypoints_3d"]) + translation[:, None]
    px = 420.0 * seen[..., :2] / seen[..., 2:] + (150.0, 160.0)
    sides = [max(h.box_xyxy[2] - h.box_xyxy[0], h.box_xyxy[3] - h.box_xyxy[1]) for h in result]
    assert np.linalg.norm(px - found["keypoints_2d"], axis=2).mean(1).max() < 0.1 * max(sides)
    for row, hand_id in enumerate(placed["hand_id"]):
        mesh = trimesh.load(tmp_path / "meshes" / f"{hand_id}.ply", process=False)
        assert np.allclose(mesh.vertices, placed["vertices"][row], atol=1e-6)


def test_without_extrinsics_axes_are_the_cameras(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    run(clip, hamer, tmp_path, camera=clip / "camera.json")
    placed, mano, found = (np.load(tmp_path / f"{name}.npz") for name in ("placed", "mano", "predictions"))
    assert str(placed["axes"]) == "camera"
    assert np.allclose(placed["vertices"], found["vertices"] + mano["cam_t"][:, None], atol=1e-5)


def test_pictures_find_their_camera_by_name(hamer: HamerMethod, tmp_path: Path) -> None:
    hand = synthetic_hands()[0]
    height, width = hand.picture.shape[:2]
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", hand.picture)
    poses = [
        {"image": f"run1/{name}", "rvec": [0, 0, 0], "tvec": [k, 0, 0]} for k, name in enumerate(("b.png", "a.png"))
    ]
    file = tmp_path / "camera.json"
    file.write_text(json.dumps({"width": width, "height": height, "fx": 400, "frames": poses}))
    boxes, inputs = [[hand.hand.box_xyxy]] * 2, [tmp_path / "a.png", tmp_path / "b.png"]
    hint.predict(inputs, hamer, boxes=boxes, sides="right", camera=file, out=tmp_path / "out")
    placed = np.load(tmp_path / "out" / "placed.npz")
    assert placed["camera_translation"].tolist() == [[1, 0, 0], [0, 0, 0]]
    write_image(tmp_path / "c.png", hand.picture)
    with pytest.raises(InputError, match=r"does not say where the camera is in c: every picture needs"):
        hint.predict(tmp_path / "c.png", hamer, boxes=boxes[0], sides="right", camera=file)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"width": 1000}, {}, "px, the camera of"),
        ({"frames": [{"frame": 1, "rvec": [0, 0, 0], "tvec": [0, 0, 0]}]}, {}, "frame 0, frame 2, frame 3, frame 4"),
        ({}, {"focal_length": 300.0}, "leave out --focal-length"),
    ],
    ids=["size", "frames", "two focal lengths"],
)
def test_a_camera_that_does_not_suit_is_refused_before_any_work(
    clip: Path, hamer: HamerMethod, tmp_path: Path, change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    file = tmp_path / "camera.json"
    file.write_text(json.dumps(json.loads((clip / "camera.json").read_text()) | change))
    with pytest.raises(InputError) as error:
        run(clip, hamer, tmp_path / "out", camera=file, **options)
    assert words in str(error.value)
    assert not (tmp_path / "out").exists()


def test_every_track_is_animated(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    for kind in ("glb", "bvh"):
        run(clip, hamer, tmp_path, animation=kind, camera=clip / "moving.json")
    names = sorted(path.name for path in (tmp_path / "animation").iterdir())
    assert names == ["clip_0_r.bvh", "clip_0_r.glb", "clip_1_l.bvh", "clip_1_l.glb"]
    # The left one is interpolated where it is missing, and ends where it is seen last.
    for name, frames in (("clip_0_r.bvh", N), ("clip_1_l.bvh", N - 1)):
        assert f"Frames: {frames}\nFrame Time: 0.04" in (tmp_path / "animation" / name).read_text()
    bones = (tmp_path / "animation" / "clip_0_r.bvh").read_text().splitlines()[-N:]
    wrist = np.array([line.split()[:3] for line in bones], float)
    placed = np.load(tmp_path / "placed.npz")
    right = [row for row, hand_id in enumerate(placed["hand_id"]) if hand_id.endswith("_r")]
    # The wrist moves with the shape, which is one for the whole track.
    assert np.allclose(wrist, placed["keypoints_3d"][right, 0], atol=2e-3)
    for option in ({"animation": "glb"}, {"camera": clip / "camera.json"}):
        with pytest.raises(InputError, match=rf"box-centre has no MANO mesh; leave out --{next(iter(option))}"):
            hint.predict(clip / "clip.mp4", "box-centre", boxes=clip / "boxes.json", out=tmp_path / "none", **option)
    # Without a focal length there is no depth: the wrist stays in one plane.
    run(clip, hamer, tmp_path / "flat", animation="bvh")
    lines = (tmp_path / "flat" / "animation" / "clip_0_r.bvh").read_text().splitlines()[-N:]
    assert np.ptp([float(line.split()[2]) for line in lines]) < 2e-3


def columns(path: Path) -> dict[str, tuple[set[str], set[str], int]]:
    """Return entity -> timelines, components, rows of a recording."""
    found: dict[str, tuple[set[str], set[str], int]] = {}
    for chunk in rerun.chunk.RrdReader(path).stream():
        timelines, components, rows = found.get(chunk.entity_path, (set(), set(), 0))
        names = {name for name in chunk.to_record_batch().schema.names if ":" in name}
        found[chunk.entity_path] = (timelines | set(chunk.timeline_names), components | names, rows + chunk.num_rows)
    return found


def values(path: Path, entity: str, component: str, *, times: bool = False) -> list[Any]:
    """Return what a recording holds of an entity, in the order of its first timeline, or the times there."""
    rows: list[tuple[Any, Any]] = []
    for chunk in rerun.chunk.RrdReader(path).stream():
        batch = chunk.to_record_batch()
        if chunk.entity_path == entity and component in batch.schema.names:
            when = batch.column(sorted(chunk.timeline_names)[0]).to_pylist()
            rows += zip(when, batch.column(component).to_pylist(), strict=True)
    known = sorted((row for row in rows if row[1] is not None), key=lambda row: row[0])
    return [row[0 if times else 1] for row in known]


def test_a_recording_holds_the_video(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    path = tmp_path / "clip.rrd"
    result = run(clip, hamer, tmp_path / "out", camera=clip / "moving.json", rerun=path)
    found = columns(path)
    for entity in (
        "/world/camera",
        "/world/camera/picture",
        "/world/hands/0",
        "/world/camera/picture/hands/0/keypoints",
    ):
        assert found[entity][0] == {"frame", "time"}
    assert found["/world/camera/picture"][2] == N
    # The left hand is cleared in the frames without it.
    assert values(path, "/world/hands/1", "Clear:is_recursive", times=True) == [2, N - 1]
    assert values(path, "/world/hands/0", "Clear:is_recursive") == []
    points = values(path, "/world/camera/picture/hands/0/keypoints", "Points2D:positions")
    right = [hand for hand in result if hand.is_right]
    assert np.allclose(points, np.array([hand.keypoints_2d for hand in right]) + 0.5, atol=1e-3)
    placed = np.load(tmp_path / "out" / "placed.npz")
    meshes = values(path, "/world/hands/0", "Mesh3D:vertex_positions")
    assert np.allclose(meshes, placed["vertices"][[i.endswith("_r") for i in placed["hand_id"]]], atol=1e-5)
    lens = values(path, "/world/camera", "Pinhole:image_from_camera")[0]
    assert np.allclose(np.reshape(lens, (3, 3)).T, [[420, 0, 150.5], [0, 420, 160.5], [0, 0, 1]])
    assert path in result.files
    with pytest.raises(InputError, match=r"clip\.rrd exists"):
        run(clip, hamer, tmp_path / "out", rerun=path)
    with pytest.raises(InputError, match=r"end in \.rrd"):
        run(clip, hamer, tmp_path / "out", rerun=tmp_path / "clip.mp4")


def test_errors_are_recorded_where_boxes_are_labels(hamer: HamerMethod, tmp_path: Path) -> None:
    hands = synthetic_hands()[:3]
    ids = [f"ND_{k}_frame000001_{'r' if hand.hand.is_right else 'l'}" for k, hand in enumerate(hands)]
    for hand_id, hand in zip(ids, hands, strict=True):
        write_image(tmp_path / f"{hand_id}.png", hand.picture)
    seen = np.ones((3, N_JOINTS), bool)
    seen[0, 4] = False
    labels = HandLabels(
        np.array(ids),
        np.array(ids),
        np.array(["own"] * 3),
        np.array([hand.hand.box_xyxy for hand in hands]),
        np.array([hand.hand.is_right for hand in hands]),
        np.array([hand.keypoints_2d for hand in hands]),
        seen,
        ~seen,
        np.array([str(tmp_path / f"{hand_id}.png") for hand_id in ids]),
    )
    path = tmp_path / "own.rrd"
    pictures = [tmp_path / f"{hand_id}.png" for hand_id in ids]
    result = hint.predict(pictures, hamer, boxes=labels, rerun=path)
    found = columns(path)
    assert found["/errors/hands/0"] == ({"picture"}, {"Scalars:scalars"}, 3)
    assert len(values(path, "/world/camera/picture/hands/0/labels", "Points2D:positions")[0]) == N_JOINTS - 1
    distance = np.linalg.norm(result.keypoints_2d - labels.keypoints_2d, axis=2)
    distance[~seen] = np.nan
    expected = 100 * np.nanmean(distance, 1) / labels.longest_side
    assert np.allclose(np.ravel(values(path, "/errors/hands/0", "Scalars:scalars")), expected, rtol=1e-5)
