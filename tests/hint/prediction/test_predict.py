"""Pictures and videos in, predictions and files out, with a small HaMeR of random weights."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas
import pytest
from PIL import Image as Pil

import hint
from hint.engine import Work
from hint.errors import InputError
from hint.files import read_predictions
from hint.images import read_image, write_image
from hint.methods.box_centre import BoxCentre
from hint.methods.hamer.method import HamerMethod
from hint.methods.synthetic_hands import synthetic_hands
from hint.prediction import OneEuro, Prediction, PredictOptions, PredictResult, find_detector, find_source
from hint.prediction.camera import picture_camera
from hint.prediction.mano_file import axis_angle, read_mano, translations
from hint.prediction.smoothing import nearest_rotations
from hint.prediction.video_file import VideoFile
from hint.render import crop_camera
from hint.types import Hand, ManoParameters, MethodOptions, Predictions
from hint.video import VideoError
from hint.video.pixels import all_frames

RATE = 25.0


@pytest.fixture(scope="module")
def hamer() -> HamerMethod:
    return HamerMethod.create(MethodOptions(weights="tiny-random"))


class Counting:
    """A method that counts what it is asked, and can be interrupted."""

    def __init__(self, method: HamerMethod, interrupt_at: int | None = None) -> None:
        self.card, self.fingerprint, self.faces = method.card, method.fingerprint, method.faces
        self.prepare, self.pose, self._method = method.prepare, method.pose, method
        self._interrupt_at = interrupt_at
        self.asked: list[str] = []

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        return self.infer_hands(hands, prepared)[0]

    def infer_hands(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> tuple[Predictions, ManoParameters]:
        if self._interrupt_at is not None and len(self.asked) >= self._interrupt_at:
            raise KeyboardInterrupt
        self.asked += [hand.hand_id for hand in hands]
        return self._method.infer_hands(hands, prepared)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures with a hand each, and their boxes."""
    folder = tmp_path_factory.mktemp("drawn")
    lines = []
    for k, hand in enumerate(synthetic_hands()[:5]):
        write_image(folder / f"p{k}.png", hand.picture)
        box = [float(edge) for edge in hand.hand.box_xyxy]
        lines.append({"image": f"p{k}.png", "box_xyxy": box, "is_right": hand.hand.is_right})
    (folder / "boxes.json").write_text(json.dumps(lines))
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of a hand that moves to the right, with its box in all of them but the fourth."""
    folder = tmp_path_factory.mktemp("clip")
    lines = []
    with VideoFile(folder / "clip.mp4", RATE) as video:
        for frame in range(10):
            moved = synthetic_hands()[0].shifted(4 * frame, 0)
            video.add(np.pad(moved.picture, ((0, 0), (0, 40 - 4 * frame), (0, 0)), mode="edge"))
            box = [float(edge) for edge in moved.hand.box_xyxy]
            lines.append({"frame": frame, "box_xyxy": box, "is_right": moved.hand.is_right})
    (folder / "boxes.json").write_text(json.dumps([line for line in lines if line["frame"] != 3]))
    return folder / "clip.mp4"


def predicted(path: Path, method: Any, options: PredictOptions | None = None) -> PredictResult:
    folder = path if path.is_dir() else path.parent
    return Prediction(find_source(path), find_detector(folder / "boxes.json"), options).run(method)


def much_changed(a: np.ndarray, b: np.ndarray) -> int:
    """How many pixels something was drawn over; compression changes none that much."""
    return int((np.abs(a.astype(int) - b).max(2) > 60).sum())


def test_files_hold_the_results(drawn: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    result = predicted(drawn, hamer, PredictOptions(tmp_path, mesh="obj", overlay=True, work=Work(batch_size=2)))
    stored, (ids, parameters) = read_predictions(tmp_path / "predictions.npz"), read_mano(tmp_path / "mano.npz")
    assert ids == stored.hand_id.tolist() == result.predictions.hand_id.tolist()
    assert [i[:4] for i in ids] == ["p0_0", "p1_0", "p2_0", "p3_0", "p4_0"]
    assert np.array_equal(stored.keypoints_2d, result.predictions.keypoints_2d)
    assert stored.vertices is not None
    assert result.parameters is not None
    for name in ("hand_pose", "betas", "cam_t", "square", "focal_length"):
        assert np.array_equal(getattr(parameters, name), getattr(result.parameters, name))
    assert sorted(p.name for p in (tmp_path / "meshes").iterdir()) == [f"{i}.obj" for i in ids]
    for frame in result.frames:
        overlay = read_image(tmp_path / "overlay" / f"{frame.picture.name}.jpg")
        assert overlay.shape[:2] == frame.size[::-1]
        assert much_changed(overlay, frame.picture.read()) > 100


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("predictions.csv", {"table": "csv"}),
        ("predictions-smooth.csv", {"table": "csv", "smooth": OneEuro()}),
        ("overlay.mp4", {"overlay": True}),
        ("animation/mine.bvh", {"animation": "bvh"}),
    ],
)
def test_files_that_no_earlier_run_wrote_stay(clip: Path, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"{name} is not of an earlier run; give another --out, or --overwrite"):
        Prediction(find_source(clip), find_detector(clip.parent / "boxes.json"), PredictOptions(tmp_path, **options))
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / "predictions.npz").touch()
    Prediction(find_source(clip), find_detector(clip.parent / "boxes.json"), PredictOptions(tmp_path, **options))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_says_where_every_hand_is(clip: Path, hamer: HamerMethod, tmp_path: Path, kind: str) -> None:
    options = PredictOptions(tmp_path, table=kind, smooth=OneEuro())
    result = predicted(clip, hamer, options)
    tables = [tmp_path / f"predictions{ending}.{kind}" for ending in ("", "-smooth")]
    assert set(tables) <= set(result.files)
    for table in tables:
        stored, read = read_predictions(table.with_suffix(".npz")), read_predictions(table)
        for name in ("hand_id", "keypoints_2d", "keypoints_3d"):
            np.testing.assert_array_equal(getattr(read, name), getattr(stored, name))
    rows = (pandas.read_csv if kind == "csv" else pandas.read_parquet)(tables[0]).to_dict("records")
    assert [row["frame"] for row in rows] == [hand.frame for hand in result]
    assert [row["time"] for row in rows] == pytest.approx([hand.frame / RATE for hand in result])
    assert [tuple(row[key] for key in ("x1", "y1", "x2", "y2")) for row in rows] == [h.box_xyxy for h in result]
    assert {(row["side"] == "right", (tmp_path / row["picture"]).resolve()) for row in rows} == {
        (result[0].is_right, clip.resolve())
    }


def test_the_crops_camera_gives_the_keypoints(drawn: Path, hamer: HamerMethod) -> None:
    result = predicted(drawn, hamer)
    rows, parameters = result.predictions, result.parameters
    assert parameters is not None
    assert rows.keypoints_3d is not None
    sides = np.array([found.hand.is_right for frame in result.frames for found in frame.hands])
    assert set(sides.tolist()) == {True, False}
    cameras = [picture_camera(frame.size, None) for frame in result.frames]
    whole = translations(parameters, sides, cameras)
    for k, frame in enumerate(result.frames):
        mirror = (1, 1, 1) if sides[k] else (-1, 1, 1)
        camera = crop_camera(tuple(parameters.square[k]), *frame.size)
        assert camera.focal == pytest.approx(float(parameters.focal_length[k]))
        points = camera.project(rows.keypoints_3d[k] + parameters.cam_t[k] * mirror)
        assert np.allclose(points, rows.keypoints_2d[k], atol=1e-2)
        # Seen by the whole picture's camera a hand differs by perspective: little beside its own size.
        placed = cameras[k].project(rows.keypoints_3d[k] + whole[k])
        assert np.abs(placed - rows.keypoints_2d[k]).max() < 0.02 * parameters.square[k, 2]


def test_the_whole_pictures_camera_is_hamers(golden: Path) -> None:
    expected = np.load(golden / "hamer_crops.npz")["full_cam"]
    cam = np.array([[0.9, 0.05, -0.02], [1.1, -0.1, 0.07]], np.float32)
    square = np.array([[100, 150, 200], [400, 90, 90]], np.float32)
    cam_t = np.stack([cam[:, 1], cam[:, 2], 2 * 5000 / (256 * cam[:, 0])], 1)
    eye = np.tile(np.eye(3, dtype=np.float32), (2, 16, 1, 1))
    focal = 5000 / 256 * square[:, 2]
    parameters = ManoParameters(eye[:, :1], eye[:, 1:], np.zeros((2, 10), np.float32), cam, cam_t, focal, square)
    ours = translations(parameters, np.array([True, True]), [picture_camera((640, 480), None)] * 2)
    assert np.allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_a_mirrored_picture_gives_the_mirrored_mesh(hamer: HamerMethod) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    x1, y1, x2, y2 = 31.0, 20.0, 90.0, 81.0
    box, mirrored = [x1, y1, x2, y2], [159 - x2, y1, 159 - x1, y2]

    def run(image: np.ndarray, box: list[float], is_right: bool) -> PredictResult:
        known = find_detector([{"image": "picture0", "box_xyxy": box, "is_right": is_right}])
        return Prediction(find_source(image), known).run(hamer)

    right, left = run(picture, box, True), run(picture[:, ::-1].copy(), mirrored, False)
    assert right.predictions.vertices is not None
    assert left.predictions.vertices is not None
    assert right.predictions.keypoints_3d is not None
    assert left.predictions.keypoints_3d is not None
    assert np.array_equal(left.predictions.vertices, right.predictions.vertices * np.float32([-1, 1, 1]))
    assert np.array_equal(left.predictions.keypoints_3d, right.predictions.keypoints_3d * np.float32([-1, 1, 1]))
    flipped = right.predictions.keypoints_2d * (-1, 1) + (159, 0)
    assert np.allclose(left.predictions.keypoints_2d, flipped, atol=1e-4)
    assert right.parameters is not None
    assert left.parameters is not None
    assert np.array_equal(left.parameters.hand_pose, right.parameters.hand_pose)
    assert np.array_equal(left.parameters.cam_t, right.parameters.cam_t)


def test_axis_angle() -> None:
    # A quarter turn about z, and none.
    turn = np.array([[[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.eye(3)], np.float32)
    assert np.allclose(axis_angle(turn), [[0, 0, np.pi / 2], [0, 0, 0]])


def test_a_second_run_computes_nothing_again(drawn: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    options = PredictOptions(tmp_path, overlay=True, work=Work(batch_size=2))
    stopped = Counting(hamer, interrupt_at=2)
    with pytest.raises(KeyboardInterrupt):
        predicted(drawn, stopped, options)
    assert len(read_predictions(tmp_path / "predictions.npz")) == 2
    rest = Counting(hamer)
    result = predicted(drawn, rest, options)
    assert len(stopped.asked) == 2
    assert stopped.asked + rest.asked == result.predictions.hand_id.tolist()
    assert result.reused == 2
    again = Counting(hamer)
    same = predicted(drawn, again, options)
    assert again.asked == []
    assert np.array_equal(same.predictions.keypoints_2d, result.predictions.keypoints_2d)


def test_earlier_results_stay(drawn: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    detector = find_detector(drawn / "boxes.json")
    for names in (("p0", "p1", "p2"), ("p3", "p1")):
        pictures = find_source([drawn / f"{n}.png" for n in names])
        Prediction(pictures, detector, PredictOptions(tmp_path)).run(hamer)
    ids = read_predictions(tmp_path / "predictions.npz").hand_id.tolist()
    assert sorted(i[:2] for i in ids) == ["p0", "p1", "p2", "p3"]
    assert read_mano(tmp_path / "mano.npz")[0] == ids
    stopped = Counting(hamer, interrupt_at=0)
    with pytest.raises(KeyboardInterrupt):
        predicted(drawn, stopped, PredictOptions(tmp_path, work=Work(batch_size=1)))
    assert len(read_predictions(tmp_path / "predictions.npz")) == 4


def test_a_changed_picture_is_predicted_again(drawn: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in drawn.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    predicted(folder, hamer, PredictOptions(tmp_path / "out"))
    write_image(folder / "p1.png", 255 - read_image(folder / "p1.png"))
    again = Counting(hamer)
    predicted(folder, again, PredictOptions(tmp_path / "out"))
    assert [i[:2] for i in again.asked] == ["p1"]


def test_a_folder_of_another_method_is_refused(drawn: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    predicted(drawn, hamer, PredictOptions(tmp_path))
    with pytest.raises(InputError, match=r"method hamer \(now box-centre\).*--out"):
        predicted(drawn, BoxCentre.create(MethodOptions()), PredictOptions(tmp_path))


def test_methods_without_mesh_draw_keypoints(drawn: Path, tmp_path: Path) -> None:
    method = BoxCentre.create(MethodOptions())
    result = predicted(drawn, method, PredictOptions(tmp_path, overlay=True))
    assert result.parameters is None
    assert not (tmp_path / "mano.npz").exists()
    overlay, picture = read_image(tmp_path / "overlay" / "p0.jpg"), read_image(drawn / "p0.png")
    x, y = result.predictions.keypoints_2d[0, 0].round().astype(int)
    assert np.abs(overlay[y, x].astype(int) - picture[y, x]).max() > 30
    with pytest.raises(InputError, match=r"box-centre .*--mesh"):
        predicted(drawn, method, PredictOptions(tmp_path, mesh="obj"))


def test_a_video_becomes_a_video(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    result = predicted(clip, hamer, PredictOptions(tmp_path, overlay=True, work=Work(batch_size=4)))
    assert [frame.picture.frame for frame in result.frames] == list(range(10))
    assert len(result.predictions) == 9
    assert {found.track for frame in result.frames for found in frame.hands} == {0}
    assert result.predictions.hand_id[3].startswith("clip_frame000004_0_")
    with av.open(str(tmp_path / "overlay.mp4")) as drawn, av.open(str(clip)) as plain:
        assert drawn.streams.video[0].average_rate == plain.streams.video[0].average_rate
        frames = zip(drawn.decode(video=0), plain.decode(video=0), strict=True)
        changed = [much_changed(a.to_ndarray(format="rgb24"), b.to_ndarray(format="rgb24")) for a, b in frames]
    assert len(changed) == 10
    assert changed[3] == 0
    assert min(changed[:3] + changed[4:]) > 100
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_video_leaves_no_half_file(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    options = PredictOptions(tmp_path, overlay=True, work=Work(batch_size=4))
    with pytest.raises(KeyboardInterrupt):
        predicted(clip, Counting(hamer, interrupt_at=4), options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hands.jsonl", "mano.npz", "predictions.npz"]
    rest = Counting(hamer)
    predicted(clip, rest, options)
    assert len(rest.asked) == 5
    assert (tmp_path / "overlay.mp4").is_file()


def test_smoothing_keeps_the_raw_results(clip: Path, hamer: HamerMethod, tmp_path: Path) -> None:
    plain = predicted(clip, hamer)
    result = predicted(clip, hamer, PredictOptions(tmp_path, smooth=OneEuro(0.5, 0.0)))
    raw, smooth = (read_predictions(tmp_path / f"predictions{e}.npz") for e in ("", "-smooth"))
    assert np.array_equal(raw.keypoints_2d, plain.predictions.keypoints_2d)
    assert np.array_equal(smooth.keypoints_2d, result.predictions.keypoints_2d)
    assert np.array_equal(smooth.keypoints_2d[0], raw.keypoints_2d[0])
    moved = [np.abs(np.diff(p.keypoints_2d, axis=0)).mean() for p in (raw, smooth)]
    assert moved[1] < moved[0]
    _, parameters = read_mano(tmp_path / "mano-smooth.npz")
    turned = parameters.hand_pose @ parameters.hand_pose.transpose(0, 1, 3, 2)
    assert np.allclose(turned, np.eye(3), atol=1e-5)
    joints, _ = hamer.pose(parameters)
    mirror = 1 if result.frames[0].hands[0].hand.is_right else np.array([-1, 1, 1])
    assert smooth.keypoints_3d is not None
    assert np.allclose(joints * mirror, smooth.keypoints_3d, atol=1e-6)


def test_nearest_rotation() -> None:
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    assert np.allclose(nearest_rotations(np.float32(0.9) * turn), turn, atol=1e-6)
    assert np.linalg.det(nearest_rotations(np.diag(np.float32([1, 1, -0.2])))) == pytest.approx(1)


def test_a_broken_picture_and_a_box_outside_do_not_stop_the_others(
    drawn: Path, hamer: HamerMethod, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    (folder / "p0.png").write_bytes((drawn / "p0.png").read_bytes())
    box = {"image": "p0.png", "box_xyxy": [20, 20, 90, 90], "is_right": True}
    outside = {**box, "box_xyxy": [9000, 20, 9090, 90], "hand_id": "far"}
    (folder / "boxes.json").write_text(json.dumps([box, outside]))
    result = predicted(folder, hamer)
    assert result.predictions.hand_id.tolist() == ["p0_0_r"]
    assert set(result.failures) == {"bad", "far"}
    assert "lies outside" in result.failures["far"]
    same = hint.predict(str(folder), hamer, boxes=str(folder / "boxes.json"))
    assert same.failures == result.failures
    assert np.array_equal(same.keypoints_2d, result.keypoints_2d)


def test_a_damaged_video_keeps_the_frames_before(
    clip: Path, hamer: HamerMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, _on_damage: object) -> Iterator[tuple[int, np.ndarray]]:
        for frame, pixels in all_frames(path):
            if frame == 6:
                raise VideoError(f"{path} cannot be decoded after frame 5")
            yield frame, pixels

    monkeypatch.setattr("hint.video.pixels.all_frames", broken)
    result = hint.predict(clip, hamer, boxes=clip.parent / "boxes.json", out=tmp_path)
    assert set(result.failures) == {"clip.mp4"}
    assert len(result) == 5
    assert read_predictions(tmp_path / "predictions.npz").hand_id.tolist() == result.hand_id.tolist()


def test_arrays_and_pil_images_with_boxes_as_numbers(drawn: Path, hamer: HamerMethod) -> None:
    entries = json.loads((drawn / "boxes.json").read_text())[:2]
    files = [drawn / entry["image"] for entry in entries]
    boxes, sides = [e["box_xyxy"] for e in entries], ["right" if e["is_right"] else "left" for e in entries]
    expected = hint.predict(files, hamer, boxes=boxes, sides=sides)
    images = [read_image(files[0]), Pil.open(files[1])]
    result = hint.predict(images, hamer, boxes=[[box] for box in boxes], sides=sides)
    assert np.array_equal(result.keypoints_2d, expected.keypoints_2d)
    assert result.failures == {}
    one = hint.predict(str(files[1]), hamer, boxes=[boxes[1]], sides=sides[1])
    assert np.allclose(one.keypoints_2d[0], expected.keypoints_2d[1], atol=1e-3)
    with pytest.raises(InputError, match="not both"):
        hint.predict(files, hamer, boxes=boxes, sides=sides, detector="mediapipe")
    with pytest.raises(InputError, match="device"):
        hint.predict(files, hamer, boxes=boxes, sides=sides, device="cpu")


def test_many_hands_of_a_single_picture_show_their_progress(capsys: pytest.CaptureFixture[str]) -> None:
    boxes = [[k, 5, k + 20, 30] for k in range(5)]
    for batch_size, shown in ((2, ["Box centre: hands: 5/5"]), (5, [])):
        picture, work = np.zeros((80, 90, 3), np.uint8), Work(batch_size=batch_size)
        hint.predict(picture, BoxCentre(), boxes=boxes, sides="right", work=work)
        assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines() if "hands" in line] == shown


def test_labels_are_boxes_with_sides_and_ids(hint_root: Path, hamer: HamerMethod) -> None:
    labels = hint.load_labels(hint_root)
    paths = labels.image[:2].tolist()
    result = hint.predict(paths, hamer, boxes=labels)
    assert result.hand_id.tolist() == labels.hand_id[:2].tolist()
    assert [hand.is_right for hand in result] == labels.is_right[:2].tolist()
    in_memory = hint.predict(read_image(Path(paths[0])), hamer, boxes=labels[:1])
    assert in_memory.hand_id.tolist() == labels.hand_id[:1].tolist()


def test_a_result_is_a_sequence_of_hands(drawn: Path, hamer: HamerMethod) -> None:
    result = hint.predict(drawn, hamer, boxes=drawn / "boxes.json")
    assert len(result) == len(list(result)) == 5
    hand = result[-1]
    assert hand.hand_id == result.hand_id[4]
    assert hand.image == drawn / "p4.png"
    assert np.array_equal(hand.keypoints_2d, result.keypoints_2d[4])
    assert [h.hand_id for h in result[1:3]] == result.hand_id[1:3].tolist()
    assert "5 hands in 5 pictures" in repr(result)
    with pytest.raises(IndexError):
        result[5]


def test_gifs(drawn: Path, tmp_path: Path) -> None:
    frames = [Pil.fromarray(read_image(drawn / f"p{k}.png")).resize((80, 60)) for k in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(tmp_path / "still.gif")
    moving, still = find_source(tmp_path / "moving.gif"), find_source(tmp_path / "still.gif")
    assert (moving.total, moving.rate) == (3, 10.0)
    assert (still.total, still.rate) == (1, None)
    assert [picture.read().shape for source in (moving, still) for picture in source.pictures()] == [(60, 80, 3)] * 4


def test_boxes_of_other_pictures_only(drawn: Path, hamer: HamerMethod) -> None:
    boxes = [{"image": "elsewhere.jpg", "box_xyxy": [0, 0, 9, 9], "is_right": True}]
    with pytest.raises(InputError, match="none of the boxes"):
        hint.predict(drawn, hamer, boxes=boxes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["no.jpg"], r"no\.jpg: no such"),
        (["."], "holds no picture"),
        (["a.mp4", "b.mp4"], r"a\.mp4 .* 1 more"),
        (["pipe"], "neither a file nor a folder"),
        (["/dev/null"], "neither a file nor a folder"),
        (["loop"], "no such file"),
        (["~nobody-is-called-so/a.jpg"], "no such user"),
        ([""], "path is empty"),
    ],
)
def test_unusable_inputs(tmp_path: Path, given: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    with pytest.raises(InputError, match=message):
        find_source(given)


def test_odd_things_in_a_folder(tmp_path: Path) -> None:
    """Pipes and folders are no pictures; a broken link is listed, and a file that is named twice is one picture."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    picture = tmp_path / "one\ntwo.png"
    write_image(picture, np.zeros((60, 80, 3), np.uint8))
    boxes = [{"image": str(picture), "box_xyxy": [10, 10, 50, 50], "is_right": True}]
    result = hint.predict([tmp_path, picture], "box-centre", boxes=boxes)
    assert result.predictions.hand_id.tolist() == ["one_two_0_r"]
    assert list(result.failures) == ["loop"]


