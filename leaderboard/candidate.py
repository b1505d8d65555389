"""One record with the files beside it, read within bounds: what is declared, the error table, and all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import ValidationError

from benchmark.card import is_shown_as_it_is
from benchmark.error_table import ErrorTable, read_error_table
from benchmark.ground_truth import contents_of, released
from benchmark.mesh.error_table import FORMAT as MESH_FORMAT
from benchmark.mesh.error_table import MeshErrors, check_values, read_mesh_errors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.table import FORMAT as OKS_FORMAT
from benchmark.oks.table import OksTable, read_oks_table
from benchmark.record import Record
from benchmark.results import ERRORS
from benchmark.rules import Rules
from benchmark.scores import Scores
from hint.errors import InputError, printable, problems_in
from hint.files import read_npz
from leaderboard.bounds import LARGEST_ARRAYS, MOST_CLIPS, MOST_HANDS, check_file, read_bounded_json
from leaderboard.computed import NO_SCORES, Table, compute_scores, contradictions, declared_record
from leaderboard.declared import declared_problems
from leaderboard.oks import other_labels, rules_of

#: Problems of one kind that are named, and characters of each.
_MOST, _LONGEST = 20, 400

_LONGEST_ID = 200

#: Px: single precision, in which predictions are stored, ends here; no picture has such a box.
_FARTHEST, _LARGEST_BOX = 1e39, 1e7

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a candidate.

    Attributes:
        file: Name of the file, with its folder, never where that is on somebody's machine.
        text: What is wrong, one line.
    """

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A record, and what was found out about it.

    Attributes:
        path: File of the record.
        record: What is declared, without any number that can be computed; None if the file is no record.
        table: Error table, None if there is none or it cannot be used.
        rules: Of its protocol, None if they are not known.
        scores: Numbers computed from it, without intervals.
        problems: Everything that is wrong; a candidate with a problem is refused.
        why_no_table: Why there is no table, "" if there is one.
        verified: Whether the table was computed again from predictions and labels, bit for bit.
        why_not_verified: Why it could not be, "" if it was or nobody tried.
    """

    path: Path
    record: Record | None
    table: Table | None = None
    rules: Rules | None = None
    scores: Scores = NO_SCORES
    problems: tuple[Problem, ...] = ()
    why_no_table: str = ""
    verified: bool = False
    why_not_verified: str = ""


@dataclass
class Problems:
    """Collects problems of the files in a folder."""

    folder: str
    found: list[Problem] = field(default_factory=list)

    def add(self, file: str, text: str) -> None:
        """Add one, in one short line."""
        line = printable(" ".join(text.split()))
        short = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
        self.found.append(Problem(printable(f"{self.folder}/{file}"), short))

    def add_all(self, file: str, texts: Sequence[str]) -> None:
        """Add several, the first of them if they are many."""
        for text in texts[:_MOST]:
            self.add(file, text)
        if len(texts) > _MOST:
            self.add(file, f"{len(texts) - _MOST:,} more problems")

    def tried(self, path: Path, read: Callable[[Path], T]) -> T | None:
        """Read a file, or add why it cannot be read."""
        try:
            return read(path)
        except InputError as error:
            text = str(error)
            for start in (f"{path}: ", f"{path} "):
                text = text.removeprefix(start)
            self.add(path.name, text.replace(str(path), path.name))
        except Exception as error:  # whatever a hostile file does, the others must still be shown
            self.add(path.name, f"cannot be read: {type(error).__name__}")
        return None


def read_candidate(path: Path, protocols: Mapping[str, Rules]) -> Candidate:
    """Read a record and what lies beside it; whatever is wrong is in the result, never an error.

    Args:
        path: File of the record.
        protocols: sha256 -> rules.
    """
    problems = Problems(path.parent.name)
    claimed = problems.tried(path, _read_record)
    if claimed is None:
        return Candidate(path, None, problems=tuple(problems.found))
    problems.add_all(path.name, list(declared_problems(claimed)))
    errors = path.with_name(ERRORS)
    table = problems.tried(errors, _read_table) if errors.exists() else None
    rules = rules_of(claimed, table, protocols)
    scores = NO_SCORES
    if table is not None:
        found = problems.tried(errors, lambda _: _scored(claimed, table, rules))
        scores, texts = found or (NO_SCORES, [])
        problems.add_all(ERRORS, texts)
    record = declared_record(claimed, table, rules)
    absent = "" if errors.exists() else f"there is no {ERRORS} beside the record"
    return Candidate(path, record, table, rules, scores, tuple(problems.found), absent)


def _read_record(path: Path) -> Record:
    try:
        return Record.model_validate(read_bounded_json(path))
    except ValidationError as error:
        found = problems_in(error)
        several = f" ({len(found)} in all)" if len(found) > 1 else ""
        raise InputError(f"not a record of this version: {found[0]}{several}") from error


def _read_table(path: Path) -> Table:
    check_file(path)
    kind = str(read_npz(path, ["format"], LARGEST_ARRAYS)["format"])
    readers: dict[str, Callable[[Path, int], Table]] = {MESH_FORMAT: read_mesh_errors, OKS_FORMAT: read_oks_table}
    table = readers.get(kind, read_error_table)(path, LARGEST_ARRAYS)
    if len(table.hand_id) > MOST_HANDS:
        raise InputError(f"{len(table.hand_id):,} hands, more than the {MOST_HANDS:,} that a board can rank")
    if (clips := len(np.unique(table.clip_id))) > MOST_CLIPS:
        raise InputError(f"hands of {clips:,} clips, more than the {MOST_CLIPS:,} that a board can rank")
    if isinstance(table, ErrorTable):
        finite = table.distance_px[np.isfinite(table.distance_px)]
        if (finite > _FARTHEST).any() or (table.box_side > _LARGEST_BOX).any():
            raise InputError(f"a distance of over {_FARTHEST:g} px, or a box of over {_LARGEST_BOX:g} px")
    for names in (table.hand_id, table.clip_id):
        for name in names.tolist():
            if len(name) > _LONGEST_ID or not is_shown_as_it_is(name):
                raise InputError(f"an id is longer than {_LONGEST_ID} characters, or holds some that cannot be seen")
    return table


def _scored(claimed: Record, table: Table, rules: Rules | None) -> tuple[Scores, list[str]]:
    """Compute everything from a table, and say where the record contradicts it."""
    if rules is not None and _kind(table) != _kind(rules):
        raise InputError(f"is not the error table of a run under {claimed.protocol.id}")
    if isinstance(table, MeshErrors) and isinstance(rules, MeshProtocol):
        check_values(table, rules)
    scores = compute_scores(table, rules)
    return scores, [*contradictions(claimed, table, scores), *_other_labels(claimed, table)]


def _kind(thing: object) -> int:
    """Tell kinds of tables and of protocols apart: in 3D, of OKS, of keypoints."""
    kinds = (MeshErrors | MeshProtocol, OksTable | OksProtocol)
    return next((k for k, kind in enumerate(kinds) if isinstance(thing, kind)), len(kinds))


def _other_labels(claimed: Record, table: Table) -> Iterator[str]:
    """Yield where the table cannot be of the labels that the record names, as far as that can be told."""
    if isinstance(table, OksTable):
        yield from other_labels(claimed, table)
        return
    for part in claimed.data:
        if not isinstance(table, ErrorTable) or part.name not in table.subsets:
            continue
        named = [truth for truth in released().get(part.name, ()) if truth.labels_sha256 == part.labels_sha256]
        for truth in named:
            found = contents_of(table, part.name)
            if truth.contents is not None and (other := truth.contents.differences(found)):
                yield f"{part.name}: {', '.join(other)} are not those of the released labels that the record names"
