"""``hint eval``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hint.cli.console import adding, finish, remark, show, show_rows, what_follows
from hint.cli.options import (
    Images,
    MethodFlags,
    Out,
    Part,
    RunFlags,
    Subsets,
    WorkFlags,
    with_bundles,
)
from hint.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from benchmark.evaluate import Evaluation
    from hint.types import MethodOptions


@with_bundles
def evaluate(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="HInt root, jpg+json pairs, npz, COCO, CVAT, YOLO, or a URL; FreiHAND or HO-3D folder."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="Method to run: see hint list methods.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Score these instead: npz, csv, parquet, COCO results, OUT of hint predict; pred.json."),
    ] = None,
    images: Images = None,
    subset: Subsets = None,
    protocol: Annotated[str, typer.Option(help="Rules of scoring: see hint list protocols.")] = "hint-v1",
    out: Out = Path("hint-results"),
    name: Annotated[
        str | None, typer.Option(help="Name of the folder in OUT, and of given predictions; no slash.")
    ] = None,
    flags: RunFlags,
    work: WorkFlags,
    shard: Part = None,
    match_boxes: Annotated[
        bool, typer.Option("--match-boxes", help="Match what hint predict found by picture, side and box.")
    ] = False,
    whole_pictures: Annotated[
        bool, typer.Option("--whole-pictures", help="OKS: score a detector and a method, or the OUT of hint predict.")
    ] = False,
    detector: Annotated[
        str | None, typer.Option(help="With --whole-pictures: what finds the hands.", show_default="mediapipe")
    ] = None,
    all_hands_labelled: Annotated[
        bool, typer.Option("--all-hands-labelled", help="Every hand of these pictures is labelled: AP, not AR alone.")
    ] = False,
    agreement: Annotated[
        Path | None, typer.Option(help="OKS: agreement.json, for sigmas from annotating twice.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="TOML file that says what made the predictions: title, paper, training data ...")
    ] = None,
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
    hint-seq-v1 (sequences), hint-oks-v1 (AP and AR), and freihand, ho3d-v2, ho3d-v3 (3D), which also write the
    competition's pred.json and pred.zip.
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

    options: dict[str, Any] = {
        "out": out,
        "name": name,
        "subsets": subset,
        "images": images,
        "work": work.work(),
        "train_labels": train_data,
        "settings": extra,
        **flags.keywords(),
        **setup.keywords(),
    }
    scoring: dict[str, Any] = {
        "match_boxes": match_boxes,
        "whole_pictures": whole_pictures,
        "detector": detector,
        "all_hands_labelled": all_hands_labelled,
        "agreement": agreement,
        "card": card,
    }
    with _telling_interrupts():
        if shard is not None:
            _evaluate_shard(shard, data, method, protocol, options, scoring, flags.as_json)
        result = run(data, given, protocol, **options, **scoring)
    _report(result, protocol, flags.as_json)


@contextmanager
def _telling_interrupts() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        remark(f"hint: {interrupt}" if str(interrupt) else "hint: interrupted")
        raise


def _evaluate_shard(
    shard: str,
    data: Path,
    method: str | None,
    protocol: str,
    options: dict[str, Any],
    scoring: dict[str, Any],
    as_json: bool,
) -> NoReturn:
    """Predict a part of the hands, and end."""
    from benchmark.shard import evaluate_shard

    if method is None or any(scoring.values()):
        raise InputError(
            "--shard predicts labelled hands with a method and scores nothing: leave out options of scoring"
        )
    with adding(True):
        done = evaluate_shard(shard, data, method, protocol, **options)
    finish(
        lambda: typer.echo(f"shard {done.shard}: {done.hands:,} hands predicted, {len(done.failures):,} left out"),
        done.as_json(),
        as_json,
        notes=[f"{hand_id}: {why}" for hand_id, why in sorted(done.failures.items())],
        reused=done.reused,
        files=what_follows(done.parts, done.reused, "joins and scores them"),
        ok=not done.failures,
    )


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

    from benchmark.protocol import MESH, OKS, SEQUENCES, protocol_kind

    kind = protocol_kind(protocol)
    if kind == MESH:
        from leaderboard.mesh_table import mesh_remarks, mesh_score_table

        return [mesh_score_table(result.record)], mesh_remarks(result.record)
    if kind == OKS:
        from leaderboard.oks_table import oks_remarks, oks_score_table

        return [oks_score_table(result.record)], oks_remarks(result.record)
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
