"""Sample Ego4D and list New Days, beside a straightforward script on the same synthetic data.

    python perf/sampling.py

Ego4D: ``fho_main.json`` and a few 5-minute clips of 540p that it names. The script loads the file, loops over videos,
actions, frames and boxes, draws with ``random.sample``, decodes each clip it needs to files and copies the needed ones.
New Days: a tree of Hands23, listed by a loop over its texts. The ways take turns. It takes about 10 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from PIL import Image

from annotation.sample.policy import load_policy
from annotation.sample.write import SampleOptions, candidates, write_sample
from hint.sources import read_source

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from synthetic import write_fho_main, write_hands23  # type: ignore[import-not-found]

WIDTH, HEIGHT = 960, 540

#: Clip, frame and name of a hand.
Hand = tuple[str, int, str]
#: Stage -> seconds.
Times = dict[str, float]


def make_ego4d(root: Path, gb: float, n_clips: int) -> None:
    """Write the annotations and as many of the clips that a training sample may draw from: one clip, linked."""
    path = root / "annotations" / "fho_main.json"
    write_fho_main(path, n_bytes=int(gb * 1e9), keep=False)
    shrink(path)
    (root / "clips").mkdir()
    found = candidates(request(root, root), read_source("ego4d", root))
    first, *others = sorted({root / hand.file for unit in found.units for hand in unit})[:n_clips]
    source = f"testsrc2=s={WIDTH}x{HEIGHT}:r=30:d=300,noise=alls=5:allf=t"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *encoder, str(first)], check=True)
    for other in others:
        os.link(first, other)


def shrink(path: Path) -> None:
    """Make the frames and boxes of a file as small as the clips."""
    content = json.loads(path.read_bytes())
    for video in content["videos"]:
        size = video["video_metadata"]
        scale = min(WIDTH / size["width"], HEIGHT / size["height"])
        size |= {"width": WIDTH, "height": HEIGHT}
        actions = (action for interval in video["annotated_intervals"] for action in interval["narrated_actions"])
        for frame in (frame for action in actions for frame in action["frames"] or ()):
            for box in frame["boxes"]:
                box["bbox"] = {key: value * scale for key, value in box["bbox"].items()}
    path.write_text(json.dumps(content))


def request(root: Path, out: Path) -> SampleOptions:
    """Ask for training pictures from the clips that are there."""
    is_there = any((root / "clips").iterdir())
    return SampleOptions("ego4d", "train", False, 0, load_policy(), out, available=is_there)


def ours(root: Path, n: int, out: Path) -> Times:
    """Sample as ``hint sample ego4d --available`` does."""
    start = time.perf_counter()
    pool = read_source("ego4d", root)
    listed = time.perf_counter()
    asked = request(root, out)
    write_sample(asked, pool, candidates(asked, pool), n)
    end = time.perf_counter()
    return {"listing": listed - start, "drawing and pictures": end - listed, "total": end - start}


def script(root: Path, n: int, out: Path) -> Times:
    """Sample the straightforward way."""
    start = time.perf_counter()
    hands = load_and_loop(root / "annotations" / "fho_main.json")
    listed = time.perf_counter()
    there = {path.stem for path in (root / "clips").glob("*.mp4")}
    needed: dict[str, list[Hand]] = defaultdict(list)
    for hand in random.Random(0).sample([hand for hand in hands if hand[0] in there], n):
        needed[hand[0]].append(hand)
    for clip, group in needed.items():
        decode_and_copy(root / "clips" / f"{clip}.mp4", group, out)
    end = time.perf_counter()
    return {"listing": listed - start, "drawing and pictures": end - listed, "total": end - start}


def load_and_loop(path: Path) -> list[Hand]:
    """List the hands of ``fho_main.json``."""
    hands = []
    for video in json.loads(path.read_bytes())["videos"]:
        for interval in video["annotated_intervals"]:
            for action in interval["narrated_actions"]:
                if action["is_rejected"] or action["is_invalid_annotation"] or action["stage"] is None:
                    continue
                for frame in action["frames"] or ():
                    clip, number = interval["clip_uid"], frame["clip_frame_number"]
                    if clip is None or number is None or number >= 9000:
                        continue
                    for box in frame["boxes"]:
                        if box["object_type"] in ("left_hand", "right_hand"):
                            side = box["object_type"][0]
                            name = f"{clip}_{action['uid']}_{number}_{frame['frame_type']}_{side}"
                            hands.append((clip, number, name))
    return hands


def decode_and_copy(clip: Path, hands: list[Hand], out: Path) -> None:
    """Decode all of a clip, keep the frames of these hands."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-loglevel", "error", "-i", str(clip), "-qscale:v", "1", f"{folder}/%10d.jpg"]
        subprocess.run(command, check=True)
        for _, frame, name in hands:
            shutil.copy(f"{folder}/{frame + 1:010d}.jpg", out / f"{name}.jpg")


