"""``hint view``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import finish, note, remark
from hint.cli.options import Images, Json, Overwrite
from hint.errors import counted, some_ids

if TYPE_CHECKING:
    from leaderboard.view import View


class Viewer(str, Enum):
    """Viewers that files are written for."""

    fiftyone = "fiftyone"
    rerun = "rerun"


def view(
    records: Annotated[
        list[Path], typer.Argument(help="record.json files, or folders of results; each is a run to show.")
    ],
    data: Annotated[Path, typer.Option(help="The labels they were scored on, with pictures.")],
    viewer: Annotated[Viewer, typer.Option("--with", help="Viewer to write for.")],
    images: Images = None,
    limit: Annotated[int | None, typer.Option(help="Only so many hands, the worst of the first record.", min=1)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the dataset, or file of the recording.", show_default="hint-view, hint-view.rrd"),
    ] = None,
    overwrite: Annotated[
        Overwrite, typer.Option(help="always: replace what an earlier view wrote; else: refuse.")
    ] = Overwrite.never,
    as_json: Json = False,
) -> None:
    """Write labelled hands with the predictions and errors of records, worst first, for FiftyOne or rerun.

    The hands of the first record decide the order. FiftyOne need not be installed to write its dataset.
    """
    from leaderboard.view import view as run

    written = run(
        records,
        data,
        viewer.value,
        out=out,
        images=images,
        limit=limit,
        replace=overwrite is Overwrite.always,
    )
    if written.without_pictures:
        missing = counted(len(written.without_pictures), "hand")
        remark(f"{missing} left out, whose picture is not there: {some_ids(written.without_pictures)}", style="yellow")
    if written.left_out:
        note(f"records of OKS and of 3D protocols are not shown: {some_ids(written.left_out)}")
    if written.holds_ego4d:
        note("the recording holds pictures of Ego4D, whose licence forbids passing them on")
    summary = {"out": str(written.path), "hands": written.hands, "runs": list(written.runs)}
    finish(lambda: _show(written, viewer), summary, as_json)


def _show(written: View, viewer: Viewer) -> None:
    typer.echo(f"{counted(written.hands, 'hand')}, runs: {', '.join(written.runs)}")
    if viewer is Viewer.rerun:
        typer.echo(f"open it: rerun {written.path}")
        return
    kind = "fiftyone.types.FiftyOneDataset"
    typer.echo(f"open it: fiftyone datasets create --name hint --dataset-dir {written.path} --type {kind}")
    typer.echo("         fiftyone app launch hint")
