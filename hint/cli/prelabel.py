"""``hint prelabel``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hint.cli.console import remark, show_rows
from hint.cli.options import (
    BatchSize,
    Device,
    Json,
    Limit,
    Mano,
    Overwrite,
    OwnSettings,
    Precision,
    ReuseOrNot,
    Seed,
    Weights,
    Where,
    Workers,
    key_values,
)
from hint.errors import InputError, some_ids

if TYPE_CHECKING:
    from annotation.prelabel.calibrate import Outcome
    from annotation.prelabel.calibration import Separation
    from annotation.prelabel.run import Prelabels


class _RunByDefault(TyperGroup):
    """Takes ``hint prelabel MANIFEST ...`` for ``hint prelabel run MANIFEST ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help="Let a method guess keypoints, existence and occlusion of the hands of a manifest. "
    "The word run may be left out: hint prelabel MANIFEST --method NAME.",
    no_args_is_help=True,
)


@app.command("run")
def run(
    manifest: Annotated[Path, typer.Argument(help="Manifest that hint sample wrote, <FOLDER>.jsonl.")],
    method: Annotated[str, typer.Option(help="Method to run: see hint list methods.")] = "mmpose",
    box_px: Annotated[
        float | None, typer.Option(help="Square of this side around the centre of hands without a box.", min=1)
    ] = None,
    shard: Annotated[str, typer.Option(help="Only this part, such as 2/8; hint prelabel merge joins them.")] = "1/1",
    calibration: Annotated[Path | None, typer.Option(help="Thresholds that hint prelabel calibrate wrote.")] = None,
    seed: Seed = 0,
    limit: Limit = None,
    overwrite: ReuseOrNot = Overwrite.missing,
    as_json: Json = False,
    device: Where = Device.auto,
    precision: Precision = "fp32",
    batch_size: BatchSize = 16,
    workers: Workers = 2,
    weights: Weights = None,
    mano: Mano = None,
    settings: OwnSettings = None,
) -> None:
    """Predict the hands of a manifest; predictions go beside it, as <FOLDER>.<method>.npz.

    A second run reuses what still holds. Exit code 1 if hands are left out.
    """
    from annotation.prelabel.calibration import read_calibration
    from annotation.prelabel.hands import Shard
    from annotation.prelabel.run import Request, count_hands, prelabel
    from hint.methods.table import create
    from hint.progress import progress
    from hint.types import MethodOptions

    request = Request(
        manifest,
        method,
        Shard.parse(shard),
        limit,
        box_px,
        read_calibration(calibration) if calibration else None,
        batch_size,
        workers,
        overwrite.value,
    )
    total = count_hands(request)
    options = MethodOptions(device.value, precision, weights, mano, seed=seed, extra=key_values(settings or []))
    runner = create(method, options)
    try:
        with progress(f"{runner.card.title}: hands", total) as advance:
            result = prelabel(request, runner, advance)
    except KeyboardInterrupt:
        remark(f"hint: interrupted; what is done lies in {request.path}, the same command goes on from there")
        raise
    if runner.card.note:
        remark(f"note: {runner.card.note}", style="yellow")
    _report(result, calibration is not None, as_json)
    raise typer.Exit(0 if result.is_complete else 1)


def _report(result: Prelabels, calibrated: bool, as_json: bool) -> None:
    for hand_id, reason in sorted(result.failures.items()):
        remark(f"{hand_id}: {reason}", style="yellow")
    if result.without_box:
        remark(
            f"hint: {len(result.without_box)} hands have no box and were left out: {some_ids(result.without_box)}; "
            "--box-px N puts a square of N px around their centre"
        )
    summary = _summary(result)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    if result.reused:
        remark(f"{result.reused} hands reused from an earlier run of the same settings")
    if summary["occlusion_from"] == "nothing":
        remark("note: this method gives no scores: every joint in the frame is guessed to be visible", style="yellow")
    elif summary["occlusion_from"] == "score" and not calibrated:
        remark("note: the threshold of occlusion is not calibrated; see hint prelabel calibrate", style="yellow")
    typer.echo(
        f"{summary['hands']} hands, {summary['found']} found; of {21 * summary['hands']} joints {summary['existing']} "
        f"are guessed to exist, {summary['occluded']} of them to be occluded"
    )
    typer.echo(result.path)


def _summary(result: Prelabels) -> dict[str, Any]:
    import numpy as np

    rows = result.predictions
    exist = rows.existence if rows.existence is not None else np.empty((0, 21), bool)
    occluded = rows.occlusion if rows.occlusion is not None else exist
    return {
        "predictions": str(result.path),
        "hands": len(rows),
        "found": int(np.isfinite(rows.keypoints_2d).all((1, 2)).sum()),
        "reused": result.reused,
        "existing": int(exist.sum()),
        "occluded": int((exist & occluded).sum()),
        "occlusion_from": rows.meta.get("prelabel", {}).get("occlusion_from", "nothing"),
        "without_box": result.without_box,
        "failures": result.failures,
        "seconds": round(result.seconds, 3),
    }


