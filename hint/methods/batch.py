"""How many hands a method is given at a time: what the user says, else what suits the method where it computes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from hint.types import Method

#: Hands at a time where nobody says how many: enough for a CPU.
USUAL = 16


@runtime_checkable
class BatchedMethod(Protocol):
    """A method that knows how many hands it should be given."""

    def find_batch_size(self) -> int | None:
        """Return how many hands to infer together, maybe by trying; None where the usual number will do, on a CPU."""
        ...


def find_batch_size(method: Method) -> int | None:
    """Ask a method how many hands it should be given; None for one that does not say."""
    return method.find_batch_size() if isinstance(method, BatchedMethod) else None


class BatchSize:
    """How many hands go through a network together.

    Args:
        method: The method.
        asked: What the user asks for, None to ask the method.

    Attributes:
        known: Most hands of a batch, as far as that is known.
    """

    def __init__(self, method: Method, asked: int | None) -> None:
        self._method: Method | None = None if asked else method
        self.known = asked or USUAL

    def of(self, waiting: int) -> int:
        """Return the most hands of a batch where so many wait.

        A method is asked once, and not before the usual number wait: to find out costs a GPU a batch.
        """
        if self._method is not None and waiting >= USUAL:
            self.known = find_batch_size(self._method) or USUAL
            self._method = None
        return self.known
