"""Does pseudo 3D help? Train the same small network on the same hands with different knowledge of their 3D.

    hint demo-data --format tars -n 4000 --seed 1 --out hands/train
    hint demo-data --format tars -n 500 --seed 777 --out hands/test
    python perf/pseudo_3d.py --train hands/train --test hands/test --out runs/pseudo-3d

Rendered hands lose their exact labels: their 2D keypoints are disturbed as annotators disturb them, and ``hint fit``
makes hands of those alone. Pictures, boxes and 2D keypoints of all sets are the same. A run that was stopped goes on
where it was, finished trainings are not repeated, and the table covers what is finished.
"""

from __future__ import annotations

import argparse
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import hint
from benchmark.mesh.alignment import procrustes
from hint.mano.procedural import procedural_hand
from hint.methods.hamer.load import build
from hint.methods.hamer.network import HandDecoder, normalise
from hint.training.augmentation import OFF
from hint.training.data import TrainingData, collate
from hint.training.datasets import Padded
from hint.training.fit_labels import fit_labels
from hint.training.preset import Preset, load_preset
from hint.training.record import unpickle
from hint.training.shards import ShardWriter, official_hand
from hint.training.tars import TarSource, find_tars
from hint.types import HandLabels
from hint.weights import read_checkpoint

#: Set -> what its hands are trained with.
SETS = {
    "exact": "2D and true 3D",
    "only-2d": "2D only",
    "pseudo": "2D and 3D from `hint fit`, weighted by its quality",
}

#: What the preset's rendered hands are padded by.
BOX_FACTOR = 1.5


