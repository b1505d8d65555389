"""``hint studio``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, resumable, show_rows
from hint.cli.options import Json, Seed
from hint.cli.studio_import import import_export
from hint.cli.studio_ml import ml
from hint.errors import some_ids

if TYPE_CHECKING:
    from annotation.studio.give_back import GivenBack
    from annotation.studio.login import Login
    from annotation.studio.pull import PullRecord
    from annotation.studio.push import PushReport
    from annotation.studio.status import Status

app = typer.Typer(help="Label hands in Label Studio: serve, push, watch, pull.", no_args_is_help=True)

app.command("ml")(ml)
app.command("import")(import_export)

Project = Annotated[str, typer.Option(help="Title of the project, 3 to 50 characters.")]
Url = Annotated[
    str | None,
    typer.Option(help="Server; default: $HINT_STUDIO_URL, else the last hint studio serve."),
]
Token = Annotated[
    str | None, typer.Option(help="User token; default: $HINT_STUDIO_TOKEN, else that of the local server.")
]
Timeout = Annotated[float, typer.Option(help="Seconds a response may take.", min=1)]
Patience = Annotated[float, typer.Option(help="Seconds the server may be away.", min=0)]


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
    data: Annotated[Path | None, typer.Option(help="Folder for database, pictures and backups.")] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1024, max=65535)] = 8089,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="HINT_STUDIO_DATABASE_URL", help="postgresql://user:password@host/name, for teams; default: SQLite."
        ),
    ] = None,
) -> None:
    """Run Label Studio on this machine until Ctrl-C; the first run installs it (1 GB).

    SQLite suits one person or a trial; a team needs PostgreSQL.
    """
    from annotation.studio.install import home
    from annotation.studio.server import serve as run

    try:
        run(data or home() / "data", port, _say_ready, remark, database_url)
    except KeyboardInterrupt:
        remark("stopped; run the same command to continue")


def _say_ready(login: Login) -> None:
    from annotation.studio.login import login_path

    typer.echo(f"address   {login.url}\nlogin     {login.email}  {login.password}")
    remark(f"login file: {login_path(Path(login.data))}; data, backups and log are beside it")
    remark("Ctrl-C stops the server; push with:\nhint studio push MANIFEST --predictions FILE.npz --project NAME")


@app.command("push")
def push(
    manifest: Annotated[Path, typer.Argument(help="Manifest from hint sample.")],
    project: Project,
    predictions: Annotated[Path | None, typer.Option(help="Predictions npz with the points to start from.")] = None,
    hands: Annotated[Path | None, typer.Option(help="Push only these hands: a file of ids, one per line.")] = None,
    margin: Annotated[
        float, typer.Option(help="Room around the box, in units of its longest side.", min=0, max=100)
    ] = 0.5,
    full_frame: Annotated[bool, typer.Option("--full-frame", help="Show whole frames.")] = False,
    upload: Annotated[bool, typer.Option("--upload", help="Upload the pictures to the server.")] = False,
    served: Annotated[
        Path | None, typer.Option(help="Folder from which your own server serves local files (its document root).")
    ] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Push hands into a project, with points to start from; pushing again only adds what is missing."""
    from annotation.studio.login import connect
    from annotation.studio.push import push as run
    from annotation.studio.store import choose_store
    from hint.progress import progress_of_total

    studio, login = connect(url, token, timeout)
    store = choose_store(upload, served, login)
    with resumable(f"project {project!r}"), progress_of_total("pushing") as on_step:
        report = run(
            studio,
            store,
            manifest,
            project,
            predictions=predictions,
            margin=None if full_frame else margin,
            only=hands,
            patience=patience,
            on_note=remark,
            on_step=on_step,
        )
    _show_push(report, project, studio.url, as_json)
    raise typer.Exit(1 if report.doubled or report.predicted_twice else 0)


