"""Decode pictures completely, to find damage behind an intact header and end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from annotation.prepare.findings import Fault
from hint.errors import InputError
from hint.images import read_image
from hint.progress import progress
from hint.workers import in_processes

#: Pictures a process decodes before it reports.
_BATCH = 32
#: Bytes of its messages that are kept.
_LONGEST = 200


def check_decoding(root: Path, names: Sequence[str], workers: int | None = None) -> Iterator[Fault]:
    """Yield pictures that cannot be decoded, or whose decoder complains.

    A JPEG has no checksum: damage that still decodes is only found by comparing files.

    Args:
        root: What the names are relative to.
        names: Pictures.
        workers: Processes, by default one per core.
    """
    batches = [tuple(names[k : k + _BATCH]) for k in range(0, len(names), _BATCH)]
    with (
        progress("decoding pictures", len(names)) as advance,
        closing(in_processes(partial(_complaints, root), batches, workers)) as results,
    ):
        for batch, complaints in results:
            advance(len(batch))
            for name, complaint in zip(batch, complaints, strict=True):
                if complaint:
                    yield Fault("damaged picture", name.partition("/")[0], name, complaint)


def _complaints(root: Path, names: Sequence[str]) -> list[str]:
    """Return what is wrong with each picture, "" for nothing; called in a process of its own."""
    with tempfile.TemporaryFile() as captured, _stderr_to(captured.fileno()):
        return [_complaint(root / name, captured.fileno()) for name in names]


def _complaint(path: Path, messages: int) -> str:
    """Return why a picture cannot be decoded, or what the decoder wrote to the file: libjpeg has no other way."""
    before = os.fstat(messages).st_size
    try:
        read_image(path)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    return os.pread(messages, _LONGEST, before).decode(errors="replace").strip()


@contextmanager
def _stderr_to(file: int) -> Iterator[None]:
    """Let the libraries of this process write to a file instead of stderr."""
    real = os.dup(2)
    os.dup2(file, 2)
    try:
        yield
    finally:
        os.dup2(real, 2)
        os.close(real)
