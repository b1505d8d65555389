"""The work done in a project: the server's export, sorted by task and annotator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from annotation.studio.answer import is_returned
from annotation.studio.client import Studio
from annotation.studio.failures import StudioError, UnreachableError
from annotation.studio.task import HandTask, read_task
from hint.files.json_file import parse_json

#: Annotator of annotations whose user no longer exists.
NOBODY = "unknown"


@dataclass(frozen=True)
class Annotation:
    """One submitted annotation.

    Attributes:
        id: Its number on the server.
        task: Number of its task.
        hand_id: The hand.
        annotator: Email of its author.
        changed_by: Email of another person who changed it later, "" for nobody.
        created: Time of submission, from the server.
        updated: Time of the last change.
        seconds: Time spent, None if unknown.
        result: The labels.
    """

    id: int
    task: int
    hand_id: str
    annotator: str
    changed_by: str
    created: str
    updated: str
    seconds: float | None
    result: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Work:
    """All work done in a project.

    Attributes:
        tasks: Hand id -> its task; the oldest if there are several.
        annotations: The latest annotation of every annotator for every hand.
        superseded: Number of older annotations by the same person.
        skipped: Email -> hands that person skipped and has not labelled since.
        returned: Email -> hands that were sent back to that person and not labelled since.
        drafts: Email -> hands started and not submitted.
        doubled: Hands with several tasks.
        foreign: Numbers of tasks that hint did not push or cannot read.
        n_tasks: Number of tasks.
    """

    tasks: dict[str, HandTask]
    annotations: list[Annotation]
    superseded: int = 0
    skipped: dict[str, list[str]] = field(default_factory=dict)
    returned: dict[str, list[str]] = field(default_factory=dict)
    drafts: dict[str, list[str]] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    n_tasks: int = 0

    @property
    def annotators(self) -> list[str]:
        """Emails of everybody who submitted something."""
        return sorted({annotation.annotator for annotation in self.annotations})

    def only(self, hand_ids: Collection[str]) -> Work:
        """Return the work on some hands; what is in other tasks and in the whole project stays out."""

        def kept(people: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
            rows = {who: [hand_id for hand_id in ids if hand_id in hand_ids] for who, ids in people.items()}
            return {who: ids for who, ids in rows.items() if ids}

        tasks = {hand_id: task for hand_id, task in self.tasks.items() if hand_id in hand_ids}
        return replace(
            self,
            tasks=tasks,
            annotations=[one for one in self.annotations if one.hand_id in hand_ids],
            skipped=kept(self.skipped),
            returned=kept(self.returned),
            drafts=kept(self.drafts),
            doubled=[hand_id for hand_id in self.doubled if hand_id in hand_ids],
            n_tasks=self.n_tasks - len(self.tasks) + len(tasks),
        )


def fetch_work(studio: Studio, project: int) -> tuple[bytes, Work]:
    """Fetch the export of a project; return its bytes and the work in it.

    Raises:
        UnreachableError: If the export is truncated, or its number of tasks differs from that of the project.
        StudioError: If it is not an export.
    """
    content = studio.export(project)
    rows = read_export(studio.url, content)
    expected = studio.project(project).task_number or 0
    if len(rows) != expected:
        raise UnreachableError(f"{studio.url} exported {len(rows)} of {expected} tasks")
    return content, sort_work(rows, studio.emails())


def read_export(url: str, content: bytes) -> list[dict[str, Any]]:
    """Return the tasks of an export.

    Raises:
        UnreachableError: If it is truncated.
        StudioError: If it is not an export.
    """
    try:
        rows = parse_json(content)
    except ValueError as error:
        if content.lstrip()[:1] == b"[":
            raise UnreachableError(f"{url}: the export ended after {len(content)} bytes") from error
        raise StudioError(f"{url} did not export JSON; is it Label Studio?") from error
    try:
        for row in rows if isinstance(rows, list) else [rows]:
            require_task(row)
    except ValueError as error:
        raise StudioError(f"{url} did not export tasks ({error}); is it Label Studio 1.23?") from error
    return list(rows)


def require_task(row: Any) -> None:
    """Refuse what is not a task of an export, whoever wrote it.

    Raises:
        ValueError: If :func:`sort_work` could not read it.
    """
    if not (isinstance(row, dict) and isinstance(row.get("data"), dict) and _is_number(row.get("id"))):
        raise ValueError("an entry that is not a task")
    for key in ("annotations", "drafts"):
        if not isinstance(row.get(key) or [], list):
            raise ValueError(f"a task whose {key} are no list")
    for one in row.get("annotations") or []:
        if not (isinstance(one, dict) and _is_number(one.get("id"))):
            raise ValueError("an annotation without a number")
        result = one.get("result") or []
        if not (isinstance(result, list) and all(isinstance(part, dict) for part in result)):
            raise ValueError("an annotation whose result is no list of labels")
        if not isinstance(one.get("lead_time") or 0.0, int | float):
            raise ValueError("an annotation whose time is no number")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def sort_work(rows: Sequence[Mapping[str, Any]], emails: Mapping[int, str]) -> Work:
    """Sort the tasks of an export.

    Args:
        rows: Tasks with ``annotations`` and ``drafts``.
        emails: User number -> email.
    """
    tasks: dict[str, HandTask] = {}
    by_person: dict[tuple[str, str], list[Annotation]] = defaultdict(list)
    skips: set[tuple[str, str]] = set()
    returns: set[tuple[str, str]] = set()
    drafts: set[tuple[str, str]] = set()
    doubled: list[str] = []
    foreign: list[str] = []
    for row in sorted(rows, key=lambda row: int(row["id"])):
        try:
            hand_id, hint = read_task(row["data"])
        except ValueError:
            foreign.append(str(row["id"]))
            continue
        if hand_id in tasks:
            doubled.append(hand_id)
        tasks.setdefault(hand_id, hint)
        for one in row.get("annotations") or []:
            annotation = _annotation(int(row["id"]), hand_id, one, emails)
            if one.get("was_cancelled"):
                (returns if is_returned(annotation.result) else skips).add((annotation.annotator, hand_id))
            else:
                by_person[hand_id, annotation.annotator].append(annotation)
        drafts |= {(_email(draft.get("user"), emails), hand_id) for draft in _open_drafts(row)}
    last = {key: max(found, key=lambda one: (one.updated, one.id)) for key, found in by_person.items()}
    return Work(
        tasks,
        [last[key] for key in sorted(last)],
        sum(map(len, by_person.values())) - len(last),
        _still_open(skips, last),
        _still_open(returns, last),
        _by_person(drafts),
        sorted(set(doubled)),
        foreign,
        len(rows),
    )


def _annotation(task: int, hand_id: str, one: Mapping[str, Any], emails: Mapping[int, str]) -> Annotation:
    author, editor = _email(one.get("completed_by"), emails), one.get("updated_by")
    changed = _email(editor, emails) if editor is not None else author
    return Annotation(
        id=int(one["id"]),
        task=task,
        hand_id=hand_id,
        annotator=author,
        changed_by="" if changed == author else changed,
        created=str(one.get("created_at") or ""),
        updated=str(one.get("updated_at") or ""),
        seconds=one.get("lead_time"),
        result=one.get("result") or [],
    )


def _email(user: Any, emails: Mapping[int, str]) -> str:
    """Return the email of a user, which the server gives as a number, an email or an object."""
    if isinstance(user, Mapping):
        user = user.get("email") or user.get("id")
    if isinstance(user, int):
        return emails.get(user, f"user{user}")
    return str(user) if user else NOBODY


def _open_drafts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [draft for draft in row.get("drafts") or [] if isinstance(draft, Mapping)]


def _still_open(pairs: set[tuple[str, str]], labelled: Container[tuple[str, str]]) -> dict[str, list[str]]:
    """Return email -> hands of (email, hand) without a label by that person since, given as (hand, email)."""
    return _by_person({(who, hand_id) for who, hand_id in pairs if (hand_id, who) not in labelled})


def _by_person(pairs: set[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for who, hand_id in sorted(pairs):
        found.setdefault(who, []).append(hand_id)
    return found