def _show_push(report: PushReport, project: str, url: str, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif report.added or report.predicted:
        typer.echo(f"{report.hands} hands in {project!r}: {report.added} new, {report.predicted} got points")
    else:
        typer.echo(f"nothing to do: all {report.hands} hands are in {project!r}")
    if report.bare:
        bare = some_ids(report.bare)
        remark(f"{len(report.bare)} hands without a complete prediction, so with the mean pose instead: {bare}")
    if report.failures:
        remark(f"overcame {report.failures} server failures")
    if report.doubled:
        ids = [f"{hand_id} (tasks {', '.join(map(str, tasks))})" for hand_id, tasks in report.doubled.items()]
        remark(f"{len(ids)} hands have several tasks; delete all but one of each: {some_ids(ids)}", style="yellow")
    if report.predicted_twice:
        remark(
            f"{len(report.predicted_twice)} hands have the same prediction twice: {some_ids(report.predicted_twice)}"
        )
    remark(f"label with Label All Tasks at {url}/projects/{report.project}/data")


@app.command("status")
def status(
    project: Annotated[str | None, typer.Option(help="Title of the project; default: all projects.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="List the labels that cannot be used, with their tasks and authors.")
    ] = False,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    as_json: Json = False,
) -> None:
    """Show the progress of a project by annotator, with drafts, skipped hands and doubles.

    Labels that cannot be used (a joint missing, one too many) do not count as finished; with --check, exit code 1 if
    there are any.
    """
    from annotation.studio.login import connect
    from annotation.studio.status import list_projects, project_status

    studio, _ = connect(url, token, timeout)
    studio.version()
    if project is None:
        _show_projects(list_projects(studio), as_json)
        return
    found = project_status(studio, project)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        _show_status(project, found, check)
    raise typer.Exit(1 if check and found.broken else 0)


def _show_status(project: str, found: Status, check: bool) -> None:
    share = 100 * found.labelled / found.tasks if found.tasks else 0.0
    typer.echo(f"{project}: {found.labelled} of {found.tasks} hands labelled ({share:.1f}%)")
    if found.doubles:
        typer.echo(f"doubles: {found.doubles}, {found.doubles_done} labelled by two, {found.doubles_half} by one")
    cells = [[str("-" if value is None else value) for value in vars(person).values()] for person in found.people]
    headings = ("labelled", "unusable", "broken", "returned", "skipped", "drafts", "changed by others", "s per hand")
    show_rows(("annotator", *headings), cells)
    if check and found.broken:
        rows = [(one.hand_id, one.annotator, one.problem, one.link) for one in found.broken]
        show_rows(("broken label", "annotator", "problem", "task"), rows)
    _remark_unusable(found.unusable)
    if found.broken:
        what = f"hint studio return --project {shlex.quote(project)} sends them back to their authors"
        listed = "" if check else "hint studio status --check lists them, "
        remark(f"{len(found.broken)} labels cannot be used and are not counted; {listed}{what}", style="yellow")
    if found.repeated:
        remark(f"{len(found.repeated)} hands have several tasks: {some_ids(found.repeated)}", style="yellow")
    if found.foreign:
        remark(f"{len(found.foreign)} tasks were not pushed by hint: {some_ids(found.foreign)}", style="yellow")


def _remark_unusable(unusable: Mapping[str, Mapping[str, str]]) -> None:
    for email, reasons in unusable.items():
        ids = [f"{hand_id} ({reason or 'no reason given'})" for hand_id, reason in reasons.items()]
        remark(f"unusable by {email}: {len(ids)}: {some_ids(ids)}")


def _show_projects(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        show_rows(("project", "tasks", "labelled"), [[str(value) for value in row.values()] for row in rows])


@app.command("return")
def give_back(
    project: Project,
    hands: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HAND]...", help="Hands whose labels go back; default: all broken."),
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Only labels of this person.")] = None,
    comment: Annotated[str, typer.Option(help="What to mend; authors see it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent back.")] = False,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Send labels that cannot be used back to their authors, with the reason as a comment.

    They see them again, with their points, at the end of Label All Tasks. Exit code 1 if a label was changed meanwhile.
    """
    from dataclasses import asdict

    from annotation.studio.give_back import give_back as run
    from annotation.studio.login import connect

    studio, _ = connect(url, token, timeout)
    done = run(
        studio,
        project,
        hands=hands or (),
        annotator=annotator,
        comment=comment,
        dry_run=dry_run,
        patience=patience,
        on_note=remark,
    )
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=2))
    else:
        rows = [(one.hand_id, one.annotator, one.problem or comment, one.link) for one in done.labels]
        typer.echo(f"{len(rows)} labels of {project!r} {'would go' if dry_run else 'went'} back to their authors")
        show_rows(("hand", "annotator", "reason", "task"), rows)
    _remark_given_back(done)
    raise typer.Exit(1 if done.changed else 0)


def _remark_given_back(done: GivenBack) -> None:
    if done.anew:
        remark(f"other people will see {len(done.anew)} of them, so their authors start anew: {some_ids(done.anew)}")
    if done.changed:
        remark(f"{len(done.changed)} were changed meanwhile and left alone: {some_ids(done.changed)}", style="yellow")


@app.command("double")
def double(
    number: Annotated[int, typer.Argument(metavar="K", help="Number of hands to label twice, in total.", min=1)],
    project: Project,
    seed: Seed = 0,
    listing: Annotated[Path | None, typer.Option("--list", help="File for their ids, for push --hands.")] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Have K random hands labelled independently by two people."""
    from annotation.studio.double import choose_doubles
    from annotation.studio.login import connect
    from hint.files import write_bytes

    studio, _ = connect(url, token, timeout)
    done = choose_doubles(studio, project, number, seed, patience, remark)
    if listing is not None:
        write_bytes(listing, "".join(f"{hand_id}\n" for hand_id in done.hand_ids).encode())
    if as_json:
        typer.echo(json.dumps(vars(done), indent=2))
        return
    typer.echo(f"{len(done.hand_ids)} doubles in {project!r}, {len(done.new)} of them new (seed {done.seed})")
    remark("only Label All Tasks is blind: opening a task from the list shows the work of others")


@app.command("pull")
def pull(
    project: Project,
    out: Annotated[Path, typer.Option(help="Folder for the labels; an earlier pull in it is updated.")],
    manifest: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest whose pictures go beside the labels; not needed if it was pushed from here."),
    ] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Fetch the labels: checked HInt pairs of every annotator, and the server's JSON.

    Exit code 1 if something needs attention: incomplete labels, labels changed by others, duplicate tasks.
    """
    from annotation.studio.login import connect
    from annotation.studio.pull import pull as run

    studio, _ = connect(url, token, timeout)
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


def remark_pull(record: PullRecord) -> None:
    """Print what of a pull needs attention."""
    for kind, ids in record.problems.items():
        remark(f"left out {len(ids)}: {kind}: {some_ids(ids)}", style="yellow")
    lists = {
        "labels were changed by someone other than their author": record.changed_by_others,
        "hands have several tasks": record.doubled,
        "tasks were not pushed by hint": record.foreign,
    }
    for text, ids in lists.items():
        if ids:
            remark(f"{len(ids)} {text}: {some_ids(ids)}", style="yellow")
    _remark_unusable(record.unusable)
    by_person = {"returned": record.returned, "skipped": record.skipped, "drafts": record.drafts}
    for text, people in by_person.items():
        for email, ids in people.items():
            remark(f"{text} by {email}: {len(ids)}: {some_ids(ids)}")
    if record.pictures_absent:
        remark(
            f"{len(record.pictures_absent)} labels have no picture beside them (pass --manifest FILE to add them): "
            f"{some_ids(record.pictures_absent)}"
        )
