"""Memory and time of ``hint predict``: hands of pictures, with and without meshes, and frames of a video.

    python perf/predict_memory.py [--hands 1000 10000] [--frames 200 2000] [--method box-centre]

Every row is a process of its own. Pictures are links to one, with 100 boxes each; the video is 96 x 64 px with a box in
every frame.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hint.images import write_image
from hint.methods.synthetic_hands import synthetic_hands
from hint.prediction.video_file import VideoFile

_PER_PICTURE = 100


def pictures(folder: Path, hands: int) -> tuple[Path, Path]:
    """Make pictures with as many hands; return their folder and the file of their boxes."""
    hand, boxes = synthetic_hands()[0], folder / "boxes.jsonl"
    first = folder / "pictures" / "p000000.png"
    write_image(first, hand.picture)
    with boxes.open("w") as lines:
        for k in range(hands // _PER_PICTURE):
            name = first.with_name(f"p{k:06d}.png")
            if k:
                os.link(first, name)
            for j in range(_PER_PICTURE):
                box = [float(edge) + j / _PER_PICTURE for edge in hand.hand.box_xyxy]
                lines.write(json.dumps({"image": f"pictures/{name.name}", "box_xyxy": box, "is_right": True}) + "\n")
    return first.parent, boxes


def video(folder: Path, frames: int) -> tuple[Path, Path]:
    """Make a video; return it and the file of its boxes."""
    with VideoFile(folder / "clip.mp4", 25.0) as clip, (folder / "boxes.jsonl").open("w") as lines:
        for k in range(frames):
            clip.add(np.full((64, 96, 3), k % 200, np.uint8))
            lines.write(json.dumps({"frame": k, "box_xyxy": [5, 5, 45, 50], "is_right": True}) + "\n")
    return folder / "clip.mp4", folder / "boxes.jsonl"


def measured(given: Path, boxes: Path, out: Path, method: list[str]) -> tuple[float, float, float]:
    """Return peak memory, MB, seconds of processor time, and seconds."""
    command = [sys.executable, "-m", "hint", "predict", str(given), "--boxes", str(boxes), "--out", str(out), *method]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    scale = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * scale / 1e6, usage.ru_utime + usage.ru_stime, time.perf_counter() - started


def main() -> None:
    """Print a row for every size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hands", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--frames", type=int, nargs="*", default=[200, 2000])
    parser.add_argument("--method", nargs="+", default=["box-centre"], help="and options, such as hamer tiny-random")
    given = parser.parse_args()
    method = ["--method", given.method[0], *(["--weights", given.method[1]] if given.method[1:] else [])]
    for make, sizes in ((pictures, given.hands), (video, given.frames)):
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                peak, cpu, seconds = measured(*make(Path(name), size), Path(name) / "out", method)
            sys.stdout.write(f"{make.__name__:9s}{size:9,d} {peak:7.0f} MB {cpu:7.1f} s of a core {seconds:7.1f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
