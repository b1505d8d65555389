"""``hint studio``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark, show_rows
from hint.cli.options import Json, Seed
from hint.errors import InputError, some_ids

if TYPE_CHECKING:
    from annotation.studio.client import Studio
    from annotation.studio.login import Login
    from annotation.studio.place import Place
    from annotation.studio.pull import PullRecord
    from annotation.studio.push import Report

app = typer.Typer(help="Label hands in Label Studio: push, watch, pull.", no_args_is_help=True)

Project = Annotated[str, typer.Option(help="Name of the project, 3 to 50 characters.")]
Url = Annotated[
    str | None, typer.Option(help="Server; else $HINT_STUDIO_URL, else what hint studio serve started last.")
]
Token = Annotated[str | None, typer.Option(help="Token of a user; else $HINT_STUDIO_TOKEN, else the local server's.")]
Timeout = Annotated[float, typer.Option(help="Seconds an answer may take.", min=1)]
Patience = Annotated[float, typer.Option(help="Seconds the server may be away before giving up.", min=0)]


@app.command("config")
def config(
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of stdout.")] = None,
    guidelines: Annotated[bool, typer.Option("--guidelines", help="The text for annotators instead.")] = False,
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
            envvar="HINT_STUDIO_DATABASE_URL", help="postgresql://user:password@host/name, for teams; SQLite without."
        ),
    ] = None,
) -> None:
    """Run a Label Studio on this machine until Ctrl-C; the first time it is installed (1 GB).

    SQLite is for one person or a try-out: for a team, give it PostgreSQL.
    """
    from annotation.studio.install import home
    from annotation.studio.server import serve as run

    try:
        run(data or home() / "data", port, _say_ready, remark, database_url)
    except KeyboardInterrupt:
        remark("stopped; the same command goes on from here")


def _say_ready(login: Login) -> None:
    from annotation.studio.login import login_path

    typer.echo(f"address   {login.url}\nlogin     {login.email}  {login.password}")
    remark(f"the login is kept in {login_path(Path(login.data))}; data, backups and log beside it")
    remark("push with: hint studio push MANIFEST --predictions FILE.npz --project NAME; Ctrl-C stops the server")


@app.command("push")
def push(
    manifest: Annotated[Path, typer.Argument(help="Manifest that hint sample wrote.")],
    project: Project,
    predictions: Annotated[Path | None, typer.Option(help="npz of points to start from.")] = None,
    hands: Annotated[Path | None, typer.Option(help="Push only these: a file of ids, one per line.")] = None,
    margin: Annotated[
        float, typer.Option(help="Room around the box, in units of its longest side.", min=0, max=100)
    ] = 0.5,
    full_frame: Annotated[bool, typer.Option("--full-frame", help="Show whole frames.")] = False,
    upload: Annotated[bool, typer.Option("--upload", help="Send the pictures to the server's own store.")] = False,
    served: Annotated[
        Path | None, typer.Option(help="Folder a server of your own serves local files from (its document root).")
    ] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Put hands into a project, with points to start from; pushing again adds what is missing and nothing else."""
    from annotation.studio.push import Request
    from annotation.studio.push import push as put

    request = Request(manifest, project, predictions, None if full_frame else margin, patience, hands)
    with _studio(url, token, timeout) as (studio, login), _steps("pushing") as on_step:
        place = _place(upload, served, login)
        try:
            report = put(studio, lambda _: place, request, remark, on_step)
        except KeyboardInterrupt:
            remark("hint: interrupted; the same command goes on from here")
            raise
    _show_push(report, project, studio.url, as_json)
    raise typer.Exit(1 if report.doubled or report.predicted_twice else 0)


def _place(upload: bool, served: Path | None, login: Login | None) -> Place:
    from annotation.studio.place import ServedFolder, Uploaded

    if upload and served:
        raise InputError("give --upload or --served, not both")
    if upload:
        return Uploaded()
    if served is None and login is None:
        raise InputError("where shall the pictures go? --upload sends them to the server, --served DIR puts them there")
    return ServedFolder(served or (login.pictures if login else Path()))


