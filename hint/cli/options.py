"""Options that mean the same in every command, alone and in bundles."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hint.errors import InputError

if TYPE_CHECKING:
    from hint.engine.work import Work


class Overwrite(str, Enum):
    """What to do with results that are there already."""

    never = "never"
    missing = "missing"
    always = "always"


class Device(str, Enum):
    """Where networks run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Side(str, Enum):
    """What is known of the sides of hands."""

    auto = "auto"
    right = "right"
    left = "left"


Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Seed = Annotated[int, typer.Option(help="Seed of all random draws.", min=0)]
Limit = Annotated[int | None, typer.Option(help="Only this many hands, spread evenly.", min=1)]
ReuseOrNot = Annotated[
    Overwrite, typer.Option(help="missing: continue an earlier run; never: refuse; always: start over.")
]
Where = Annotated[Device, typer.Option(help="Where networks run.")]
Precision = Annotated[
    str, typer.Option(help="fp32, bf16, ...: what the method offers; auto: the fastest that keeps the keypoints.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Hands per forward pass.", min=1, show_default="16, on a GPU what fits"),
]
Workers = Annotated[int, typer.Option(help="Threads that read and crop pictures, of each process.", min=1)]
Weights = Annotated[str | None, typer.Option(help="Weights file, or a name such as random.")]
Mano = Annotated[str | None, typer.Option(help="MANO_RIGHT.pkl or .npz, or procedural.")]
OwnSettings = Annotated[list[str] | None, typer.Option("--set", help="A setting of the method: key=value; repeat.")]
Images = Annotated[Path | None, typer.Option(help="Folder of the pictures, if they are not beside the labels.")]
Subsets = Annotated[list[str] | None, typer.Option(help="newdays, epick, val_ego4d, ...; repeat for several.")]
Number = Annotated[int, typer.Option("-n", "--n", help="Number of hands to render.", min=1)]
Boxes = Annotated[
    Path | None,
    typer.Option(help="Known hands: manifest, list of boxes (json, jsonl, parquet), COCO, labels; or a URL of one."),
]
DetectorName = Annotated[str | None, typer.Option(help="Detector, used without --boxes.", show_default="mediapipe")]
KnownSide = Annotated[
    Side, typer.Option(help="right or left: all hands are known to be right, or left, ones; auto: find out.")
]
MinScore = Annotated[
    float, typer.Option(help="Leave out hands of which the detector is less sure, 0 to 1.", min=0, max=1)
]
MaxHands = Annotated[int | None, typer.Option(help="Take at most so many hands of a picture, the surest.", min=1)]
WhichEngine = Annotated["EngineName", typer.Option(help="What does the work: local, this machine; ray, a Ray cluster.")]
Devices = Annotated[
    str | None,
    typer.Option(help="A process for each: all, a number, cuda:0,cuda:1, or cpu*4.", show_default="this process"),
]
Part = Annotated[
    str | None,
    typer.Option("--shard", help="Do one part only, such as 2/8; the command without --shard joins them."),
]
Parts = Annotated[
    Path | None,
    typer.Option(help="Folder or URL for what workers write meanwhile, where not all of them see OUT."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@dataclass(frozen=True)
class MethodFlags:
    """How a method that is named is set up; what the command line says to ``hint.load_method``."""

    device: Where = Device.auto
    precision: Precision = "auto"
    weights: Weights = None
    mano: Mano = None
    settings: OwnSettings = None

    def keywords(self) -> dict[str, Any]:
        """Return device, precision, weights and mano as keyword arguments."""
        return {
            "device": self.device.value,
            "precision": self.precision,
            "weights": self.weights,
            "mano": self.mano,
        }

    def own(self) -> dict[str, str]:
        """Return the method's own settings.

        Raises:
            InputError: If one is not key=value.
        """
        return key_values(self.settings or [])


@dataclass(frozen=True)
class RunFlags:
    """What a run over many hands is told besides its method and its data."""

    seed: Seed = 0
    limit: Limit = None
    overwrite: ReuseOrNot = Overwrite.missing
    as_json: Json = False

    def keywords(self) -> dict[str, Any]:
        """Return seed, limit and overwrite as keyword arguments."""
        return {"seed": self.seed, "limit": self.limit, "overwrite": self.overwrite.value}


class EngineName(str, Enum):
    """What runs a command."""

    local = "local"
    ray = "ray"


@dataclass(frozen=True)
class EngineFlags:
    """Who does the work of a run over many hands."""

    engine: WhichEngine = EngineName.local
    devices: Devices = None

    def work(self) -> Work:
        """Return what functions of the Python API are told."""
        from hint.engine.work import Work

        return Work(**{**vars(self), "engine": self.engine.value})


@dataclass(frozen=True)
class WorkFlags(EngineFlags):
    """Who does the work of a run of a method over many hands, and how much of it at a time."""

    parts: Parts = None
    batch_size: BatchSize = None
    workers: Workers = 2


def with_bundles(command: Callable[..., None]) -> Callable[..., None]:
    """Make an option of each field of a command's dataclass parameters, such as :class:`MethodFlags`."""
    parameters = inspect.signature(command, eval_str=True).parameters
    bundles: dict[str, Any] = {name: p.annotation for name, p in parameters.items() if is_dataclass(p.annotation)}
    flat: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        flat += _options(bundles[name]) if name in bundles else [parameter.replace(kind=parameter.KEYWORD_ONLY)]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in bundles.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _options(bundle: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(bundle)
    ]


def key_values(pairs: list[str]) -> dict[str, str]:
    """Read the pairs of ``--set key=value``.

    Raises:
        InputError: If one of them has no "=".
    """
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise InputError(f"--set {wrong[0]}: write key=value")
    return dict(pair.split("=", 1) for pair in pairs)
