"""Time the commands on 1,000, 10,000 and 100,000 hands and measure their memory; neither should grow faster than hands.

    OMP_NUM_THREADS=1 python perf/growth.py --plot docs/growth.png
    python perf/growth.py --sizes 1000 10000 --commands check export

It makes its inputs in a temporary folder (1 GB for 100,000 hands; pictures are links to a few files) and runs each
command in a new process. ``--log FILE`` keeps what was measured, so that the sizes can be run one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from hint_process import run_hint

from hint.files.evaluation_npz import write_evaluation_npz
from hint.files.predictions import write_predictions
from hint.types import HandLabels, Predictions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from synthetic import write_hands23  # type: ignore[import-not-found]

#: Hands in each picture for ``hint predict``, and frames drawn for one hand of the pool of ``hint sample``.
PER_PICTURE, DRAWN = 50, 0.1
#: Width and height of pictures, px.
SIZE = (960, 540)


class Run(NamedTuple):
    """What one command took."""

    command: str
    hands: int
    seconds: float
    core_seconds: float
    peak_mib: float


def hands(n: int, seed: int) -> HandLabels:
    """Make labels whose joints are spread about a rough hand, in clips of 20 hands."""
    rng = np.random.default_rng(seed)
    shape = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0.2, 0.8, 4)), -1).reshape(-1, 2)
    shape = np.concatenate([[[0.5, 0.95]], shape])
    corner, side = np.random.default_rng(0).uniform(5, 300, (n, 2)), 200.0
    points = corner[:, None] + side * (shape + rng.normal(0, 0.02, (n, 21, 2)))
    clips = np.char.add("ND_", np.char.zfill((np.arange(n) // 20).astype(str), 11))
    frames = np.char.add("_frame", np.char.zfill((1 + np.arange(n) % 20).astype(str), 6))
    ids = np.char.add(np.char.add(clips, frames), "_r")
    return HandLabels(
        hand_id=ids,
        clip_id=clips,
        subset=np.full(n, "newdays"),
        box_xyxy=np.concatenate([corner, corner + side], 1),
        is_right=np.ones(n, bool),
        keypoints_2d=points,
        existence=np.ones((n, 21), bool),
        occlusion=np.random.default_rng(1).random((n, 21)) < 0.3,
        image=np.char.add(ids, ".jpg"),
    )


def make_inputs(folder: Path, n: int, to_sample: bool = True) -> None:
    """Write labels twice, predictions, boxes with their pictures, and a source to sample from, which takes longest."""
    for name, seed in (("labels", 0), ("again", 1)):
        write_evaluation_npz(folder / name, hands(n, seed))
    guess = hands(n, 2)
    write_predictions(folder / "predictions.npz", Predictions(guess.hand_id, guess.keypoints_2d))
    pictures = folder / "pictures"
    pictures.mkdir()
    names = [f"{k:06d}.png" for k in range(-(-n // PER_PICTURE))]
    cv2.imwrite(str(pictures / names[0]), np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))
    for name in names[1:]:
        os.link(pictures / names[0], pictures / name)
    boxes = guess.box_xyxy.tolist()
    with (folder / "boxes.jsonl").open("w") as file:
        for k, box in enumerate(boxes):
            line = {"image": f"pictures/{names[k // PER_PICTURE]}", "box_xyxy": box, "is_right": True}
            file.write(json.dumps(line) + "\n")
    if to_sample:
        write_hands23(folder / "hands23", n, keep=False)


#: Command -> its arguments, in a folder that :func:`make_inputs` filled; some need what an earlier one wrote.
COMMANDS: dict[str, Callable[[int], str]] = {
    "sample": lambda n: f"sample newdays --root hands23 --split train -n {int(n * DRAWN)} --out frames",
    "prelabel": lambda _: "prelabel frames/TRAIN_newdays_img.jsonl --method mean-pose --occlusion none",
    "predict": lambda _: "predict pictures --boxes boxes.jsonl --method mean-pose --out predicted",
    "eval": lambda _: "eval --data labels --predictions predictions.npz --out results",
    "check": lambda _: "check labels",
    "agreement": lambda _: "agreement labels again",
    "export": lambda _: "export labels --format coco --out exported",
    "leaderboard": lambda _: "leaderboard build results --out site",
}


def measure(sizes: Iterable[int], commands: list[str], log: Path) -> None:
    """Run commands on inputs of some sizes and append what they took to a log."""
    for n in sizes:
        with tempfile.TemporaryDirectory() as name:
            make_inputs(Path(name), n, "sample" in commands)
            for command in commands:
                # 1: hands with findings
                found = Run(command, n, *run_hint(COMMANDS[command](n).split(), Path(name), allowed=(0, 1)))
                sys.stderr.write(f"{found}\n")
                with log.open("a") as file:
                    file.write(json.dumps(found) + "\n")


def table(runs: list[Run]) -> str:
    """Return a table of the last run of each command and size."""
    lines = ["| command | hands | s | core seconds | ratio | peak memory, MiB |", "|---|---:|---:|---:|---:|---:|"]
    for command in COMMANDS:
        before: Run | None = None
        for found in sorted({r.hands: r for r in runs if r.command == command}.values(), key=lambda r: r.hands):
            ratio = f"{found.core_seconds / before.core_seconds:.1f}" if before else ""
            numbers = f"{found.seconds:.1f} | {found.core_seconds:.1f} | {ratio} | {found.peak_mib:.0f}"
            lines.append(f"| {command} | {found.hands:,} | {numbers} |")
            before = found
    return "\n".join(lines)


def plot(runs: list[Run], path: Path) -> None:
    """Draw core seconds and memory against the number of hands."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for command in COMMANDS:
        mine = sorted({r.hands: r for r in runs if r.command == command}.values(), key=lambda r: r.hands)
        sizes = [r.hands for r in mine]
        axes[0].loglog(sizes, [r.core_seconds for r in mine], "o-", label=command)
        axes[1].loglog(sizes, [r.peak_mib for r in mine], "o-", label=command)
    for panel, label in zip(axes, ("core seconds", "peak memory, MiB"), strict=True):
        panel.set(xlabel="hands", ylabel=label)
        for axis, marks in ((panel.xaxis, (1,)), (panel.yaxis, (1, 2, 5))):
            axis.set_major_locator(LogLocator(subs=marks))
            axis.set_major_formatter("{x:,g}")
            axis.set_minor_formatter(NullFormatter())
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="numbers of hands")
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS), help="what to run")
    parser.add_argument("--log", type=Path, help="file to keep measurements in, and to take earlier ones from")
    parser.add_argument("--plot", type=Path, help="picture to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        log = options.log or Path(name) / "log.jsonl"
        measure(options.sizes, options.commands, log)
        runs = [Run(*json.loads(line)) for line in log.read_text().splitlines()]
    print(table(runs))
    if options.plot:
        plot(runs, options.plot)


if __name__ == "__main__":
    main()
