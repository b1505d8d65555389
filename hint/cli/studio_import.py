"""``hint studio import``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Json, Side
from hint.cli.own_pictures import Split
from hint.cli.studio_remarks import remark_pull
from hint.errors import InputError, some_ids

#: Number of a user.
_NUMBER = re.compile("[0-9]{1,18}")


def import_export(
    file: Annotated[Path, typer.Argument(help="Export of Label Studio: JSON or JSON-MIN.")],
    out: Annotated[Path, typer.Option(help="Folder for the labels; an earlier import in it is updated.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, and folders below it; found by file name.")
    ] = None,
    manifest: Annotated[
        list[Path] | None, typer.Option(help="Manifest whose pictures go beside the labels, if hint pushed them.")
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER=EMAIL of an annotator, where the export tells only numbers; repeat for several."),
    ] = None,
    side: Annotated[
        Side, typer.Option(help="right or left: side of hands where nothing says it; auto: leave them out.")
    ] = Side.auto,
    name: Annotated[str, typer.Option(help="Name of the folder of labels that hint did not push.")] = "import",
    split: Annotated[Split, typer.Option(help="Split they are for; their folder is <SPLIT>_<name>_img.")] = Split.train,
    as_json: Json = False,
) -> None:
    """Write the labels of an export as pull does, without a server.

    Projects of hint are read exactly as pull reads them; others if their points are named after the joints of a hand.
    Exit code 1 if something needs attention.
    """
    from annotation.studio.exported.run import import_labels

    done = import_labels(
        file,
        out,
        images=images,
        manifests=manifest or (),
        people=_people(person or []),
        name=name,
        split=split.value,
        side=None if side is Side.auto else side.value,
    )
    record = done.record
    if as_json:
        typer.echo(json.dumps({**record.model_dump(mode="json"), "refused": done.tasks.refused}, indent=2))
    else:
        typer.echo(f"{file}: {record.labelled} of {record.tasks} hands labelled")
        show_rows(("annotator", "labels"), [[email, str(count)] for email, count in record.labels.items()])
        typer.echo(f"labels    {out}\nrecord    {out / 'pull.json'}")
    for reason, ids in done.tasks.refused.items():
        remark(f"left out {len(ids)}: {reason}: {some_ids(ids)}", style="yellow")
    if done.tasks.minimal:
        remark("JSON-MIN does not tell who changed a label, nor drafts and skipped tasks; the full JSON does")
    if unnamed := [who for who in record.labels if re.fullmatch(r"user\d+", who)]:
        pairs = " ".join(f"--person {who.removeprefix('user')}=EMAIL" for who in unnamed)
        remark(f"the export tells only numbers of annotators; to name them, import into another folder with {pairs}")
    remark_pull(record)
    raise typer.Exit(0 if done.is_sound else 1)


def _people(pairs: list[str]) -> dict[int, str]:
    """Read the pairs of ``--person NUMBER=EMAIL``."""
    people: dict[int, str] = {}
    for pair in pairs:
        number, _, email = pair.partition("=")
        if not (_NUMBER.fullmatch(number) and email):
            raise InputError(f"--person {pair}: write NUMBER=EMAIL, such as 3=ann@example.com")
        people[int(number)] = email
    return people
