"""Fetch the labels of a project: the server's JSON, and the HInt pairs of every annotator with their pictures.

OUT/raw.json                                  the complete export of the server
OUT/<annotator>/<FOLDER>/<hand_id>.json .jpg  labels of one person, a HInt root
OUT/<annotator>/annotations.jsonl             times, comments, moved points
OUT/honeypots.jsonl                           labels of tasks with known answers
OUT/pull.json                                 origin, time, counts, problems
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.answers import Answers, comparable, labels_of, problems_of, sort_answers
from annotation.studio.client import Studio
from annotation.studio.config import require_same_meaning
from annotation.studio.project import require_project
from annotation.studio.pushed import pushed_manifests
from annotation.studio.scores import HoneypotScores, honeypot_lines, score_honeypots, split_honeypots
from annotation.studio.task import Answer, HandTask
from annotation.studio.work import Annotation, Work, fetch_work
from hint.errors import InputError
from hint.files import write_bytes, write_json, write_pairs
from hint.provenance import collect, sha256_file
from hint.workers import in_threads

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


class PullRecord(BaseModel):
    """Origin of the labels, counts and problems.

    Attributes:
        url: Address of the server.
        server: Its version.
        project: Title of the project.
        project_id: Its number.
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
        files: Files written, relative to the folder.
    """

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    url: str
    server: str
    project: str
    project_id: int
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
    files: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing needs attention."""
        return not (self.problems or self.changed_by_others or self.doubled or self.foreign)


def annotator_folder(email: str) -> str:
    """Return the folder name of an annotator."""
    return re.sub(r"[^\w.@+-]", "_", email).lstrip(".") or "_"


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
        Unreachable: If the server is not up at the start, or away for longer than ``patience``.
    """
    before = _earlier(out)
    version = studio.wait_until_up(patience, on_note)
    found = studio.retry(lambda: require_project(studio, project), patience, on_note)
    require_same_meaning(str(found.label_config), project)
    raw, everything = studio.retry(lambda: fetch_work(studio, int(found.id)), patience, on_note)
    write_bytes(out / RAW, raw)
    work, pots = split_honeypots(everything)
    answers, tried = sort_answers(work), sort_answers(pots)
    known = [*manifests, *pushed_manifests(studio.url, int(found.id))]
    files, pictures, absent = _write(out, work, answers, [path.parent for path in known])
    files += _write_honeypots(out, tried)
    record = PullRecord(
        url=studio.url,
        server=version,
        project=project,
        project_id=int(found.id),
        provenance=collect(["label-studio-sdk", "numpy"]),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        labels={email: len(labels) for email, labels in sorted(answers.sound.items())},
        pictures=pictures,
        pictures_absent=absent,
        files=sorted(files),
        honeypots=score_honeypots(pots, tried),
        problems=problems_of([*answers.broken, *tried.broken]),
        **_work_fields(work, answers),
        **_attention(everything),
    )
    for name in sorted(set(before) - set(files)):
        (out / name).unlink(missing_ok=True)
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
    try:
        return PullRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{path} is not the record of a pull") from error


def _earlier(out: Path) -> list[str]:
    """Return the files of an earlier pull; refuse a folder with other content."""
    if (out / RECORD).is_file():
        return read_record(out / RECORD).files
    if out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - {RAW}):
        raise InputError(f"{out} contains something other than an earlier pull; use another --out")
    return []


def _write(out: Path, work: Work, answers: Answers, bases: Sequence[Path]) -> tuple[list[str], int, list[str]]:
    """Write labels, pictures and notes; return file names, number of pictures, hands without a picture."""
    files: list[str] = []
    needed = sorted(answers.labelled)
    pictures = _find_pictures({hand_id: work.tasks[hand_id] for hand_id in needed}, bases)
    for email in sorted({*answers.sound, *answers.unusable}):
        found = answers.sound.get(email, [])
        files += _write_person(out, annotator_folder(email), found, work.tasks, pictures)
        both = [*found, *answers.unusable.get(email, [])]
        lines = [json.dumps(_note(annotation, answer, work.tasks)) for annotation, answer in both]
        write_bytes(out / annotator_folder(email) / NOTES, "".join(f"{line}\n" for line in lines).encode())
    absent = [hand_id for hand_id in needed if hand_id not in pictures]
    return files, sum(not name.endswith((".json", ".jsonl")) for name in files), absent


def _write_honeypots(out: Path, tried: Answers) -> list[str]:
    lines = [json.dumps(one) for one in honeypot_lines(tried)]
    if lines:
        write_bytes(out / HONEYPOTS, "".join(f"{line}\n" for line in lines).encode())
    return [HONEYPOTS] if lines else []


def _find_pictures(tasks: Mapping[str, HandTask], bases: Sequence[Path]) -> dict[str, Path]:
    """Return hand id -> the picture that was pushed, if it still exists unchanged."""

    def find(hand_id: str, _stop: Event) -> Path | None:
        task = tasks[hand_id]
        for base in bases:
            path = base / task.image
            if path.is_file() and sha256_file(path) == task.image_sha256:
                return path
        return None

    return {hand_id: path for hand_id, path in in_threads(find, tasks) if path is not None}


def _write_person(
    out: Path,
    name: str,
    found: Sequence[tuple[Annotation, Answer]],
    tasks: Mapping[str, HandTask],
    pictures: Mapping[str, Path],
) -> list[str]:
    by_folder: dict[str, list[tuple[Annotation, Answer]]] = defaultdict(list)
    for annotation, answer in found:
        by_folder[Path(tasks[annotation.hand_id].folder).name].append((annotation, answer))
    files = [f"{name}/{NOTES}"]
    for folder, part in by_folder.items():
        target = out / name / folder
        labels = labels_of(folder, part, tasks, _needed(target, part, tasks, pictures))
        write_pairs(target, labels)
        for annotation, _ in part:
            files.append(f"{name}/{folder}/{annotation.hand_id}.json")
            if picture := pictures.get(annotation.hand_id):
                files.append(f"{name}/{folder}/{annotation.hand_id}{picture.suffix}")
    return files


def _needed(
    target: Path,
    part: Sequence[tuple[Annotation, Answer]],
    tasks: Mapping[str, HandTask],
    pictures: Mapping[str, Path],
) -> dict[str, Path]:
    """Return the pictures that an earlier pull has not written yet."""

    def exists(hand_id: str) -> bool:
        path = target / f"{hand_id}{pictures[hand_id].suffix}"
        return path.is_file() and sha256_file(path) == tasks[hand_id].image_sha256

    ids = [annotation.hand_id for annotation, _ in part if annotation.hand_id in pictures]
    return {hand_id: pictures[hand_id] for hand_id in ids if not exists(hand_id)}


def _note(annotation: Annotation, answer: Answer, tasks: Mapping[str, HandTask]) -> dict[str, Any]:
    kept = asdict(annotation)
    del kept["result"], kept["annotator"]
    details = {"usable": answer.usable, "comment": answer.comment, "moved": answer.moved, "restated": answer.restated}
    return {**kept, **details, "double": tasks[annotation.hand_id].double is not None}
