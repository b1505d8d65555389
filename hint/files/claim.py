"""One run at a time writes to a place, and starts without what killed runs left there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hint.errors import InputError, WriteError
from hint.files.atomic import remove_abandoned
from hint.files.path import require_local
from hint.lock import file_lock


@contextmanager
def claimed(out: Path, name: str = "hint") -> Iterator[None]:
    """Keep other runs away from results while they are written; two runs would replace each other's rows.

    Args:
        out: Folder of the results; folders that had to be made, and to which nothing was written, are removed again.
        name: What is claimed there: a file, or the folder as a whole.

    Raises:
        InputError: If another run is writing there, or it is a URL.
        WriteError: If the folder cannot be written to.
    """
    require_local(out)
    place = out if name == "hint" else out / name
    otherwise = InputError(f"another run is writing to {place}; wait until it has ended, or give another --out")
    made, lock = [folder for folder in (out, *out.parents) if not folder.exists()], out / f".{name}.lock"
    try:
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(lock, otherwise, keep=False))
            except OSError as error:
                raise WriteError(f"cannot write to {out}: {error.strerror or error}") from error
            remove_abandoned(out)
            yield
    finally:
        with suppress(OSError):  # it holds results
            for folder in made:
                folder.rmdir()
