"""``hint prelabel``."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hint.cli.console import adding, finish, remark, resumable, say, show_rows, what_follows
from hint.cli.options import (
    Images,
    Json,
    MethodFlags,
    Overwrite,
    Part,
    RunFlags,
    Subsets,
    WorkFlags,
    with_bundles,
)
from hint.errors import some_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotation.prelabel.calibrate import Outcome
    from annotation.prelabel.run import Prelabels


class Occlusion(str, Enum):
    """What flags of occlusion come from."""

    picture = "picture"
    score = "score"
    none = "none"


class _RunByDefault(TyperGroup):
    """Read ``hint prelabel MANIFEST ...`` as ``hint prelabel run MANIFEST ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help="Let a method guess keypoints, existence and occlusion for the hands of a manifest. "
    "The word run is optional: hint prelabel MANIFEST --method NAME; its options: hint prelabel run --help.",
    no_args_is_help=True,
)


@app.command("run")
@with_bundles
def run(
    *,
    manifest: Annotated[Path, typer.Argument(help="Manifest from hint sample, <FOLDER>.jsonl; as Parquet; or a URL.")],
    method: Annotated[str, typer.Option(help="Method to run: see hint list methods.")] = "mmpose",
    out: Annotated[
        Path | None, typer.Option(help="Predictions npz; default: <FOLDER>.<method>.npz beside the manifest.")
    ] = None,
    box_px: Annotated[
        float | None, typer.Option(help="Side of the square (px) around the centre of hands without a box.", min=1)
    ] = None,
    shard: Part = None,
    calibration: Annotated[Path | None, typer.Option(help="Thresholds from hint prelabel calibrate.")] = None,
    occlusion: Annotated[
        Occlusion | None,
        typer.Option(help="What flags of occlusion come from; default: the picture, where it can be."),
    ] = None,
    flags: RunFlags,
    work: WorkFlags,
    setup: MethodFlags,
) -> None:
    """Predict the hands of a manifest; predictions go beside it, as <FOLDER>.<method>.npz.

    A second run reuses finished hands. Exit code 1 if hands were left out.
    """
    from annotation.prelabel.run import prelabel

    with resumable(out or manifest.parent), adding(shard is not None):
        result = prelabel(
            manifest,
            method,
            out=out,
            shard=shard,
            box_px=box_px,
            calibration=calibration,
            occlusion=occlusion.value if occlusion else None,
            work=work.work(),
            settings=setup.own(),
            **flags.keywords(),
            **setup.keywords(),
        )
    _remark(result)
    summary = result.as_json()
    finish(
        lambda: _show(result, summary),
        summary,
        flags.as_json,
        notes=_notes(result, summary["occlusion_from"]),
        reused=result.reused,
        ok=result.is_complete,
    )


def _remark(result: Prelabels) -> None:
    for hand_id, reason in sorted(result.failures.items()):
        remark(f"{hand_id}: {reason}", style="yellow")
    if result.without_box:
        remark(
            f"hint: {len(result.without_box)} hands have no box and were left out: {some_ids(result.without_box)}; "
            "use --box-px N to put a square of N px around their centre"
        )


def _notes(result: Prelabels, occlusion_from: str) -> Iterator[str]:
    if result.note:
        yield result.note
    if occlusion_from == "nothing":
        yield "nothing says which joints are occluded: every joint inside the frame is guessed visible"
    elif occlusion_from == "picture" and not result.calibrated:
        yield "occlusion is guessed from the pictures; see hint prelabel calibrate to fit its threshold to your labels"
    elif occlusion_from == "score" and not result.calibrated:
        yield "the occlusion threshold is not calibrated; see hint prelabel calibrate"


def _show(result: Prelabels, summary: dict[str, Any]) -> None:
    say(
        "",
        f"{summary['hands']} hands, {summary['found']} found; {summary['existing']} of {21 * summary['hands']} joints "
        f"guessed to exist, {summary['occluded']} of them occluded",
    )
    if result.shard is not None:
        remark(what_follows(result.path, result.reused))
    else:
        typer.echo(summary["predictions"])


@app.command("calibrate")
def calibrate(
    data: Annotated[Path, typer.Option(help="Reviewed labels: HInt root, jpg+json pairs, npz, COCO, CVAT or YOLO.")],
    predictions: Annotated[Path, typer.Option(help="Predictions of these hands, from hint prelabel.")],
    out: Annotated[Path, typer.Option(help="TOML to write; a plot goes beside it, as PNG.")],
    images: Images = None,
    subset: Subsets = None,
    overwrite: Annotated[Overwrite, typer.Option(help="never: refuse if OUT exists.")] = Overwrite.always,
    as_json: Json = False,
) -> None:
    """Choose the thresholds of existence and occlusion on labelled hands.

    OUT gets those with the highest balanced accuracy. Exit code 1 if the scores do not predict occlusion.
    """
    from annotation.prelabel.calibrate import calibrate as choose

    outcome = choose(data, predictions, out, images=images, subsets=subset or (), overwrite=overwrite.value)
    if as_json:
        typer.echo(json.dumps(outcome.content.model_dump(), indent=2))
    else:
        _show_calibration(outcome, out)
    raise typer.Exit(0 if outcome.content.occlusion.informative else 1)


def _show_calibration(outcome: Outcome, out: Path) -> None:
    content = outcome.content
    title = f"{content.method or 'predictions'}: {content.hands} labelled hands"
    show_rows(("guess", "occluded", "exists"), content.rows(), title=title)
    if outcome.unpredicted:
        remark(f"labelled, not predicted: {some_ids(outcome.unpredicted)}")
    if outcome.unlabelled:
        remark(f"predicted, not labelled: {some_ids(outcome.unlabelled)}")
    for text in content.warnings():
        remark(f"note: {text}", style="yellow")
    typer.echo(f"{out}\n{out.with_suffix('.png')}")
