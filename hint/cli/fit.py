"""``hint fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hint.cli.console import adding, finish, remark, resumable, what_follows
from hint.cli.options import (
    EngineFlags,
    Images,
    Json,
    Limit,
    Mano,
    Out,
    Overwrite,
    Part,
    ReuseOrNot,
    Subsets,
    with_bundles,
)
from hint.errors import some_ids

if TYPE_CHECKING:
    from hint.training.fit_labels import FittedLabels, FittedShard


@with_bundles
def fit(
    *,
    labels: Annotated[
        Path, typer.Argument(help="HInt root (its training hands), jpg+json pairs, npz, COCO, CVAT, YOLO, or a URL.")
    ],
    out: Out = Path("hint-fits"),
    images: Images = None,
    subset: Subsets = None,
    mano: Mano = None,
    min_quality: Annotated[
        float, typer.Option(help="Worse fits lend no pose or shape to the training.", min=0, max=1)
    ] = 0.3,
    limit: Limit = None,
    overwrite: ReuseOrNot = Overwrite.missing,
    as_json: Json = False,
    work: EngineFlags,
    shard: Part = None,
) -> None:
    """Fit MANO hands to annotated keypoints, to train on.

    Writes tars in the official layout, MANO parameters to OUT/fits.npz and the quality of each hand to OUT/hands.jsonl.
    A second run resumes. Exit code 1 if no hand is usable.
    """
    from hint.training.fit_labels import fit_labels, fit_shard

    common: dict[str, Any] = {
        "images": images,
        "subsets": subset or (),
        "mano": mano,
        "limit": limit,
        "overwrite": overwrite.value,
        "work": work.work(),
    }
    with resumable(out, "fits.*"), adding(shard is not None):
        if shard is not None:
            _report_shard(fit_shard(shard, labels, out, **common), as_json)
        result = fit_labels(labels, out, min_quality=min_quality, **common)
    if result.without_picture:
        remark(
            f"hint: {len(result.without_picture)} hands have no picture and are in no tar: "
            f"{some_ids(result.without_picture)}; give their folder with --images"
        )
    for hand_id, problem in result.damaged.items():
        remark(f"hint: {hand_id} is in no tar: {problem}")
    if result.unusable:
        remark(
            f"hint: {len(result.unusable)} hands are not usable: {some_ids(list(result.unusable))}; "
            f"see {out}/hands.jsonl"
        )
    summary = _summary(result)
    finish(lambda: _show(result, summary), summary, as_json, reused=result.reused, ok=summary["usable"] > 0)


def _report_shard(done: FittedShard, as_json: bool) -> NoReturn:
    finish(
        lambda: typer.echo(f"shard {done.shard}: {done.hands:,} hands fitted"),
        done.as_json(),
        as_json,
        reused=done.reused,
        files=what_follows(done.parts, done.reused),
    )


def _summary(result: FittedLabels) -> dict[str, Any]:
    import numpy as np

    usable = [q for i, q in zip(result.hand_id, result.quality, strict=True) if i not in result.unusable]
    known = [r for r in result.residual if r == r]
    return {
        "hands": len(result),
        "usable": len(usable),
        "unusable": result.unusable,
        "without_picture": result.without_picture,
        "damaged": result.damaged,
        "reused": result.reused,
        "median_quality": round(float(np.median(usable)), 4) if usable else None,
        "median_residual": round(float(np.median(known)), 4) if known else None,
        "out": str(result.out),
        "tars": list(map(str, result.tars)),
        "sheet": str(result.sheet) if result.sheet else None,
    }


def _show(result: FittedLabels, summary: dict[str, Any]) -> None:
    typer.echo(f"{summary['hands']} hands, {summary['usable']} usable; median quality {summary['median_quality']}")
    typer.echo(f"fits     {result.out}/fits.npz\nquality  {result.out}/hands.jsonl")
    if result.tars:
        typer.echo(f"tars     {result.out} ({len(result.tars)})")
    if result.sheet:
        typer.echo(f"open {result.sheet}")
