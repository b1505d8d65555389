"""``hint predict`` as it is typed: what it prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pil

from hint.cli import main
from hint.detection import Detection, Picture
from hint.files import read_predictions
from hint.images import write_image

#: Exit code, stdout and stderr of a command.
Run = Callable[..., tuple[int, str, str]]

#: A method without a network that takes a while for every batch, and progress after every picture.
SLOW = """
import time
import hint.progress
from hint.methods.box_centre import BoxCentre
from hint.cli import main

plain = BoxCentre.infer
def infer(self, hands, prepared):
    time.sleep(0.1)
    return plain(self, hands, prepared)

BoxCentre.infer, hint.progress.PLAIN_EVERY = infer, 0
"""
SLOW_SAVE = """
import hint.prediction.store
hint.prediction.store.write_rows = lambda *rows: time.sleep(60)
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hint", "predict", *map(str, arguments), "--method", "box-centre"])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, and a box in each."""
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        write_image(folder / f"{name}.png", np.full((60, 80, 3), 90, np.uint8))
    return with_boxes(folder, ["a.png", "b.png"])


def with_boxes(folder: Path, images: list[str]) -> Path:
    lines = [{"image": image, "box_xyxy": [10, 10, 50, 50], "is_right": True} for image in images]
    (folder / "boxes.json").write_text(json.dumps(lines))
    return folder