def hands_of(tar: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield key, JPEG and truth of each rendered hand."""
    with tarfile.open(tar) as file:
        members = {member.name: member for member in file}
        for name in members:
            key, _, suffix = name.partition(".")
            if suffix == "jpg":
                picture, truth = (file.extractfile(members[f"{key}.{part}"]) for part in ("jpg", "data.pyd"))
                assert picture is not None
                assert truth is not None
                yield key, picture.read(), unpickle(truth.read(), key)[0]


def annotated(train: Path, pictures: Path, noise: float) -> HandLabels:
    """Return the hands as annotators would give them, and write their pictures."""
    pictures.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows: dict[str, list[Any]] = {"id": [], "box": [], "right": [], "points": []}
    for tar in find_tars(train):
        for key, picture, truth in hands_of(tar):
            (pictures / f"{key}.jpg").write_bytes(picture)
            points = np.asarray(truth["keypoints_2d"], float)[:, :2]
            half = np.asarray(truth["scale"], float) * 100
            rows["id"].append(key)
            rows["box"].append(np.concatenate([truth["center"] - half, truth["center"] + half]))
            rows["right"].append(bool(truth["right"] > 0))
            rows["points"].append(points + rng.normal(0, noise * np.ptp(points, axis=0).max(), points.shape))
    ids, n = np.array(rows["id"]), len(rows["id"])
    true, images = np.ones((n, 21), bool), np.array([str(pictures / f"{key}.jpg") for key in ids])
    subset = np.full(n, "rendered")
    boxes, points = np.array(rows["box"]), np.array(rows["points"])
    return HandLabels(ids, ids, subset, boxes, np.array(rows["right"]), points, true, ~true, images)


def write_sets(train: Path, out: Path, noise: float) -> None:
    """Write the three training sets; what is there is kept."""
    if (out / "only-2d" / "done").is_file():
        return
    fit_labels(annotated(train, out / "pictures", noise), out / "pseudo", mano="procedural")
    exact = {key: truth for tar in find_tars(train) for key, _, truth in hands_of(tar)}
    for tar in find_tars(out / "pseudo"):
        with ShardWriter(out / "exact" / tar.name) as full, ShardWriter(out / "only-2d" / tar.name) as flat:
            for key, picture, fitted in hands_of(tar):
                half = np.asarray(fitted["scale"], float) * 100
                box = np.concatenate([fitted["center"] - half, fitted["center"] + half])
                known = {"keypoints_2d": fitted["keypoints_2d"], "box_xyxy": box, "is_right": fitted["right"] > 0}
                space = {name: exact[key][name] for name in ("keypoints_3d", "hand_pose", "betas")}
                flat.add(key, picture, [official_hand(**known)])
                full.add(key, picture, [official_hand(**known, **space)])
    (out / "only-2d" / "done").touch()


def preset_for(name: str, options: argparse.Namespace) -> Preset:
    """Return the preset that trains on a set."""
    changes: list[tuple[str, Any]] = [
        ("network.backbone", options.backbone),
        ("datasets.rendered.path", name),
        ("crop_size", options.crop_size),
        ("steps", options.steps),
        ("optimiser.warmup", options.warmup),
        ("batch_size", options.batch_size),
        ("sum_over", options.batch_size),
        ("optimiser.ema", 0.99),
        ("losses.adversarial", options.adversarial),
    ]
    return load_preset("hamer-tiny", changes)


def train(name: str, seed: int, options: argparse.Namespace) -> Path:
    """Train on a set, and return the weights."""
    out = options.out / f"{name}-{seed}"
    weights: Path = out / "weights.safetensors"
    if not weights.is_file():
        preset = preset_for(name, options)
        hint.train(preset, data=options.out, out=out, seed=seed, device="cpu", workers=0, resume=True, save_every=100)
    return weights


@torch.no_grad()
def score(weights: Path, test: Path, preset: Preset) -> NDArray[np.float64]:
    """Return (3,N) errors of the test hands: PA-MPJPE and MPJPE about the wrist, mm; PCK@0.1 of the tight box, %."""
    source = Padded(TarSource("test", find_tars(test)), BOX_FACTOR)
    data = TrainingData.mix([source], augmentation=OFF, crop_size=preset.crop_size)
    decoder, network = HandDecoder(procedural_hand(), preset.crop_size), build(read_checkpoint(weights)).eval()
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(source), 50):
        batch = collate([data.example(k) for k in range(start, min(start + 50, len(source)))], preset.crop_size)
        assert not isinstance(batch, Exception)
        output = decoder(*network(normalise(batch.image)))
        truth, points = batch.keypoints_3d[..., :3].double().numpy(), output.keypoints_3d.double().numpy()
        rooted = np.linalg.norm((truth - truth[:, :1]) - (points - points[:, :1]), axis=-1).mean(1)
        aligned = np.linalg.norm(truth - procrustes(truth, points), axis=-1).mean(1)
        # The crop is a square of BOX_FACTOR times the tight box's longest side.
        apart = (output.keypoints_2d - batch.keypoints_2d[..., :2]).norm(dim=-1).numpy() * BOX_FACTOR
        found.append(np.stack([1000 * aligned, 1000 * rooted, 100 * (apart < 0.1).mean(1)]))
    return np.concatenate(found, 1)


def table(rows: dict[str, list[NDArray[np.float64]]]) -> str:
    """Return means, with the smallest and largest of the seeds, and differences from the first set.

    Those have 95 % intervals from resampling the test hands; they do not cover what another seed would change.
    """
    lines = ["| trained with | PA-MPJPE, mm | MPJPE, mm | PCK@0.1 | seeds |", "|---|---:|---:|---:|---:|"]
    base = np.mean(rows[next(iter(SETS))], axis=0)
    draws = np.random.default_rng(0).integers(0, base.shape[1], (2000, base.shape[1]))
    for name, scores in rows.items():
        cells = []
        for metric in range(3):
            means = [float(one[metric].mean()) for one in scores]
            cells.append(f"{np.mean(means):.1f} ({min(means):.1f} to {max(means):.1f})")
        lines.append(f"| {SETS[name]} | {' | '.join(cells)} | {len(scores)} |")
    for name, scores in list(rows.items())[1:]:
        apart = np.mean(scores, axis=0) - base
        cells = [
            f"{one.mean():+.1f} ({low:+.1f} to {high:+.1f})"
            for one in apart
            for low, high in [np.percentile(one[draws].mean(1), (2.5, 97.5))]
        ]
        lines.append(f"| {SETS[name]}: difference | {' | '.join(cells)} | {len(scores)} |")
    return "\n".join(lines)


def main() -> None:
    """Make the sets, train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="folder of rendered tars to train on")
    parser.add_argument("--test", type=Path, required=True, help="folder of rendered tars of another seed")
    parser.add_argument("--out", type=Path, default=Path("runs/pseudo-3d"), help="folder for sets and trainings")
    parser.add_argument("--noise", type=float, default=0.015, help="error of 2D labels, as a share of the hand's size")
    parser.add_argument("--backbone", default="mini-resnet", help="network")
    parser.add_argument("--crop-size", type=int, default=64, help="side of the crops, px")
    parser.add_argument("--steps", type=int, default=600, help="steps of each training")
    parser.add_argument("--warmup", type=int, default=60, help="steps of them with a rising rate")
    parser.add_argument("--batch-size", type=int, default=32, help="hands per step")
    parser.add_argument("--adversarial", type=float, default=0.0005, help="factor of the discriminator's loss")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the trainings")
    options = parser.parse_args()
    write_sets(options.train, options.out, options.noise)
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for seed in options.seeds:
        for name in SETS:
            rows.setdefault(name, []).append(score(train(name, seed, options), options.test, preset_for(name, options)))
            print(name, seed, rows[name][-1].mean(1).round(1).tolist(), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
