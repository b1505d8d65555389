"""Send labels back to their authors.

The open edition of Label Studio has no reviews. What it has is a queue of skipped tasks: with the project's setting
REQUEUE_FOR_ME, a task whose annotation counts as skipped is offered to the author of that annotation again, at the end
of that person's *Label All Tasks*, and to nobody else. The labelling page then starts from the task's prediction. So a
label that goes back becomes a skipped one, and the prediction is replaced by the author's own points, with the reason
as a comment; unless somebody else will see the task, who must not start from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from annotation.studio.answer import RETURNED, own_comments
from annotation.studio.answers import NO_SIDE, Broken, sort_answers
from annotation.studio.client import Studio
from annotation.studio.config import COMMENT, IMAGE
from annotation.studio.project import require_project
from annotation.studio.status import BrokenLabel, broken_label
from annotation.studio.work import Work, fetch_work
from hint.errors import InputError, counted, some_ids

#: The setting with which skipped tasks go to those who skipped them.
_QUEUE = "REQUEUE_FOR_ME"


@dataclass
class GivenBack:
    """What was sent back.

    Attributes:
        labels: The labels, with their authors and problems.
        anew: Hands whose authors start from the initial points, because other people will see the task.
        changed: Hands whose label was changed meanwhile; they were left alone.
        before: Chosen hands that were sent back before, such as by a run that was interrupted.
    """

    labels: list[BrokenLabel] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)


def give_back(
    studio: Studio,
    title: str,
    *,
    hands: Collection[str] = (),
    annotator: str | None = None,
    comment: str = "",
    dry_run: bool = False,
    patience: float = 120.0,
    on_note: Callable[[str], None] = lambda _line: None,
) -> GivenBack:
    """Send labels that cannot be used, or the chosen ones, back to their authors.

    Args:
        studio: The server.
        title: Title of the project.
        hands: Hands whose labels go back, whether they can be used or not; none: all labels that cannot be used.
        annotator: Only labels of this person.
        comment: What the authors should do; needed for labels without a problem.
        dry_run: Change nothing.
        patience: Seconds the server may be away.
        on_note: Called with messages for the user.

    Raises:
        InputError: If there is no such project, hand or label, or the reason is missing.
        UnreachableError: If the server is not up at the start, or away for longer than ``patience``.
    """
    studio.wait_until_up(patience, on_note)
    project = int(studio.retry(lambda: require_project(studio, title), patience, on_note).id)
    work = studio.retry(lambda: fetch_work(studio, project), patience, on_note)[1]
    chosen = _chosen(work, hands, annotator, comment)
    page, done = f"{studio.url}/projects/{project}", GivenBack(before=_sent_back(work, hands, annotator))
    if dry_run or not chosen:
        return replace(done, labels=[broken_label(one, page) for one in chosen])
    studio.retry(lambda: studio.change_project(project, skip_queue=_QUEUE), patience, on_note)
    for one in chosen:
        reason = ". ".join(filter(None, (str(one), comment)))
        outcome = studio.retry(partial(_send, studio, one, reason), patience, on_note)
        hand_id = one.annotation.hand_id
        {"changed": done.changed, "anew": done.anew}.get(outcome, []).append(hand_id)
        if outcome != "changed":
            done.labels.append(broken_label(one, page))
    return done


def _chosen(work: Work, hands: Collection[str], annotator: str | None, comment: str) -> list[Broken]:
    """Return the labels that go back."""
    broken = {one.annotation.id: one for one in sort_answers(work).broken if [*one.problems] != [NO_SIDE]}
    mine = [one for one in work.annotations if annotator in (None, one.annotator)]
    if annotator and not mine and annotator not in work.returned:
        raise InputError(f"no labels by {annotator!r}; there are some by: {', '.join(work.annotators) or 'nobody'}")
    if not hands:
        return [broken[one.id] for one in mine if one.id in broken]
    absent = sorted({*hands} - {one.hand_id for one in mine} - {*_sent_back(work, hands, annotator)})
    if absent:
        raise InputError(f"no label by {annotator or 'anybody'} for {counted(len(absent), 'hand')}: {some_ids(absent)}")
    chosen = [broken.get(one.id, Broken(one, {})) for one in mine if one.hand_id in hands]
    if not comment and (sound := sorted(one.annotation.hand_id for one in chosen if not one.problems)):
        raise InputError(f"labels without a problem need --comment TEXT, so that authors know why: {some_ids(sound)}")
    return chosen


def _sent_back(work: Work, hands: Collection[str], annotator: str | None) -> list[str]:
    """Return those of some hands that were sent back before, and not labelled since."""
    back = [ids for who, ids in work.returned.items() if annotator in (None, who)]
    return sorted({hand_id for ids in back for hand_id in ids} & {*hands})


def _send(studio: Studio, one: Broken, reason: str) -> str:
    """Send a label back; may be repeated.

    Returns:
        "changed" if it was changed since it was read and left alone, "anew" if its author starts from the initial
        points, else "".
    """
    label = one.annotation
    task = studio.task(label.task)
    now = {int(other["id"]): other for other in task["annotations"]}
    if label.id not in now or str(now[label.id]["updated_at"]) != label.updated:
        return "changed"
    result = with_reason(label.result, reason)
    author = _person(now[label.id])
    others = {_person(other) for other in now.values() if not other["was_cancelled"]} - {author}
    alone = int(task["overlap"]) - 1 <= len(others)
    predictions = task["predictions"] if alone else []
    for prediction in predictions:
        studio.change_prediction(int(prediction["id"]), result)
    studio.cancel_annotation(label.id, result)
    return "" if predictions else "anew"


def _person(annotation: Mapping[str, Any]) -> Any:
    author = annotation["completed_by"]
    return author["id"] if isinstance(author, Mapping) else author


def with_reason(result: Sequence[Mapping[str, Any]], reason: str) -> list[Mapping[str, Any]]:
    """Return the results of a label with a reason before its author's own comments."""
    texts = [f"{RETURNED} {reason}", *own_comments(result)]
    spoken = {"id": "returned", "from_name": COMMENT, "to_name": IMAGE, "type": "textarea", "value": {"text": texts}}
    return [*(one for one in result if one.get("from_name") != COMMENT), spoken]
