"""``hint sample photos`` and ``hint sample labels``."""

from __future__ import annotations

import json
import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import finish, remark, resumable
from hint.cli.options import (
    Boxes,
    DetectorName,
    Images,
    Json,
    KnownSide,
    MaxHands,
    MinScore,
    Out,
    Overwrite,
    Seed,
    Side,
    Subsets,
)
from hint.errors import counted, some_ids

if TYPE_CHECKING:
    from annotation.sample.labels import LabelSample
    from annotation.sample.photos import PhotoSample


class Split(str, Enum):
    """Split of a collection."""

    train = "train"
    val = "val"
    test = "test"


Adding = Annotated[
    Overwrite, typer.Option(help="missing: add to a manifest that is there; never: refuse; always: start over.")
]


def photos(
    inputs: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them (not their subfolders).")],
    boxes: Boxes = None,
    detector: DetectorName = None,
    side: KnownSide = Side.auto,
    min_score: MinScore = 0.0,
    max_hands: MaxHands = None,
    name: Annotated[str, typer.Option(help="Name of the collection: lower-case letters and digits.")] = "photos",
    split: Annotated[Split, typer.Option(help="Split it is for; its folder is <SPLIT>_<name>_img.")] = Split.train,
    out: Out = Path("hint-frames"),
    overwrite: Adding = Overwrite.missing,
    as_json: Json = False,
) -> None:
    """Make a manifest of your own photographs, with boxes of yours or from a detector; the originals are only read.

    A second run adds new photographs. Exit code 1 if photographs cannot be used.
    """
    from annotation.sample.photos import sample_photos

    with resumable(out):
        found = sample_photos(
            inputs,
            out=out,
            boxes=boxes,
            detector=detector,
            name=name,
            split=split.value,
            side=side.value,
            min_score=min_score,
            max_hands=max_hands,
            overwrite=overwrite.value,
        )
    _remark_photos(found)
    finish(lambda: _show_photos(found), _as_json(found), as_json, ok=not found.failures)


def _remark_photos(found: PhotoSample) -> None:
    for name, reason in sorted(found.failures.items()):
        remark(reason if name in reason else f"{name}: {reason}", style="yellow")
    if found.turned:
        remark(f"turned upright, as viewers show them; boxes refer to that: {some_ids(found.turned)}")
    if found.doubtful:
        remark(
            f"two hands said to be of one side, check them: {some_ids(found.doubtful)}; hint predict PHOTO --overlay "
            "shows them, --boxes states sides",
            style="yellow",
        )
    if found.without_hands:
        what = "no hand was found" if found.boxes is None else "there is no box"
        remark(f"{what} in {counted(len(found.without_hands), 'photograph')}: {some_ids(found.without_hands)}")
    if found.boxes is not None and found.boxes.used < found.boxes.given:
        remark(f"{found.boxes.given - found.boxes.used} of the {found.boxes.given} boxes belong to no photograph")
    if found.below:
        remark(f"pictures in folders below were not read; name these folders too: {some_ids(found.below)}")


def _show_photos(found: PhotoSample) -> None:
    typer.echo(f"{counted(found.hands, 'hand')} of {counted(found.photos, 'photograph')}, {found.added} of them new")
    if found.hands:
        typer.echo(f"manifest  {found.manifest}\npictures  {found.pictures}")
        _remark_next(found.manifest, None)


def _remark_next(manifest: Path, points: Path | None) -> None:
    """Say what to type next: where there are no points to start from, a method that needs nothing else guesses some."""
    name = shlex.quote(str(manifest))
    guessed = points or manifest.with_name(f"{manifest.stem}.mediapipe.npz")
    steps = [] if points else [f"hint prelabel {name} --method mediapipe"]
    push = f"hint studio push {name} --predictions {shlex.quote(str(guessed))} --project NAME"
    remark("\n".join(["next:", *steps, push]))


def labels(
    data: Annotated[Path, typer.Argument(help="Labels: HInt root, jpg+json pairs, evaluation npz, COCO, CVAT, YOLO.")],
    subset: Subsets = None,
    images: Images = None,
    n: Annotated[int | None, typer.Option("-n", "--n", help="Draw so many hands at random.", min=1)] = None,
    points: Annotated[
        bool, typer.Option("--points", help="Also write the labels as predictions, to start from: <FOLDER>.labels.npz.")
    ] = False,
    out: Out = Path("hint-frames"),
    seed: Seed = 0,
    overwrite: Adding = Overwrite.missing,
    as_json: Json = False,
) -> None:
    """Make manifests of hands that are labelled already, to annotate them again or to correct them.

    A second run adds hands; a larger -n with the same seed only adds.
    """
    from annotation.sample.labels import sample_labels

    with resumable(out):
        parts = sample_labels(
            data,
            out=out,
            subsets=subset or (),
            images=images,
            n=n,
            seed=seed,
            points=points,
            overwrite=overwrite.value,
        )
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    finish(lambda: _show_labels(parts), [_as_json(part) for part in parts], as_json, notes=notes)


def _show_labels(parts: list[LabelSample]) -> None:
    for part in parts:
        if part.renamed:
            pairs = [f"{old} is {new}" for old, new in part.renamed.items()]
            remark(f"{counted(len(pairs), 'hand')} got a name that is a file name with a side: {some_ids(pairs)}")
        typer.echo(f"manifest  {part.manifest}  ({counted(part.hands, 'hand')}, {part.added} of them new)")
        if part.points:
            typer.echo(f"points    {part.points}")
    for part in parts:
        _remark_next(part.manifest, part.points)


def _as_json(found: PhotoSample | LabelSample) -> Any:
    return json.loads(json.dumps(vars(found), default=str))
