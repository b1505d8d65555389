"""``hint sample``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, resumable, show_rows
from hint.cli.options import Json, Out, Overwrite, Seed
from hint.cli.own_pictures import Split, labels, photos
from hint.errors import InputError

if TYPE_CHECKING:
    from annotation.sample.run import Sample, Survey

app = typer.Typer(
    help="Choose frames to annotate: from New Days, VISOR or Ego4D, or pictures of your own.", no_args_is_help=True
)


def draw(
    ctx: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the source.")],
    split: Annotated[Split, typer.Option(help="Split the sample is for; each has its own rules and videos.")],
    n: Annotated[
        int | None, typer.Option("-n", "--n", help="Number of frames (with --sequences: sequences).", min=1)
    ] = None,
    policy: Annotated[str, typer.Option(help="Sampling rules: see hint list policies, or a .toml file.")] = "paper-v1",
    out: Out = Path("hint-frames"),
    seed: Seed = 0,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(help="Do not use the videos of this manifest, HInt root or label file; repeat for several."),
    ] = None,
    include_hint_videos: Annotated[
        bool,
        typer.Option("--include-hint-videos", help="Training: also draw from videos that HInt validates or tests on."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print strata and counts; write nothing.")] = False,
    sequences: Annotated[
        bool, typer.Option("--sequences", help="Ego4D: draw whole actions instead of frames.")
    ] = False,
    clips: Annotated[Path | None, typer.Option(help="Ego4D: folder of <clip>.mp4 files, if not below ROOT.")] = None,
    available: Annotated[
        bool, typer.Option("--available", help="Draw only hands whose picture or clip exists.")
    ] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out entries that cannot be read.")] = False,
    overwrite: Annotated[
        Overwrite, typer.Option(help="missing: continue the same sample; never: refuse; always: start over.")
    ] = Overwrite.missing,
    workers: Annotated[int | None, typer.Option(help="Files read in parallel.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Draw hands by the rules of a policy; the same seed gives the same bytes, and no video is in two splits."""
    from annotation.sample.run import sample, survey

    source = str(ctx.info_name)
    pool: dict[str, Any] = {
        "root": root,
        "split": split.value,
        "policy": policy,
        "exclude": exclude or (),
        "include_hint_videos": include_hint_videos,
        "sequences": sequences,
        "clips": clips,
        "available": available,
        "skip_broken": skip_broken,
    }
    if dry_run:
        _show_survey(survey(source, n=n, **pool), as_json)
        return
    if n is None:
        raise InputError("pass -n N, or --dry-run to see what is available")
    with resumable(out):
        drawn = sample(source, n=n, out=out, seed=seed, overwrite=overwrite.value, workers=workers, **pool)
    _show_sample(drawn, as_json)


for _source, _help in {
    "newdays": "Sample hands of New Days from Hands23 (allMergedSplit, allMergedTxt, allMergedBlur).",
    "visor": "Sample hands of VISOR, from Hands23 or from VISOR itself (GroundTruth-SparseAnnotations, rgb_frames).",
    "ego4d": "Sample hands of Ego4D's critical frames (annotations/fho_main.json, clips).",
}.items():
    app.command(_source, help=f"{_help} The same seed gives the same bytes; no video is in two splits.")(draw)


app.command("photos")(photos)
app.command("labels")(labels)


def _show_survey(found: Survey, as_json: bool) -> None:
    _remark_left_out(found.left_out)
    content = found.as_json()
    if as_json:
        typer.echo(json.dumps(content, indent=2))
        return
    cells = [["-" if value is None else str(value) for value in row.values()] for row in content["strata"]]
    show_rows(list(content["strata"][0]), cells, title=f"{found.folder} · {found.policy}")


def _show_sample(drawn: Sample, as_json: bool) -> None:
    _remark_left_out(drawn.left_out)
    summary = drawn.summary
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
        return
    rows = [[s.name, str(s.drawn), str(s.available)] for s in summary.strata]
    show_rows(["stratum", "drawn", f"of {summary.unit}s"], rows, title=f"{summary.folder} · {summary.policy}")
    typer.echo(f"manifest  {drawn.manifest}\npictures  {drawn.pictures}")
    remark(f"compare it with its pool: hint sample report {drawn.manifest}")


def _remark_left_out(left_out: Mapping[str, Sequence[str]]) -> None:
    width = max((len(f"{len(ids):,}") for ids in left_out.values()), default=0)
    for reason, ids in sorted(left_out.items()):
        remark(f"left out {len(ids):>{width},}: {reason}, such as {ids[0]}")


@app.command("report")
def report(
    manifests: Annotated[list[Path], typer.Argument(help="Manifests from hint sample.")],
    out: Annotated[Path | None, typer.Option(help="HTML page to write; default: beside the first manifest.")] = None,
    as_json: Json = False,
) -> None:
    """Compare samples with their pools: plots on one page, and a test for each feature."""
    from annotation.sample.report import compare_manifest, write_report

    reports = [compare_manifest(manifest) for manifest in manifests]
    page = out or manifests[0].with_suffix(".html")
    write_report(page, reports)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in reports], indent=2))
        return
    for one in reports:
        show_rows(["feature", "chi-square", "degrees", "p", "p, corrected", "verdict"], one.rows(), title=one.title)
        if left_out := one.summary.left_out:
            show_rows(["left out of the pool", "count"], [[reason, f"{n:,}"] for reason, n in left_out.items()])
    typer.echo(f"page      {page}\npicture   {page.with_suffix('.png')}")
