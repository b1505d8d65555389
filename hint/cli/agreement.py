"""``hint agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Images, Json, Seed
from hint.errors import InputError, counted, some_ids

if TYPE_CHECKING:
    from annotation.agreement.consensus import Consensus
    from annotation.agreement.result import Agreement, Audit, BiasRow, JointRow, Score


def agreement(
    a: Annotated[Path, typer.Argument(help="First annotations: HInt root, folder of pairs, npz or COCO.")],
    b: Annotated[Path, typer.Argument(help="Second annotations of the same hands.")],
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[C]...", help="With --merge: annotations by more people.")
    ] = None,
    palm: Annotated[
        str, typer.Option(help="Palm length: wrist-middle, wrist-knuckles, box (0.55 of its longest side) or box:F.")
    ] = "wrist-middle",
    palm_of: Annotated[str, typer.Option(help="Whose points it is measured on: a, b, or the mean of both.")] = "mean",
    prelabels: Annotated[
        list[Path] | None,
        typer.Option(help="Predictions npz both annotators started from; repeat for several methods."),
    ] = None,
    images: Images = None,
    out: Annotated[Path | None, typer.Option(help="Folder for agreement.json, agreement.png and worst.png.")] = None,
    merge: Annotated[
        Path | None,
        typer.Option(help="Folder for one label per hand; lists hands in dispute for one more person."),
    ] = None,
    within: Annotated[
        float, typer.Option(help="With --merge: distance up to which points agree, palm lengths.", min=0)
    ] = 0.25,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure how well two annotations of the same hands agree, next to the numbers of the paper.

    Flags, distances in palm lengths, Cohen's kappa, per joint and finger, all with intervals over clips. With --merge,
    labels are merged too: flags by majority, points by median; exit code 1 if hands are left for one more person.
    """
    from annotation.agreement.consensus import consensus, require_empty
    from annotation.agreement.run import agreement as measure

    if more and merge is None:
        raise InputError("more than two annotations can only be merged; add --merge DIR")
    if merge is not None:
        require_empty(merge)
    result = measure(
        a,
        b,
        palm=palm,
        palm_of=palm_of,
        prelabels=prelabels or (),
        images=images,
        out=out,
        seed=seed,
    )
    for text in result.remarks:
        remark(f"note: {text}", style="yellow")
    if as_json:
        typer.echo(result.to_json(), nl=False)
    else:
        _show(result)
    if out is not None:
        remark(f"agreement.json, agreement.png and worst.png are in {out}")
    if merge is not None:  # last: merged labels are not replaced when the command is repeated
        merged = consensus([a, b, *(more or ())], within=within, palm=palm, images=images, out=merge)
        _remark_consensus(merged, merge)
        raise typer.Exit(1 if merged.disputed else 0)


def _remark_consensus(merged: Consensus, out: Path) -> None:

    remark(
        f"{counted(len(merged.labels), 'hand')} merged into {out}; points within {merged.within:g} palm lengths agree"
    )
    if merged.single:
        remark(f"annotated by one person only, not merged: {some_ids(merged.single)}")
    if merged.disputed:
        by = ", ".join(f"{kind} {number}" for kind, number in merged.as_json()["disputed_by"].items())
        ids = some_ids(one.hand_id for one in merged.disputed)
        remark(f"{counted(len(merged.disputed), 'hand')} in dispute ({by}): {ids}", style="yellow")
        remark(
            f"have them labelled by one more person: hint studio push MANIFEST --hands {out / 'disputed.txt'} "
            "--project NAME; then repeat this command with the new labels and another --merge"
        )


def _show(result: Agreement) -> None:
    paper = result.paper
    rows = [
        ("existence agrees", result.existence, f"{paper.existence:g}%", result.existence_kappa),
        ("occlusion agrees", result.occlusion, f"{paper.occlusion:g}%", result.occlusion_kappa),
        (f"within {result.within_palms:g} palm lengths", result.within, f"{paper.within:g}%", None),
    ]
    show_rows(
        ("agreement", "here", f"paper ({paper.hands} images)", "Cohen's kappa", "joints"),
        [
            (name, percent_cell(score), known, "-" if kappa is None else _number(kappa), str(score.n))
            for name, score, known, kappa in rows
        ],
        title=f"{result.hands} hands of {result.clips} clips; palm: {result.palm.definition}"
        + ("" if result.palm.definition.startswith("box") else f" of {result.palm.whose}")
        + f", median {result.palm.median_px:.0f} px; [95% intervals over clips]",
    )
    for heading, rows_of in (("finger", result.per_finger), ("joint", result.per_joint)):
        show_rows((heading, "existence", "occlusion", "kappa (occlusion)"), map(_flag_cells, rows_of))
        show_rows((heading, "within", "both visible", "median, palms"), map(_point_cells, rows_of))
    if result.prelabels:
        _show_prelabels(result)
    worst = [(one.hand_id, f"{one.distance:.3f}", str(one.flags)) for one in result.worst[:5]]
    show_rows(("largest disagreement", "mean distance, palms", "flags that differ"), worst)


def _flag_cells(row: JointRow) -> tuple[str, ...]:
    return (row.name, percent_cell(row.existence), percent_cell(row.occlusion), _number(row.occlusion_kappa))


def _point_cells(row: JointRow) -> tuple[str, ...]:
    median = "-" if row.median_distance is None else f"{row.median_distance:.3f}"
    return (row.name, percent_cell(row.within), str(row.visible), median)


def _show_prelabels(result: Agreement) -> None:
    headings = ("pre-labels", "annotator", "hands", "untouched hands", "untouched points", "moved by, palms")
    show_rows(headings, map(_audit_cells, result.prelabels))
    show_rows(("pre-labels", "annotator", "largest bias"), map(_bias_cells, result.prelabels))
    show_rows(
        ("pre-labels", "within, where both moved the point", "where at least one left it"),
        [(one.prelabels, percent_cell(one.both_moved), percent_cell(one.otherwise)) for one in result.anchoring],
    )


def _audit_cells(audit: Audit) -> tuple[str, ...]:
    moved = "-" if audit.moved_median is None else f"{audit.moved_median:.3f}"
    untouched = (f"{audit.untouched_hands:.1f}%", percent_cell(audit.untouched_points))
    return (audit.method, audit.annotator, str(audit.hands), *untouched, moved)


def _bias_cells(audit: Audit) -> tuple[str, ...]:
    worst = max(audit.bias, key=_size)
    bias = f"{worst.joint}: {worst.along.value or 0:+.3f} along, {worst.across.value or 0:+.3f} to the thumb"
    return (audit.method, audit.annotator, bias)


def _size(row: BiasRow) -> float:
    return float((row.along.value or 0) ** 2 + (row.across.value or 0) ** 2)


def percent_cell(score: Score) -> str:
    """Return a share with its interval as text."""
    return _with_interval(score, "{:.1f}", "%")


def _number(score: Score) -> str:
    return _with_interval(score, "{:.2f}", "")


def _with_interval(score: Score, form: str, unit: str) -> str:
    if score.value is None:
        return "-"
    interval = f" [{form.format(score.ci.low)}, {form.format(score.ci.high)}]" if score.ci else ""
    return f"{form.format(score.value)}{unit}{interval}"
