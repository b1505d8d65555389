"""What commands that keep their work say on Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hint.cli.console import remark


@contextmanager
def resumable(out: Path | str) -> Iterator[None]:
    """Name the place of finished results if Ctrl-C interrupts work that the same command can continue."""
    try:
        yield
    except KeyboardInterrupt:
        remark(f"hint: interrupted; finished results are in {out}, the same command continues from there")
        raise
