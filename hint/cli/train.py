"""``hint train``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, say, show_rows
from hint.cli.options import Device, Seed, key_values
from hint.errors import InputError

if TYPE_CHECKING:
    from hint.training.plan import SourceStatus
    from hint.training.preset import Preset


def train(
    preset: Annotated[str, typer.Argument(help="A preset of --list, or a .toml.")] = "",
    data: Annotated[Path, typer.Option(help="Folder that holds the training data.")] = Path("hamer_training_data"),
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints, curves and weights; by default runs/PRESET.")
    ] = None,
    seed: Seed = 0,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Hands per step, over all processes.", min=1)] = None,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    precision: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16 (needs a GPU).")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: key=value; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Data-loading processes per training process; by default what its cores allow.", min=0),
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Training processes to start, one per GPU; not with torchrun.", min=1)
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in --out.")] = False,
    backbone_weights: Annotated[
        Path | None,
        typer.Option(help="Start the backbone from these weights: vitpose_backbone.pth, or timm:resnet50.tv_in1k."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Start from the weights of a whole HaMeR.")] = None,
    mean_params: Annotated[Path | None, typer.Option(help="Start from the means in mano_mean_params.npz.")] = None,
    mano: Annotated[str | None, typer.Option(help="MANO file, or procedural.")] = None,
    save_every: Annotated[int, typer.Option(help="Steps between checkpoints.", min=1)] = 1000,
    keep: Annotated[int, typer.Option(help="Number of checkpoints to keep.", min=1)] = 2,
    val: Annotated[
        list[Path] | None,
        typer.Option(help="Score these hands while training: tars, or labels with pictures; may be repeated."),
    ] = None,
    val_every: Annotated[int, typer.Option(help="Steps between two scores of --val.", min=1)] = 1000,
    track: Annotated[
        list[str] | None, typer.Option(help="Curves to wandb or mlflow, besides TensorBoard; may be repeated.")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be done, what is missing, and the time it takes.")
    ] = False,
    measure: Annotated[
        bool | None,
        typer.Option(help="With --dry-run: time some training steps; by default only if no data is missing."),
    ] = None,
) -> None:
    """Train HaMeR, or a smaller relative of it."""
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts, the first one speaks
    if (list_them or dry_run) and not is_first:
        return
    if list_them:
        _list()
        return
    if not preset:
        raise InputError("which preset? hint train --list shows them")
    options: dict[str, Any] = {
        "data": data,
        "out": out,
        "steps": steps,
        "batch_size": batch_size,
        "device": device.value,
        "precision": precision,
        "settings": key_values(changes or []),
        "processes": processes,
        "weights": weights,
        "backbone_weights": backbone_weights,
        "mean_params": mean_params,
        "mano": mano,
    }
    if dry_run:
        _plan(preset, measure=measure, **options)
        return
    options |= {
        "seed": seed,
        "workers": workers,
        "resume": resume,
        "save_every": save_every,
        "keep": keep,
        "val": val or (),
        "val_every": val_every,
        "track": track or (),
    }
    _train(preset, is_first, **options)


def _train(preset: str, is_first: bool, **options: Any) -> None:
    from hint.training.train import train as run

    try:
        result = run(preset, **options)
    except KeyboardInterrupt:
        if is_first:
            _say_how_to_continue(preset, options["out"])
        raise
    if not is_first:
        return
    if result.hands:
        remark(f"{result.hands / result.seconds:.1f} hands/s over {result.seconds:.0f} s")
    typer.echo(f"weights   {result.weights}")


def _say_how_to_continue(preset: str, out: Path | None) -> None:
    from hint.training.checkpoints import saved_steps
    from hint.training.preset import load_preset

    kept = saved_steps((out or Path("runs") / load_preset(preset).id) / "checkpoints")[-1:]
    if not kept:
        remark("hint: stopped before the first checkpoint")
        return
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    remark(f"hint: stopped after {kept[0]} steps; continue with:\n{shlex.join(['hint', *arguments, '--resume'])}")


def _list() -> None:
    from hint.training.preset import list_presets, load_preset

    show_rows(
        ["preset", "what", "crop", "hands", "batch", "steps"],
        [_row(load_preset(name)) for name in list_presets()],
    )


def _row(preset: Preset) -> list[str]:
    hands = sum(rule.hands for rule in preset.datasets.values())
    return [
        preset.id,
        preset.title,
        str(preset.crop_size),
        f"{hands:,}" if hands else "-",
        str(preset.batch_size),
        f"{preset.steps:,}",
    ]


def _plan(preset: str, **options: Any) -> None:
    from hint.training.train import plan_training

    plan = plan_training(preset, **options)
    title = f"{plan.preset.id} · {plan.preset.title}"
    headings = ["source", "share", "tars", "hands", "expected"]
    show_rows(headings, [_source_row(source) for source in plan.sources], title=title)
    width = max((len(source.name) for source in plan.sources), default=0)
    for source in plan.sources:
        say(f"{source.name:{width}}  ", source.place)
    for heading, text in plan.facts.items():
        say(f"{heading:<11}", text)
    if plan.warning:
        remark(f"hint: {plan.warning}", style="red")
    if plan.missing:
        remark(f"hint: {plan.missing}")


def _source_row(source: SourceStatus) -> list[str]:
    whole = f" of {source.expected:,}" if source.expected else ""
    hands = "not counted yet" if source.hands is None else f"{source.hands:,}"
    expected = f"{source.expected_hands:,}" if source.expected_hands else "-"
    return [source.name, f"{source.share:.3f}", f"{source.found:,}{whole}", hands, expected]
