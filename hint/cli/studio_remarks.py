"""What of the work of annotators needs attention, said after a command of ``hint studio``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hint.cli.console import remark
from hint.errors import counted, some_ids

if TYPE_CHECKING:
    from annotation.studio.pull import PullRecord


def remark_pull(record: PullRecord) -> None:
    """Print what of a pull needs attention."""
    for kind, ids in record.problems.items():
        remark(f"left out {len(ids)}: {kind}: {some_ids(ids)}", style="yellow")
    lists = {
        "label": ("changed by someone other than the author", record.changed_by_others),
        "hand": ("with several tasks", record.doubled),
        "task": ("not pushed by hint, or changed since", record.foreign),
    }
    for thing, (what, ids) in lists.items():
        if ids:
            remark(f"{counted(len(ids), thing)} {what}: {some_ids(ids)}", style="yellow")
    if record.honeypots.hands:
        honeypots = counted(len(record.honeypots.hands), "honeypot")
        remark(f"{honeypots} not among the labels; honeypots.jsonl keeps what was said")
    remark_unusable(record.unusable)
    by_person = {"returned": record.returned, "skipped": record.skipped, "drafts": record.drafts}
    for text, people in by_person.items():
        for email, ids in people.items():
            remark(f"{text} by {email}: {len(ids)}: {some_ids(ids)}")
    if record.pictures_absent:
        absent = counted(len(record.pictures_absent), "hand")
        remark(f"{absent} without a picture (pass --manifest FILE to add it): {some_ids(record.pictures_absent)}")
    _remark_kept(record)


def _remark_kept(record: PullRecord) -> None:
    """Tell what became of labels of earlier pulls."""
    if record.replaced:
        remark(
            f"{counted(len(record.replaced), 'file')} changed since the last pull; what was there is in "
            f"earlier/{record.time}: {some_ids(record.replaced)}"
        )
    if now := record.withdrawn_now:
        ids = [f"{label.hand_id} ({label.annotator}: {label.reason})" for label in now]
        remark(
            f"{counted(len(now), 'label')} pulled earlier and withdrawn since; kept in earlier/{record.time}, not "
            f"exported: {some_ids(ids)}",
            style="yellow",
        )
    if before := len(record.withdrawn) - len(now):
        remark(f"{counted(before, 'label')} withdrawn before; pull.json says where each is kept")


def remark_unusable(unusable: Mapping[str, Mapping[str, str]]) -> None:
    """Tell who found which hands unusable, and why."""
    for email, reasons in unusable.items():
        ids = [f"{hand_id} ({reason or 'no reason given'})" for hand_id, reason in reasons.items()]
        remark(f"unusable by {email}: {len(ids)}: {some_ids(ids)}")
