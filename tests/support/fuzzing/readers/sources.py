"""Annotations of the datasets that hands are drawn from."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fuzzing import drawn
from fuzzing.target import Target
from hint.errors import InputError
from hint.sources.ego4d import read_ego4d
from hint.sources.hands23 import read_hands23
from hint.sources.visor import read_visor

_SPARSE = "GroundTruth-SparseAnnotations"


def _hands23(folder: Path) -> Path:
    drawn.synthetic().write_hands23(folder / "a", n_hands=4)
    return next(path for path in sorted((folder / "a" / "allMergedTxt").glob("ND_*.txt")) if path.stat().st_size)


def _split(folder: Path) -> Path:
    _hands23(folder)
    return max((folder / "a" / "allMergedSplit").glob("*.txt"), key=lambda path: path.stat().st_size)


def _visor(folder: Path) -> Path:
    drawn.synthetic().write_visor(folder / "a", n_hands=3, odd=0.1)
    return next(iter((folder / "a").rglob("annotations/*/*.json")))


def _beside(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        video = json.loads(_visor(folder).read_bytes())["video_annotations"]
        names = [frame["image"]["name"] for frame in video]
        content = {
            "correct.json": {names[0]: {"left hand": "x"}},
            "frame_mapping.json": {"P02_100": {names[0]: "frame_0000000001.jpg"}},
        }
        (folder / "a" / name).write_text(json.dumps(content[name]))
        return folder / "a" / name

    return make


def _visor_pictures(folder: Path) -> Path:
    drawn.synthetic().write_visor(folder / "a", n_hands=3, pictures=True)
    return next((folder / "a" / _SPARSE).rglob("*.zip"))


def _fho(layout: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "a" / ("fho_main.json" if layout == "v2" else "fho.json")
        drawn.synthetic().write_fho_main(path, n_hands=3, layout=layout)
        return path

    return make


def _centres(folder: Path) -> Path:
    drawn.synthetic().write_fho_hands(folder / "a", n_hands=3)
    return folder / "a" / "fho_hands_train.json"


def _twice(read: Callable[..., object]) -> Callable[[Path], object]:
    """Read strictly, and without what is broken."""

    def both(folder: Path) -> object:
        with suppress(InputError):
            read(folder / "a", skip_broken=True)
        return read(folder / "a")

    return both


def _newdays(root: Path, *, skip_broken: bool = False) -> object:
    return read_hands23(root, "ND", skip_broken=skip_broken)


TARGETS = (
    Target("Hands23 hands", "text", _hands23, _twice(_newdays)),
    Target("Hands23 split", "text", _split, _twice(_newdays)),
    Target("VISOR", "json", _visor, _twice(read_visor)),
    Target("VISOR corrections", "json", _beside("correct.json"), _twice(read_visor)),
    Target("VISOR mapping", "json", _beside("frame_mapping.json"), _twice(read_visor)),
    Target("VISOR pictures", "zip", _visor_pictures, _twice(read_visor)),
    Target("FHO v2", "json", _fho("v2"), _twice(read_ego4d)),
    Target("FHO v1", "json", _fho("v1"), _twice(read_ego4d)),
    Target("FHO hands", "json", _centres, _twice(read_ego4d)),
    Target("ego4d.json", "json", lambda folder: _centres(folder).with_name("ego4d.json"), _twice(read_ego4d)),
)
