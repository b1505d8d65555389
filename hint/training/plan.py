"""What a training would do: which data is there, how many parameters, how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from hint.methods.device import choose_device, device_name
from hint.training.feed import place_of
from hint.training.model import Trainee
from hint.training.precision import check_precision
from hint.training.preset import DatasetRule, Preset
from hint.training.request import Request
from hint.training.sources import SETS
from hint.training.tar_index import index_tar, is_indexed
from hint.training.tars import expand_braces
from hint.training.timing import ASSUMED, assumed_hours, flops_per_hand, seconds_per_step

#: Operations of a forward pass that a CPU does in about a second.
_SOON = 2e10


@dataclass(frozen=True)
class Found:
    """What there is of a source.

    Attributes:
        name: Source.
        share: Its share of the mixture.
        place: Where it is looked for.
        found: Tars that are there.
        expected: Tars there should be, 0 where that is not known.
        hands: Hands in them, before the filters; None where they were not looked through yet.
        expected_hands: Hands there should be, 0 where that is not known.
    """

    name: str
    share: float
    place: str
    found: int
    expected: int
    hands: int | None
    expected_hands: int

    def row(self) -> list[str]:
        """Return it as texts."""
        of = f" of {self.expected:,}" if self.expected else ""
        hands = "not counted yet" if self.hands is None else f"{self.hands:,}"
        expected = f"{self.expected_hands:,}" if self.expected_hands else "-"
        return [self.name, f"{self.share:.3f}", f"{self.found:,}{of}", hands, expected, self.place]


def survey(preset: Preset, root: Path) -> list[Found]:
    """Look for the sources of a preset, without reading pictures."""
    whole = sum(rule.weight for rule in preset.datasets.values())
    return [_look(name, rule, root, rule.weight / whole) for name, rule in preset.datasets.items()]


def _look(name: str, rule: DatasetRule, root: Path, share: float) -> Found:
    place = place_of(name, rule, root)
    if rule.kind == "labels":
        return Found(name, share, place, int(Path(place).exists()), 1, None, rule.hands)
    folder = Path(place)
    paths = sorted(folder.glob("*.tar")) if folder.is_dir() else [Path(path) for path in expand_braces(place)]
    there = [path for path in paths if path.is_file()]
    hands = sum(len(index_tar(path).key) for path in there) if all(map(is_indexed, there)) else None
    expected = SETS[name].shards if name in SETS else 0
    return Found(
        name, share, str(Path(place).parent) if "{" in place else place, len(there), expected, hands, rule.hands
    )


def summary(request: Request) -> Iterator[tuple[str, str]]:
    """Yield what to know about a training besides its data: heading and text."""
    preset = request.preset
    yield "results", str(request.out)
    yield "steps", f"{preset.steps:,} of {preset.batch_size} hands, {_per_process(request)}"
    yield "losses", f"sums over {preset.sum_over} hands; weights {_weights(preset)}"
    rule = preset.optimiser
    yield (
        "optimiser",
        f"AdamW, {rule.learning_rate:g}, {rule.schedule}, decay {rule.weight_decay:g}, {preset.precision}",
    )
    with torch.device("meta"):
        trainee = Trainee(preset.config)
    sizes: dict[str, nn.Module] = {"backbone": trainee.network.backbone, "head": trainee.network.mano_head}
    sizes["discriminator"] = trainee.discriminator
    yield "parameters", ", ".join(f"{name} {_millions(part)}" for name, part in sizes.items())
    yield "real hands", preset.mocap or "drawn, not measured ones"
    yield "time", _time(request)


def _per_process(request: Request) -> str:
    share = -(-request.preset.batch_size // request.processes)
    parts = f" in {request.preset.accumulate} parts" if request.preset.accumulate > 1 else ""
    return (
        f"{share} on each of {request.processes} processes{parts}" if request.processes > 1 else f"one process{parts}"
    )


def _weights(preset: Preset) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in preset.losses.model_dump().items())


def _millions(module: torch.nn.Module) -> str:
    return f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f} M"


def _time(request: Request) -> str:
    """Measure steps where that takes seconds; count operations where it would not."""
    preset, flops = request.preset, flops_per_hand(request.preset.config)
    counted = f"{flops / 1e9:.2f} GFLOP per hand forward, three times that with backward; data not counted"
    device, share = choose_device(request.device), -(-preset.batch_size // request.processes)
    if device.type != "cuda" and flops * share > _SOON:
        return f"{assumed_hours(preset):,.1f} hours assumed, on {ASSUMED} ({counted})"
    part = preset.model_copy(update={"batch_size": share, "sum_over": min(preset.sum_over, share)})
    check_precision(part, device)
    seconds = seconds_per_step(part, device)
    hours = seconds * preset.steps / 3600
    return f"{hours:,.1f} hours at {seconds:.3f} s a step, measured on {device_name(device)} ({counted})"
