"""``hint eval`` with a protocol that scores joints and meshes in metres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from hint.cli.console import remark, show
from hint.errors import InputError

if TYPE_CHECKING:
    from benchmark.mesh.evaluate import MeshEvaluation, MeshSettings
    from hint.types import Method


def evaluate_mesh(
    data: Path,
    given: Path | Callable[[], tuple[Method, float]],
    name: str,
    run: MeshSettings,
    as_json: bool,
) -> NoReturn:
    """Score a ``pred.json``, or run a method, print, and exit.

    Args:
        data: Folder of the dataset.
        given: The file, or what sets up the method.
        name: What to call the file's predictions.
        run: How to run and score.
        as_json: Print the record instead of a table.
    """
    from benchmark.mesh.evaluate import evaluate_mesh_file, evaluate_mesh_method

    if isinstance(given, Path):
        result = evaluate_mesh_file(data, given, name, run)
    else:
        try:
            result = evaluate_mesh_method(data, given, run)
        except KeyboardInterrupt:
            remark(f"hint: interrupted; what is done lies in {run.out}, the same command goes on from there")
            raise
    _report(result, run, as_json)
    raise typer.Exit(1 if result.record.coverage.missing else 0)


def refuse(options: Mapping[str, object], protocol: str) -> None:
    """Refuse options that mean nothing to a 3D protocol.

    Args:
        options: Option -> its value, None where it was not given.
        protocol: Name of the protocol.
    """
    wrong = [option for option, value in options.items() if value]
    if wrong:
        raise InputError(f"protocol {protocol} scores one whole evaluation set; leave out {' and '.join(wrong)}")


def name_of(predictions: Path) -> str:
    """Name predictions after their file, or after its folder where the file has the name all have."""
    return predictions.resolve().parent.name if predictions.stem == "pred" else predictions.stem


def _report(result: MeshEvaluation, run: MeshSettings, as_json: bool) -> None:
    from leaderboard.mesh_table import mesh_remarks, mesh_score_table

    for text in (*result.remarks, *mesh_remarks(result.record)):
        remark(f"note: {text}", style="yellow")
    if result.record.timing.reused:
        remark(f"{result.record.timing.reused} hands reused from an earlier run of the same settings")
    if as_json:
        typer.echo(result.record.to_json(), nl=False)
    else:
        show(mesh_score_table(result.record))
    remark(f"record and error table: {run.out}")