def test_files_are_named_and_one_to_open(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, stdout, _ = run(photos, "--boxes", photos / "boxes.json", "--out", out, "--overlay")
    assert code == 0
    assert {line.strip() for line in stdout.splitlines()[1:]} == {
        "2 of 2 boxes used, in 2 of 2 pictures",
        str(out / "predictions.npz"),
        str(out / "hands.jsonl"),
        f"{out / 'overlay'} (2 files)",
        f"open {out / 'overlay' / 'a.jpg'}",
    }


def test_pictures_that_are_done_at_once_have_a_true_rate(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 10.0, 10.0])
    monkeypatch.setattr("hint.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    _, _, stderr = run(photos, "--boxes", photos / "boxes.json", "--out", tmp_path / "out")
    assert "pictures: 2/2, 5.0 s each\n" in stderr


def test_a_second_picture_in_the_same_folder_is_counted_by_itself(run: Run, photos: Path, tmp_path: Path) -> None:
    options = ("--boxes", photos / "boxes.json", "--out", tmp_path / "out")
    run(photos / "a.png", *options)
    code, stdout, stderr = run(photos / "b.png", *options)
    assert (code, stderr) == (0, "")
    lines = stdout.splitlines()
    assert lines[0].startswith("1 hand in 1 picture,")
    assert lines[1] == "1 of 2 boxes used, in 1 of 1 picture"
    assert "2 hands" in lines[2]
    summary = json.loads(run(photos / "b.png", *options, "--json")[1])
    counts = ("pictures", "hands", "predicted", "reused", "stored")
    assert [summary[name] for name in counts] == [1, 1, 0, 1, 2]
    assert summary["files"] == [str(tmp_path / "out" / name) for name in ("predictions.npz", "hands.jsonl")]


def test_broken_pictures_are_named_and_the_others_predicted(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(b"\x89PNG no picture")
    code, stdout, stderr = run(photos, "--boxes", photos / "boxes.json", "--out", tmp_path / "out")
    assert code == 1
    assert stdout.startswith("1 hand in 1 picture,")
    assert [str(photos / "a.png") in line for line in stderr.splitlines() if "pictures: " not in line] == [True]


def test_a_damaged_picture_is_predicted_and_named(run: Run, photos: Path, tmp_path: Path) -> None:
    """Again as the run is resumed, when it is not read."""
    (photos / "a.png").unlink()
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    write_image(photos / "a.jpg", noise)
    content = (photos / "a.jpg").read_bytes()
    (photos / "a.jpg").write_bytes(content[: len(content) // 2] + b"\xff\xd9")
    for _ in range(2):
        code, stdout, stderr = run(photos, "--boxes", photos / "boxes.json", "--out", tmp_path / "out")
        assert (code, stdout[:22]) == (0, "2 hands in 2 pictures,")
        assert next(line for line in stderr.splitlines() if "damaged" in line).startswith("a: ")
    assert (tmp_path / "out" / "hands.jsonl").read_text().count('"damage":') == 1


@pytest.mark.parametrize("make", ["no such file", "empty folder", "bbox", "smooth-set", "focal length", "never"])
def test_wrong_input_is_one_line(run: Run, photos: Path, tmp_path: Path, make: str) -> None:
    out, boxes, given = tmp_path / "out", photos / "boxes.json", [photos]
    if make == "no such file":
        given, fact = [tmp_path / "no.jpg"], str(tmp_path / "no.jpg")
    elif make == "empty folder":
        (tmp_path / "empty").mkdir()
        given, fact = [tmp_path / "empty"], str(tmp_path / "empty")
    elif make == "bbox":
        boxes.write_text(json.dumps([{"image": "a.png", "bbox": [10, 10, 40, 40]}]))
        fact = "box_xyxy"
    elif make == "smooth-set":
        given, fact = [photos, "--smooth-set", "1,1"], "add --smooth"
    elif make == "focal length":
        given, fact = [photos, "--focal-length", "1e300"], "1 to 10,000,000"
    else:
        run(photos, "--boxes", boxes, "--out", out)
        given, fact = [photos, "--overwrite", "never"], "--overwrite"
    code, _, stderr = run(*given, "--boxes", boxes, "--out", out)
    assert code == 2
    assert fact in stderr
    assert len(stderr.splitlines()) == 1


def turned(folder: Path) -> Path:
    """A picture that is stored sideways."""
    exif = Pil.Exif()
    exif[0x0112] = 8
    Pil.new("L", (80, 60)).save(folder / "sideways.jpg", exif=exif)
    return folder / "sideways.jpg"


def test_what_is_turned_unsure_or_empty_is_said(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TwoLeft:
        identity = "two left"

        def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
            boxes = [] if picture.name == "b" else [(0.0, 0.0, 30.0, 30.0), (30.0, 0.0, 60.0, 30.0)]
            return [Detection(box, False, 0.9) for box in boxes]

    monkeypatch.setattr("hint.prediction.create_detector", lambda name: TwoLeft())
    options = ("--out", tmp_path / "out")
    code, stdout, stderr = run(photos / "b.png", turned(photos), *options)
    assert code == 0
    assert stdout.startswith("2 hands in 2 pictures,")
    said = [line for line in stderr.splitlines() if not line.startswith("Box centre: ")]
    assert len(said) == 3
    assert "sideways: both hands are taken for left ones" in said[0]
    assert said[1] == "turned upright, as viewers show them; results refer to that: sideways"
    assert said[2] == "no hand was found in 1 of 2 pictures: b"
    summary = json.loads(run(photos / "b.png", photos / "sideways.jpg", *options, "--json")[1])
    assert summary["turned_upright"] == summary["doubtful_sides"] == ["sideways"]
    assert (summary["without_hands"], summary["focal_lengths"]) == (["b"], {"default": 1})
    assert run(photos / "b.png", "--out", tmp_path / "other")[0] == 0


def test_labels_leave_a_picture_as_it_is_stored(run: Run, photos: Path, tmp_path: Path) -> None:
    path = turned(photos)
    entry = {"image": path.name, "box_xyxy": [10, 10, 50, 50], "is_right": True, "orientation": 1}
    (photos / "boxes.json").write_text(json.dumps([entry]))
    code, _, stderr = run(path, "--boxes", photos / "boxes.json", "--out", tmp_path / "out")
    assert (code, stderr) == (0, "not turned upright, since their boxes refer to stored pixels: sideways\n")


def interrupted(script: str, out: Path, arguments: list[object], signals: int) -> tuple[int, float, str]:
    """Send Ctrl-C after three pictures; return the exit code, the seconds it took, and stderr."""
    command = [sys.executable, "-c", f"{script}\nmain()", "predict", *map(str, arguments)]
    command += ["--method", "box-centre", "--batch-size", "1", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stderr is not None
    line = next(line for line in process.stderr if ": 3/" in line)
    sent = time.monotonic()
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    rest = process.stderr.read()
    return process.wait(timeout=300), time.monotonic() - sent, line + rest


@pytest.mark.parametrize("kind", ["pictures", "video"])
def test_one_ctrl_c_saves_and_ends(tmp_path: Path, kind: str) -> None:
    given, boxes = (many_pictures if kind == "pictures" else long_video)(tmp_path)
    code, seconds, stderr = interrupted(SLOW, tmp_path / "out", [given, "--boxes", boxes], signals=1)
    assert code == 130, stderr
    assert "Traceback" not in stderr
    assert str(tmp_path / "out") in stderr
    assert seconds < 10  # 2 on a machine that does nothing else
    assert 3 <= len(read_predictions(tmp_path / "out" / "predictions.npz")) < 100


def test_two_ctrl_c_end_a_slow_save(tmp_path: Path) -> None:
    pictures, boxes = many_pictures(tmp_path)
    arguments = [pictures, "--boxes", boxes]
    code, seconds, stderr = interrupted(SLOW + SLOW_SAVE, tmp_path / "out", arguments, signals=2)
    assert code == 130, stderr
    assert "Traceback" not in stderr
    assert seconds < 20


def many_pictures(folder: Path) -> tuple[Path, Path]:
    names = [f"p{k:03d}.png" for k in range(100)]
    for name in names:
        write_image(folder / "many" / name, np.zeros((60, 80, 3), np.uint8))
    return folder / "many", with_boxes(folder / "many", names) / "boxes.json"


def long_video(folder: Path) -> tuple[Path, Path]:
    from hint.prediction.video_file import VideoFile

    with VideoFile(folder / "long.mp4", 25) as video:
        for _ in range(100):
            video.add(np.zeros((60, 80, 3), np.uint8))
    lines = [{"frame": k, "box_xyxy": [10, 10, 50, 50], "is_right": True} for k in range(100)]
    (folder / "frames.json").write_text(json.dumps(lines))
    return folder / "long.mp4", folder / "frames.json"
