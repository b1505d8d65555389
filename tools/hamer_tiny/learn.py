"""Train what HaMeR-tiny adds to the landmark network, on features that were computed once."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from hands import Truth, sample_truth
from torch import Tensor, nn

from hint.fit.articulation import Articulation
from hint.landmarks.backbone import CropLandmarks
from hint.mano.procedural import procedural_hand
from hint.methods.hamer.tiny_fitter import FittedHand, Points
from hint.methods.hamer.tiny_network import LearnedParts
from hint.methods.hamer.tiny_reader import STRIDES
from hint.weights import load_into, read_checkpoint, save

#: Weights of the hands after each correction.
_STEPS = (0.2, 0.3, 0.5, 1.0)


class Batch(NamedTuple):
    """Views about upright."""

    maps: dict[int, Tensor]
    landmarks: CropLandmarks
    truth: Truth
    weight: Tensor


class Views:
    """The files of :func:`pictures.look_at_hands` in a folder, in memory."""

    def __init__(self, folder: Path, hand: Articulation) -> None:
        files = [dict(np.load(path)) for path in sorted(folder.glob("hands_*.npz"))]
        if not files:
            raise SystemExit(f"{folder} holds no views; make them first: see --help")
        arrays = {name: torch.from_numpy(np.concatenate([file[name] for file in files])) for name in files[0]}
        self._upright = torch.nonzero(arrays["is_upright"])[:, 0]
        self._arrays, self._hand = arrays, hand

    def directions(self, rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
        """Draw means of the last map (n,1152) and the turns (n,2) that make their views upright."""
        rows = torch.from_numpy(rng.integers(len(self._arrays["turn"]), size=n))
        return self._arrays["mean"][rows].float(), self._arrays["turn"][rows]

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        """Draw views about upright."""
        return self._rows(torch.from_numpy(rng.integers(len(self._upright), size=n)))

    def _rows(self, rows: Tensor) -> Batch:
        whole = self._upright[rows]
        of = {name: self._arrays[name][whole] for name in ("points", "presence", "world", "rotations", "betas", "flat")}
        points, presence = of["points"].float(), of["presence"].float()
        rotations, betas, flat = of["rotations"], of["betas"], of["flat"]
        with torch.no_grad():
            joints = self._hand.joints(rotations[:, :1], rotations[:, 1:], betas)
        inside = (flat.abs() < 0.6).all(-1) & self._arrays["existence"][whole]
        return Batch(
            {stride: self._arrays[f"map{stride}"][rows].float() for stride in STRIDES},
            CropLandmarks(points, presence, presence, of["world"].float()),
            Truth(rotations, betas, joints - joints[:, :1], flat),
            torch.where(inside, 1.0, 0.3),
        )


def train(folder: Path, out: Path, minutes: float, start: Path | None = None, seed: int = 0) -> None:
    """Train all parts for so many minutes and write their weights.

    A tenth of the time goes to the direction, a third to the fitter alone, which needs no pictures, the rest to
    reader and fitter together; the fitter keeps seeing sampled hands then, as rendered ones are few.

    Args:
        folder: Views.
        out: Weights to write.
        minutes: How long.
        start: Weights to start from.
        seed: Of all draws.
    """
    torch.manual_seed(seed)
    rng, hand, parts = np.random.default_rng(seed), Articulation(procedural_hand(), torch.float32), LearnedParts()
    if start is not None:
        load_into(parts, read_checkpoint(start))
    views = Views(folder, hand)
    steps: dict[str, int] = {}
    for name, share, loss, trained in (
        ("turner", 0.1, lambda: _turner_loss(parts, views, rng), parts.turner),
        ("fitter", 0.3, lambda: _sampled_loss(parts, hand, rng, 256), parts.fitter),
        (
            "reader and fitter",
            0.6,
            lambda: _joint_loss(parts, views, hand, rng),
            nn.ModuleList([parts.reader, parts.fitter]),
        ),
    ):
        steps[name] = _minimise(loss, trained, 60 * minutes * share, name)
    metadata = {
        "views": folder.name,
        "seed": str(seed),
        **{f"steps_{k.replace(' ', '_')}": str(v) for k, v in steps.items()},
    }
    export(parts, out, metadata)


def export(parts: LearnedParts, out: Path, metadata: dict[str, str]) -> None:
    """Write weights in float16."""
    save({key: value.half() for key, value in parts.state_dict().items()}, out, metadata)


def _minimise(loss: Callable[[], Tensor], module: nn.Module, seconds: float, name: str) -> int:
    """Take steps of AdamW until the time is over; the weights end as a moving average."""
    optimiser = torch.optim.AdamW(module.parameters(), 1e-3, weight_decay=1e-2)
    average = {key: value.clone() for key, value in module.state_dict().items()}
    begin = time.monotonic()
    for step, share in enumerate(_until(begin + seconds, seconds), 1):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, step / 200) * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-6
        value = loss()
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimiser.step()
        with torch.no_grad():
            for key, new in module.state_dict().items():
                average[key].lerp_(new, 1 - min(0.998, step / (step + 20)))
        if step % 100 == 0:
            sys.stderr.write(f"{name}: {step} steps, {100 * share:.0f} %, loss {float(value.detach()):.3f}\n")
    module.load_state_dict(average)
    return step


def _until(end: float, seconds: float) -> Iterator[float]:
    """Yield the share of the time that is over."""
    while (left := end - time.monotonic()) > 0:
        yield 1 - left / seconds


def _turner_loss(parts: LearnedParts, views: Views, rng: np.random.Generator) -> Tensor:
    mean, turn = views.directions(rng, 128)
    said = parts.turner(nn.functional.dropout(mean, 0.3))
    return (said - turn).square().sum(1).mean()


def _sampled_loss(parts: LearnedParts, hand: Articulation, rng: np.random.Generator, n: int) -> Tensor:
    """Return the loss of the fitter on sampled hands, whose points are moved by known amounts."""
    with torch.no_grad():
        truth = sample_truth(rng, n, hand)
    hands = parts.fitter(moved(truth, rng), hand.joints)
    return hands_loss(hands, truth, torch.ones(n, 21))


def _joint_loss(parts: LearnedParts, views: Views, hand: Articulation, rng: np.random.Generator) -> Tensor:
    maps, landmarks, truth, weight = views.batch(rng, 64)
    points, heat = parts.reader(maps, landmarks)
    solid = (centred(points.solid) - centred(truth.joints)).norm(dim=-1).mean()
    flat = sum(share * ((p - truth.flat).norm(dim=-1) * weight).mean() for share, p in ((10, points.flat), (5, heat)))
    fitted = hands_loss(parts.fitter(points, hand.joints), truth, weight)
    return fitted + flat + 10 * solid + 0.25 * _sampled_loss(parts, hand, rng, 64)


def hands_loss(hands: list[FittedHand], truth: Truth, weight: Tensor) -> Tensor:
    """Return the loss of the hands after each correction."""
    return torch.stack([share * _hand_loss(h, truth, weight) for share, h in zip(_STEPS, hands, strict=True)]).sum()


def _hand_loss(hand: FittedHand, truth: Truth, weight: Tensor) -> Tensor:
    apart = (hand.rotations - truth.rotations).square().sum((-1, -2))
    flat = ((hand.flat - truth.flat).norm(dim=-1) * weight).mean()
    solid = (centred(hand.joints) - centred(truth.joints)).norm(dim=-1).mean()
    shape = (hand.betas - truth.betas).square().mean()
    return 10 * flat + 20 * solid + 0.1 * apart[:, 0].mean() + 0.15 * apart[:, 1:].mean() + 0.01 * shape


def moved(truth: Truth, rng: np.random.Generator) -> Points:
    """Move the points of hands as a network would, some hands little and some a lot, and say how much."""
    n = len(truth.flat)

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(size=shape)).float()

    def uniform(*shape: int) -> Tensor:
        return torch.from_numpy(rng.random(shape)).float()

    flat_sigma = 0.03 * uniform(n, 1, 1).square() * torch.exp(0.6 * normal(n, 21, 1))
    solid_sigma = 0.02 * uniform(n, 1, 1) * torch.exp(0.5 * normal(n, 21, 1))
    flat = truth.flat + flat_sigma * normal(n, 21, 2)
    solid = truth.joints * (1 + 0.08 * normal(n, 1, 1)) + solid_sigma * normal(n, 21, 3) * torch.tensor([0.6, 0.6, 1.4])
    trust = torch.cat([torch.log(flat_sigma + 0.003) + 5, torch.log(solid_sigma + 0.003) + 5], -1)
    return Points(flat, solid, trust)


def centred(points: Tensor) -> Tensor:
    """Return points (N,21,3) about their mean."""
    return points - points.mean(1, keepdim=True)
