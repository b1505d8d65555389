"""Check tasks before they are pushed; the server itself accepts anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from annotation.studio.client import StudioError
from annotation.studio.config import label_config
from annotation.studio.task import HandTask, results
from hint.errors import InputError, some_ids

_FILE_NAME = re.compile(r"[\w-][\w.-]*")


def require_file_names(hand_ids: Iterable[str]) -> None:
    """Refuse ids that cannot be file names.

    Raises:
        InputError: If there are any.
    """
    wrong = [hand_id for hand_id in hand_ids if not _FILE_NAME.fullmatch(hand_id)]
    if wrong:
        raise InputError(f"{len(wrong)} hand ids cannot be file names: {some_ids(wrong)}")


def validate_tasks(tasks: Mapping[str, HandTask]) -> None:
    """Check tasks and predictions against the labelling configuration.

    The SDK checks one result of every kind; all coordinates are checked here.

    Raises:
        StudioError: If something does not fit.
    """
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(label_config())
    interface.validate()
    kinds: dict[tuple[str, str, str], Any] = {}
    for hand_id, task in tasks.items():
        for one in results(task):
            value = one["value"]
            if not (0 <= value["x"] <= 100 and 0 <= value["y"] <= 100):
                raise StudioError(f"{hand_id}: a predicted point is outside the shown picture: {value}")
            kinds[one["id"], one["from_name"], str(value[one["type"]])] = one
    problems = interface.validate_prediction({"model_version": "x", "result": list(kinds.values())}, return_errors=True)
    if problems:
        raise StudioError(f"predictions do not match the labelling configuration: {problems[0][:200]}")
