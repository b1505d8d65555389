"""One of several parts of a run, for several machines that need not know of each other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hint.errors import InputError, shown


@dataclass(frozen=True)
class Shard:
    """A part of a run.

    Attributes:
        number: Number of the part, from 1.
        count: Number of parts.
    """

    number: int
    count: int

    @staticmethod
    def parse(text: object) -> Shard:
        """Read "2/8".

        Raises:
            InputError: If it is malformed, or no text.
        """
        if not isinstance(text, str):
            raise InputError(f'shard must be a text such as "2/8", not {shown(text)}')
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"--shard {text}: write number/count, such as 2/8, the number from 1 to the count")
        return Shard(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, things: range) -> range:
        """Return which of some things are this part's."""
        return things[(self.number - 1) * len(things) // self.count : self.number * len(things) // self.count]
