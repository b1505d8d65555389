"""``hint predict`` on the disk: killed runs go on, several processes write the same bytes, and memory stays flat."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import hint

from hint.engine.parts import PartWriter
from hint.engine.shard import Shard
from hint.engine.work import Work
from hint.errors import InputError, WriteError
from hint.files.atomic import PART
from hint.images import write_image
from hint.prediction import PredictOptions, predict, predict_files
from hint.prediction.index import PredictionIndex
from hint.prediction.video_file import VideoFile
from hint.types import MethodOptions

#: Makes pictures or a video of so many hands each, and returns the arguments that name them.
Make = Callable[[Path, int, int], list[str]]

#: A method with meshes and without a network, slow if asked, which writes parts all the time.
METHOD = """
import resource, sys, time
import numpy as np
import hint.engine.parts, hint.progress
from hint.cli import main
from hint.methods.box_centre import BoxCentre
from hint.types import ManoParameters
from dataclasses import replace

plain = BoxCentre.infer

def infer_hands(self, hands, prepared):
    time.sleep(SLEEP)
    n, points = len(hands), plain(self, hands, prepared)
    eye = np.tile(np.eye(3, dtype=np.float32), (n, 16, 1, 1))
    flat = np.ones((n, 3), np.float32)
    parameters = ManoParameters(eye[:, :1], eye[:, 1:], np.zeros((n, 10)), flat, flat, np.ones(n), flat)
    vertices = np.full((n, 778, 3), points.keypoints_2d[:, :1, :1] / 1000, np.float32)
    return replace(points, keypoints_3d=vertices[:, :21], vertices=vertices), parameters

BoxCentre.infer_hands, BoxCentre.faces = infer_hands, np.array([[0, 1, 2]])
BoxCentre.pose = lambda self, parameters: None
hint.progress.PLAIN_EVERY, hint.engine.parts.SAVE_EVERY = 0, 0.05
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def pictures(folder: Path, count: int, hands: int) -> list[str]:
    """Links to one picture, each with so many hands."""
    write_image(folder / "p0000.png", np.zeros((60, 80, 3), np.uint8))
    for k in range(1, count):
        os.link(folder / "p0000.png", folder / f"p{k:04d}.png")
    box = {"is_right": True}
    lines = [
        box | {"image": f"p{k:04d}.png", "box_xyxy": [j / 10, 10, 50, 50]} for k in range(count) for j in range(hands)
    ]
    (folder / "boxes.json").write_text(json.dumps(lines))
    return [str(folder), "--boxes", str(folder / "boxes.json")]


def frames(folder: Path, count: int, hands: int) -> list[str]:
    folder.mkdir()
    with VideoFile(folder / "clip.mp4", 25) as video:
        for _ in range(count):
            video.add(np.zeros((60, 80, 3), np.uint8))
    lines = [
        {"frame": k, "box_xyxy": [j, 10, j + 40, 50], "is_right": True} for k in range(count) for j in range(hands)
    ]
    (folder / "boxes.json").write_text(json.dumps(lines))
    return [str(folder / "clip.mp4"), "--boxes", str(folder / "boxes.json")]


