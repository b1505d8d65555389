"""``hint eval``."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hint.cli.console import finish, remark, show, show_rows
from hint.cli.options import BatchSize, Images, MethodFlags, Out, RunFlags, Subsets, Workers, with_bundles
from hint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from benchmark.evaluate import Evaluation
    from hint.types import MethodOptions


@with_bundles
def evaluate(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="HInt root, jpg+json pairs, evaluation npz, COCO, CVAT, YOLO; FreiHAND or HO-3D folder."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="Method to run: see hint list methods.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Score these instead: npz, csv, parquet, COCO results; in 3D pred.json."),
    ] = None,
    images: Images = None,
    subset: Subsets = None,
    protocol: Annotated[str, typer.Option(help="Rules of scoring: see hint list protocols.")] = "hint-v1",
    out: Out = Path("hint-results"),
    name: Annotated[
        str | None, typer.Option(help="Name of the folder in OUT, and of given predictions; no slash.")
    ] = None,
    flags: RunFlags,
    match_boxes: Annotated[
        bool, typer.Option("--match-boxes", help="Match what hint predict found by picture, side and box.")
    ] = False,
    card: Annotated[
        Path | None, typer.Option(help="TOML file that says what made the predictions: title, paper, training data ...")
    ] = None,
    batch_size: BatchSize = 16,
    workers: Workers = 2,
    setup: MethodFlags,
    crop: Annotated[
        str | None, typer.Option(help="How a baseline crops: native (as released) or hamer; results differ.")
    ] = None,
    train_data: Annotated[Path | None, typer.Option(help="Labels that mean-pose is fitted on.")] = None,
    selftest: Annotated[bool, typer.Option("--selftest", help="Check the method on twelve synthetic hands.")] = False,
) -> None:
    """Evaluate a method, or a file of predictions, on labelled hands.

    Predictions, error table and record go to OUT/NAME; by default NAME is the method, with --crop METHOD-CROP-crop, or
    what the predictions are called. Repeating a command reuses what still holds. Other protocols add their name:
    hint-seq-v1 (sequences), and freihand, ho3d-v2, ho3d-v3 (3D), which also write the competition's pred.json and
    pred.zip.
    """
    if method is not None and predictions is not None:
        raise InputError("give either --method NAME or --predictions FILE.npz, not both")
    given = predictions if method is None else method
    if given is None:
        raise InputError("give either --method NAME or --predictions FILE.npz")
    extra: dict[str, Any] = setup.own() | ({"crop": crop} if crop else {})
    if selftest:
        from hint.types import MethodOptions

        _selftest(method, MethodOptions(**setup.keywords(), seed=flags.seed, extra=extra))
    if data is None:
        raise InputError("choose what to evaluate on: give --data PATH")
    from benchmark.evaluate import evaluate as run

    if taken := extra.keys() & signature(run).parameters:
        raise InputError(f"--set {min(taken)}: that is not a setting of a method")
    try:
        result = run(
            data,
            given,
            protocol,
            out=out,
            name=name,
            subsets=subset,
            images=images,
            batch_size=batch_size,
            workers=workers,
            match_boxes=match_boxes,
            card=card,
            train_labels=train_data,
            **flags.keywords(),
            **setup.keywords(),
            **extra,
        )
    except KeyboardInterrupt as interrupt:
        remark(f"hint: {interrupt}" if str(interrupt) else "hint: interrupted")
        raise
    _report(result, protocol, flags.as_json)


def _report(result: Evaluation, protocol: str, as_json: bool) -> NoReturn:
    tables, remarks = _tables(result, protocol)
    finish(
        lambda: show(*tables),
        result.record.to_json(),
        as_json,
        notes=[*result.remarks, *remarks],
        reused=result.record.timing.reused,
        files=f"record and error table: {result.folder}",
        ok=not result.record.coverage.missing,
    )


def _tables(result: Evaluation, protocol: str) -> tuple[list[Table], Iterator[str]]:
    """Return what to print, and what to say beside it."""
    from itertools import chain

    from benchmark.protocol import MESH, SEQUENCES, protocol_kind

    kind = protocol_kind(protocol)
    if kind == MESH:
        from leaderboard.mesh_table import mesh_remarks, mesh_score_table

        return [mesh_score_table(result.record)], mesh_remarks(result.record)
    from leaderboard.table import remarks, score_table

    if kind != SEQUENCES:
        return [score_table(result.record)], remarks(result.record)
    from leaderboard.motion_table import motion_remarks, motion_table

    tables = [score_table(result.record), motion_table(result.record)]
    return tables, chain(remarks(result.record), motion_remarks(result.record))


def _selftest(name: str | None, options: MethodOptions) -> None:
    from dataclasses import replace

    from hint.methods.selftest import selftest, selftest_labels
    from hint.methods.table import create

    if name is None:
        raise InputError("--selftest checks a method; give --method NAME")
    report = selftest(create(name, replace(options, labels=selftest_labels())))
    results = {None: "-", True: "passed", False: "failed"}
    rows = [(check.check, results[check.passed], check.detail) for check in report.checks]
    show_rows(("check", "result", "detail"), rows, title=f"self-test of {name}")
    raise typer.Exit(0 if report.passed else 1)
