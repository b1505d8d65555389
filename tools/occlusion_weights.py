"""Make the weights of ``hint.occlusion``: render hands with exact labels, look at them, train, score.

    python tools/occlusion_weights.py render build/occlusion/train -n 2000 --seed 7
    python tools/occlusion_weights.py render build/occlusion/test -n 300 --seed 8
    python tools/occlusion_weights.py look build/occlusion/train build/occlusion/test
    python tools/occlusion_weights.py train build/occlusion/train --out hint/occlusion/occlusion.safetensors
    python tools/occlusion_weights.py score build/occlusion/test
    python tools/occlusion_weights.py evaluate hint-demo/demo mediapipe hamer-tiny

The last command takes labels of any set with pictures, and asks for the flags at exact keypoints, too.

Trained on rendered hands alone (``hint.demo``): no photograph and no annotation. The features are those of MediaPipe's
landmark network (Apache-2.0), which is left as it is; its weights are not in the file. Every hand is looked at twice:
at its exact keypoints, moved by noise for seven hands in ten, and at those that the landmark network finds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from annotation.prelabel.occlusion import PICTURE, with_occlusion
from hint.demo.closeup import close_up
from hint.demo.pictures import prepare_process
from hint.engine import run
from hint.files import read_labels
from hint.methods.table import create
from hint.occlusion.guess import WEIGHTS
from hint.occlusion.look import Looker, Sight
from hint.occlusion.network import OcclusionNetwork, Seen
from hint.occlusion.view import PATCH, VIEW, View, cut_views
from hint.training.rendered import training_scene
from hint.types import MethodOptions
from hint.weights import load_into, read_checkpoint

Array = NDArray[Any]

#: Sides of the pictures, px, in turn: some hands are sharper than others.
SIZES = (160, 160, 224, 256)

#: Hands in a file, and hands that are looked at, or learned from, at once.
PER_FILE, LOOKED_AT, LEARNED_FROM = 100, 20, 128

#: At which keypoints a hand is looked at.
KINDS = ("exact", "network")


def render(folder: Path, n: int, seed: int) -> None:
    """Render hands into a folder, :data:`PER_FILE` to a file; files that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, n, PER_FILE):
        path = folder / f"hands_{seed}_{start:06d}.npz"
        if not path.exists():
            rows = [_rendered(seed, number) for number in range(start, min(start + PER_FILE, n))]
            _save(path, {name: np.stack([row[name] for row in rows]) for name in rows[0]})


def _rendered(seed: int, number: int) -> dict[str, Array]:
    """Return the patch of one hand, mirrored if it is a left one, and its labels."""
    scene = training_scene(seed, number)
    one = close_up(scene, SIZES[number % len(SIZES)])
    keypoints, box, last = one.keypoints_2d, one.box_xyxy.reshape(2, 2), len(one.image) - 1
    picture = _as_jpeg(one.image, scene.sensor.quality)
    if not one.is_right:
        picture, keypoints = picture[:, ::-1], keypoints * (-1, 1) + (last, 0)
        box = np.array([(last - box[1, 0], box[0, 1]), (last - box[0, 0], box[1, 1])])
    zoom = PATCH / len(picture)
    return {
        "patch": cv2.resize(np.ascontiguousarray(picture), (PATCH, PATCH), interpolation=cv2.INTER_LINEAR),
        "keypoints": ((keypoints + 0.5) * zoom - 0.5).astype(np.float32),
        "box": ((box + 0.5) * zoom - 0.5).astype(np.float32),
        "existence": one.existence,
        "occlusion": one.occlusion,
    }


