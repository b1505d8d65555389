"""Rows of Parquet, a file or a folder of files, as the objects that lines of JSON would hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import SEEK_END
from pathlib import Path
from typing import Any

from hint.errors import InputError, MissingRequirementError, first_line
from hint.files.path import require_regular
from hint.files.storage import is_folder, names_in, opened, without_query
from hint.requirements import pip_command

#: Ending of the files.
SUFFIX = ".parquet"
#: Rows that are objects at a time.
_AT_ONCE = 4096


def load_arrow() -> Any:
    """Return pyarrow.

    Raises:
        MissingRequirementError: If it is not installed.
    """
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise MissingRequirementError(f"Parquet needs pyarrow: {pip_command('pandas')}") from error
    return pyarrow


def parquet_files(path: Path) -> list[Path]:
    """Return the Parquet files that a path means, in order of their names: itself, or those in the folder; maybe none.

    Raises:
        InputError: If the folder cannot be read.
    """
    if is_folder(path):
        return [path / name for name in names_in(path) if name.lower().endswith(SUFFIX)]
    return [path] if without_query(path).suffix.lower() == SUFFIX else []


def is_parquet(path: Path) -> bool:
    """Tell whether a path means Parquet: a file called so, or a folder of such files alone or with others."""
    return bool(parquet_files(path))


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file or of the files in a folder; not all of a local file is in memory at a time.

    Raises:
        InputError: If there is no such file, or it is no Parquet.
        MissingRequirementError: If pyarrow is not installed.
    """
    for file in parquet_files(path):
        yield from _rows(file)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with opened_parquet(path) as file:
        for batch in file.iter_batches(_AT_ONCE):
            yield from batch.to_pylist()


@contextmanager
def opened_parquet(path: Path) -> Iterator[Any]:
    """Open a file as ``pyarrow.parquet.ParquetFile``.

    A row takes a byte at least, or a small file could fill the memory by repeating one.

    Raises:
        InputError: If there is no such file, it is no Parquet, whenever that is found, or holds more rows than bytes.
        MissingRequirementError: If pyarrow is not installed.
    """
    arrow = load_arrow()
    from pyarrow import parquet

    require_regular(path)
    with opened(path, whole=True) as stream:
        try:
            file = parquet.ParquetFile(stream)
            size, groups = stream.seek(0, SEEK_END), map(file.metadata.row_group, range(file.num_row_groups))
            if (rows := sum(group.num_rows for group in groups)) > size:
                raise InputError(f"{path} is not readable as Parquet: {rows:,} rows in {size:,} bytes")
            yield file
        except (OSError, ValueError, RecursionError, arrow.ArrowException) as error:
            raise InputError(f"{path} is not readable as Parquet: {first_line(error)}") from error
