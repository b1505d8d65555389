"""The command line: parse, call one function, turn errors into exit codes.

0 it worked; 1 it ran and found a problem; 2 usage or input; 3 something must be installed, downloaded or accepted;
130 interrupted. Everything heavy is imported inside the commands, so that help is instant.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from hint.cli import (
    agreement,
    check,
    demo,
    doctor,
    evaluate,
    export,
    fetch,
    leaderboard,
    listing,
    predict,
    prelabel,
    prepare,
    sample,
    studio,
    train,
    weights,
)
from hint.errors import HintError

app = typer.Typer(
    help="Sample, annotate, evaluate and rank hand keypoints in the wild.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("eval")(evaluate.evaluate)
app.command("check")(check.check)
app.command("agreement")(agreement.agreement)
app.command("list")(listing.list_names)
app.command("doctor")(doctor.doctor)
app.command("fetch")(fetch.fetch)
app.command("demo")(demo.demo)
app.command("demo-data")(demo.demo_data)
app.command("export")(export.export)
app.command("predict")(predict.predict)
app.command("train")(train.train)
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(prelabel.app, name="prelabel")
app.add_typer(prepare.app, name="prepare")
app.add_typer(sample.app, name="sample")
app.add_typer(studio.app, name="studio")
app.add_typer(weights.app, name="weights")


def main() -> NoReturn:
    """Run the command line; the entry point of ``hint``."""
    try:
        app()
    except HintError as error:
        sys.stderr.write(f"hint: {error}\n")
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        _advise(error)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _advise(error: ModuleNotFoundError) -> NoReturn:
    """Say which extra brings an absent package; anything else that cannot be imported is a defect."""
    from hint.requirements import EXTRA_OF, pip_command

    package = (error.name or "").split(".")[0]
    if package not in EXTRA_OF:
        raise error
    sys.stderr.write(f"hint: this needs {package}: {pip_command(EXTRA_OF[package])}\n")
    sys.exit(3)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from hint import __version__

        typer.echo(__version__)
        raise typer.Exit
