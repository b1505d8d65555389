"""The records of a board: what is declared, and the numbers that follow from the error table beside each.

A number that a record claims is compared with the error table when it is read, and then forgotten: what pages and
tables receive is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from benchmark.error_table import ErrorTable
from benchmark.ground_truth import Contents, contents_of
from benchmark.intervals import percentile_interval
from benchmark.mesh.error_table import MeshErrors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.table import OksTable
from benchmark.record import Record
from benchmark.results import PREDICTIONS, RECORD
from benchmark.rules import Rules
from benchmark.scores import Score, Scores
from hint.errors import InputError
from hint.methods.table import BUILT_IN
from hint.types import HandLabels
from leaderboard.cache import remembered_draws
from leaderboard.candidate import Candidate, Problem, read_candidate
from leaderboard.computed import NO_SCORES
from leaderboard.controls import looks_drawn
from leaderboard.draws import Draws, draw, draw_mesh
from leaderboard.names import page_names, table_names
from leaderboard.oks import draw_oks
from leaderboard.protocols import all_protocols
from leaderboard.verification import LabelledSubsets, compute_again, read_labels_of


@dataclass(frozen=True, eq=False)
class Entry:
    """One record of the leaderboard.

    Attributes:
        slug: Unique name in addresses of pages.
        name: Unique name in tables.
        declared: The record without any number that can be computed.
        path: File of the record.
        errors: The table its scores follow from, None if it is absent or of a 3D protocol.
        problem: Why there is no table, "" if there is one.
        mesh_errors: The table of a 3D protocol, None if it is absent.
        oks: The hands and detections of a protocol of OKS, None if they are absent.
        scores: Numbers computed from the table.
        rules: Of its protocol, None if they are not known.
        verified: Whether the table was computed again from predictions and labels.
        why_not_verified: Why it was not, "" if it was, or nobody tried.
    """

    slug: str
    name: str
    declared: Record
    path: Path
    errors: ErrorTable | None
    problem: str = ""
    mesh_errors: MeshErrors | None = None
    oks: OksTable | None = None
    scores: Scores = NO_SCORES
    rules: Rules | None = None
    verified: bool = False
    why_not_verified: str = ""
    _drawn: dict[tuple[str, str], Draws | None] = field(default_factory=dict, repr=False)

    @property
    def predictions(self) -> Path | None:
        """File of the predictions, None if there is none."""
        path = self.path.with_name(PREDICTIONS)
        return path if path.is_file() else None

    @property
    def is_own(self) -> bool:
        """Whether a method of the toolkit was run; given predictions are somebody's, whatever their name."""
        return self.declared.method.name in BUILT_IN and "predictions_sha256" not in self.declared.fingerprint

    @cached_property
    def looks_drawn(self) -> bool:
        """Whether errors are as even as noise that was drawn around the labels."""
        return looks_drawn(self.errors)

    @cached_property
    def record(self) -> Record:
        """What is declared, with numbers and intervals computed here."""
        numbers = {
            "scores": tuple(map(self._with_interval, self.scores.scores)),
            "per_joint": self.scores.per_joint,
            "curve": self.scores.curves,
            "empty_joints": self.scores.empty_joints,
        }
        return self.declared.model_copy(update=numbers)

    def draws(self, subset: str, visibility: str) -> Draws | None:
        """Draw the clips of a cell, once; None without an error table, rules or keypoints."""
        if (subset, visibility) not in self._drawn:
            self._drawn[subset, visibility] = self._draw(subset, visibility)
        return self._drawn[subset, visibility]

    def _draw(self, subset: str, visibility: str) -> Draws | None:
        if isinstance(self.rules, MeshProtocol):
            known = self.mesh_errors is not None and visibility == "all"
            return draw_mesh(self.mesh_errors, self.rules) if self.mesh_errors is not None and known else None
        if isinstance(self.rules, OksProtocol):
            return draw_oks(self.oks, subset, visibility, self.rules) if self.oks is not None else None
        if self.rules is None or self.errors is None or visibility not in self.rules.visibilities:
            return None
        table, rules = self.errors, self.rules
        if subset not in table.subsets:
            return None
        return remembered_draws(table, subset, visibility, rules, lambda: draw(table, subset, visibility, rules))

    def _with_interval(self, score: Score) -> Score:
        key = (score.metric, score.threshold)
        drawn = self.draws(score.subset, score.visibility) if score.ci is None else None
        if drawn is None or drawn.n_clips.get(key, 0) < 2:
            return score
        return replace(score, ci=percentile_interval(drawn.rows[key], drawn.level))

    def contents(self, subset: str) -> Contents | None:
        """Digest what the error table holds of the labels, None without one."""
        table = next((t for t in (self.errors, self.mesh_errors, self.oks) if t is not None), None)
        return None if table is None else contents_of(table, subset)


