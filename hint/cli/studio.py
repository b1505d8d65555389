"""``hint studio``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, resumable, show_rows
from hint.cli.options import Json, Seed, with_bundles
from hint.cli.studio_import import import_export
from hint.cli.studio_ml import ml
from hint.cli.studio_options import Patience, Project, PushFlags, Timeout, TokenFile, Url
from hint.cli.studio_quality import give_back, honeypots, status
from hint.cli.studio_remarks import remark_pull
from hint.errors import counted, some_ids

if TYPE_CHECKING:
    from annotation.studio.login import Login
    from annotation.studio.push import PushReport

app = typer.Typer(help="Label hands in Label Studio: serve, push, watch, pull.", no_args_is_help=True)


@app.command("config")
def config(
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    guidelines: Annotated[bool, typer.Option("--guidelines", help="Print the annotator guidelines instead.")] = False,
) -> None:
    """Print the labelling configuration: 21 joints, and a state for each point."""
    from annotation.studio.config import GUIDELINES, label_config
    from hint.files import write_bytes

    text = GUIDELINES if guidelines else label_config()
    if out is None:
        typer.echo(text, nl=False)
        return
    write_bytes(out, text.encode())
    typer.echo(out)


@app.command("serve")
def serve(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Folder for database, pictures and backups.")] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1024, max=65535)] = 8089,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="HINT_STUDIO_DATABASE_URL",
            help="postgresql://user@host/name, for teams; default: SQLite. A password goes into the variable.",
        ),
    ] = None,
) -> None:
    """Run Label Studio on this machine until Ctrl-C; the first run installs it (1 GB).

    SQLite suits one person or a trial; a team needs PostgreSQL.
    """
    from annotation.studio.install import home
    from annotation.studio.server import refuse_password
    from annotation.studio.server import serve as run

    if database_url and _is_argument(ctx, "database_url"):
        refuse_password(database_url)
    try:
        run(data or home() / "data", port, _say_ready, remark, database_url)
    except KeyboardInterrupt:
        remark("stopped; run the same command to continue")


def _is_argument(ctx: typer.Context, name: str) -> bool:
    """Tell whether an option was typed, and does not come from a variable."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _say_ready(login: Login) -> None:
    from annotation.studio.login import login_path

    typer.echo(f"address   {login.url}\nlogin     {login.email}  {login.password}")
    remark(f"login file: {login_path(Path(login.data))}; data, backups and log are beside it")
    remark("Ctrl-C stops the server; push with:\nhint studio push MANIFEST --predictions FILE.npz --project NAME")


@app.command("push")
@with_bundles
def push(
    *,
    manifest: Annotated[Path, typer.Argument(help="Manifest from hint sample.")],
    project: Project,
    predictions: Annotated[Path | None, typer.Option(help="Predictions npz with the points to start from.")] = None,
    hands: Annotated[Path | None, typer.Option(help="Push only these hands: a file of ids, one per line.")] = None,
    flags: PushFlags,
    as_json: Json = False,
) -> None:
    """Push hands into a project, with points to start from; pushing again only adds what is missing."""
    from annotation.studio.push import push as run
    from hint.progress import progress_of_total

    studio, store = flags.connect()
    with resumable(f"project {project!r}"), progress_of_total("pushing tasks and points") as on_step:
        report = run(
            studio,
            store,
            manifest,
            project,
            predictions=predictions,
            only=hands,
            on_step=on_step,
            **flags.keywords(),
        )
    _show_push(report, project, studio.url, "got points" if predictions else "start from the mean pose", as_json)
    raise typer.Exit(1 if report.doubled or report.predicted_twice else 0)


def _show_push(report: PushReport, project: str, url: str, points: str, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif report.added or report.predicted:
        hands = counted(report.hands, "hand")
        typer.echo(f"{hands} in {project!r}: {report.added} new, {report.predicted} {points}")
    else:
        typer.echo(f"nothing to do: all {counted(report.hands, 'hand')} are in {project!r}")
    if report.bare:
        bare = counted(len(report.bare), "hand")
        remark(f"{bare} without a complete prediction, so with the mean pose instead: {some_ids(report.bare)}")
    if report.outages:
        remark(f"overcame {counted(report.outages, 'outage')} of the server")
    if report.doubled:
        ids = [f"{hand_id} (tasks {', '.join(map(str, tasks))})" for hand_id, tasks in report.doubled.items()]
        hands = counted(len(ids), "hand")
        remark(f"{hands} with several tasks; delete all but one of each: {some_ids(ids)}", style="yellow")
    if report.predicted_twice:
        twice = counted(len(report.predicted_twice), "hand")
        remark(f"{twice} with the same prediction twice: {some_ids(report.predicted_twice)}")
    remark(f"label with Label All Tasks at {url}/projects/{report.project}/data")


app.command("status")(status)
app.command("return")(give_back)


@app.command("double")
def double(
    number: Annotated[int, typer.Argument(metavar="K", help="Number of hands to label twice, in total.", min=1)],
    project: Project,
    seed: Seed = 0,
    listing: Annotated[Path | None, typer.Option("--list", help="File for their ids, for push --hands.")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Have K random hands labelled independently by two people."""
    from annotation.studio.double import choose_doubles
    from annotation.studio.login import connect, token_of
    from hint.files import write_bytes

    studio, _ = connect(url, token_of(token_file), timeout)
    done = choose_doubles(studio, project, number, seed, patience, remark)
    if listing is not None:
        write_bytes(listing, "".join(f"{hand_id}\n" for hand_id in done.hand_ids).encode())
    if as_json:
        typer.echo(json.dumps(vars(done), indent=2))
        return
    typer.echo(f"{len(done.hand_ids)} doubles in {project!r}, {len(done.new)} of them new (seed {done.seed})")
    remark("only Label All Tasks is blind: opening a task from the list shows the work of others")


app.command("honeypots")(honeypots)


@app.command("pull")
def pull(
    project: Project,
    out: Annotated[Path, typer.Option(help="Folder for the labels; an earlier pull in it is updated.")],
    manifest: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest whose pictures go beside the labels; not needed if it was pushed from here."),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Fetch the labels: checked HInt pairs of every annotator, and the server's JSON.

    Exit code 1 if something needs attention: incomplete labels, labels changed by others, duplicate tasks.
    """
    from annotation.studio.login import connect, token_of
    from annotation.studio.pull import pull as run

    studio, _ = connect(url, token_of(token_file), timeout)
    record = run(studio, project, out, manifests=manifest or (), patience=patience, on_note=remark)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        rows = [[email, str(count)] for email, count in record.labels.items()]
        typer.echo(f"{project}: {record.labelled} of {record.tasks} hands labelled")
        show_rows(("annotator", "labels"), rows)
        typer.echo(f"labels    {out}\nrecord    {out / 'pull.json'}")
    remark_pull(record)
    raise typer.Exit(0 if record.is_sound else 1)


app.command("import")(import_export)
app.command("ml")(ml)
