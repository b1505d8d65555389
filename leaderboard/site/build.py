"""Build a site: read, compute, render, and write everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from annotation.agreement.result import read_agreement
from benchmark.evaluate import Evaluation
from hint.errors import InputError, UnknownNameError
from hint.files.path import as_path
from hint.progress import progress
from leaderboard.cache import forget_old
from leaderboard.candidate import Problem
from leaderboard.entry import Entry, read_candidates
from leaderboard.history import Change, read_history
from leaderboard.protocols import known_protocols
from leaderboard.reference import load_sources
from leaderboard.site.badge import badges
from leaderboard.site.board import Board, read_contact
from leaderboard.site.folder import check_target, write_site
from leaderboard.site.front import front_page
from leaderboard.site.hands import gallery_page, gallery_path
from leaderboard.site.history import history_page
from leaderboard.site.method import method_page
from leaderboard.site.page import Page
from leaderboard.site.rules import protocol_pages
from leaderboard.site.subset import subset_pages
from leaderboard.site.tables import data_tables, tables_page
from leaderboard.site.versus import comparison_pages
from leaderboard.submission_results import scored
from leaderboard.verification import OPTIONAL, REQUIRED, VERIFY

if TYPE_CHECKING:
    from leaderboard.site.pictures import Pictures


@dataclass(frozen=True)
class SiteSources:
    """What a site is built from.

    Attributes:
        records: Record files, or folders of them.
        data: Labels with pictures, for the galleries and to verify error tables.
        images: Folder of the pictures, if they are not beside the labels.
        manifests: Manifests of sampled hands, which say what hands touch.
        agreement: agreement.json of two annotators.
        protocols: Protocol files that do not come with the toolkit.
        show_ego4d: Whether Ego4D's pixels may be copied: for a site that stays on this machine.
        verify: "required" ranks only records whose error table could be computed again from ``data``.
        corrected: Whether ranks take the number of pairs into account.
        hide_hands: Whether nothing of single hands is shown: for labels that are not public.
        history: Changes of the board, the newest first.
        refused: What is wrong with submissions that could not be scored.
    """

    records: tuple[Path, ...]
    data: Path | None = None
    images: Path | None = None
    manifests: tuple[Path, ...] = ()
    agreement: Path | None = None
    protocols: tuple[Path, ...] = ()
    show_ego4d: bool = False
    verify: str = OPTIONAL
    corrected: bool = True
    hide_hands: bool = False
    history: tuple[Change, ...] = ()
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        index: Its front page.
        board: What it shows.
        pages: Number of pages.
        pictures: Number of pictures of hands.
    """

    index: Path
    board: Board
    pages: int
    pictures: int


def build_leaderboard(
    records: Path | str | Evaluation | Sequence[Path | str | Evaluation],
    out: Path | str,
    *,
    data: Path | str | None = None,
    images: Path | str | None = None,
    manifests: Sequence[Path | str] = (),
    agreement: Path | str | None = None,
    protocols: Sequence[Path | str] = (),
    local: bool = False,
    verify: str = OPTIONAL,
    corrected: bool = True,
    hide_hands: bool = False,
    history: Path | str | None = None,
) -> Site:
    """Build a static site that opens from disk; the same input gives the same bytes.

    Args:
        records: record.json files, folders of evaluations such as ``hint-results``, or what ``hint.evaluate`` returned
            and wrote; submissions of ``hint.submit``, or folders of them, which are scored with ``data``.
        out: Folder of the site: empty, absent, or an earlier site.
        data: Labels with pictures, to show hands and to verify error tables.
        images: Folder of the pictures, if they are not beside the labels.
        manifests: Manifests of ``hint.sample``, to score by contact.
        agreement: agreement.json of two annotators, shown as a ceiling.
        protocols: Protocol files of your own that records name.
        local: Whether Ego4D's pictures may be shown: for a site that stays on this machine.
        verify: "required" ranks only records whose error table could be computed again from ``data`` and predictions,
            "optional" marks the others.
        corrected: Whether intervals that ranks follow from hold for all pairs at once.
        hide_hands: Whether nothing of single hands is shown: for labels that are not public.
        history: Folder of submissions in a git repository, to show who entered when.

    Raises:
        InputError: If an input cannot be used, or ``out`` holds something else.
        MissingRequirementError: If something must be installed first.
        WriteError: If the site cannot be written.
    """
    if verify not in VERIFY:
        raise UnknownNameError("way to verify", verify, VERIFY)
    if verify == REQUIRED and data is None:
        raise InputError("verifying error tables needs labels; give --data")
    chosen = [records] if isinstance(records, Path | str | Evaluation) else records
    sources = SiteSources(
        _paths(map(_folder, chosen)),
        _path(data),
        _path(images),
        _paths(manifests),
        _path(agreement),
        _paths(protocols),
        local,
        verify,
        corrected,
        hide_hands,
        () if history is None else tuple(read_history(history)),
    )
    with scored(sources.records, sources.data, sources.protocols) as found:
        return build_site(replace(sources, records=found.paths, refused=found.refused), as_path(out))


