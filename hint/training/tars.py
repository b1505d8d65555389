"""A folder of training tars as a source of hands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import product
from os import cpu_count
from pathlib import Path

import numpy as np

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.path import as_path
from hint.images import decode_image
from hint.training.filters import Filters
from hint.training.record import check, unpickle
from hint.training.sample import Sample
from hint.training.tar_index import TarIndex, index_tar, is_indexed, read_span
from hint.workers import in_processes

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")

#: Fewer new tars than this are indexed by one process; starting more would take longer.
_FEW = 8


def expand_braces(pattern: str) -> list[str]:
    """Expand ``{000000..000130}`` and ``{a,b}``, as in the released lists of tars.

    Raises:
        InputError: If a range runs backwards or a brace is unmatched.
    """
    parts = _BRACES.split(pattern)
    if any("{" in text or "}" in text for text in parts):
        raise InputError(f"{pattern}: nested or unmatched braces")
    choices = [[text] if i % 2 == 0 else _choices(text, pattern) for i, text in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(inside: str, pattern: str) -> list[str]:
    match = _RANGE.fullmatch(inside)
    if not match:
        return inside.split(",")
    first, last = match.groups()
    if int(last) < int(first):
        raise InputError(f"{pattern}: {{{inside}}} runs backwards")
    return [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]


def is_remote(place: str) -> bool:
    """Tell a URL, such as ``s3://bucket/folder/``, from a path."""
    return "://" in place


def find_tars(where: str | Path) -> list[Path]:
    """Return the tars of a set.

    Args:
        where: Folder of tars, one tar, or a pattern with braces.

    Raises:
        MissingRequirementError: If any are missing.
    """
    folder = as_path(where)
    if folder.is_dir():
        paths = sorted(folder.glob("*.tar"))
        if not paths:
            raise MissingRequirementError(f"{folder} has no .tar files; expected {folder}/000000.tar, ...")
        return paths
    paths = [as_path(name) for name in expand_braces(str(where))]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise MissingRequirementError(
            f"{len(missing)} of {len(paths)} tars are missing: {some_ids(missing)}; "
            f"copy them there, or give a folder to train on the tars in it"
        )
    return paths


class TarSource:
    """The hands of some tars that pass the filters, in stored order.

    Attributes:
        name: Name in messages and in the seed of the order.
        filters: Which hands are used, and what of them is supervised.
        broken: Why hands cannot be read, one entry each.
        total: Readable hands before the filters.
    """

    def __init__(
        self,
        name: str,
        paths: Sequence[Path],
        filters: Filters | None = None,
        workers: int | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> None:
        """Index the tars, or read the cached indices.

        Args:
            name: Name of the source.
            paths: Tars; their order is part of the order of the hands.
            filters: By default those of the released training.
            workers: Processes that index new tars; by default one per core.
            on_done: Called with the number of tars just indexed.

        Raises:
            InputError: If a tar is missing or truncated, or no hand passes the filters.
        """
        self.name = name
        self.paths = list(paths)
        self.filters = filters or Filters()
        self._join(_indices(self.paths, workers or cpu_count() or 1, on_done or (lambda _: None)))

    def _join(self, indices: list[TarIndex]) -> None:
        kept = [self.filters.keep(index.traits) for index in indices]
        self.broken = [reason for index in indices for reason in index.broken]
        self.total = sum(map(len, kept))
        counts = [int(mask.sum()) for mask in kept]
        self._tar = np.repeat(np.arange(len(indices), dtype=np.int32), counts)
        self._key = np.concatenate([i.key[mask] for i, mask in zip(indices, kept, strict=True)])
        self._number = np.concatenate([i.number[mask] for i, mask in zip(indices, kept, strict=True)])
        self._picture = np.concatenate([i.picture[mask] for i, mask in zip(indices, kept, strict=True)])
        self._truth = np.concatenate([i.truth[mask] for i, mask in zip(indices, kept, strict=True)])
        if not len(self):
            why = f"{self.total} fail the filters" if self.total else some_ids(self.broken) or "they are empty"
            raise InputError(f"{self.name}: no hand to train on in {len(self.paths)} tars: {why}")

    def __len__(self) -> int:
        return len(self._tar)

    def key(self, index: int) -> str:
        """Return the name of a hand: its key, and its number if the picture has several hands."""
        number = int(self._number[index])
        return bytes(self._key[index]).decode() + (f"#{number}" if number else "")

    def read(self, index: int) -> Sample:
        """Read a hand from its tar."""
        path = self.paths[self._tar[index]]
        name = f"{path}: {self.key(index)}"
        try:
            with path.open("rb") as file:
                picture, truth = read_span(file, self._picture[index]), read_span(file, self._truth[index])
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}") from error
        record = check(unpickle(truth, name)[int(self._number[index])], name)
        return self.filters.supervise(record.sample(self.key(index), decode_image(picture, name)))


def _indices(paths: Sequence[Path], workers: int, on_done: Callable[[int], None]) -> list[TarIndex]:
    """Return the index of each tar; several processes make them if many are new."""
    new = [path for path in paths if not is_indexed(path)]
    made: dict[Path, TarIndex] = {}
    if len(new) >= _FEW and workers > 1:
        with closing(in_processes(index_tar, new, workers)) as results:
            for path, index in results:
                made[path] = index
                on_done(1)
    indices = []
    for path in paths:
        if path not in made:
            made[path] = index_tar(path)
            on_done(1)
        indices.append(made[path])
    return indices
