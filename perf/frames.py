"""Fourteen frames of two Ego4D actions out of a 5-minute 1080p clip, beside decoding all of it to files.

    python perf/frames.py
    python perf/frames.py --clips h264.mp4 vp9.mp4    clips that are there

The official way is ``ffmpeg -i clip -qscale:v 1 DIR/%10d.jpg``, after which the needed files are kept. The ways take
turns; in each round the actions lie elsewhere. It needs 1.5 GB of disk and about 20 minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import av
import numpy as np

from hint.video import cut_jpegs, read_frames

#: The seven frames of an action, as numbers from its pre-condition frame on.
ACTION = (-45, -30, -15, 0, 20, 40, 90)
CODECS = {
    "h264": ["libx264", "-preset", "veryfast"],
    "vp9": ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-b:v", "4M"],
}


class Cost(NamedTuple):
    """What a way took: seconds, seconds of all cores together, bytes written to disk."""

    wall: float
    cpu: float
    written: float


def make_clip(path: Path, codec: str, seconds: int) -> Path:
    """Make a 1080p clip with moving noise unless it is there; key frames are where the encoder puts them."""
    if not path.is_file():
        source = f"testsrc2=s=1920x1080:r=30:d={seconds},noise=alls=5:allf=t"
        encoder = ["-c:v", *CODECS[codec], "-pix_fmt", "yuv420p"]
        part = path.with_suffix(".part.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *encoder, str(part)], check=True)
        part.rename(path)
    return path


def describe(clip: Path) -> tuple[str, int]:
    """Return codec, size, rate and key frames of a clip as a title, and its number of frames."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        keys = [packet.is_keyframe for packet in container.demux(stream) if packet.pts is not None]
        size, rate = f"{stream.width}x{stream.height}", stream.guessed_rate
        return f"{stream.codec_context.name}, {size}, {len(keys)} frames at {rate}/s, {sum(keys)} key frames", len(keys)


def official(clip: Path, frames: list[int]) -> list[tuple[int, bytes]]:
    """Write all frames, take the needed ones."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-loglevel", "error", "-i", str(clip), "-qscale:v", "1", f"{folder}/%10d.jpg"]
        subprocess.run(command, check=True)
        return [(frame, Path(folder, f"{frame + 1:010d}.jpg").read_bytes()) for frame in frames]


def measure(work: Callable[[], Iterable[tuple[int, Any]]]) -> tuple[Cost, dict[int, Any]]:
    """Return cost, that of child processes included, and the frames."""
    start, before, cpu = time.perf_counter(), _written(), sum(os.times()[:4])
    result = dict(work())
    return Cost(time.perf_counter() - start, sum(os.times()[:4]) - cpu, _written() - before), result


def _written() -> float:
    """Return the bytes this process and those it waited for wrote to disk; nan where the system does not tell."""
    counts = Path("/proc/self/io")
    found = re.search(r"^write_bytes: (\d+)", counts.read_text(), re.MULTILINE) if counts.is_file() else None
    return float(found[1]) if found else float("nan")


def compare(clip: Path, rounds: int, n_frames: int) -> dict[str, list[Cost]]:
    """Let the ways take turns; stop if a byte differs."""
    rng, cores = np.random.default_rng(0), os.cpu_count() or 1
    ways: dict[str, Callable[[Path, list[int]], Iterable[tuple[int, Any]]]] = {
        "whole clip to files": official,
        "`cut_jpegs`, one worker": partial(cut_jpegs, workers=1),
        f"`cut_jpegs`, {cores} workers": partial(cut_jpegs, workers=cores),
        "`read_frames`, pixels": read_frames,
    }
    costs: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(rounds):
        starts = rng.integers(-ACTION[0], n_frames - ACTION[-1], 2).tolist()
        frames = sorted({start + step for start in starts for step in ACTION})
        results = {}
        for name, way in ways.items():
            cost, results[name] = measure(partial(way, clip, frames))
            costs[name].append(cost)
        expected, *cut, pixels = results.values()
        if any(jpegs != expected for jpegs in cut) or pixels.keys() != expected.keys():
            raise SystemExit(f"{clip}: frames differ: {frames}")
    return costs


def show(title: str, costs: dict[str, list[Cost]]) -> None:
    """Print a table: medians over the rounds, ratios as medians of the rounds' own."""
    print(f"{title}\n\n| way | s | times faster | core seconds | ratio | written, MB |\n|---|---:|---:|---:|---:|---:|")
    first = next(iter(costs.values()))
    for name, mine in costs.items():
        wall, cpu, written = (median(values) for values in zip(*mine, strict=True))
        faster = median(a.wall / b.wall for a, b in zip(first, mine, strict=True))
        less = median(a.cpu / b.cpu for a, b in zip(first, mine, strict=True))
        print(f"| {name} | {wall:.2f} | {faster:.3g} | {cpu:.2f} | {less:.3g} | {written / 1e6:.0f} |")
    print()


def main() -> None:
    """Print a table for each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are printed")
    parser.add_argument("--seconds", type=int, default=300, help="length of the clips that are made")
    parser.add_argument("--cache", type=Path, help="folder for the clips that are made, by default a temporary one")
    parser.add_argument("--clips", type=Path, nargs="+", default=[], help="clips that are there, instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        cache.mkdir(parents=True, exist_ok=True)
        made = (make_clip(cache / f"{codec}_{options.seconds}.mp4", codec, options.seconds) for codec in CODECS)
        for clip in options.clips or made:
            title, n_frames = describe(clip)
            show(f"{title}; {options.rounds} rounds", compare(clip, options.rounds, n_frames))


if __name__ == "__main__":
    main()
