"""Records on disk, with the error table and the predictions beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.error_table import ErrorTable, read_error_table
from benchmark.mesh.error_table import FORMAT as MESH_FORMAT
from benchmark.mesh.error_table import MeshErrors, read_mesh_errors
from benchmark.pck import pck_sums, select
from benchmark.record import Record, read_record
from hint.errors import InputError, some_ids
from hint.files import read_npz
from leaderboard.names import page_names, table_names

RECORD, ERRORS, PREDICTIONS = "record.json", "errors.npz", "predictions.npz"

#: How much a score of the record may differ from that of the table beside it, in percent.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Entry:
    """One record of the leaderboard.

    Attributes:
        slug: Unique name in addresses of pages.
        name: Unique name in tables.
        record: What was scored.
        path: File of the record.
        errors: The table its scores follow from, None if it is absent, does not match, or is of a 3D protocol.
        problem: Why there is no table, "" if there is one.
        mesh_errors: The table of a 3D protocol, None if it is absent or does not match.
    """

    slug: str
    name: str
    record: Record
    path: Path
    errors: ErrorTable | None
    problem: str = ""
    mesh_errors: MeshErrors | None = None

    @property
    def predictions(self) -> Path | None:
        """File of the predictions, None if there is none."""
        path = self.path.with_name(PREDICTIONS)
        return path if path.is_file() else None


def read_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read records.

    Args:
        paths: Record files, folders of one, or folders that hold such folders.

    Raises:
        InputError: If a path holds no record, or something there cannot be read.
    """
    files = list(dict.fromkeys(file.resolve() for path in paths for file in _find(path)))
    if not files:
        raise InputError("no records; give record.json files or folders of results such as hint-results")
    records = [read_record(file) for file in files]
    names, slugs = table_names(files, records), page_names(records)
    return [
        Entry(slug, name, record, file, *_errors(file, record))
        for slug, name, record, file in zip(slugs, names, records, files, strict=True)
    ]


def _find(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    found = [path / RECORD] if (path / RECORD).is_file() else sorted(path.glob(f"*/{RECORD}"))
    if not found:
        raise InputError(f"neither {path} nor its folders contain a {RECORD}; hint eval writes them")
    yield from found


def _errors(file: Path, record: Record) -> tuple[ErrorTable | None, str, MeshErrors | None]:
    path = file.with_name(ERRORS)
    if not path.is_file():
        return None, f"there is no {ERRORS} beside the record", None
    if str(read_npz(path, ["format"])["format"]) == MESH_FORMAT:
        mesh = read_mesh_errors(path)
        problem = _differs_in_3d(mesh, record)
        return None, problem, None if problem else mesh
    table = read_error_table(path)
    problem = _differs(table, record)
    return None if problem else table, problem, None


def _differs_in_3d(table: MeshErrors, record: Record) -> str:
    """Return why a table of a 3D protocol does not match the record, "" if it does."""
    values = {name: float(column.mean()) for name, column in table.values.items()}
    known = [np.isclose(values.get(s.metric, np.nan), s.value, rtol=_SAME, atol=_SAME) for s in record.scores]
    return "" if all(known) else f"the {ERRORS} beside the record gives other scores"


def _differs(table: ErrorTable, record: Record) -> str:
    """Return why a table does not match the record, "" if it does."""
    absent = [entry.name for entry in record.data if entry.name not in table.subsets]
    if absent:
        return f"the {ERRORS} beside the record lacks {some_ids(absent)}"
    for score in record.scores:
        if score.metric == "pck" and score.threshold is not None:
            sums = pck_sums(select(table, score.subset, score.visibility), score.threshold)
            if not np.isclose(sums.value(), score.value, rtol=0, atol=_SAME):
                return f"the {ERRORS} beside the record gives other scores"
    return ""
