"""``hint check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Images, Json
from hint.errors import InputError, counted

if TYPE_CHECKING:
    from annotation.check.report import CheckReport

#: Findings that are printed.
_PRINTED = 12


def check(
    labels: Annotated[
        Path | None, typer.Argument(help="HInt root, jpg+json pairs, evaluation npz, COCO, CVAT, YOLO, or a URL.")
    ] = None,
    prelabels: Annotated[
        Path | None, typer.Option(help="Predictions npz the annotators started from; finds untouched hands.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Labels of another split or annotator to compare with; repeat for several."),
    ] = None,
    images: Images = None,
    rule: Annotated[list[str] | None, typer.Option(help="Apply this rule only; repeat for several.")] = None,
    population: Annotated[
        Path | None, typer.Option(help="Usual bone lengths and bends: a population file, or labels to measure them on.")
    ] = None,
    look: Annotated[
        bool, typer.Option("--look", help="Also look at the pictures with a network (a tenth of a second per hand).")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for findings.jsonl, check.json and worst.png.")] = None,
    fail_on: Annotated[str, typer.Option(help="Exit code 1 for: error, warning (either), never, or a rule.")] = "error",
    list_rules: Annotated[bool, typer.Option("--list", help="List the rules and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Check the consistency of annotations: flags, boxes, hand shapes, pre-labels, splits, annotators.

    Nothing is changed. Rules whose inputs (pictures, pre-labels, other sets) are missing are skipped.
    """
    from annotation.check.run import check as run
    from annotation.check.run import choose

    if list_rules:
        _list(rule or [], as_json)
        return
    if labels is None:
        raise InputError("pass LABELS to check, or --list to see the rules")
    if fail_on not in ("error", "warning", "never"):
        choose([fail_on])
    report = run(
        labels,
        against=against or (),
        images=images,
        prelabels=prelabels,
        population=population,
        look=look,
        rules=rule or (),
        out=out,
    )
    for text in report.remarks:
        remark(f"note: {text}", style="yellow")
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2, allow_nan=False))
    else:
        _show(report, out)
    raise typer.Exit(1 if report.fails(fail_on) else 0)


def _list(ids: list[str], as_json: bool) -> None:
    from annotation.check.run import choose

    chosen = choose(ids)
    if as_json:
        typer.echo(json.dumps([c.as_json() | {"needs": c.needs} for c in chosen], indent=2))
        return
    cells = [
        (c.id, c.level, c.description, f"{'at most' if c.low else 'over'} {c.threshold:g} {c.unit}", c.needs)
        for c in chosen
    ]
    show_rows(("rule", "level", "finds", "reported if", "needs"), cells)


def _show(report: CheckReport, out: Path | None) -> None:
    from hint.errors import printable

    show_rows(
        ("set", "hands", "occluded", "absent", "untouched", "moved by", "flagged"),
        [
            (
                printable(f"{s.subset} ({s.source})"),
                str(s.hands),
                _percent(s.occluded),
                _percent(s.absent),
                _percent(s.untouched),
                "-" if s.displacement is None else f"{s.displacement:.3f} sizes",
                _percent(s.with_findings),
            )
            for s in report.sets
        ],
    )
    show_rows(
        ("rule", "level", "finds", "judged", "found", "share"),
        [
            (
                count.criterion.id,
                count.criterion.level,
                count.criterion.description,
                f"needs {count.criterion.needs}" if count.judged is None else str(count.judged),
                "-" if count.judged is None else str(count.found),
                _percent(count.found / count.judged) if count.judged else "-",
            )
            for count in report.rules
        ],
    )
    worst = [f for f in report.findings if not f.hand_id] + report.worst(_PRINTED)
    if worst:
        rows = [(printable(f.hand_id or f.set), f.rule, printable(f.message)) for f in worst]
        show_rows(("hand", "rule", "worst findings"), rows)
    totals = report.totals()
    found = [counted(totals[key], thing) for key, thing in (("errors", "error"), ("warnings", "warning"))]
    typer.echo(f"{counted(totals['hands'], 'hand')}: {', '.join(found)}")
    if out is not None:
        remark(f"findings.jsonl, check.json and worst.png are in {out}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%"