@app.command("merge")
def merge(
    shards: Annotated[list[Path], typer.Argument(help="Files that --shard wrote, <FOLDER>.<method>.2of8.npz.")],
    manifest: Annotated[
        Path | None, typer.Option(help="The manifest, where it does not lie beside the first shard.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Join shards into the file that one run would have written. Exit code 1 if hands are missing."""
    from annotation.prelabel.merge import merge as join

    merged = join(shards, manifest)
    if as_json:
        typer.echo(json.dumps({**vars(merged), "path": str(merged.path)}, indent=2))
    else:
        typer.echo(f"{merged.hands} hands")
        typer.echo(merged.path)
    if merged.missing:
        remark(
            f"hint: {len(merged.missing)} hands of the manifest are missing: {some_ids(merged.missing)}; they belong "
            f"to --shard {some_ids(merged.missing_shards)}"
        )
    raise typer.Exit(1 if merged.missing else 0)


@app.command("calibrate")
def calibrate(
    data: Annotated[Path, typer.Option(help="Reviewed labels: HInt root, jpg+json pairs, npz or COCO json.")],
    predictions: Annotated[Path, typer.Option(help="What hint prelabel wrote for these hands.")],
    out: Annotated[Path, typer.Option(help="TOML to write; a plot goes beside it, as PNG.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, where they are not beside the labels.")
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option(help="newdays, epick, val_ego4d, ...; repeat for several.")
    ] = None,
    overwrite: Annotated[Overwrite, typer.Option(help="never: refuse if OUT is there.")] = Overwrite.always,
    as_json: Json = False,
) -> None:
    """Choose the thresholds of existence and occlusion on labelled hands.

    Those of the highest balanced accuracy go to OUT. Exit code 1 if scores say nothing about occlusion.
    """
    from annotation.prelabel.calibrate import calibrate as choose
    from hint.files import read_labels, read_predictions

    if out.suffix != ".toml":
        raise InputError(f"--out {out}: name a .toml file")
    if overwrite is Overwrite.never and out.exists():
        raise InputError(f"{out} is there already; say --overwrite always")
    outcome = choose(read_labels(data, subset or [], images), read_predictions(predictions), out)
    if as_json:
        typer.echo(json.dumps(outcome.content.model_dump(), indent=2))
    else:
        _show_calibration(outcome, out)
    raise typer.Exit(0 if outcome.content.occlusion.informative else 1)


def _show_calibration(outcome: Outcome, out: Path) -> None:
    content = outcome.content
    headings = ("guess", "joints", "yes", "AUC", "threshold", "balanced accuracy", "hit", "missed", "false", "rest")
    rows = [
        _row("occluded", content.occlusion, f"score < {content.occlusion_below:.4g}"),
        _row("exists", content.existence, f"in frame, score >= {content.existence_at:.4g}"),
    ]
    show_rows(headings, rows, title=f"{content.method or 'predictions'}: {content.hands} labelled hands")
    for ids, what in (
        (outcome.unpredicted, "labelled, not predicted"),
        (outcome.unlabelled, "predicted, not labelled"),
    ):
        if ids:
            remark(f"{what}: {some_ids(ids)}")
    for name, found in (("occlusion", content.occlusion), ("existence", content.existence)):
        if not found.informative:
            remark(f"note: {_says_nothing(name, found)}", style="yellow")
    typer.echo(out)
    typer.echo(out.with_suffix(".png"))


def _row(name: str, found: Separation, threshold: str) -> tuple[str, ...]:
    auc = "-" if found.auc is None else f"{found.auc:.3f}"
    balanced = "-" if found.balanced_accuracy is None else f"{100 * found.balanced_accuracy:.1f}%"
    counts = (found.true_positives, found.false_negatives, found.false_positives, found.true_negatives)
    return (
        name,
        str(found.positives + found.negatives),
        str(found.positives),
        auc,
        threshold,
        balanced,
        *map(str, counts),
    )


def _says_nothing(name: str, found: Separation) -> str:
    instead = "every existing joint is guessed visible" if name == "occlusion" else "the frame alone decides"
    if found.auc is None:
        return f"the labels hold one kind of joint only, so {name} cannot be calibrated; {instead}"
    if found.auc < 0.45:
        verdict = "point the wrong way about"
    elif found.auc <= 0.55:
        verdict = "carry no information about"
    else:
        verdict = "are of too few labelled joints to tell anything about"
    return f"the scores {verdict} {name} (AUC {found.auc:.3f}, 0.5 is chance); {instead}"
