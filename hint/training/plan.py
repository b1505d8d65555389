"""What a training would do: which data is there, how many parameters, how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from hint.errors import MissingRequirementError, counted
from hint.mano.read import find_mano
from hint.methods.device import choose_device, device_name
from hint.training.cores import cores_per_process, default_workers
from hint.training.datasets import FoundData, look_for_data, place_of
from hint.training.memory import training_memory
from hint.training.model import TrainingModel
from hint.training.precision import check_precision
from hint.training.preset import DatasetRule, Preset
from hint.training.request import TrainingRequest
from hint.training.sources import SETS
from hint.training.tar_index import index_tar, is_indexed
from hint.training.tars import expand_braces, is_remote
from hint.training.timing import ASSUMED, assumed_hours, flops_per_hand, seconds_per_step

#: Operations of a forward pass that a CPU does in about a second; larger ones are not measured on a CPU.
_MEASURABLE = 2e10

#: Seconds after which measuring ends.
_PATIENCE = 15.0


@dataclass(frozen=True)
class SourceStatus:
    """What is there of a source.

    Attributes:
        name: Source.
        share: Its share of the mixture.
        place: Where it is looked for; of a URL that cannot be read, why.
        found: Tars that are there.
        expected: Tars of the whole source, 0 if unknown.
        hands: Hands in the tars before filtering; None if they were not counted yet.
        expected_hands: Hands of the whole source, 0 if unknown.
    """

    name: str
    share: float
    place: str
    found: int
    expected: int
    hands: int | None
    expected_hands: int


@dataclass(frozen=True)
class TrainingPlan:
    """What a training would do.

    Attributes:
        preset: What would be trained.
        sources: What is there of each source.
        missing: What must be downloaded or made first, and how; "" if nothing is missing.
        facts: Heading -> text: steps, losses, optimiser, parameters, time.
        warning: What will hardly be meant, "" where there is nothing: a random start where other weights are expected.
    """

    preset: Preset
    sources: tuple[SourceStatus, ...]
    missing: str
    facts: dict[str, str]
    warning: str = ""


def make_plan(request: TrainingRequest, measure: bool | None = None) -> TrainingPlan:
    """Look for the data of a training without reading pictures, and count or measure its cost.

    Args:
        request: The training.
        measure: Time some steps; None to do so only if no data is missing.
    """
    preset, data = request.preset, look_for_data(request.preset, request.data)
    missing = "; ".join(_missing(request, data))
    measure = not missing if measure is None else measure
    facts = dict(_facts(request, data, measure))
    return TrainingPlan(preset, tuple(_sources(preset, request.data, data)), missing, facts, _warning(request))


def _missing(request: TrainingRequest, data: FoundData) -> Iterator[str]:
    """Yield what must be there first; which sources are not is a matter of the list of sources."""
    try:
        find_mano(request.hand)
    except MissingRequirementError as error:
        yield str(error)
    if data.missing:
        yield f"{counted(len(data.missing), 'part')} of the data missing; {data.advice}"


def _warning(request: TrainingRequest) -> str:
    initial, expects = request.initial, request.preset.expects
    if not expects or initial.backbone or initial.network:
        return ""
    return f"random start: no weights are given for the backbone; {request.preset.id} expects {expects}"


def _sources(preset: Preset, root: Path, data: FoundData) -> Iterator[SourceStatus]:
    total = sum(rule.weight for rule in preset.datasets.values())
    for name, rule in preset.datasets.items():
        yield _status(name, rule, root, data, rule.weight / total)


def _status(name: str, rule: DatasetRule, root: Path, data: FoundData, share: float) -> SourceStatus:
    place = place_of(name, rule, root)
    if rule.kind == "labels":
        return SourceStatus(name, share, place, int(Path(place).exists()), 1, None, rule.hands)
    if is_remote(place):
        shown, tars = data.missing.get(name, place), data.streams.get(name, ())
        return SourceStatus(name, share, shown, len(tars), 0, None, rule.hands)
    folder = Path(place)
    paths = sorted(folder.glob("*.tar")) if folder.is_dir() else [Path(path) for path in expand_braces(place)]
    found = [path for path in paths if path.is_file()]
    hands = sum(len(index_tar(path).key) for path in found) if all(map(is_indexed, found)) else None
    expected = SETS[name].shards if name in SETS else 0
    shown = str(folder.parent) if "{" in place else place
    return SourceStatus(name, share, shown, len(found), expected, hands, rule.hands)


def _facts(request: TrainingRequest, data: FoundData, measure: bool) -> Iterator[tuple[str, str]]:
    """Yield heading and text of what there is to know besides the data."""
    preset, rule = request.preset, request.preset.optimiser
    yield "results", str(request.out)
    yield "steps", f"{preset.steps:,} of {preset.batch_size} hands, {_per_process(request)}"
    yield "losses", f"summed over {preset.sum_over} hands; weights {_weights(preset)}"
    adamw = f"AdamW, {rule.learning_rate:g}, {rule.schedule}, decay {rule.weight_decay:g}, {preset.precision}"
    yield "optimiser", adamw
    yield "parameters", _parameters(preset)
    yield "memory", _memory(request)
    yield "start", str(request.initial)
    yield "input", _input(request)
    lacking = ", missing" if "mocap" in data.missing else ""
    yield "real hands", f"{preset.mocap}{lacking}" if preset.mocap else "random plausible poses, not measured ones"
    yield "time", _time(request, measure)


def _input(request: TrainingRequest) -> str:
    loading = default_workers(choose_device(request.device).type, request.processes)
    share = counted(cores_per_process(request.processes), "core")
    return f"--workers {loading} by default, for a training process with {share}"


def _parameters(preset: Preset) -> str:
    with torch.device("meta"):
        model = TrainingModel(preset.config)
    parts: dict[str, nn.Module] = {"backbone": model.network.backbone, "head": model.network.mano_head}
    parts["discriminator"] = model.discriminator
    return ", ".join(f"{name} {_millions(part)}" for name, part in parts.items())


def _memory(request: TrainingRequest) -> str:
    preset, found = request.preset, training_memory(request.preset, request.processes)
    at_once = math.ceil(preset.batch_size / request.processes / preset.accumulate)
    total = (found.state + at_once * found.per_hand) / 1e9
    return (
        f"{total:.1f} GB estimated: {found.state / 1e9:.1f} for the weights and AdamW, "
        f"{found.per_hand / 1e6:.0f} MB for each of {at_once} hands at once"
    )


def _per_process(request: TrainingRequest) -> str:
    share = -(-request.preset.batch_size // request.processes)
    parts = f" in {request.preset.accumulate} parts" if request.preset.accumulate > 1 else ""
    return (
        f"{share} on each of {request.processes} processes{parts}" if request.processes > 1 else f"one process{parts}"
    )


def _weights(preset: Preset) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in preset.losses.model_dump().items())


def _millions(module: torch.nn.Module) -> str:
    return f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f} M"


def _time(request: TrainingRequest, measure: bool) -> str:
    """Measure steps where that takes seconds; otherwise count operations."""
    preset, flops = request.preset, flops_per_hand(request.preset.config)
    counted = f"{flops / 1e9:.2f} GFLOP per hand forward, three times that with backward; data not counted"
    device, share = choose_device(request.device), -(-preset.batch_size // request.processes)
    if not measure or (device.type != "cuda" and flops * share > _MEASURABLE):
        advice = "" if measure else "; --measure times some steps here"
        return f"{_lasting(assumed_hours(preset))} assumed, on {ASSUMED} ({counted}){advice}"
    part = preset.model_copy(update={"batch_size": share, "sum_over": min(preset.sum_over, share)})
    check_precision(part, device)
    seconds = seconds_per_step(part, device, limit=_PATIENCE)
    hours = seconds * preset.steps / 3600
    return f"{_lasting(hours)} at {seconds:.3f} s a step, measured on {device_name(device)} ({counted})"


def _lasting(hours: float) -> str:
    """Return a time in the unit that suits it."""
    return f"{hours:,.1f} hours" if hours >= 0.95 else f"{hours * 60:.0f} minutes" if hours >= 1 / 40 else "a minute"
