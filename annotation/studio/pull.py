"""Fetch the labels of a project: the server's JSON, and the HInt pairs of every annotator with their pictures.

OUT/raw.json                                  the complete export of the server
OUT/<annotator>/<FOLDER>/<hand_id>.json .jpg  labels of one person, a HInt root
OUT/<annotator>/annotations.jsonl             times, comments, moved points
OUT/honeypots.jsonl                           labels of tasks with known answers
OUT/pull.json                                 origin, time, counts, problems
OUT/earlier/<time>/                           what that pull replaced, or did not find on the server any more
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from annotation.studio.answer import Answer
from annotation.studio.answers import Answers, comparable, problems_of, sort_answers
from annotation.studio.client import Project, Studio
from annotation.studio.config import require_same_meaning
from annotation.studio.kept import KeepingFolder, Plan, PulledFile, unfinished
from annotation.studio.labels import Label, write_labels
from annotation.studio.project import require_project
from annotation.studio.pushed import pushed_manifests
from annotation.studio.scores import HoneypotScores, honeypot_lines, score_honeypots, split_honeypots
from annotation.studio.task import HandTask
from annotation.studio.work import Annotation, Work, fetch_work, read_export
from hint.errors import HintError, InputError
from hint.files import write_json
from hint.files.atomic import json_bytes
from hint.files.claim import claimed
from hint.files.json_model import read_model
from hint.names import is_file_name
from hint.provenance import collect

RAW, RECORD, NOTES = "raw.json", "pull.json", "annotations.jsonl"
HONEYPOTS = "honeypots.jsonl"


class Double(BaseModel):
    """A hand to be labelled by two people.

    Attributes:
        hand_id: The hand.
        annotators: People whose label exists and was not changed by anybody else.
    """

    model_config = ConfigDict(extra="forbid")
    hand_id: str
    annotators: list[str]


class Withdrawn(BaseModel):
    """A label of an earlier pull that is no longer on the server, or no longer sound.

    Attributes:
        hand_id: The hand.
        annotator: Who labelled it.
        reason: Why it no longer counts.
        since: Time of the pull that found this.
        kept: Its file, relative to the folder.
    """

    model_config = ConfigDict(extra="forbid")
    hand_id: str
    annotator: str
    reason: str
    since: str
    kept: str


class PullRecord(BaseModel):
    """Origin of the labels, counts and problems.

    Attributes:
        url: Address of the server.
        server: Its version.
        project: Title of the project.
        project_id: Its number.
        identity: What the project keeps when its server moves or its title changes.
        time: When the labels were pulled, in UTC; names the folder of what was set aside.
        provenance: Program, versions, time.
        raw_sha256: Digest of the server's JSON.
        tasks: Hands in the project.
        labelled: Hands with at least one label that can be used.
        labels: Annotator -> labels written.
        pictures: Pictures beside the labels.
        pictures_absent: Hands whose picture is missing or different.
        unusable: Annotator -> hands marked unusable -> the reason given.
        returned: Annotator -> hands sent back and not labelled since.
        skipped: Annotator -> skipped hands.
        drafts: Annotator -> hands started and not submitted.
        changed_by_others: "hand (annotator, then who)".
        superseded: Older annotations of the same person, ignored.
        doubled: Hands with several tasks.
        foreign: Tasks not pushed by hint.
        problems: Kind -> "hand (annotator)".
        doubles: Hands to be labelled by two people.
        honeypots: Tasks with known answers, counted in none of the above, and how well they were labelled.
        replaced: Files whose earlier version was set aside.
        withdrawn: Labels of earlier pulls that no longer count, and are kept.
        files: Files of the current labels, relative to the folder.
    """

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    url: str
    server: str
    project: str
    project_id: int
    identity: str = ""
    time: str = ""
    provenance: dict[str, Any]
    raw_sha256: str
    tasks: int
    labelled: int
    labels: dict[str, int]
    pictures: int
    pictures_absent: list[str]
    unusable: dict[str, dict[str, str]]
    returned: dict[str, list[str]]
    skipped: dict[str, list[str]]
    drafts: dict[str, list[str]]
    changed_by_others: list[str]
    superseded: int
    doubled: list[str]
    foreign: list[str]
    problems: dict[str, list[str]]
    doubles: list[Double]
    honeypots: HoneypotScores
    replaced: list[str] = []
    withdrawn: list[Withdrawn] = []
    files: list[PulledFile]

    @property
    def withdrawn_now(self) -> list[Withdrawn]:
        """Labels that this pull found withdrawn."""
        return [label for label in self.withdrawn if label.since == self.time]

    @property
    def is_sound(self) -> bool:
        """Whether nothing needs attention."""
        return not (self.problems or self.changed_by_others or self.doubled or self.foreign or self.withdrawn_now)


def annotator_folder(email: str) -> str:
    """Return the folder name of an annotator: the email, or what of it can be a name with a digest of all of it."""
    plain = re.sub(r"[^\w.@+-]", "_", email).lstrip(".")
    if plain == email and is_file_name(email):
        return email
    return f"{plain[:60]}-{hashlib.sha256(email.encode(errors='replace')).hexdigest()[:8]}"


def pull(
    studio: Studio,
    project: str,
    out: Path,
    *,
    manifests: Sequence[Path] = (),
    patience: float = 120.0,
    on_note: Callable[[str], None] = lambda _line: None,
) -> PullRecord:
    """Fetch all work of a project and write it.

    Args:
        studio: The server.
        project: Title of the project.
        out: Folder to write; an earlier pull in it is updated.
        manifests: Where to find pictures, besides the manifests pushed from this machine.
        patience: Seconds the server may be away.
        on_note: Called with messages for the user.

    Raises:
        InputError: If the project does not exist or its labels were renamed, or ``out`` contains something else.
        UnreachableError: If the server is not up at the start, or away for longer than ``patience``.
    """
    version = studio.wait_until_up(patience, on_note)
    found = studio.retry(lambda: require_project(studio, project), patience, on_note)
    require_same_meaning(found.label_config, project)
    with claimed(out):
        return _update(studio, version, found, out, manifests, patience, on_note)


def _update(
    studio: Studio,
    version: str,
    found: Project,
    out: Path,
    manifests: Sequence[Path],
    patience: float,
    on_note: Callable[[str], None],
) -> PullRecord:
    """Fetch the work of a project and bring the folder up to date."""
    before = _earlier(out, found)
    raw, everything = studio.retry(lambda: fetch_work(studio, found.id), patience, on_note)
    work, pots = split_honeypots(everything)
    answers, tried = sort_answers(work), sort_answers(pots)
    labels = _label_files(work, answers)
    folder = KeepingFolder(out)
    folder.begin(Plan(project=found.identity, files=sorted({*before.files, *labels})))
    folder.put(RAW, raw, lost=partial(_lost_tasks, now=raw))
    known = [*manifests, *pushed_manifests(found.identity)]
    absent = write_labels(folder, labels, work.tasks, [path.parent for path in known])
    _write_notes(folder, answers, work.tasks)
    _write_honeypots(folder, tried)
    files = sorted({*folder.files} - {RAW})
    folder.withdraw(sorted({*before.files} - {*files}))
    record = PullRecord(
        url=studio.url,
        server=version,
        project=found.title,
        project_id=found.id,
        identity=found.identity,
        time=folder.time,
        provenance=collect(["label-studio-sdk", "numpy"]),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        labels={email: len(labels) for email, labels in sorted(answers.sound.items())},
        pictures=sum(not name.endswith((".json", ".jsonl")) for name in files),
        pictures_absent=absent,
        replaced=sorted(folder.replaced),
        withdrawn=_withdrawn(folder, before, files, work, answers),
        files=files,
        honeypots=score_honeypots(pots, tried),
        problems=problems_of([*answers.broken, *tried.broken]),
        **_work_fields(work, answers),
        **_attention(everything),
    )
    folder.end()
    write_json(out / RECORD, record.model_dump(mode="json"), indent=2)
    return record


def _work_fields(work: Work, answers: Answers) -> dict[str, Any]:
    """Return the fields of the record about the hands to be labelled."""
    return {
        "tasks": work.n_tasks,
        "labelled": len(answers.labelled),
        "unusable": answers.reasons,
        "doubles": [
            Double(hand_id=hand_id, annotators=people) for hand_id, people in comparable(work, answers).items()
        ],
    }


def _attention(work: Work) -> dict[str, Any]:
    """Return the fields of the record about tasks of any kind that may need attention."""
    return {
        "returned": work.returned,
        "skipped": work.skipped,
        "drafts": work.drafts,
        "changed_by_others": [
            f"{one.hand_id} ({one.annotator}, then {one.changed_by})" for one in work.annotations if one.changed_by
        ],
        "superseded": work.superseded,
        "doubled": work.doubled,
        "foreign": work.foreign,
    }


def read_record(path: Path) -> PullRecord:
    """Read the record of a pull.

    Raises:
        InputError: If it is missing or invalid.
    """
    return read_model(PullRecord, path, "the record of a pull")


@dataclass(frozen=True)
class _Before:
    """What earlier pulls left in the folder.

    Attributes:
        files: Files of labels that counted then, and of a pull that was interrupted.
        emails: Folder of an annotator -> email.
        withdrawn: Labels that did not count any more.
    """

    files: list[str]
    emails: dict[str, str]
    withdrawn: list[Withdrawn]


def _earlier(out: Path, project: Project) -> _Before:
    """Return what earlier pulls of a project left.

    Raises:
        InputError: If the folder contains something else.
    """
    record = read_record(out / RECORD) if (out / RECORD).is_file() else None
    plan = unfinished(out)
    if not (record or plan) and any(not entry.name.endswith(".lock") for entry in out.iterdir()):
        raise InputError(f"{out} contains something other than an earlier pull; use another --out")
    owners = {*([record.identity] if record else []), *([plan.project] if plan else [])}
    if owners - {project.identity}:
        name = f"{record.project!r} on {record.url}" if record else "whose pull was interrupted"
        raise InputError(f"{out} contains labels of another project, {name}; use another --out")
    files = {*(record.files if record else ()), *(plan.files if plan else ())}
    emails = {annotator_folder(email): email for email in (record.labels if record else ())}
    return _Before(sorted(files), emails, record.withdrawn if record else [])


def _withdrawn(
    folder: KeepingFolder, before: _Before, files: Sequence[str], work: Work, answers: Answers
) -> list[Withdrawn]:
    """Return the labels that once counted and do not any more."""
    now = {(email, annotation.hand_id) for email, found in answers.sound.items() for annotation, _ in found}
    listed = {(label.annotator, label.hand_id): label for label in before.withdrawn}
    for name in sorted({*before.files} - {*files}):
        person, hand_id = Path(name).parts[0], Path(name).stem
        if name.endswith(".json") and (kept := folder.kept(name)):
            email = before.emails.get(person, person)
            reason = _reason(email, hand_id, work, answers)
            listed[email, hand_id] = Withdrawn(
                hand_id=hand_id, annotator=email, reason=reason, since=folder.time, kept=kept
            )
    return [label for key, label in sorted(listed.items()) if key not in now]


def _reason(email: str, hand_id: str, work: Work, answers: Answers) -> str:
    """Return why a label no longer counts."""
    if hand_id not in work.tasks:
        return "its task was deleted, or its data changed"
    if hand_id in (reasons := answers.reasons.get(email, {})):
        return f"marked unusable: {reasons[hand_id] or 'no reason given'}"
    for one in answers.broken:
        if (one.annotation.hand_id, one.annotation.annotator) == (hand_id, email):
            return f"no longer complete: {one}"
    if hand_id in work.returned.get(email, ()):
        return "sent back to its author"
    return "skipped" if hand_id in work.skipped.get(email, ()) else "deleted"


def _label_files(work: Work, answers: Answers) -> dict[str, Label]:
    """Return file -> sound label."""
    return {
        f"{annotator_folder(email)}/{Path(work.tasks[annotation.hand_id].folder).name}/{annotation.hand_id}.json": (
            annotation,
            answer,
        )
        for email, found in answers.sound.items()
        for annotation, answer in found
    }


def _write_notes(folder: KeepingFolder, answers: Answers, tasks: Mapping[str, HandTask]) -> None:
    for email in sorted({*answers.sound, *answers.unusable}):
        both = [*answers.sound.get(email, []), *answers.unusable.get(email, [])]
        notes = [_note(annotation, answer, tasks) for annotation, answer in both]
        _write_lines(folder, f"{annotator_folder(email)}/{NOTES}", notes)


def _write_honeypots(folder: KeepingFolder, tried: Answers) -> None:
    if lines := honeypot_lines(tried):
        _write_lines(folder, HONEYPOTS, lines)


def _write_lines(folder: KeepingFolder, name: str, values: Iterable[Any]) -> None:
    content = "".join(f"{json.dumps(value)}\n" for value in values).encode()
    folder.put(name, content, lost=partial(_lost_lines, now=content))


def _note(annotation: Annotation, answer: Answer, tasks: Mapping[str, HandTask]) -> dict[str, Any]:
    kept = {name: value for name, value in vars(annotation).items() if name not in ("result", "annotator")}
    details = {"usable": answer.usable, "comment": answer.comment, "moved": answer.moved, "restated": answer.restated}
    return {**kept, **details, "double": tasks[annotation.hand_id].double is not None}


def _lost_lines(before: bytes, now: bytes) -> bytes:
    known = {*now.splitlines()}
    return b"".join(line + b"\n" for line in before.splitlines() if line not in known)


def _lost_tasks(before: bytes, now: bytes) -> bytes:
    """Return the tasks of an earlier export with annotations that a later one lacks, "" if there are none."""

    def annotations(row: Mapping[str, Any]) -> set[tuple[Any, Any]]:
        return {(one["id"], one.get("updated_at")) for one in row.get("annotations") or []}

    known = {key for row in json.loads(now) for key in annotations(row)}
    try:
        lost = [row for row in read_export(RAW, before) if annotations(row) - known]
    except HintError:  # somebody changed the file
        return before
    return json_bytes(lost) if lost else b""
