"""``hint eval``."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show, show_rows
from hint.cli.evaluate3d import evaluate_mesh, name_of, refuse
from hint.cli.options import (
    BatchSize,
    Device,
    Json,
    Limit,
    Mano,
    Out,
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
from hint.errors import InputError

if TYPE_CHECKING:
    from benchmark.evaluate import Evaluation, Settings
    from hint.types import HandLabels, Method, MethodOptions


def evaluate(
    data: Annotated[
        Path | None,
        typer.Option(help="HInt root, folder of jpg+json pairs, evaluation npz, COCO json; FreiHAND or HO-3D folder."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="Method to run: see hint list methods.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Score this npz (hand_id, keypoints_2d), or pred.json in 3D, instead.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, where they are not beside the labels.")
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option(help="newdays, epick, val_ego4d, ...; repeat for several.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="Rules of scoring: see hint list protocols.")] = "hint-v1",
    out: Out = Path("hint-results"),
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
    crop: Annotated[
        str | None, typer.Option(help="Whose framing a baseline is given: native (its own) or hamer; another result.")
    ] = None,
    train_data: Annotated[Path | None, typer.Option(help="Labels mean-pose is fitted on.")] = None,
    settings: OwnSettings = None,
    selftest: Annotated[bool, typer.Option("--selftest", help="Check the method on twelve drawn hands.")] = False,
) -> None:
    """Evaluate a method, or a file of predictions, on labelled hands.

    Predictions, error table and record go to OUT/<method>, with --crop to OUT/<method>-<crop>-crop. A second run
    reuses what still holds. Other protocols go to OUT/<method>-<protocol>: hint-seq-v1 (sequences), and freihand,
    ho3d-v2, ho3d-v3 (3D) with the competition's pred.json and pred.zip.
    """
    from benchmark.evaluate import Settings
    from benchmark.mesh.evaluate import MeshSettings
    from benchmark.mesh.protocol import load_mesh_protocol
    from benchmark.protocol import MESH, load_protocol, protocol_kind
    from hint.types import MethodOptions

    if (method is None) == (predictions is None):
        raise InputError("give either --method NAME or --predictions FILE.npz")
    options = MethodOptions(device.value, precision, weights, mano, seed=seed, extra=_extra(settings, crop))
    if selftest:
        _selftest(method, options)
    if data is None:
        raise InputError("what should be evaluated? give --data PATH")
    name = method or (predictions.stem if predictions else "")
    folder = f"{name}-{crop}-crop" if crop else name
    if protocol_kind(protocol) == MESH:
        refuse({"--subset": subset, "--images": images, "--train-data": train_data}, protocol)
        if predictions is not None:
            name = folder = name_of(predictions)
        rules = load_mesh_protocol(protocol)
        run_3d = MeshSettings(rules, out / f"{folder}-{rules.id}", limit, seed, batch_size, workers, overwrite.value)
        evaluate_mesh(data, predictions or partial(_create, name, options), name, run_3d, as_json)
    flat = load_protocol(protocol)
    place = out / (f"{folder}-{flat.id}" if flat.motion else folder)
    run = Settings(flat, place, limit, seed, batch_size, workers, overwrite.value)
    if predictions is not None:
        result = _evaluate_file(data, predictions, images, subset or [], run)
    else:
        result = _evaluate_method(name, data, images, subset or [], train_data, options, run)
    _report(result, run, as_json)
    raise typer.Exit(1 if result.record.coverage.missing else 0)


def _extra(settings: list[str] | None, crop: str | None) -> dict[str, str]:
    extra = key_values(settings or [])
    return extra | {"crop": crop} if crop else extra


def _evaluate_file(data: Path, predictions: Path, images: Path | None, subset: list[str], run: Settings) -> Evaluation:
    from benchmark.evaluate import evaluate_predictions, known_ids
    from hint.files import read_labels, read_predictions

    labels, given = read_labels(data, subset, images), read_predictions(predictions)
    return evaluate_predictions(labels, given, predictions.stem, run, known_ids(data, labels, given))


def _evaluate_method(
    name: str,
    data: Path,
    images: Path | None,
    subset: list[str],
    train_data: Path | None,
    options: MethodOptions,
    run: Settings,
) -> Evaluation:
    from benchmark.evaluate import evaluate_method
    from hint.files import read_labels

    labels = read_labels(data, subset, images)
    train = read_labels(train_data, split="train") if train_data else None
    method, seconds = _create(name, options, labels, train)
    try:
        return evaluate_method(labels, method, run, seconds)
    except KeyboardInterrupt:
        remark(f"hint: interrupted; what is done lies in {run.out}, the same command goes on from there")
        raise


def _create(
    name: str, options: MethodOptions, labels: HandLabels | None = None, train: HandLabels | None = None
) -> tuple[Method, float]:
    """Set up a method; also return the seconds that took."""
    from hint.methods.table import create

    started = time.perf_counter()
    method = create(name, replace(options, labels=labels, train_labels=train))
    return method, time.perf_counter() - started


def _report(result: Evaluation, run: Settings, as_json: bool) -> None:
    from leaderboard.motion_table import motion_remarks, motion_table
    from leaderboard.table import remarks, score_table

    moving = run.protocol.motion is not None
    for text in [*remarks(result.record), *(motion_remarks(result.record) if moving else ())]:
        remark(f"note: {text}", style="yellow")
    if result.record.timing.reused:
        remark(f"{result.record.timing.reused} hands reused from an earlier run of the same settings")
    if as_json:
        typer.echo(result.record.to_json(), nl=False)
    else:
        show(score_table(result.record))
        if moving:
            show(motion_table(result.record))
    remark(f"record and error table: {run.out}")


def _selftest(name: str | None, options: MethodOptions) -> None:
    from hint.methods.selftest import selftest, selftest_labels

    if name is None:
        raise InputError("--selftest checks a method; give --method NAME")
    report = selftest(_create(name, options, selftest_labels())[0])
    results = {None: "-", True: "passed", False: "failed"}
    rows = [(check.check, results[check.passed], check.detail) for check in report.checks]
    show_rows(("check", "result", "detail"), rows, title=f"self-test of {name}")
    raise typer.Exit(0 if report.passed else 1)
