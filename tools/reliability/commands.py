"""The commands that write, and small inputs for all of them."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .process import start

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from synthetic import write_hands23  # type: ignore[import-not-found]

#: Stands for the folder, in :func:`writing_commands`, that a command writes to.
OUT = "OUT"

#: A training that takes seconds.
_PRESET = """
id = "noise"
title = "Noise"
steps = 12
batch_size = 8
sum_over = 4
crop_size = 64
mano = "procedural"
[network]
backbone = "mobilenetv3_small_050"
decoder_width = 32
decoder_depth = 1
decoder_heads = 2
decoder_head_width = 16
decoder_mlp_width = 32
[optimiser]
learning_rate = 1e-3
ema = 0.9
clip = 100.0
[datasets]
rendered = { weight = 1.0 }
"""
_CARD = 'title = "MediaPipe"\ntrained_on_hint = false\n'


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        name: What to call it.
        arguments: Of the command; :data:`OUT` stands for the folder it writes to.
        again: What an interrupted run is continued with, where that takes more than the same command.
        changes: An input that changes while it is read, relative to the inputs; "" for none.
    """

    name: str
    arguments: tuple[str, ...]
    again: tuple[str, ...] = ()
    changes: str = ""

    def into(self, out: Path, is_first: bool = True) -> list[str]:
        """Return the arguments that write to a folder."""
        return [word.replace(OUT, str(out)) for word in self.arguments + (() if is_first else self.again)]


def _command(name: str, line: str, again: str = "", changes: str = "") -> Command:
    return Command(name, tuple(line.split()), tuple(again.split()), changes)


def writing_commands() -> list[Command]:
    """Return the commands, to be run in the folder of :func:`make_inputs`."""
    picture = "hands/TEST_demo_img/DM_0000_0001_frame000001_r.jpg"
    labels = picture.replace(".jpg", ".json")
    return [
        _command("demo-data", "demo-data -n 6 --out OUT"),
        _command("demo-data, tars", "demo-data -n 6 --format tars --out OUT"),
        _command("sample newdays", "sample newdays --root hands23 --split train -n 40 --out OUT"),
        _command("sample photos", "sample photos photos --out OUT", changes="photos/2.jpg"),
        _command("sample labels", "sample labels hands -n 8 --points --out OUT", changes=labels),
        _command(
            "prelabel",
            "prelabel run frames/TEST_demo_img.jsonl --method mediapipe --out OUT/guess.npz",
            changes=picture,
        ),
        _command(
            "predict pictures", "predict photos --out OUT --overlay --mesh obj --table csv", changes="photos/2.jpg"
        ),
        _command("predict a video", "predict clip.mp4 --out OUT --overlay --smooth --table csv --animation bvh"),
        _command("eval", "eval --data hands --method mediapipe --out OUT", changes=picture),
        _command("eval of predictions", "eval --data hands --predictions mine.npz --out OUT", changes="mine.npz"),
        _command("check", "check hands --fail-on never --out OUT", changes=labels),
        _command("agreement", "agreement hands second --out OUT --merge OUT/merged", changes=labels),
        _command("export, COCO", "export hands --format coco --copy-images --out OUT", changes=labels),
        _command("export, pairs", "export second --format hint --out OUT"),
        _command("fit", "fit hands --mano procedural --out OUT", changes=labels),
        _command("train", "train noise.toml --data training --save-every 2 --device cpu --out OUT", "--resume"),
        _command("view, rerun", "view results --data hands --with rerun --out OUT/view.rrd", "--overwrite always"),
        _command("submit", "submit results/mediapipe --card card.toml --out OUT/submission.zip", changes="card.toml"),
        _command("leaderboard build", "leaderboard build results --data hands --out OUT"),
        _command("leaderboard init", "leaderboard init OUT/board"),
    ]


def make_inputs(folder: Path) -> None:
    """Write what the commands read; a folder that is complete is taken as it is."""
    if (folder / "complete").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "noise.toml").write_text(_PRESET)
    (folder / "card.toml").write_text(_CARD)
    write_hands23(folder / "hands23", 200)
    _hint(folder, "demo-data", "-n", "16", "--out", "hands")
    _hint(folder, "demo-data", "-n", "16", "--format", "tars", "--out", "training/rendered")
    shutil.copytree(folder / "hands", folder / "second")
    for number, path in enumerate(sorted((folder / "second").rglob("*.json"))):
        _move(path, 3.0 * number)
    pictures = sorted((folder / "hands").rglob("*.jpg"))
    (folder / "photos").mkdir()
    for number, picture in enumerate(pictures[:8]):
        shutil.copy(picture, folder / "photos" / f"{number}.jpg")
    _write_clip(folder / "clip.mp4", folder / "photos" / "0.jpg")
    _hint(folder, "sample", "labels", "hands", "--out", "frames")
    for method in ("mediapipe", "mean-pose"):
        _hint(folder, "eval", "--data", "hands", "--method", method, "--out", "results")
    shutil.copy(folder / "results" / "mediapipe" / "predictions.npz", folder / "mine.npz")
    (folder / "complete").touch()


def _hint(folder: Path, *arguments: str) -> None:
    ended = start(arguments, folder, folder / "log").wait()
    if ended.code:
        sys.exit(f"hint {' '.join(arguments)}: {ended.text}")


def _move(path: Path, x: float) -> None:
    """Move the points of a hand, as a second annotator would put them."""
    (label,) = json.loads(path.read_text())
    label["keypoints"] = [[point[0] + x, *point[1:]] for point in label["keypoints"]]
    path.write_text(json.dumps([label]))


def _write_clip(path: Path, picture: Path, frames: int = 24) -> None:
    """Write a short video in which a picture moves."""
    image = cv2.imread(str(picture))
    height, width = image.shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 12, (width, height))
    for number in range(frames):
        video.write(np.roll(image, 2 * number, axis=1))
    video.release()
