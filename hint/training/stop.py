"""Ctrl-C and SIGTERM during training: finish the step, so that the state can be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether the training was asked to stop."""

    asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; a second one ends the program at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Handle signals while the block runs."""
    stop, numbers = Stop(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop.ask) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
