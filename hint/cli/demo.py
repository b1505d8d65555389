"""``hint demo`` and ``hint demo-data``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import remark, resumable, show
from hint.cli.options import Number, Out, Seed
from hint.errors import MissingRequirementError

#: Files of finished work, not those being written.
_FINISHED = "**/[!.]*.*"


def demo(out: Out = Path("demo"), seed: Seed = 0, n: Number = 120) -> None:
    """Render hands, evaluate the small HaMeR, MediaPipe and the controls on them; an interrupted run continues."""
    with resumable(out, _FINISHED):
        _require("cv2", "matplotlib", "scipy", "smplx", "timm", "torch", "embreex")
        from leaderboard.demo import run_demo
        from leaderboard.table import comparison_table, remarks

        result = run_demo(out, n, seed)
    show(comparison_table(result.records, "demo"))
    for name, reason in result.skipped.items():
        remark(f"{name} was not run: {reason}", style="yellow")
    for record in result.records:
        for text in remarks(record):
            remark(f"{record.method.title}: {text}")
    typer.echo(f"pictures  {result.sheet}\nrecords   {out}/<method>/record.json\ndemo set  {result.data}")


class Layout(str, Enum):
    """How rendered hands are stored."""

    pairs = "pairs"
    tars = "tars"


Format = Annotated[
    Layout, typer.Option("--format", help="pairs: whole pictures as HInt jpg+json; tars: close-ups to train on.")
]


def demo_data(out: Out = Path("demo-data"), seed: Seed = 0, n: Number = 120, layout: Format = Layout.pairs) -> None:
    """Render hands with exact labels; an interrupted run continues where it stopped."""
    with resumable(out, _FINISHED):
        _require("cv2", "scipy", "smplx", "torch", "embreex")
        from hint.demo import render_demo_set
        from hint.progress import progress
        from hint.training.rendered import render_training_tars

        render = render_training_tars if layout is Layout.tars else render_demo_set
        with progress("rendering hands", n) as advance:
            render(out, n, seed, on_done=advance)
    typer.echo(out if layout is Layout.tars else out / "TEST_demo_img")


def _require(*packages: str) -> None:
    """Raise before any work if something the renderer needs is absent."""
    from hint.requirements import missing_packages

    if lacking := missing_packages(packages, "demo"):
        raise MissingRequirementError(f"the demo {lacking}")
