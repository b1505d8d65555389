"""``hint studio status``, ``return`` and ``honeypots``: how the work goes, and how good it is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, resumable, show_rows
from hint.cli.options import Json, Seed, with_bundles
from hint.cli.studio_options import Patience, Project, PushFlags, Timeout, TokenFile, Url
from hint.cli.studio_remarks import remark_unusable
from hint.errors import counted, some_ids

if TYPE_CHECKING:
    from annotation.studio.give_back import GivenBack
    from annotation.studio.scores import HoneypotScores
    from annotation.studio.status import Status


def status(
    project: Annotated[str | None, typer.Option(help="Title of the project; default: a line for each.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="List the labels that cannot be used, with their tasks and authors; of one project or all."
        ),
    ] = False,
    gold: Annotated[
        Path | None, typer.Option(help="Labels of the honeypots, if they were pushed from another machine.")
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    timeout: Timeout = 600.0,
    as_json: Json = False,
) -> None:
    """Show the progress of a project by annotator, with drafts, skipped hands, doubles and honeypots.

    Labels that cannot be used (a joint missing, one too many) do not count as finished; with --check, exit code 1 if
    there are any.
    """
    from annotation.studio.login import connect, token_of
    from annotation.studio.status import all_statuses, list_projects, project_status
    from hint.files.load import load_labels

    studio, _ = connect(url, token_of(token_file), timeout)
    studio.version()
    if project is None and not check:
        _show_projects(list_projects(studio), as_json)
        return
    known = load_labels(gold) if gold else None
    found = all_statuses(studio, known) if project is None else [(project, project_status(studio, project, known))]
    if as_json:
        content = [{"project": title, **one.as_json()} for title, one in found]
        typer.echo(json.dumps(content if project is None else content[0], indent=2))
    else:
        for title, one in found:
            _show_status(title, one, check)
    raise typer.Exit(1 if check and any(one.broken for _, one in found) else 0)


def _show_status(project: str, found: Status, check: bool) -> None:
    share = 100 * found.labelled / found.tasks if found.tasks else 0.0
    typer.echo(f"{project}: {found.labelled} of {found.tasks} hands labelled ({share:.1f}%)")
    if found.doubles:
        typer.echo(f"doubles: {found.doubles}, {found.doubles_done} labelled by two, {found.doubles_half} by one")
    cells = [[str("-" if value is None else value) for value in vars(person).values()] for person in found.people]
    headings = ("labelled", "unusable", "broken", "returned", "skipped", "drafts", "changed by others", "s per hand")
    if cells:
        show_rows(("annotator", *headings), cells)
    if found.honeypots.hands:
        _show_honeypots(found.honeypots)
    if check and found.broken:
        rows = [(one.hand_id, one.annotator, one.problem, one.link) for one in found.broken]
        show_rows(("broken label", "annotator", "problem", "task"), rows)
    remark_unusable(found.unusable)
    if found.broken:
        named = f"--project {shlex.quote(project)}"
        what = f"hint studio return {named} sends them back to their authors"
        listed = "" if check else f"hint studio status {named} --check lists them, "
        remark(f"not counted, because they are broken: {len(found.broken)}; {listed}{what}", style="yellow")
    if found.repeated:
        remark(f"{counted(len(found.repeated), 'hand')} with several tasks: {some_ids(found.repeated)}", style="yellow")
    if found.foreign:
        foreign = counted(len(found.foreign), "task")
        remark(f"{foreign} not pushed by hint, or changed since: {some_ids(found.foreign)}", style="yellow")


def _show_honeypots(found: HoneypotScores) -> None:
    from hint.cli.agreement import percent_cell

    typer.echo(f"honeypots: {len(found.hands)}, not counted above; [95% intervals over hands]")
    rows = [
        (
            one.annotator,
            str(one.hands),
            str(one.unusable),
            *map(percent_cell, (one.existence, one.occlusion, one.within)),
        )
        for one in found.people
    ]
    headings = ("compared", "unusable", "existence agrees", "occlusion agrees", "within 0.25 palm lengths")
    if rows:
        show_rows(("annotator", *headings), rows)
    if found.unknown:
        ids = some_ids(found.unknown)
        remark(f"answers not on this machine, pass --gold LABELS: {len(found.unknown)}: {ids}", style="yellow")


def _show_projects(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        show_rows(("project", "tasks", "submitted"), [[str(value) for value in row.values()] for row in rows])


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
    token_file: TokenFile = None,
    timeout: Timeout = 600.0,
    patience: Patience = 120.0,
    as_json: Json = False,
) -> None:
    """Send labels that cannot be used back to their authors, with the reason as a comment.

    They see them again, with their points, at the end of Label All Tasks. Exit code 1 if a label was changed meanwhile.
    """
    from dataclasses import asdict

    from annotation.studio.give_back import give_back as run
    from annotation.studio.login import connect, token_of

    studio, _ = connect(url, token_of(token_file), timeout)
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
        typer.echo(f"{project}: labels that {'would go' if dry_run else 'went'} back to their authors: {len(rows)}")
        if rows:
            show_rows(("hand", "annotator", "reason", "task"), rows)
    _remark_given_back(done)
    raise typer.Exit(1 if done.changed else 0)


def _remark_given_back(done: GivenBack) -> None:
    if done.before:
        remark(f"sent back before: {len(done.before)}: {some_ids(done.before)}")
    if done.anew:
        remark(f"start anew, because other people will see the task: {len(done.anew)}: {some_ids(done.anew)}")
    if done.changed:
        remark(f"changed meanwhile, left alone: {len(done.changed)}: {some_ids(done.changed)}", style="yellow")


@with_bundles
def honeypots(
    *,
    number: Annotated[int, typer.Argument(metavar="K", help="Number of honeypots, in total.", min=1)],
    manifest: Annotated[Path, typer.Argument(help="Manifest of labelled hands, from hint sample labels.")],
    labels: Annotated[Path, typer.Option(help="Their known labels: HInt root, folder of pairs, npz or COCO.")],
    project: Project,
    predictions: Annotated[
        Path | None, typer.Option(help="Predictions npz, by the method that the other tasks start from.")
    ] = None,
    seed: Seed = 0,
    flags: PushFlags,
    as_json: Json = False,
) -> None:
    """Mix K hands with known labels into the tasks of a project; hint studio status scores every annotator on them.

    They look like the other tasks, come in random order among them, and are offered to every annotator. No pull or
    export takes their labels for new ones.
    """
    from annotation.studio.honeypots import add_honeypots
    from hint.progress import progress_of_total

    studio, store = flags.connect()
    with resumable(f"project {project!r}"), progress_of_total("pushing tasks and points") as on_step:
        done = add_honeypots(
            studio,
            store,
            manifest,
            labels,
            project,
            number,
            predictions=predictions,
            seed=seed,
            on_step=on_step,
            **flags.keywords(),
        )
    if as_json:
        typer.echo(json.dumps(vars(done), indent=2))
        return
    typer.echo(f"{project}: honeypots: {len(done.hand_ids)}, {len(done.new)} of them new (seed {done.seed})")
    remark("tasks now come in random order; hint studio status shows the scores")
    if done.new:
        remark("their task numbers follow one another and are the highest by now: push the last hands after them")
