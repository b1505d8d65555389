"""Which picture does a file of boxes mean? By path, then by file name, then by stem."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath

from hint.errors import InputError, some_ids
from hint.files.storage import named_in, place_of
from hint.prediction.source import PICTURES, VIDEOS

_Key = Callable[[str], Hashable]


def match_names(named: Iterable[str], folder: Path, pictures: Mapping[str, Path | None]) -> dict[str, str]:
    """Match what a file of boxes names with the pictures it may mean.

    The first rule that fits decides: the same file (paths are relative to ``folder``, or to the current folder); the
    same end of the path, two parts or more; the same file name; the same stem.

    Args:
        named: Paths, file names or stems.
        folder: Folder of the file of boxes.
        pictures: Name -> file, None for pictures in memory.

    Returns:
        Names of the first kind -> names of pictures; what belongs to no picture is left out.

    Raises:
        InputError: If a name may mean several pictures, or several names may mean one.
    """
    rest = list(dict.fromkeys(named))
    found = _same_file(rest, folder, pictures)
    places = {name: str(path) if path else name for name, path in pictures.items()}
    for key in (*_ends(rest, places.values()), _file_name, _stem):
        rest = [name for name in rest if name not in found]
        taken = set(found.values())
        free = {name: place for name, place in places.items() if name not in taken}
        found |= _matched_by(key, rest, free)
    return found


def _same_file(named: Sequence[str], folder: Path, pictures: Mapping[str, Path | None]) -> dict[str, str]:
    known = {place_of(path) if path else name: name for name, path in pictures.items()}
    found = {}
    for name in named:
        may_be = place_of(named_in(folder, name)), place_of(Path(name)), name
        places = [place for place in may_be if place in known]
        if places:
            found[name] = known[places[0]]
    return found


def _ends(named: Iterable[str], places: Iterable[str]) -> Iterator[_Key]:
    """Yield keys that compare the last parts of paths: the longest first, down to two."""
    lengths = (max((len(PurePath(name).parts) for name in names), default=0) for names in (named, places))
    for parts in range(min(lengths), 1, -1):
        yield partial(_end, parts)


def _end(parts: int, name: str) -> Hashable:
    end = PurePath(name).parts[-parts:]
    return end if len(end) == parts else None


def _file_name(name: str) -> Hashable:
    return PurePath(name).name


def _stem(name: str) -> Hashable:
    path = PurePath(name)
    return path.stem if path.suffix.lower() in (*PICTURES, *VIDEOS, ".gif") else path.name


def _matched_by(key: _Key, named: Sequence[str], places: Mapping[str, str]) -> dict[str, str]:
    pictures: dict[Hashable, list[str]] = {}
    for name, place in places.items():
        pictures.setdefault(key(place), []).append(name)
    groups: dict[Hashable, list[str]] = {}
    for name in named:
        groups.setdefault(key(name), []).append(name)
    found = {}
    for value, names in groups.items():
        meant = pictures.get(value, []) if value is not None else []
        if len(names) == len(meant) == 1:
            found[names[0]] = meant[0]
        elif meant:
            _refuse(names, [places[name] for name in meant])
    return found


def _refuse(named: Sequence[str], pictures: Sequence[str]) -> None:
    if len(pictures) > 1:
        raise InputError(f"boxes of {named[0]} may belong to {some_ids(pictures)}; give them the path of their picture")
    raise InputError(f"{pictures[0]} may be {some_ids(named)} of the boxes; give them the path of their picture")