def test_two_boxes_with_one_name(drawn: Path, hamer: HamerMethod) -> None:
    box = {"image": "p0.png", "box_xyxy": [20, 20, 90, 90], "is_right": True, "hand_id": "h"}
    with pytest.raises(InputError, match="named h;"):
        hint.predict(drawn, hamer, boxes=[box, box])


@pytest.fixture(scope="module")
def photographs(shared: Path) -> Path:
    folder = shared / "data" / "real_hands" / "TEST_real_img"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    from hint.landmarks.files import missing

    if lacking := missing():
        pytest.skip(f"mediapipe {lacking}")
    return folder


def test_hands_of_photographs_are_found_where_they_are(photographs: Path, hamer: HamerMethod) -> None:
    names = ("FH_00017620_r", "FH_00032915_r", "PN_00100587_r", "PN_00100586_l")
    found = hint.predict([photographs / f"{name}.jpg" for name in names], hamer)
    labels = {n: json.loads((photographs / f"{n}.json").read_text())[0]["keypoints"] for n in names}
    hits = 0
    for row, hand_id in enumerate(found.hand_id.tolist()):
        name = next(n for n in names if hand_id.startswith(n))
        centre = np.array(labels[name], float).mean(0)
        low, high = found.keypoints_2d[row].min(0), found.keypoints_2d[row].max(0)
        hits += bool((low < centre).all() and (centre < high).all())
    # Random weights pose the hand anyhow, but about where the detector found it.
    assert hits >= 3