def list_ours(root: Path, out: Path) -> Times:
    """List New Days; nothing is written."""
    start = time.perf_counter()
    read_source("newdays", root)
    return {"listing": time.perf_counter() - start}


def list_script(root: Path, out: Path) -> Times:
    """List New Days in a loop: split files, texts, sizes of the pictures."""
    start = time.perf_counter()
    hands = []
    for split in ("TRAIN", "VAL", "TEST"):
        for name in (root / "allMergedSplit" / f"{split}.txt").read_text().split():
            picture = root / "allMergedBlur" / name
            lines = (root / "allMergedTxt" / f"{name}.txt").read_text().splitlines()
            if not lines or not picture.is_file():
                continue
            with Image.open(picture) as image:
                size = image.size
            for line in lines:
                side, contact, box = (part.strip() for part in line.split("|")[:3])
                if box != "None":
                    numbers = [float(number.strip("'")) for number in box.split(",")]
                    hands.append((name, split, side, contact, numbers, size))
    return {"listing": time.perf_counter() - start}


def take_turns(name: str, rounds: int, mine: Callable[[Path], Times], theirs: Callable[[Path], Times]) -> None:
    """Give each way an empty folder in each round; print medians, and the median of the rounds' ratios."""
    found: list[tuple[Times, Times]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            found.append((mine(Path(first)), theirs(Path(second))))
            if len(list(Path(first).rglob("*.jpg"))) != len(list(Path(second).rglob("*.jpg"))):
                raise SystemExit(f"{name}: the ways wrote different numbers of pictures")
    for stage in found[0][0]:
        a, b = (median(turn[k][stage] for turn in found) for k in (0, 1))
        ratio = median(b[stage] / a[stage] for a, b in found)
        print(f"| {name}, {stage} | {a:.2f} | {b:.2f} | {ratio:.3g} |")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=30, help="pictures to draw")
    parser.add_argument("--clips", type=int, default=3, help="clips to sample from")
    parser.add_argument("--gb", type=float, default=0.1, help="size of fho_main.json, 10^9 bytes")
    parser.add_argument("--newdays-hands", type=int, default=100_000, help="hands of New Days to list")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are printed")
    parser.add_argument("--cache", type=Path, help="folder to write the data below, by default the system's")
    options = parser.parse_args()
    print("| source, stage | ours, s | script, s | times faster |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        root = Path(folder)
        make_ego4d(root / "ego4d", options.gb, options.clips)
        ego4d = (partial(way, root / "ego4d", options.n) for way in (ours, script))
        take_turns("Ego4D", options.rounds, *ego4d)
        write_hands23(root / "hands23", options.newdays_hands, keep=False)
        newdays = (partial(way, root / "hands23") for way in (list_ours, list_script))
        take_turns("New Days", options.rounds, *newdays)


if __name__ == "__main__":
    main()