@dataclass(frozen=True, eq=False)
class Candidates:
    """What was found in some folders.

    Attributes:
        entries: Records that can be shown.
        refused: What is wrong with the others.
        labels: Ground truth with pictures, None where none was given.
    """

    entries: list[Entry]
    refused: list[Problem]
    labels: HandLabels | None = None


def read_entries(paths: Sequence[Path], protocols: Sequence[Path] = ()) -> list[Entry]:
    """Read records that can be shown.

    Args:
        paths: Record files, folders of one, or folders that hold such folders.
        protocols: Protocol files that do not come with the toolkit.

    Raises:
        InputError: If a path holds no record, or no record can be used.
    """
    return read_candidates(paths, protocols).entries


def read_candidates(
    paths: Sequence[Path], protocols: Sequence[Path] = (), data: Path | None = None, images: Path | None = None
) -> Candidates:
    """Read records; those that are wrong in any way are refused, and do not stop the others.

    Args:
        paths: Record files, folders of one, or folders that hold such folders.
        protocols: Protocol files that do not come with the toolkit.
        data: Labels, to compute error tables again; None leaves that out.
        images: Folder of the pictures, where they are not beside the labels.

    Raises:
        InputError: If a path holds no record, no record can be used, or labels or protocols cannot be read.
    """
    files = list(dict.fromkeys(file.resolve() for path in paths for file in _find(path)))
    if not files:
        raise InputError("no records; give record.json files or folders of results such as hint-results")
    rules = all_protocols(protocols)
    read = [read_candidate(file, rules) for file in files]
    subsets = dict.fromkeys(part.name for one in read if one.record for part in one.record.data)
    labels = read_labels_of(data, list(subsets), images) if data else None
    if labels is not None:
        labelled = LabelledSubsets(labels)
        read = [one if one.problems else compute_again(one, labelled, one.rules) for one in read]
    refused = [problem for one in read for problem in one.problems]
    usable = list(_without_repetitions(one for one in read if not one.problems))
    if not usable:
        more = f" ({len(refused)} problems in all)" if len(refused) > 1 else ""
        raise InputError(f"no record can be used: {refused[0]}{more}")
    return Candidates(_entries(usable), refused, labels)


def _without_repetitions(read: Iterable[Candidate]) -> Iterator[Candidate]:
    """Yield records without copies: the same method with the same errors on the same labels."""
    seen = set()
    for one in read:
        key = _identity(one)
        if key is None or key not in seen:
            yield one
        seen.add(key)


def _identity(one: Candidate) -> tuple[str, ...] | None:
    if one.record is None or one.table is None:
        return None
    method, labels = one.record.method, sorted(part.labels_sha256 for part in one.record.data)
    return (method.name, method.title, method.note, one.record.protocol.sha256, *labels, one.table.digest())


def _entries(read: Sequence[Candidate]) -> list[Entry]:
    records = [(one, one.record) for one in read if one.record is not None]
    names = table_names([one.path for one, _ in records], [record for _, record in records])
    slugs = page_names([record for _, record in records])
    return [
        Entry(
            slug,
            name,
            record,
            one.path,
            one.table if isinstance(one.table, ErrorTable) else None,
            one.why_no_table,
            one.table if isinstance(one.table, MeshErrors) else None,
            one.table if isinstance(one.table, OksTable) else None,
            one.scores,
            one.rules,
            one.verified,
            one.why_not_verified,
        )
        for slug, name, (one, record) in zip(slugs, names, records, strict=True)
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
