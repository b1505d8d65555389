"""``hint export``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import note, remark
from hint.cli.options import Images, Out
from hint.errors import InputError

if TYPE_CHECKING:
    from annotation.export import Exported


class Format(str, Enum):
    """Format of exported labels or predictions."""

    hint = "hint"
    npz = "npz"
    coco = "coco"
    cvat = "cvat"
    yolo = "yolo"
    csv = "csv"
    parquet = "parquet"


def export(
    source: Annotated[
        Path, typer.Argument(help="Folder from hint studio pull; labels in any format; or a file of predictions.")
    ],
    fmt: Annotated[
        Format,
        typer.Option(
            "--format",
            help="Labels: HInt jpg+json pairs, evaluation npz, COCO with v = 0, 1, 2, CVAT 1.1, YOLO pose; of "
            "predictions: csv, parquet, npz.",
        ),
    ] = Format.hint,
    out: Out = Path("hint-labels"),
    images: Images = None,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="Copy the pictures beside a COCO or CVAT file.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out hands of a COCO, CVAT or YOLO file that cannot be read.")
    ] = False,
    annotator: Annotated[str | None, typer.Option(help="Take the labels of this annotator only.")] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(
            help="Take everybody's labels; this annotator decides for hands with several. Repeat, best first."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Labels that tell the pictures, sides and boxes of predictions.")
    ] = None,
    consensus: Annotated[
        Path | None,
        typer.Option(help="Take all labels; merged ones in this folder decide (agreement --merge)."),
    ] = None,
) -> None:
    """Write labels in another format, one per hand, or predictions as a table, with their provenance."""
    from annotation.export import export as write
    from annotation.export import export_predictions
    from hint.files.predictions import RESULTS, holds_predictions

    if holds_predictions(source) or (data is not None and source.suffix.lower() == RESULTS):
        _refuse(**{"--images": images, "--copy-images": copy_images, "--skip-bad": skip_bad})
        _refuse(**{"--annotator": annotator, "--prefer": prefer, "--consensus": consensus})
        _report(export_predictions(source, fmt.value, out, data))
        return
    _refuse(**{"--data": data})
    done = write(
        source,
        fmt.value,
        out,
        annotator,
        prefer or (),
        consensus=consensus,
        images=images,
        copy_images=copy_images,
        skip_bad=skip_bad,
    )
    _report(done)


def _refuse(**options: object) -> None:
    """Refuse options that do not go with the source."""
    wrong = [name for name, value in options.items() if value]
    if wrong:
        raise InputError(f"{wrong[0]} is for {'labels' if wrong[0] != '--data' else 'predictions'}; leave it out")


def _report(done: Exported) -> None:
    what = "predictions" if not done.taken_from else "labels"
    typer.echo(f"{what:<11} {done.out}\nprovenance  {done.provenance}")
    for text in done.notes:
        note(text)
    parts = ", ".join(f"{count} by {name}" for name, count in done.taken_from.items() if name)
    remark(f"{done.hands} hands{f': {parts}' if parts else ''}")
