"""Make the weights of ``annotation.check.judges``: simulate labels, then train four small networks on them.

    python tools/check_judges.py simulate build/judges -n 24000 --seed 7
    python tools/check_judges.py train build/judges

Trained on simulated labels alone: no picture, no annotation.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from annotation.check import judges
from annotation.check.judges import WEIGHTS
from annotation.check.simulate import simulated_hands
from hint.files import write_bytes

#: Hands in a file, and hands that are learned from at once.
PER_FILE, BATCH = 2000, 256
EPOCHS, RATE, DECAY = 16, 3e-3, 0.02
#: Channels of the hidden layers.
WIDTHS = (192, 96)

#: Noise of the keypoints at most, in spreads of the hand; share of flags that are wrong, and of hands without flags.
NOISE, WRONG, UNFLAGGED = 0.09, 0.05, 0.06
#: Share of hands that reach out of the picture.
CUT = 0.1

PAIRS = tuple(combinations(range(5), 2))


def simulate(folder: Path, n: int, seed: int) -> None:
    """Simulate labels into a folder, :data:`PER_FILE` to a file; files that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(-(-n // PER_FILE)):
        path = folder / f"labels_{seed}_{k:03d}.npz"
        if not path.exists():
            points, occluded = simulated_hands(PER_FILE, seed * 1000 + k)
            np.savez_compressed(path, points=points.astype(np.float32), occluded=occluded)
            print(path, flush=True)


class Hands(NamedTuple):
    """Labels of B right hands: points (B,21,2), existence (B,21), occlusion (B,21)."""

    points: Tensor
    exists: Tensor
    occluded: Tensor

    def features(self) -> Tensor:
        """Return (B,84), as :mod:`annotation.check.judges` sees them."""
        mask = self.exists[..., None].float()
        count = mask.sum(1, keepdim=True)
        centred = (self.points - (self.points * mask).sum(1, keepdim=True) / count) * mask
        spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt().clamp_min(1e-6)
        return torch.cat([(centred / spread).flatten(1), self.exists, self.exists & self.occluded], 1)

    def mirrored(self) -> Hands:
        """Return the points as those of a hand of the other side."""
        return self._replace(points=self.points * torch.tensor([-1.0, 1.0]))

    def of_either_side(self) -> Hands:
        """Return half of the hands mirrored: the order of the fingers must not depend on the side."""
        return self._replace(
            points=torch.where(torch.rand(len(self.points), 1, 1) < 0.5, self.mirrored().points, self.points)
        )

    def inverted(self) -> Hands:
        """Return the opposite flags."""
        return self._replace(occluded=~self.occluded)

    def permuted(self, order: Tensor) -> Hands:
        """Return the joints in another order (B,21)."""
        points = self.points.gather(1, order[..., None].expand(-1, -1, 2))
        return Hands(points, self.exists.gather(1, order), self.occluded.gather(1, order))


def annotated(points: Tensor, occluded: Tensor) -> Hands:
    """Return simulated labels as people make them: noisy, turned, cut by the border of a picture, with wrong flags."""
    n = len(points)
    occluded = occluded ^ (torch.rand(n, 21) < WRONG)
    occluded = occluded & (torch.rand(n, 1) > UNFLAGGED)
    moved = points + _noise(n)
    angle = torch.where(torch.rand(n) < 0.5, 0.3 * torch.randn(n), 2 * torch.pi * torch.rand(n))
    sine, cosine = angle.sin(), angle.cos()
    turned = moved @ torch.stack([cosine, -sine, sine, cosine], 1).view(n, 2, 2)
    border = 2 * torch.pi * torch.rand(n)
    along = (turned * torch.stack([border.cos(), border.sin()], 1)[:, None]).sum(2)
    inside = torch.argsort(torch.argsort(along)) < (21 * (0.5 + 0.5 * torch.rand(n, 1)))
    return Hands(turned, inside | (torch.rand(n, 1) > CUT), occluded)


def _noise(n: int) -> Tensor:
    """Return (n,21,2): joints and fingers are moved, fingers more at their ends."""
    joints = torch.randn(n, 21, 2) * torch.rand(n, 1, 1)
    fingers = torch.randn(n, 5, 1, 2) * torch.rand(n, 1, 1, 1) * torch.tensor([0.2, 0.5, 0.8, 1.0])[:, None]
    joints[:, 1:] += fingers.flatten(1, 2)
    return NOISE * joints


def swapped_fingers() -> Tensor:
    """Return (10,21) orders of the joints with two fingers swapped."""
    orders = torch.arange(21).repeat(len(PAIRS), 1)
    for order, (a, b) in zip(orders, PAIRS, strict=True):
        first, second = (slice(4 * f + 1, 4 * f + 5) for f in (a, b))
        order[first], order[second] = order[second].clone(), order[first].clone()
    return orders


def network(width_in: int, width_out: int) -> nn.Sequential:
    """Return an untrained network."""
    first, second = WIDTHS
    layers = (nn.Linear(width_in, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, width_out))
    return nn.Sequential(*layers)


def loss_of(networks: Mapping[str, nn.Module], hands: Hands, orders: Tensor) -> Tensor:
    """Return the loss of all four networks on B correct labels."""
    features = hands.features()
    side = networks["side"](features) - networks["side"](hands.mirrored().features())
    flags = networks["flags"](features) - networks["flags"](hands.inverted().features())
    either = hands.of_either_side()
    swapped = either.permuted(orders[torch.randint(len(orders), (len(features),))])
    good, bad = networks["fingers"](either.features()), networks["fingers"](swapped.features())
    places = networks["occluded"](features[:, :63])
    each = functional.binary_cross_entropy_with_logits(places, hands.occluded.float(), reduction="none")
    softplus = functional.softplus
    opposites = softplus(-side).mean() + softplus(-flags).mean()
    return opposites + softplus(good).mean() + softplus(-bad).mean() + each[hands.exists].mean()


def train(folder: Path, out: Path, seed: int) -> None:
    """Train on simulated labels, and write float16 weights."""
    files = [dict(np.load(path)) for path in sorted(folder.glob("labels_*.npz"))]
    points = torch.from_numpy(np.concatenate([file["points"] for file in files]))
    occluded = torch.from_numpy(np.concatenate([file["occluded"] for file in files]))
    points = Hands(points, torch.ones_like(occluded), occluded).features()[:, :42].view(-1, 21, 2)
    torch.manual_seed(seed)
    sizes = {name: (63, 21) if name == "occluded" else (84, 1) for name in judges.NETWORKS}
    networks = nn.ModuleDict({name: network(*size) for name, size in sizes.items()})
    steps, orders = len(points) // BATCH, swapped_fingers()
    optimizer = torch.optim.AdamW(networks.parameters(), weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=EPOCHS, steps_per_epoch=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(points))[: steps * BATCH].split(BATCH):
            loss = loss_of(dict(networks.items()), annotated(points[rows], occluded[rows]), orders)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}", flush=True)
    save(networks, out)


def save(networks: nn.ModuleDict, out: Path) -> None:
    """Write weights as :mod:`annotation.check.judges` reads them."""
    arrays = {}
    for name, net in networks.items():
        for k, layer in enumerate(layer for layer in net if isinstance(layer, nn.Linear)):
            arrays[f"{name}_weight_{k}"] = layer.weight.detach().T.half().numpy()
            arrays[f"{name}_bias_{k}"] = layer.bias.detach().half().numpy()
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    write_bytes(out, stream.getvalue())


def main() -> None:
    """Run the step that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    first = steps.add_parser("simulate")
    first.add_argument("-n", type=int, default=24_000, help="hands")
    second = steps.add_parser("train")
    second.add_argument("--out", type=Path, default=WEIGHTS)
    for step in (first, second):
        step.add_argument("folder", type=Path)
        step.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if options.step == "simulate":
        simulate(options.folder, options.n, options.seed)
    else:
        train(options.folder, options.out, options.seed)


if __name__ == "__main__":
    main()
