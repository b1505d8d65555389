"""``hint prepare``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, resumable, say, show_rows
from hint.cli.options import Json, Overwrite

if TYPE_CHECKING:
    from annotation.prepare.ego4d import Cut
    from annotation.prepare.verify import ReleaseReport

app = typer.Typer(help="Prepare the released dataset: verify it, cut its Ego4D frames.", no_args_is_help=True)


@app.command("verify")
def verify(
    root: Annotated[Path, typer.Argument(help="The unpacked HInt_annotation_partial or HInt_annotation folder.")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="Check this folder only, such as TEST_newdays_img; repeat for several."),
    ] = None,
    checksums: Annotated[
        Path | None, typer.Option(help="Also compare every file with this list from sha256sum.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write-checksums", help="Also write such a list, for sha256sum -c in ROOT.")
    ] = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Also decode every picture, not only header and end.")
    ] = False,
    evaluation: Annotated[
        Path | None, typer.Option(help="Also compare the test labels with the official evaluation npz in this folder.")
    ] = None,
    zip_md5: Annotated[
        bool, typer.Option("--zip-md5", help="Also compute the MD5 of the official check (minutes, writes nothing).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a released HInt folder, with or without its Ego4D pictures; nothing in it is changed.

    Without --only, all eleven folders are expected. Exit code 1 for problems, 0 for warnings only.
    """
    from annotation.prepare.verify import Extras
    from annotation.prepare.verify import verify as check

    report = check(root, only or (), Extras(decode, evaluation, zip_md5, write, checksums))
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show(report)
    raise typer.Exit(1 if report.total("problem") else 0)


def _show(report: ReleaseReport) -> None:
    from annotation.prepare.findings import KINDS
    from hint.errors import counted

    headings = ("folder", "json", "jpg", "released", "problems", "warnings")
    show_rows(headings, [[str(value) for value in vars(count).values()] for count in report.folders])
    for finding in report.findings:
        shown = finding.shown()
        ids = ", ".join(shown[:5]) + (", ..." if len(shown) > 5 else "")
        typer.secho(finding.level, fg="red" if finding.level == "problem" else "yellow", bold=True, nl=False)
        say("", f": {KINDS[finding.kind].description} ({len(finding.ids)}): {ids}", len(finding.level))
        say(" " * 9, report.advice(finding))
    if report.zip_md5:
        typer.echo(f"MD5 of the official zip: {report.zip_md5}")
    hands = sum(count.labels for count in report.folders)
    found = f"{report.total('problem')} problems, {report.total('warning')} warnings"
    typer.echo(f"{counted(hands, 'hand')} in {counted(len(report.folders), 'folder')}: {found}")


@app.command("ego4d")
def ego4d(
    clips: Annotated[
        Path, typer.Option(help="Folder of Ego4D's canonical clips, <clip>.mp4, or the one the downloader was given.")
    ],
    root: Annotated[Path, typer.Option("--hint", help="HInt root to put the pictures into.")],
    frames: Annotated[
        Path | None, typer.Option(help="Official ego4d_frame_names.json; default: the pictures that the labels need.")
    ] = None,
    missing: Annotated[
        Path | None, typer.Option(help="File for the list of missing clips, for ego4d --video_uid_file.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Parallel ffmpeg processes; default: one per core.", min=1)
    ] = None,
    overwrite: Annotated[
        Overwrite,
        typer.Option(help="missing: cut missing pictures; never: refuse if any exists; always: cut all again."),
    ] = Overwrite.missing,
    as_json: Json = False,
) -> None:
    """Cut the Ego4D pictures of the released dataset out of the clips, byte for byte like the official script.

    Needs ffmpeg and ffprobe 4.2 or newer on PATH. Only the needed frames are decoded; a second run continues where the
    first stopped. A picture whose decoding reports an error is not written but named; exit code 1.
    """
    from annotation.prepare.ego4d import cut_frames, frame_names
    from hint.files import write_bytes
    from hint.progress import progress

    names = frame_names(root, frames)
    with (
        resumable(root),
        progress("cutting pictures", sum(map(len, names.values()))) as advance,
    ):
        cut = cut_frames(names, clips, root, overwrite=overwrite.value, workers=workers, on_done=advance)
    if missing is not None:
        write_bytes(missing, "".join(f"{clip}\n" for clip in sorted(cut.missing)).encode())
    if as_json:
        typer.echo(json.dumps(asdict(cut), indent=2))
    else:
        _report_cut(cut, clips, missing)
    raise typer.Exit(0 if cut.is_complete else 1)


def _report_cut(cut: Cut, clips: Path, missing: Path | None) -> None:
    from hint.sources.clips import download_command

    for clip, reason in sorted(cut.failed.items()):
        remark(f"{clip}: {reason}", style="yellow")
    for picture in cut.refused:
        typer.echo(f"not cut {picture}")
    for clip, n in sorted(cut.missing.items()):
        typer.echo(f"missing {clip}.mp4 ({n} pictures)")
    typer.echo(f"{cut.written} pictures cut, {cut.present} already existed")
    if cut.missing:
        listing = "" if missing else " (--missing FILE writes FILE)"
        remark(
            f"hint: {len(cut.missing)} clips ({sum(cut.missing.values())} pictures) are missing; download them, then "
            f"run the same command again{listing}:\n{download_command(clips, missing or 'FILE')}"
        )
    if cut.failed:
        remark(
            f"hint: {len(cut.refused)} pictures of {len(cut.failed)} clips were not cut, since these are broken or too "
            "short; download them again, then rerun this command"
        )