def _save(path: Path, arrays: dict[str, Array]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    part.rename(path)


def _as_jpeg(picture: Array, quality: int) -> Array:
    """Return an RGB picture as it comes out of a JPEG."""
    content = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def look(folders: Sequence[Path]) -> None:
    """Look at the hands of every file, and write what was seen beside it."""
    looker = Looker()
    for path in (path for folder in folders for path in sorted(folder.glob("hands_*.npz"))):
        target = path.with_name(path.name.replace("hands", "seen"))
        if not target.exists():
            seed, start = (int(number) for number in path.stem.split("_")[1:])
            _save(target, _looked_at(looker, dict(np.load(path)), np.random.default_rng([start, seed])))


def _looked_at(looker: Looker, hands: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Return, for each kind and what is in a :class:`Sight`, an array of all hands."""
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(hands["patch"]), LOOKED_AT):
        patch, truth, box = (hands[name][start : start + LOOKED_AT] for name in ("patch", "keypoints", "box"))
        patches = torch.from_numpy(np.stack([degraded(one, rng) for one in patch])).permute(0, 3, 1, 2).float() / 255
        exact = torch.from_numpy(np.stack([moved(one, rng) for one in truth]).astype(np.float32))
        found = found_by_network(looker, patches, box, truth, rng)
        sights = zip(KINDS, (looker.look(patches, exact), looker.look(patches, found)), strict=True)
        parts.append({f"{kind}_{name}": value for kind, sight in sights for name, value in _flat(sight).items()})
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def _flat(sight: Sight) -> dict[str, Tensor]:
    seen = {**sight.seen._asdict(), "features": sight.seen.features.half()}
    return {"keypoints": sight.keypoints, "ahead": sight.ahead.float(), **seen}


def degraded(picture: Array, rng: np.random.Generator) -> Array:
    """Return every other picture small and enlarged, recoloured, noisy, or damaged by JPEG."""
    if rng.random() < 0.5:
        return picture
    if rng.random() < 0.5:
        share = rng.uniform(0.15, 0.7)
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    light = picture * rng.uniform(0.7, 1.3, 3) * rng.uniform(0.6, 1.4) + rng.uniform(-20, 20)
    noisy = np.clip(light + rng.normal(0, rng.uniform(0, 8), picture.shape), 0, 255).astype(np.uint8)
    return _as_jpeg(noisy, int(rng.integers(15, 80))) if rng.random() < 0.5 else noisy


def moved(keypoints: Array, rng: np.random.Generator) -> Array:
    """Return keypoints (21,2) as wrong as a method may put them: joints, fingers and the whole hand move."""
    if rng.random() < 0.3:
        return keypoints
    much = rng.uniform() ** 1.5
    unit = much * np.ptp(keypoints, axis=0).max()
    noise = rng.normal(0, 0.03 * unit, (21, 2)) + rng.normal(0, 0.03 * unit, 2)
    for finger in range(5):
        noise[1 + 4 * finger : 5 + 4 * finger] += rng.normal(0, 0.06 * unit, 2) * np.linspace(0.3, 1, 4)[:, None]
    turn, zoom, centre = rng.normal(0, 0.15 * much), np.exp(rng.normal(0, 0.08 * much)), keypoints.mean(0)
    rotation = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    return (keypoints - centre) @ rotation * zoom + centre + noise


def found_by_network(looker: Looker, patches: Tensor, box: Array, truth: Array, rng: np.random.Generator) -> Tensor:
    """Return the keypoints (N,21,2) that the landmark network finds in the square of 1.5 boxes, roughly upright."""
    along = truth[:, 9] - truth[:, 0]
    angle = torch.tensor(np.arctan2(along[:, 0], -along[:, 1]) + rng.normal(0, 0.25, len(along)), dtype=torch.float32)
    side = torch.from_numpy(1.5 * np.ptp(box, axis=1).max(1)) / VIEW
    sine, cosine = angle.sin(), angle.cos()
    turn = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2) * side[:, None, None]
    shift = torch.from_numpy(box.mean(1)) - turn.sum(2) * (VIEW / 2)
    view = View(turn, shift, torch.empty(0))
    with torch.inference_mode():
        points = looker.landmarks(cut_views(patches, view)).points[..., :2]
        return points @ turn.mT + shift[:, None]


class Samples(NamedTuple):
    """Hands to learn from: what is known of them, what is true, and which joints count."""

    sight: Sight
    occlusion: Tensor
    existence: Tensor

    def select(self, rows: Tensor) -> Samples:
        """Return some of them."""
        keypoints, seen, ahead = self.sight.select(rows)
        sight = Sight(keypoints, seen._replace(features=seen.features.float()), ahead)
        return Samples(sight, self.occlusion[rows], self.existence[rows])


def read(folder: Path, kinds: Sequence[str] = KINDS) -> Samples:
    """Return the hands of a folder, once for each kind."""
    paths = sorted(folder.glob("seen_*.npz"))
    if not paths:
        sys.exit(f"{folder} holds nothing that was looked at; see the first lines of {__file__}")
    seen = [dict(np.load(path)) for path in paths]
    hands = [dict(np.load(path.with_name(path.name.replace("seen", "hands")))) for path in paths]

    def join(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([part[f"{kind}_{name}"] for kind in kinds for part in seen]))

    def truth(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([part[name] for _ in kinds for part in hands]))

    looked = Seen(join("features"), join("points"), join("presence"), join("world"))
    return Samples(Sight(join("keypoints"), looked, join("ahead")), truth("occlusion"), truth("existence"))


def train(folder: Path, out: Path, epochs: int, seed: int) -> None:
    """Train on a folder that was looked at, and write float16 weights."""
    samples = read(folder)
    torch.manual_seed(seed)
    network = OcclusionNetwork()
    features = samples.sight.seen.features.flatten(0, 1).float()
    network.mean.copy_(features.mean(0))
    network.deviation.copy_(features.std(0) + 1e-3)
    steps = len(samples.occlusion) // LEARNED_FROM
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, epochs=epochs, steps_per_epoch=steps, pct_start=0.1)
    for epoch in range(epochs):
        total, order = 0.0, torch.randperm(len(samples.occlusion))
        for rows in order[: steps * LEARNED_FROM].split(LEARNED_FROM):
            loss = _loss(network, samples.select(rows))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}", flush=True)
    made = {"hands": str(len(samples.occlusion) // len(KINDS)), "epochs": str(epochs), "seed": str(seed)}
    made |= {"data": "rendered hands", "features": "MediaPipe hand_landmark_full (Apache-2.0), not included"}
    save_file({name: value.half() for name, value in network.state_dict().items()}, out, made)


def _loss(network: OcclusionNetwork, samples: Samples) -> Tensor:
    """Return the loss of a step; some channels, some pictures and some fitted hands are hidden from the network."""
    keypoints, seen, ahead = samples.sight
    n, _, channels = seen.features.shape
    kept = functional.dropout(torch.ones(n, 1, channels), 0.2)
    features = network.mean + (seen.features - network.mean) * kept
    features = torch.where(torch.rand(n, 1, 1) < 0.15, torch.nan, features)
    ahead = torch.where(torch.rand(n, 1, 1) < 0.15, torch.nan, ahead)
    logits = network.train()(keypoints, seen._replace(features=features), ahead)
    wrong = functional.binary_cross_entropy_with_logits(logits, samples.occlusion.float(), reduction="none")
    return wrong[samples.existence].mean()


def score(folder: Path, weights: Path) -> None:
    """Print how often the flags are right, by kind of keypoints and by what the network is shown."""
    network = load_into(OcclusionNetwork(), read_checkpoint(weights)).eval()
    for kind in KINDS:
        samples = read(folder, [kind])
        samples = samples.select(torch.arange(len(samples.occlusion)))
        keypoints, seen, ahead = samples.sight
        truth = samples.occlusion[samples.existence]
        print(f"{kind}: {len(truth)} joints, always visible {_percent(~truth)}")
        shown = {"keypoints": (None, None), "and fit": (None, ahead), "and picture": (seen, None), "all": (seen, ahead)}
        for name, given in shown.items():
            with torch.inference_mode():
                flags = network(keypoints, *given)[samples.existence] > 0
            print(f"  {name:12} {_percent(flags == truth)} kappa {kappa(flags, truth):.3f}")


def evaluate(data: Path, methods: Sequence[str]) -> None:
    """Print how often the flags of labelled hands are right at exact keypoints and at those of methods."""
    labels = read_labels(data)
    for name in ("oracle-noise", *methods):
        own = {"labels": labels, "extra": {"sigma": "0"}} if name == "oracle-noise" else {}
        started = time.perf_counter()
        rows = run(create(name, MethodOptions(**own)), labels.hands()).predictions
        between = time.perf_counter()
        rows = run(with_occlusion(create(name, MethodOptions(**own)), PICTURE), labels.hands()).predictions
        ended = time.perf_counter()
        probability = rows.occlusion_probability
        asked = labels.existence & np.isfinite(probability)
        truth, flags = (torch.from_numpy(values[asked]) for values in (labels.occlusion, probability > 0.5))
        print(
            f"{'exact' if own else name}: {int(asked.any(1).sum())} of {len(rows)} hands, {len(truth)} joints, always "
            f"visible {_percent(~truth)}, right {_percent(flags == truth)}, kappa {kappa(flags, truth):.3f}; "
            f"{(between - started) / len(rows):.3f} s per hand, {(ended - between) / len(rows):.3f} with the guess"
        )


def _percent(flags: Tensor) -> str:
    return f"{100 * flags.float().mean():.1f}"


def kappa(first: Tensor, second: Tensor) -> float:
    """Return Cohen's kappa of two arrays of flags."""
    a, b = first.float().mean(), second.float().mean()
    chance = a * b + (1 - a) * (1 - b)
    return float(((first == second).float().mean() - chance) / (1 - chance))


def main() -> None:
    """Run the command that was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("render", "look", "train", "score", "evaluate"))
    parser.add_argument("folders", nargs="+", type=Path, help="folders; evaluate: labels, then names of methods")
    parser.add_argument("-n", type=int, default=2000, help="hands to render")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weights to write, or to score")
    given = parser.parse_args()
    prepare_process()
    if given.command == "render":
        render(given.folders[0], given.n, given.seed)
    elif given.command == "look":
        look(given.folders)
    elif given.command == "train":
        train(given.folders[0], given.out, given.epochs, given.seed)
    elif given.command == "score":
        score(given.folders[0], given.out)
    else:
        evaluate(given.folders[0], [str(name) for name in given.folders[1:]])


if __name__ == "__main__":
    main()
