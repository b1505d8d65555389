"""What commands that keep their work say on Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hint.cli.console import remark


@contextmanager
def resumable(kept: str = "") -> Iterator[None]:
    """On Ctrl-C say that the same command continues, then let the interrupt through.

    Args:
        kept: What was kept, and where.
    """
    try:
        yield
    except KeyboardInterrupt:
        remark(f"hint: interrupted; {f'{kept}, ' if kept else ''}run the same command to continue")
        raise
