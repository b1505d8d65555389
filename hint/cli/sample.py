"""``hint sample``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Json, Out, Overwrite, Seed
from hint.errors import InputError

if TYPE_CHECKING:
    from annotation.sample.draw import Candidates
    from annotation.sample.run import Request
    from hint.sources import LeftOut, OnProgress, Pool

app = typer.Typer(help="Choose frames to annotate from New Days, VISOR or Ego4D.", no_args_is_help=True)


class Split(str, Enum):
    """Part of the dataset a sample is for."""

    train = "train"
    val = "val"
    test = "test"


def draw(
    ctx: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the source.")],
    split: Annotated[Split, typer.Option(help="What the sample is for: other rules, other videos.")],
    n: Annotated[int | None, typer.Option("-n", "--n", help="Frames (with --sequences: sequences).", min=1)] = None,
    policy: Annotated[str, typer.Option(help="Rules: see hint list policies, or a .toml.")] = "paper-v1",
    out: Out = Path("hint-frames"),
    seed: Seed = 0,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest, HInt root or labels whose videos are not used; repeat for several."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print strata and counts, write nothing.")] = False,
    sequences: Annotated[bool, typer.Option("--sequences", help="Ego4D: whole actions instead of frames.")] = False,
    clips: Annotated[Path | None, typer.Option(help="Ego4D: folder of <clip>.mp4, if not below ROOT.")] = None,
    available: Annotated[
        bool, typer.Option("--available", help="Draw only from hands whose picture or clip is there.")
    ] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out what cannot be read.")] = False,
    overwrite: Annotated[
        Overwrite, typer.Option(help="missing: go on with the same sample; never: refuse; always: start anew.")
    ] = Overwrite.missing,
    workers: Annotated[int | None, typer.Option(help="Files read at the same time.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Draw hands by the rules of a policy; the same seed writes the same bytes, and no video is in two splits."""
    from annotation.sample.policy import load_policy
    from annotation.sample.run import Request, candidates
    from hint.sources import read_source

    source = str(ctx.info_name)
    if source != "ego4d" and (sequences or clips):
        raise InputError("--sequences and --clips are for ego4d")
    if n is None and not dry_run:
        raise InputError("how many? give -n N, or --dry-run to see what there is")
    rules, excluded = load_policy(policy), tuple(exclude or ())
    request = Request(source, split.value, sequences, seed, rules, out, excluded, available, overwrite.value, workers)
    with _reading(source) as on_progress:
        pool = read_source(source, root, clips=clips, skip_broken=skip_broken, on_progress=on_progress)
    found = candidates(request, pool)
    _remark_left_out(pool.left_out)
    if dry_run or n is None:
        _show(request, found, n, as_json)
    else:
        _write(request, pool, found, n, as_json)


for _source, _help in {
    "newdays": "Draw hands of New Days from Hands23 (allMergedSplit, allMergedTxt, allMergedBlur).",
    "visor": "Draw hands of VISOR, from Hands23 or from VISOR itself (GroundTruth-SparseAnnotations, rgb_frames).",
    "ego4d": "Draw hands of Ego4D's critical frames (annotations/fho_main.json, clips).",
}.items():
    app.command(_source, help=f"{_help} The same seed writes the same bytes; no video is in two splits.")(draw)


def _remark_left_out(left_out: LeftOut) -> None:
    width = max((len(f"{count:,}") for count in left_out.counts().values()), default=0)
    for reason, ids in sorted(left_out.ids.items()):
        remark(f"left out {len(ids):>{width},}: {reason}, such as {ids[0]}")


@contextmanager
def _reading(source: str) -> Iterator[OnProgress]:
    """Turn "done of total", which readers say, into steps of a bar that starts once the total is known."""
    from contextlib import ExitStack

    from hint.progress import progress

    with ExitStack() as stack:
        said = 0
        advance: Callable[[int], None] | None = None

        def on_progress(done: int, total: int) -> None:
            nonlocal said, advance
            if advance is None:
                advance = stack.enter_context(progress(f"reading {source}", total))
            advance(done - said)
            said = done

        yield on_progress


def _show(request: Request, found: Candidates, n: int | None, as_json: bool) -> None:
    quotas = found.draw.quotas(n) if n else [None] * len(found.draw.strata)
    rows = []
    for stratum, wanted in zip(found.draw.strata, quotas, strict=True):
        units = found.available(stratum)
        counted = [hand for unit in units for hand in unit]
        rows.append(
            {
                "stratum": stratum.name,
                "asked": wanted,
                f"{found.draw.unit}s": len(units),
                "hands": len(counted),
                "videos": len({hand.video_id for hand in counted}),
            }
        )
    if as_json:
        typer.echo(json.dumps({"folder": request.folder, "policy": request.policy.id, "strata": rows}, indent=2))
        return
    cells = [["-" if value is None else str(value) for value in row.values()] for row in rows]
    show_rows(list(rows[0]), cells, title=f"{request.folder} · {request.policy.id}")


def _write(request: Request, pool: Pool, found: Candidates, n: int, as_json: bool) -> None:
    from annotation.sample.run import make_sample, read_summary, summary_path
    from hint.progress import progress

    try:
        with progress("writing pictures", n) as advance:
            manifest = make_sample(request, pool, found, n, on_done=advance)
    except KeyboardInterrupt:
        remark(f"hint: interrupted; the pictures done lie in {request.out}, the same command goes on from there")
        raise
    summary = read_summary(summary_path(manifest))
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
        return
    rows = [[s.name, str(s.drawn), str(s.available)] for s in summary.strata]
    show_rows(["stratum", "drawn", f"of {summary.unit}s"], rows, title=f"{request.folder} · {request.policy.id}")
    typer.echo(f"manifest  {manifest}\npictures  {request.out / request.folder}")
    remark(f"see how it compares with what it was drawn from: hint sample report {manifest}")


@app.command("report")
def report(
    manifests: Annotated[list[Path], typer.Argument(help="Manifests that hint sample wrote.")],
    out: Annotated[Path | None, typer.Option(help="Page to write; by default beside the first manifest.")] = None,
    as_json: Json = False,
) -> None:
    """Compare samples with the pools they were drawn from: plots on one page, and a test of each feature."""
    from annotation.sample.report import compare_manifest, write_report

    reports = [compare_manifest(manifest) for manifest in manifests]
    page = out or manifests[0].with_suffix(".html")
    write_report(page, reports)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in reports], indent=2))
        return
    for one in reports:
        show_rows(["feature", "chi-square", "degrees", "p", "p, corrected", "verdict"], one.rows(), title=one.title)
    typer.echo(f"page      {page}\npicture   {page.with_suffix('.png')}")
