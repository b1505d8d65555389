"""``hint demo`` and ``hint demo-data``."""

from __future__ import annotations

from pathlib import Path

import typer

from hint.cli.console import remark, show
from hint.cli.options import Number, Out, Seed
from hint.errors import MissingRequirementError


def demo(out: Out = Path("demo"), seed: Seed = 0, n: Number = 120) -> None:
    """Render a demo set, evaluate HaMeR and the controls on it, and show where the report is."""
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


def demo_data(out: Out = Path("demo-data"), seed: Seed = 0, n: Number = 120) -> None:
    """Render hands with exact labels, as HInt jpg+json pairs."""
    _require("cv2", "scipy", "smplx", "torch", "embreex")
    from hint.demo import render_demo_set
    from hint.progress import progress

    with progress("rendering hands", n) as advance:
        render_demo_set(out, n, seed, on_done=advance)
    typer.echo(out / "TEST_demo_img")


def _require(*packages: str) -> None:
    """Raise before any work if something the renderer needs is absent."""
    from hint.methods.requirements import missing_packages

    if lacking := missing_packages(packages, "demo"):
        raise MissingRequirementError(f"the demo {lacking}")
