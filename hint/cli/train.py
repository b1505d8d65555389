"""``hint train``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Device, Seed, key_values
from hint.errors import InputError, MissingRequirementError

if TYPE_CHECKING:
    from hint.training.preset import Preset
    from hint.training.request import Request


def train(
    preset: Annotated[str, typer.Argument(help="A preset of --list, or a .toml.")] = "",
    data: Annotated[Path, typer.Option(help="Folder the sources of the preset lie below.")] = Path(
        "hamer_training_data"
    ),
    out: Annotated[Path | None, typer.Option(help="Folder results go to; by default runs/PRESET.")] = None,
    seed: Seed = 0,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Hands per step, over all processes.", min=1)] = None,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    precision: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16 (needs a GPU).")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: key=value; repeat for several.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that prepare batches, for each that trains.", min=0)] = 2,
    processes: Annotated[int, typer.Option(help="Processes that train together, one per GPU.", min=1)] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    backbone_weights: Annotated[
        Path | None, typer.Option(help="Start the backbone from these weights, such as vitpose_backbone.pth.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Start from the weights of a whole HaMeR.")] = None,
    mean_params: Annotated[Path | None, typer.Option(help="Start from the means of mano_mean_params.npz.")] = None,
    mano: Annotated[str | None, typer.Option(help="MANO file to fit, or procedural.")] = None,
    save_every: Annotated[int, typer.Option(help="Steps between two checkpoints.", min=1)] = 1000,
    keep: Annotated[int, typer.Option(help="Checkpoints that stay.", min=1)] = 2,
    list_them: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and how long it takes.")
    ] = False,
) -> None:
    """Train HaMeR, or a smaller relative of it."""
    if list_them:
        _list()
        return
    if not preset:
        raise InputError("which preset? hint train --list shows them")
    _require()
    from hint.training.preset import load_preset
    from hint.training.request import Request, Start

    given = {"steps": steps, "batch_size": batch_size, "precision": precision}
    own = [(key, value) for key, value in given.items() if value is not None]
    chosen = load_preset(preset, [*key_values(changes or []).items(), *own])
    request = Request(
        preset=chosen,
        data=data,
        out=out or Path("runs") / chosen.id,
        seed=seed,
        resume=resume,
        start=Start(weights, backbone_weights, mean_params),
        mano=mano,
        device=device.value,
        processes=processes,
        workers=workers,
        save_every=save_every,
        keep=keep,
    )
    if dry_run:
        _plan(request)
    else:
        _train(request)


def _train(request: Request) -> None:
    if request.processes > 1:
        _train_together(request)
        return
    from hint.training.run import train as run

    try:
        outcome = run(request)
    except KeyboardInterrupt:
        _say_how_to_go_on(request)
        raise
    if outcome.hands:
        remark(f"{outcome.hands / outcome.seconds:.1f} hands/s over {outcome.seconds:.0f} s")
    typer.echo(f"weights   {outcome.weights}")


def _train_together(request: Request) -> None:
    from hint.training.launch import launch

    code = launch(request)
    if code == 130:
        _say_how_to_go_on(request)
        raise KeyboardInterrupt
    if code:
        raise typer.Exit(code)


def _say_how_to_go_on(request: Request) -> None:
    from hint.training.checkpoints import saved_steps

    kept = saved_steps(request.out / "checkpoints")[-1:]
    if not kept:
        remark("hint: stopped before the first checkpoint")
        return
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    remark(f"hint: stopped after {kept[0]} steps; go on with: {shlex.join(['hint', *arguments, '--resume'])}")


def _require() -> None:
    from hint.requirements import missing_packages

    if lacking := missing_packages(
        ("torch", "timm", "smplx", "safetensors", "scipy", "cv2", "accelerate", "tensorboard"), "train"
    ):
        raise MissingRequirementError(f"training {lacking}")


def _list() -> None:
    from hint.training.preset import list_presets, load_preset

    show_rows(
        ["preset", "what", "backbone", "crop", "sets", "hands", "batch", "steps"],
        [_row(load_preset(name)) for name in list_presets()],
    )


def _row(preset: Preset) -> list[str]:
    hands = sum(rule.hands for rule in preset.datasets.values())
    return [
        preset.id,
        preset.title,
        preset.network.backbone,
        str(preset.crop_size),
        str(len(preset.datasets)),
        f"{hands:,}" if hands else "-",
        str(preset.batch_size),
        f"{preset.steps:,}",
    ]


def _plan(request: Request) -> None:
    from hint.training.plan import summary, survey

    preset = request.preset
    rows = [found.row() for found in survey(preset, request.data)]
    show_rows(["source", "share", "tars", "hands", "expected", "place"], rows, title=f"{preset.id} · {preset.title}")
    for heading, text in summary(request):
        typer.echo(f"{heading:<11}{text}")
