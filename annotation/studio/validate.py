"""Check hands before they are pushed; the server itself accepts anything."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