def _folder(given: Path | str | Evaluation) -> Path | str:
    if not isinstance(given, Evaluation):
        return given
    if given.folder is None:
        raise InputError(f"the evaluation of {given.record.method.title} was not written; give hint.evaluate an out=")
    return given.folder


def _paths(given: Iterable[Path | str]) -> tuple[Path, ...]:
    return tuple(map(as_path, given))


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else as_path(given)


def build_site(sources: SiteSources, out: Path) -> Site:
    """Build a site in a folder; see :func:`build_leaderboard`."""
    check_target(out)
    board = read_board(sources)
    pictures = _pictures(board)
    content: dict[str, bytes] = {}
    with progress("scores", sum(len(section.entries) for section in board.sections)) as advance:
        for _ in board.compute():
            advance(1)
    forget_old()
    tables = data_tables(board)
    total = 4 + len(board.sections) + 2 * len(board.entries) + len(board.pairs)
    with progress("pages", total) as advance:
        for page in chain(_pages(board, pictures, sources.protocols), [tables_page(tables)]):
            content[page.path] = page.render()
            advance(1)
    n_pages = len(content)
    content |= {f"static/{name}": data for name, data in _static()}
    content |= {f"records/{e.slug}.json": _record(e) for e in board.entries}
    content |= dict(badges(board)) | {path: data for table in tables for path, data in table.files()}
    content |= pictures.files if pictures else {}
    write_site(out, content)
    return Site(out / "index.html", board, n_pages, len(pictures.files) if pictures else 0)


def read_board(sources: SiteSources) -> Board:
    """Read everything a site is built from."""
    found = read_candidates(sources.records, sources.protocols, sources.data, sources.images)
    return Board(
        entries=tuple(sorted(found.entries, key=lambda e: (e.name.lower(), e.slug))),
        protocols=known_protocols(found.entries, sources.protocols),
        sources=load_sources(),
        labels=found.labels,
        agreement=read_agreement(sources.agreement) if sources.agreement else None,
        contact=read_contact(sources.manifests),
        show_ego4d=sources.show_ego4d,
        verify=sources.verify,
        corrected=sources.corrected,
        refused=(*sources.refused, *found.refused),
        hide_hands=sources.hide_hands,
        history=sources.history,
    )


def _pictures(board: Board) -> Pictures | None:
    if board.labels is None or board.hide_hands:
        return None
    from leaderboard.site.pictures import Pictures

    return Pictures(board.labels, board.show_ego4d)


def _pages(board: Board, pictures: Pictures | None, protocols: Sequence[Path]) -> Iterator[Page]:
    yield front_page(board)
    yield from subset_pages(board)
    yield from protocol_pages(board, protocols)
    if board.history:
        yield history_page(board.history, board.entries)
    for entry in board.entries:
        yield method_page(board, entry, gallery_path(entry))
        yield gallery_page(board, entry, pictures)
    yield Page("gallery/index.html", "galleries.html", "Hands", {"entries": board.entries})
    yield from comparison_pages(board, pictures)


def _record(entry: Entry) -> bytes:
    """Return what is declared and the scores computed here; joints and curves are in the tables."""
    record = entry.declared.model_copy(update={"scores": entry.record.scores})
    return (record.model_dump_json(by_alias=True) + "\n").encode()


def _static() -> list[tuple[str, bytes]]:
    folder = files("leaderboard.site").joinpath("static")
    return sorted((entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.is_file())
