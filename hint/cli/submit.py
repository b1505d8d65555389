"""``hint submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import note, remark
from hint.cli.options import Overwrite


def submit(
    results: Annotated[
        Path, typer.Argument(help="Folder that hint eval wrote, or a file of predictions: npz, csv, parquet.")
    ],
    card: Annotated[Path, typer.Option(help="Card of the method, a TOML file: title, paper, code, training data.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("submission.zip"),
    predictions: Annotated[Path | None, typer.Option(help="The predictions, where the folder has none.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Rules that a file of predictions is meant for.", show_default="hint-v1")
    ] = None,
    overwrite: Annotated[
        Overwrite, typer.Option(help="missing: replace no other file; never: none at all; always: any.")
    ] = Overwrite.missing,
) -> None:
    """Pack predictions and the card of their method as a submission to a leaderboard.

    It holds ids, keypoints, what the card declares and the sha256 of both: no scores, which the leaderboard computes,
    and nothing of this machine. hint leaderboard check says what the leaderboard will say.
    """
    from benchmark.submit import submit as pack

    done = pack(results, card, out, predictions=predictions, protocol=protocol, overwrite=overwrite.value)
    for text in done.remarks:
        note(text)
    hands, rules = len(done.submission.predictions), done.submission.protocol.id
    remark(f"{done.submission.card.title}: {hands:,} hands for {rules}")
    typer.echo(done.path)