def _show_push(report: Report, project: str, url: str, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif report.added or report.predicted:
        typer.echo(f"{report.hands} hands in {project!r}: {report.added} new, {report.predicted} got their points")
    else:
        typer.echo(f"nothing to do: all {report.hands} hands are in {project!r}")
    if report.bare:
        remark(f"{len(report.bare)} hands have no full prediction and start without points: {some_ids(report.bare)}")
    if report.failures:
        remark(f"{report.failures} failures of the server were overcome")
    if report.doubled:
        ids = [f"{hand_id} (tasks {', '.join(map(str, tasks))})" for hand_id, tasks in report.doubled.items()]
        remark(f"{len(ids)} hands have several tasks, delete all but one of each: {some_ids(ids)}", style="yellow")
    if report.predicted_twice:
        remark(
            f"{len(report.predicted_twice)} hands have the same prediction twice: {some_ids(report.predicted_twice)}"
        )
    remark(f"label at {url}/projects/{report.project}/data with Label All Tasks")


@app.command("status")
def status(
    project: Annotated[str | None, typer.Option(help="Name of the project; all projects without.")] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    as_json: Json = False,
) -> None:
    """Say how far a project is, by annotator, with open drafts, skipped hands and doubles."""
    from annotation.studio.project import require_project
    from annotation.studio.status import status_of
    from annotation.studio.work import fetch_work

    with _studio(url, token, timeout) as (studio, _):
        studio.version()
        if project is None:
            rows = [
                {"project": p.title, "tasks": p.task_number, "labelled": p.finished_task_number}
                for p in studio.projects()
            ]
            _show_projects(rows, as_json)
            return
        number = int(require_project(studio, project).id)
        found = status_of(studio.patiently(lambda: fetch_work(studio, number), 10)[1])
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    share = 100 * found.labelled / found.tasks if found.tasks else 0.0
    typer.echo(f"{project}: {found.labelled} of {found.tasks} hands labelled ({share:.1f}%)")
    if found.doubles:
        typer.echo(f"doubles: {found.doubles}, {found.doubles_done} labelled by two, {found.doubles_half} by one")
    cells = [[str("-" if value is None else value) for value in vars(person).values()] for person in found.people]
    headings = ("annotator", "labelled", "skipped", "drafts", "changed by others", "s per hand")
    show_rows(headings, cells)
    if found.repeated:
        remark(f"{len(found.repeated)} hands have several tasks: {some_ids(found.repeated)}", style="yellow")
    if found.foreign:
        remark(f"{len(found.foreign)} tasks were not pushed by hint: {some_ids(found.foreign)}", style="yellow")


def _show_projects(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        show_rows(("project", "tasks", "labelled"), [[str(value) for value in row.values()] for row in rows])


@app.command("double")
def double(
    number: Annotated[int, typer.Argument(metavar="K", help="How many hands two people are to label, in all.", min=1)],
    project: Project,
    seed: Seed = 0,
    listing: Annotated[
        Path | None, typer.Option("--list", help="File to write their ids to, for push --hands.")
    ] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Have K random hands labelled by two people who do not see each other's work."""
    from annotation.studio.double import choose_doubles
    from hint.files import write_bytes

    with _studio(url, token, timeout) as (studio, _):
        done = choose_doubles(studio, project, number, seed, patience, remark)
    if listing is not None:
        write_bytes(listing, "".join(f"{hand_id}\n" for hand_id in done.hand_ids).encode())
    if as_json:
        typer.echo(json.dumps(vars(done), indent=2))
        return
    typer.echo(f"{len(done.hand_ids)} doubles in {project!r}, {len(done.new)} of them new (seed {done.seed})")
    remark("only Label All Tasks is blind: opening a task from the list shows the other's work")


@app.command("pull")
def pull(
    project: Project,
    out: Annotated[Path, typer.Option(help="Folder for labels; an earlier pull in it is brought up to date.")],
    manifest: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest whose pictures go beside the labels; known if it was pushed from here."),
    ] = None,
    url: Url = None,
    token: Token = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Fetch what was labelled: HInt pairs of every annotator, checked, with the server's JSON beside them.

    Exit code 1 if something needs attention: incomplete labels, work that somebody else changed, tasks that are twice.
    """
    from annotation.studio.pull import Request
    from annotation.studio.pull import pull as fetch

    with _studio(url, token, timeout) as (studio, _):
        record = fetch(studio, Request(project, out, tuple(manifest or ()), patience), remark)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        rows = [[email, str(count)] for email, count in record.labels.items()]
        typer.echo(f"{project}: {record.labelled} of {record.tasks} hands labelled")
        show_rows(("annotator", "labels"), rows)
        typer.echo(f"labels    {out}\nrecord    {out / 'pull.json'}")
    _remark_pull(record)
    raise typer.Exit(0 if record.is_sound else 1)


def _remark_pull(record: PullRecord) -> None:
    for kind, ids in record.problems.items():
        remark(f"left out {len(ids)}: {kind}: {some_ids(ids)}", style="yellow")
    lists = {
        "labels were changed by somebody else than their author": record.changed_by_others,
        "hands have several tasks": record.doubled,
        "tasks were not pushed by hint": record.foreign,
    }
    for text, ids in lists.items():
        if ids:
            remark(f"{len(ids)} {text}: {some_ids(ids)}", style="yellow")
    by_person = {"unusable": record.unusable, "skipped": record.skipped, "drafts, not submitted": record.drafts}
    for text, people in by_person.items():
        for email, ids in people.items():
            remark(f"{text} by {email}: {len(ids)}: {some_ids(ids)}")
    if record.pictures_absent:
        remark(
            f"{len(record.pictures_absent)} labels have no picture beside them (--manifest FILE says where they are): "
            f"{some_ids(record.pictures_absent)}"
        )


@contextmanager
def _studio(url: str | None, token: str | None, timeout: float) -> Iterator[tuple[Studio, Login | None]]:
    """Speak to the server that was named, or to the local one."""
    from annotation.studio.client import Studio
    from annotation.studio.login import find_address

    address, login = find_address(url, token)
    yield Studio(address, timeout), login


@contextmanager
def _steps(label: str) -> Iterator[Callable[[int, int], None]]:
    """Turn "done of total" into steps of a bar that starts once the total is known."""
    from hint.progress import progress

    with ExitStack() as stack:
        advance: Callable[[int], None] | None = None
        said = 0

        def on_step(done: int, total: int) -> None:
            nonlocal advance, said
            if advance is None:
                advance = stack.enter_context(progress(label, total))
            if done > said:
                advance(done - said)
                said = done

        yield on_step
