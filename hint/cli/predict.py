"""``hint predict``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import adding, remark, resumable, say, what_follows
from hint.cli.options import (
    Boxes,
    DetectorName,
    Json,
    KnownSide,
    MaxHands,
    MethodFlags,
    MinScore,
    Out,
    Overwrite,
    Part,
    ReuseOrNot,
    Seed,
    Side,
    WorkFlags,
    with_bundles,
)
from hint.errors import InputError, some_ids

if TYPE_CHECKING:
    from hint.prediction import OneEuro, PredictSummary


class MeshFormat(str, Enum):
    """Formats of mesh files."""

    obj = "obj"
    ply = "ply"
    glb = "glb"


class AnimationFormat(str, Enum):
    """Formats of animated hands."""

    glb = "glb"
    bvh = "bvh"


class TableFormat(str, Enum):
    """Formats of tables of predictions."""

    csv = "csv"
    parquet = "parquet"


@with_bundles
def predict(
    *,
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, URLs of either, or one video.")],
    method: Annotated[str, typer.Option(help="Method to run: see hint list methods.")] = "mediapipe-mano",
    boxes: Boxes = None,
    detector: DetectorName = None,
    side: KnownSide = Side.auto,
    min_score: MinScore = 0.0,
    max_hands: MaxHands = None,
    mesh: Annotated[MeshFormat | None, typer.Option(help="Write a mesh of every hand, in this format.")] = None,
    table: Annotated[
        TableFormat | None, typer.Option(help="Write the predictions as a table, too, one row per hand.")
    ] = None,
    animation: Annotated[
        AnimationFormat | None, typer.Option(help="Write every track of a video as an animated hand, in this format.")
    ] = None,
    rerun: Annotated[
        Path | None, typer.Option(help="Write a recording for rerun (.rrd), with errors if --boxes are labels.")
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw the hands on the pictures, or the video.")] = False,
    focal_length: Annotated[
        float | None,
        typer.Option(help="Focal length of the camera in px of the picture.", show_default="from EXIF, else long"),
    ] = None,
    camera: Annotated[
        Path | None, typer.Option(help="Calibrated camera (JSON, TOML): places hands in metres, see docs/predict.md.")
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="Smooth a video (one-euro filter).")] = False,
    smooth_set: Annotated[
        str | None,
        typer.Option(
            help="For --smooth: minimum cutoff (Hz), cutoff slope (Hz per unit of speed).", show_default="1.5,1.5"
        ),
    ] = None,
    out: Out = Path("hint-predictions"),
    seed: Seed = 0,
    overwrite: ReuseOrNot = Overwrite.missing,
    as_json: Json = False,
    work: WorkFlags,
    shard: Part = None,
    setup: MethodFlags,
) -> None:
    """Predict the hands of pictures or of a video.

    Writes keypoints to OUT/predictions.npz, MANO parameters and cameras to OUT/mano.npz, boxes to OUT/hands.jsonl. A
    second run resumes. Exit code 1 if pictures or hands are left out.
    """
    with resumable(out, "predictions.npz"), adding(shard is not None):
        from hint.detection import Choice
        from hint.engine.parts import parts_folder
        from hint.engine.shard import Shard
        from hint.files.camera_file import read_calibration
        from hint.prediction import PredictOptions, labels_of, predict_files
        from hint.types import MethodOptions

        options = PredictOptions(
            out,
            mesh=mesh.value if mesh else None,
            table=table.value if table else None,
            overlay=overlay,
            smooth=_smoothing(smooth, smooth_set),
            focal_length=focal_length,
            overwrite=overwrite.value,
            choice=Choice(side.value, min_score, max_hands),
            animation=animation.value if animation else None,
            camera=read_calibration(camera) if camera is not None else None,
            rerun=rerun,
            truth=labels_of(boxes) if rerun is not None else None,
            shard=Shard.parse(shard) if shard is not None else None,
            work=work.work(),
        )
        own = MethodOptions(**setup.keywords(), seed=seed, extra=setup.own())
        summary = predict_files(list(inputs), method, own, options, boxes=boxes, detector=detector)
    _remarks(summary)
    if as_json:
        typer.echo(json.dumps(_json(summary, out), indent=2))
    else:
        for line in _lines(summary, out):
            say("", line)
        if shard is not None:
            written = work.parts or parts_folder(options.file("predictions.npz"))
            say("", what_follows(written, summary.reused))
    raise typer.Exit(1 if summary.failures else 0)


def _smoothing(smooth: bool, text: str | None) -> OneEuro | None:
    from hint.prediction import OneEuro

    if text is not None and not smooth:
        raise InputError("--smooth-set sets how --smooth smooths; add --smooth")
    if not smooth:
        return None
    return OneEuro() if text is None else _one_euro(text)


def _one_euro(text: str) -> OneEuro:
    from hint.prediction import OneEuro

    try:
        min_cutoff, speed = map(float, text.split(","))
    except ValueError:
        min_cutoff = speed = 0.0
    if not 0 < min_cutoff < float("inf") or not 0 <= speed < float("inf"):
        raise InputError(f"--smooth-set {text}: write two numbers separated by a comma, such as 1.5,1.5")
    return OneEuro(min_cutoff, speed)


def _remarks(summary: PredictSummary) -> None:
    if summary.card.note and summary.hands:
        remark(f"note: {summary.card.note}", style="yellow")
    for name, reason in sorted(summary.failures.items()):
        remark(reason if _names(reason, name) else f"{name}: {reason}", style="yellow")
    for damage in dict.fromkeys(summary.damaged.values()):
        names = [name for name, other in summary.damaged.items() if other == damage]
        remark(f"{some_ids(names)}: damaged ({damage}); look at the hands", style="yellow")
    for name, side in summary.doubtful.items():
        advice = "if they are one person's, correct is_right in hands.jsonl and pass it to --boxes"
        remark(f"{name}: both hands are taken for {side} ones; {advice}", style="yellow")
    if summary.upright:
        remark(f"turned upright, as viewers show them; results refer to that: {some_ids(summary.upright)}")
    if summary.as_stored:
        remark(f"not turned upright, since their boxes refer to stored pixels: {some_ids(summary.as_stored)}")
    if empty := summary.without_hands:
        found = "no hand was found" if summary.boxes is None else "there is no box"
        remark(f"{found} in {len(empty)} of {_pictures(summary)}: {some_ids(empty)}")


def _names(reason: str, picture: str) -> bool:
    """Tell whether a reason names a picture already, maybe with its folder and its suffix as a suffix."""
    return picture in reason or picture in reason.replace(".", "-")


def _lines(summary: PredictSummary, out: Path) -> Iterator[str]:
    """Yield what this run did, which files hold it, and what to open."""
    hands, reused = summary.hands, summary.reused
    earlier = f", {reused} reused from an earlier run with the same settings" if reused else ""
    yield f"{_count(hands, 'hand')} in {_pictures(summary)}, {hands - reused} predicted{earlier}"
    if lacking := hands - summary.with_keypoints:
        yield f"no keypoints were found for {_count(lacking, 'hand')}"
    if summary.boxes is not None:
        given, used, matched, total = summary.boxes
        yield f"{used} of {_count(given, 'box')} used, in {matched} of {_pictures(summary, total)}"
    if summary.poses and hands:
        yield f"focal length: {_focal_lengths(summary)}"
    if summary.stored > hands:
        yield f"{out} now holds {summary.stored} hands, including those of earlier runs"
    for folder in dict.fromkeys(file.parent for file in summary.files):
        files = [file for file in summary.files if file.parent == folder]
        few = folder == out or len(files) == 1
        yield from (f"  {file}" for file in files) if few else [f"  {folder} ({len(files)} files)"]
    if summary.drawn is not None:
        yield f"open {summary.drawn}"
    elif hands:
        yield "add --overlay to see the hands drawn on their pictures"


def _json(summary: PredictSummary, out: Path) -> dict[str, Any]:
    return {
        "pictures": summary.pictures,
        "without_hands": summary.without_hands,
        "hands": summary.hands,
        "predicted": summary.hands - summary.reused,
        "with_keypoints": summary.with_keypoints,
        "reused": summary.reused,
        "boxes": summary.boxes._asdict() if summary.boxes else None,
        "turned_upright": summary.upright,
        "focal_lengths": dict(summary.focal_lengths),
        "damaged": summary.damaged,
        "doubtful_sides": list(summary.doubtful),
        "stored": summary.stored,
        "failures": summary.failures,
        "out": str(out),
        "files": list(map(str, summary.files)),
    }


def _focal_lengths(summary: PredictSummary) -> str:
    """Tell where the focal lengths of the pictures with hands come from."""
    known = {
        "given": "as given",
        "exif": "from EXIF",
        "default": "not known, so depths have no scale (--focal-length PX sets it)",
    }
    if len(summary.focal_lengths) == 1:
        return known[next(iter(summary.focal_lengths))]
    return "; ".join(f"{known[name]} for {number}" for name, number in summary.focal_lengths.items())


def _pictures(summary: PredictSummary, number: int | None = None) -> str:
    return _count(summary.pictures if number is None else number, "frame" if summary.is_video else "picture")


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("x") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"