def started(given: list[str], out: Path, *options: str, sleep: float = 0.0) -> subprocess.Popen[str]:
    script = METHOD.replace("SLEEP", str(sleep))
    command = [sys.executable, "-c", script, "predict", *given, "--method", "box-centre", "--out", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("make", [pictures, frames])
def test_a_killed_run_goes_on_and_ends_alike(tmp_path: Path, make: Make) -> None:
    given = make(tmp_path / "in", 60, 2)
    assert started(given, tmp_path / "whole", "--overlay").wait() == 0
    killed = started(given, tmp_path / "out", "--overlay", "--batch-size", "3", sleep=0.05)
    assert killed.stderr is not None
    next(line for line in killed.stderr if ": 20/" in line)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    parts = list((tmp_path / "out" / "predictions.parts").glob("*.npz"))
    assert parts
    assert not (tmp_path / "out" / "predictions.npz").exists()
    for folder in ("overlay", "meshes", "animation"):  # as if it had been killed while it wrote there
        (tmp_path / "out" / folder).mkdir(exist_ok=True)
        (tmp_path / "out" / folder / f".p.x{PART}").touch()
    rest = started(given, tmp_path / "out", "--overlay", "--batch-size", "7")
    assert rest.wait() == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_processes_write_the_bytes_of_one(tmp_path: Path) -> None:
    given = pictures(tmp_path / "in", 80, 2)
    command = [sys.executable, "-m", "hint", "predict", *given, "--method", "box-centre", "--overlay", "--out"]
    for out, options in (("one", []), ("two", ["--devices", "cpu*2", "--batch-size", "5"])):
        subprocess.run([*command, str(tmp_path / out), *options], check=True, capture_output=True)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_shards_write_the_bytes_of_one_run_when_they_are_joined(tmp_path: Path) -> None:
    command = ("predict", *pictures(tmp_path / "in", 20, 2), "--method", "box-centre", "--overlay", "--table", "csv")
    (tmp_path / "in" / "p0019.png").unlink()
    (tmp_path / "in" / "p0019.png").write_bytes(b"no picture")
    hint(*command, "--out", tmp_path / "one", code=1)
    for shard in ("2/3", "1/3", "3/3", "1/3"):
        done = hint(*command, "--out", tmp_path / "out", "--shard", shard, code=shard == "3/3")
        assert f"parts: {tmp_path / 'out' / 'predictions.parts'}; when all shards are done" in done.stdout
    assert "6 pictures, 0 predicted, 12 reused" in done.stdout
    assert not (tmp_path / "out" / "predictions.npz").exists()
    joined = hint(*command, "--out", tmp_path / "out", code=1)
    assert "38 hands in 19 pictures, 0 predicted, 38 reused" in joined.stdout
    assert contents(tmp_path / "out") == contents(tmp_path / "one")


def test_what_cannot_be_shared_out_is_said(tmp_path: Path) -> None:
    (clip, *_), (still, *_) = frames(tmp_path / "clip", 2, 1), pictures(tmp_path / "in", 1, 1)
    options = PredictOptions(tmp_path / "out")
    for given, changed, message in (
        (clip, {"shard": Shard(1, 2)}, "leave out --shard, which is for pictures"),
        (clip, {"work": Work("ray")}, "leave out --engine ray"),
        (still, {"shard": Shard(1, 2), "overwrite": "always"}, "shards only add to what is there"),
        (still, {"shard": Shard(1, 2), "out": None}, "name it with out="),
        (still, {"overlay": True, "work": Work(parts=tmp_path / "parts")}, "which --parts is for"),
        ("s3://bucket/clip.mp4", {}, "^s3://bucket/clip.mp4: .* download it first"),
    ):
        boxes = tmp_path / ("clip" if given == clip else "in") / "boxes.json"
        with pytest.raises(InputError, match=message):
            predict_files(given, "box-centre", MethodOptions(), replace(options, **changed), boxes=boxes)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [pictures, frames])
def test_memory_does_not_grow_with_hands(tmp_path: Path, make: Make) -> None:
    peaks = []
    for count in (30, 300):
        run = started(make(tmp_path / f"in{count}", count, 10), tmp_path / f"out{count}")
        assert run.stderr is not None
        peaks.append(int(run.stderr.read().splitlines()[-1]) / 1024)
        assert run.wait() == 0
    # A part holds up to 10 MB. When all of the 2,700 hands more were held, it was 96 MB for pictures, 166 for frames.
    assert peaks[1] - peaks[0] < 35


def test_a_full_disk_of_temporary_files_is_one_line() -> None:
    index = PredictionIndex()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(
            WriteError, match=r"cannot write temporary files .* or set TMPDIR to a folder of another disk"
        ):
            index.add_rows(0, ((f"hand {k}", "key" * 100, k) for k in range(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        index.close()


def test_damaged_notes_are_one_line_and_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    folder, _, boxes = pictures(tmp_path / "in", 2, 1)

    def again(**others: Any) -> None:
        predict(folder, method="box-centre", boxes=boxes, out=tmp_path / "out", **others)

    again()
    with np.load(tmp_path / "out" / "predictions.npz") as file:
        meta = json.loads(str(file["meta"]))
    parts = tmp_path / "out" / "predictions.parts"
    (parts / "mine").mkdir(parents=True)
    writer = PartWriter(parts, {name: meta[name] for name in ("method", "fingerprint")})
    lone = json.dumps(["\ud800", None, None, "a", "k", "{}"])
    for notes in ("{", "3", '["a"]', "[[1], {}, 2, 3, 4, 5]", '["a", null, null, "a", "k", "{"]', "[" * 10_000, lone):
        writer.add([], [], {}, [notes])
        writer.save()
        with pytest.raises(InputError, match=r"is damaged: .*; remove it, and its hands are predicted again"):
            again()
        (part,) = parts.glob("*.npz")
        part.unlink()
    (parts / f"{'0' * 32}.npz").write_bytes(b"another run left this")
    again(overwrite="always")
    assert [path.name for path in parts.iterdir()] == ["mine"]


def test_names_that_are_no_text_are_said(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    write_image(tmp_path / "a.png", np.zeros((60, 80, 3), np.uint8))
    (tmp_path / "a.png").rename(tmp_path / name)
    with pytest.raises(InputError, match=r"no UTF-8: .*\\udcff\.png; rename these files"):
        predict(tmp_path, method="box-centre")
