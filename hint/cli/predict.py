"""``hint predict``."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark
from hint.cli.options import (
    BatchSize,
    Device,
    Json,
    Mano,
    Out,
    Overwrite,
    OwnSettings,
    Precision,
    ReuseOrNot,
    Seed,
    Weights,
    Where,
    key_values,
)
from hint.errors import InputError, some_ids

if TYPE_CHECKING:
    from hint.prediction import OneEuro, Predicted


class MeshFormat(str, Enum):
    """Formats of mesh files."""

    obj = "obj"
    ply = "ply"
    glb = "glb"


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or one video.")],
    method: Annotated[str, typer.Option(help="Method to run: see hint list methods.")] = "hamer-tiny",
    boxes: Annotated[
        Path | None, typer.Option(help="Known hands: manifest, list of boxes (.json, .jsonl), COCO json or labels.")
    ] = None,
    detector: Annotated[str, typer.Option(help="What finds hands where no boxes are given.")] = "mediapipe",
    mesh: Annotated[MeshFormat | None, typer.Option(help="Write a mesh of every hand, in this format.")] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw the hands on the pictures, or the video.")] = False,
    focal_length: Annotated[float | None, typer.Option(help="Of the camera, px of the picture, if known.")] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="Smooth a video (one-euro filter).")] = False,
    smooth_set: Annotated[
        str, typer.Option(help="Of --smooth: Hz that pass at rest, and Hz more per unit of speed.")
    ] = "1.5,1.5",
    out: Out = Path("hint-predictions"),
    seed: Seed = 0,
    overwrite: ReuseOrNot = Overwrite.missing,
    as_json: Json = False,
    device: Where = Device.auto,
    precision: Precision = "fp32",
    batch_size: BatchSize = 16,
    weights: Weights = None,
    mano: Mano = None,
    settings: OwnSettings = None,
) -> None:
    """Predict the hands of pictures or of a video.

    Keypoints go to OUT/predictions.npz, MANO's parameters and cameras to OUT/mano.npz, boxes to OUT/hands.jsonl. A
    second run goes on from there. Exit code 1 if no hand is found, or pictures or hands are left out.
    """
    from hint.methods.table import create
    from hint.prediction import Wanted, find_finder, find_source, predict_hands
    from hint.progress import progress
    from hint.types import MethodOptions

    if overwrite is Overwrite.never and (out / "predictions.npz").exists():
        raise InputError(f"{out / 'predictions.npz'} is there already; give another --out, or another --overwrite")
    setting = _one_euro(smooth_set) if smooth else None
    source = find_source(list(inputs))
    finder = find_finder(boxes, detector)
    options = MethodOptions(device.value, precision, weights, mano, seed=seed, extra=key_values(settings or []))
    runner = create(method, options)
    start_over = overwrite is Overwrite.always
    wanted = Wanted(out, mesh.value if mesh else None, overlay, setting, focal_length, batch_size, start_over)
    try:
        with progress(f"{runner.card.title}: {'frames' if source.rate else 'pictures'}", source.total) as advance:
            result = predict_hands(source, runner, finder, wanted, advance)
    except KeyboardInterrupt:
        remark(f"hint: interrupted; what is done lies in {out}, the same command goes on from there")
        raise
    if runner.card.note:
        remark(f"note: {runner.card.note}", style="yellow")
    _report(result, out, as_json)
    raise typer.Exit(1 if result.failures or not len(result.predictions) else 0)


def _one_euro(text: str) -> OneEuro:
    from hint.prediction import OneEuro

    try:
        min_cutoff, speed = map(float, text.split(","))
    except ValueError:
        min_cutoff = speed = 0.0
    if not 0 < min_cutoff < float("inf") or not 0 <= speed < float("inf"):
        raise InputError(f"--smooth-set {text}: write two numbers above 0 with a comma between them, such as 1.5,1.5")
    return OneEuro(min_cutoff, speed)


def _report(result: Predicted, out: Path, as_json: bool) -> None:
    import numpy as np

    for name, reason in sorted(result.failures.items()):
        remark(reason if name in reason else f"{name}: {reason}", style="yellow")
    empty = [look.picture.name for look in result.looks if not look.hands]
    found = int(np.isfinite(result.predictions.keypoints_2d).all((1, 2)).sum())
    summary = {
        "pictures": len(result.looks),
        "without_hands": empty,
        "hands": len(result.predictions),
        "predicted": found,
        "reused": result.reused,
        "failures": result.failures,
        "out": str(out),
    }
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    if empty:
        remark(f"no hand was found in {len(empty)} of {len(result.looks)} pictures: {some_ids(empty)}")
    if result.reused:
        remark(f"{result.reused} hands reused from an earlier run of the same settings")
    typer.echo(f"{len(result.predictions)} hands in {len(result.looks)} pictures, {found} predicted")
    typer.echo(out)
