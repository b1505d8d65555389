"""``hint studio ml``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark
from hint.cli.options import MethodFlags, Seed, with_bundles
from hint.cli.prelabel import Occlusion
from hint.cli.studio_options import Timeout, TokenFile, Url

if TYPE_CHECKING:
    from annotation.studio.backend.connection import Connection


@with_bundles
def ml(
    *,
    project: Annotated[list[str], typer.Option(help="Title of a project; repeat for several.")],
    method: Annotated[str, typer.Option(help="Method to run: see hint list methods.")] = "mediapipe",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1024, max=65535)] = 9090,
    host: Annotated[str, typer.Option(help="Address to listen on; by default only this machine.")] = "127.0.0.1",
    address: Annotated[
        str | None,
        typer.Option(help="Where your own Label Studio reaches this program.", show_default="http://127.0.0.1:PORT"),
    ] = None,
    manifest: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest with the original frames; not needed if it was pushed from here."),
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="Thresholds from hint prelabel calibrate.")] = None,
    occlusion: Annotated[
        Occlusion | None,
        typer.Option(help="What flags of occlusion come from; default: the picture, where it can be."),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    timeout: Timeout = 600.0,
    seed: Seed = 0,
    setup: MethodFlags,
) -> None:
    """Predict tasks as they are opened, and anew where an annotator draws a box, until Ctrl-C.

    The projects are connected to it, and disconnected at the end; then tasks start from what was pushed.
    """
    from annotation.studio.backend.run import serve_method
    from annotation.studio.backend.serve import Place
    from annotation.studio.login import connect, token_of
    from hint.methods.table import create
    from hint.types import MethodOptions

    studio, _ = connect(url, token_of(token_file), timeout)
    studio.version()
    options = MethodOptions(**setup.keywords(), seed=seed, extra=setup.own())
    try:
        serve_method(
            create(method, options),
            studio,
            project,
            Place(host, port, (address or f"http://127.0.0.1:{port}").rstrip("/")),
            manifests=manifest or (),
            calibration=calibration,
            occlusion=occlusion.value if occlusion else None,
            on_ready=lambda connections, version: _say_ready(connections, version, studio.url),
            on_note=remark,
        )
    except KeyboardInterrupt:
        remark("stopped; tasks start from what was pushed until it runs again")


def _say_ready(connections: Sequence[Connection], version: str, url: str) -> None:
    typer.echo(f"points    {version}")
    for connection in connections:
        typer.echo(f"project   {url}/projects/{connection.project}/data")
        if connection.shown:
            remark(
                f"it shows predictions of {connection.shown}, and goes on to: this method answers only drawn boxes",
                style="yellow",
            )
    remark("new points for another box: switch on Auto-Annotation below the picture, draw the box; Ctrl-C stops")
