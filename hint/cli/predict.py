"""``hint predict``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, resumable
from hint.cli.options import (
    BatchSize,
    Boxes,
    DetectorName,
    Json,
    KnownSide,
    MaxHands,
    MethodFlags,
    MinScore,
    Out,
    Overwrite,
    ReuseOrNot,
    Seed,
    Side,
    with_bundles,
)
from hint.errors import InputError, some_ids

if TYPE_CHECKING:
    from hint.prediction import OneEuro, PredictResult


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
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or one video.")],
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
    batch_size: BatchSize = 16,
    setup: MethodFlags,
) -> None:
    """Predict the hands of pictures or of a video.

    Writes keypoints to OUT/predictions.npz, MANO parameters and cameras to OUT/mano.npz, boxes to OUT/hands.jsonl. A
    second run resumes. Exit code 1 if pictures or hands are left out.
    """
    with resumable(out, "predictions.npz"):
        from hint.prediction import predict as run

        result = run(
            list(inputs),
            method,
            boxes=boxes,
            detector=detector,
            seed=seed,
            settings=setup.own(),
            **setup.keywords(),
            out=out,
            mesh=mesh.value if mesh else None,
            table=table.value if table else None,
            overlay=overlay,
            smooth=_smoothing(smooth, smooth_set),
            focal_length=focal_length,
            batch_size=batch_size,
            overwrite=overwrite.value,
            side=side.value,
            min_score=min_score,
            max_hands=max_hands,
            animation=animation.value if animation else None,
            camera=camera,
            rerun=rerun,
        )
    _remarks(result)
    if as_json:
        typer.echo(json.dumps(_summary(result, out), indent=2))
    else:
        for line in _lines(result, out):
            typer.echo(line)
    raise typer.Exit(1 if result.failures else 0)


def _smoothing(smooth: bool, text: str | None) -> bool | OneEuro:
    if text is not None and not smooth:
        raise InputError("--smooth-set sets how --smooth smooths; add --smooth")
    return smooth if text is None else _one_euro(text)


def _one_euro(text: str) -> OneEuro:
    from hint.prediction import OneEuro

    try:
        min_cutoff, speed = map(float, text.split(","))
    except ValueError:
        min_cutoff = speed = 0.0
    if not 0 < min_cutoff < float("inf") or not 0 <= speed < float("inf"):
        raise InputError(f"--smooth-set {text}: write two numbers separated by a comma, such as 1.5,1.5")
    return OneEuro(min_cutoff, speed)


def _remarks(result: PredictResult) -> None:
    if result.card.note and len(result):
        remark(f"note: {result.card.note}", style="yellow")
    for name, reason in sorted(result.failures.items()):
        remark(reason if _names(reason, name) else f"{name}: {reason}", style="yellow")
    for damage in dict.fromkeys(frame.damage for frame in result.frames if frame.damage):
        names = [frame.picture.name for frame in result.frames if frame.damage == damage]
        remark(f"{some_ids(names)}: damaged ({damage}); look at the hands", style="yellow")
    for frame in result.frames:
        if frame.sides_doubtful:
            side = "right" if frame.hands[0].hand.is_right else "left"
            advice = "if they are one person's, correct is_right in hands.jsonl and pass it to --boxes"
            remark(f"{frame.picture.name}: both hands are taken for {side} ones; {advice}", style="yellow")
    turned = [frame.picture for frame in result.frames if frame.picture.exif.orientation != 1]
    if upright := [picture.name for picture in turned if not picture.stored]:
        remark(f"turned upright, as viewers show them; results refer to that: {some_ids(upright)}")
    if stored := [picture.name for picture in turned if picture.stored]:
        remark(f"not turned upright, since their boxes refer to stored pixels: {some_ids(stored)}")
    empty = _without_hands(result)
    if empty:
        found = "no hand was found" if result.boxes is None else "there is no box"
        remark(f"{found} in {len(empty)} of {_pictures(result)}: {some_ids(empty)}")


def _names(reason: str, picture: str) -> bool:
    """Tell whether a reason names a picture already, maybe with its folder and its suffix as a suffix."""
    return picture in reason or picture in reason.replace(".", "-")


def _lines(result: PredictResult, out: Path) -> Iterator[str]:
    """Yield what this run did, which files hold it, and what to open."""
    reused = f", {result.reused} reused from an earlier run with the same settings" if result.reused else ""
    yield f"{_count(len(result), 'hand')} in {_pictures(result)}, {len(result) - result.reused} predicted{reused}"
    if lacking := len(result) - _with_keypoints(result):
        yield f"no keypoints were found for {_count(lacking, 'hand')}"
    if result.boxes is not None:
        given, used, matched, total = result.boxes
        yield f"{used} of {_count(given, 'box')} used, in {matched} of {_pictures(result, total)}"
    if result.parameters is not None and len(result):
        yield f"focal length: {_focal_lengths(result)}"
    if result.stored > len(result):
        yield f"{out} now holds {result.stored} hands, including those of earlier runs"
    for folder in dict.fromkeys(file.parent for file in result.files):
        files = [file for file in result.files if file.parent == folder]
        few = folder == out or len(files) == 1
        yield from (f"  {file}" for file in files) if few else [f"  {folder} ({len(files)} files)"]
    shown = {frame.picture.name for frame in result.frames if frame.hands}
    drawn = [file for file in result.files if file.suffix == ".mp4" or (file.suffix == ".jpg" and file.stem in shown)]
    drawn = drawn if len(result) else []
    if drawn:
        yield f"open {drawn[0]}"
    elif len(result):
        yield "add --overlay to see the hands drawn on their pictures"


def _summary(result: PredictResult, out: Path) -> dict[str, Any]:
    return {
        "pictures": len(result.frames),
        "without_hands": _without_hands(result),
        "hands": len(result),
        "predicted": len(result) - result.reused,
        "with_keypoints": _with_keypoints(result),
        "reused": result.reused,
        "boxes": result.boxes._asdict() if result.boxes else None,
        "turned_upright": [f.picture.name for f in result.frames if f.picture.orientation != 1],
        "focal_lengths": _focal_sources(result),
        "damaged": {f.picture.name: f.damage for f in result.frames if f.damage},
        "doubtful_sides": [f.picture.name for f in result.frames if f.sides_doubtful],
        "stored": result.stored,
        "failures": result.failures,
        "out": str(out),
        "files": list(map(str, result.files)),
    }


def _without_hands(result: PredictResult) -> list[str]:
    """Return the pictures without a hand, unless their hands were left out, and that is said."""
    return [frame.picture.name for frame in result.frames if not (frame.hands or frame.picture.name in result.failures)]


def _with_keypoints(result: PredictResult) -> int:
    import numpy as np

    return int(np.isfinite(result.keypoints_2d).all((1, 2)).sum())


def _focal_sources(result: PredictResult) -> dict[str, int]:
    """Return source of the focal length -> number of pictures."""
    return dict(Counter(f.intrinsics.source for f in result.frames if f.hands and f.intrinsics is not None))


def _focal_lengths(result: PredictResult) -> str:
    """Tell where the focal lengths of the pictures with hands come from."""
    known = {
        "given": "as given",
        "exif": "from EXIF",
        "default": "not known, so depths have no scale (--focal-length PX sets it)",
    }
    sources = _focal_sources(result)
    if len(sources) == 1:
        return known[next(iter(sources))]
    return "; ".join(f"{known[name]} for {number}" for name, number in sources.items())


def _pictures(result: PredictResult, number: int | None = None) -> str:
    is_video = any(frame.picture.frame is not None for frame in result.frames)
    return _count(len(result.frames) if number is None else number, "frame" if is_video else "picture")


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("x") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"
