"""EPIC-KITCHENS VISOR: sparse annotations, one JSON file for each video, with or without the pictures."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hint.files.bounded_npz import ZIP_ERRORS
from hint.files.json_file import parse_json
from hint.names import parse_name
from hint.sources.frame import usable
from hint.sources.hand import LeftOut, SourceHand
from hint.sources.pool import OnProgress, Pool, Problems, make_pool, silent
from hint.sources.root import nothing_there
from hint.sources.visor_frame import hands_of_frame

#: Folder of the release below the root, unless it is the root.
STORE = "GroundTruth-SparseAnnotations"
ANNOTATIONS, PICTURES = "annotations", "rgb_frames"

#: Paths in a .zip of the release.
MARKERS = (f"{STORE}/", f"{ANNOTATIONS}/train/P", f"{ANNOTATIONS}/val/P")

#: Splits that may have annotations; a frame in several belongs to the first.
SPLITS = ("test", "val", "train")

#: Corrections of contacts by VISOR-HOS: picture name -> name of the hand -> id of what it touches.
ERRATA = "correct.json"

#: Numbers of frames in EPIC-KITCHENS' own frames, which differ: video -> picture of VISOR -> picture of EPIC-KITCHENS.
MAPPING = "frame_mapping.json"
_NUMBER = re.compile(r"frame_(\d{10})")

#: (width, height) of every sparse frame in px.
FRAME_SIZE = (1920, 1080)


def read_visor(root: Path, *, skip_broken: bool = False, on_progress: OnProgress = silent) -> Pool:
    """Read the hands of VISOR's sparse annotations.

    Pictures may be in ``rgb_frames/<split>/<Pxx>/<video>.zip``, unpacked into a folder ``<video>`` there, or in such a
    folder or .zip beside the annotations. Hands of videos without pictures name the .zip where they are expected.

    Args:
        root: Folder with ``GroundTruth-SparseAnnotations``, or with ``annotations`` directly.
        skip_broken: Leave out files and frames that cannot be read instead of raising an error.
        on_progress: Called with the bytes done and the total.

    Raises:
        InputError: If the root is not VISOR, or files are broken.
    """
    store = _store(root)
    if store is None:
        raise nothing_there(root, "VISOR", expected(), is_visor, MARKERS)
    left_out = LeftOut()
    problems = Problems(root, left_out, skip_broken)
    videos = [(split, path) for split in SPLITS for path in sorted((store / ANNOTATIONS / split).glob("*.json"))]
    files = [(path, path.stat().st_size) for _, path in videos]
    errata, mapping = (
        next((path for path in (root / name, store / name) if path.is_file()), None) for name in (ERRATA, MAPPING)
    )
    notes = _Notes(_two_levels(errata, problems), _two_levels(mapping, problems))
    reader = _Reader(root, Pictures(root, store, problems), notes, left_out, problems)
    hands: list[SourceHand] = []
    done, total = 0, sum(size for _, size in files)
    for (split, path), (_, size) in zip(videos, files, strict=True):
        hands.extend(reader.video(path, split))
        done += size
        on_progress(done, total)
    problems.check()
    beside = [(path, path.stat().st_size) for path in (errata, mapping) if path]
    return make_pool(hands, left_out, [*beside, *files], root)


def is_visor(root: Path) -> bool:
    """Tell whether a folder looks like VISOR."""
    return _store(root) is not None


def expected() -> list[str]:
    """List the paths expected below a root of VISOR."""
    return [f"{STORE}/{ANNOTATIONS}/{{train,val}}/<video>.json", f"{ANNOTATIONS}/{{train,val}}/<video>.json"]


def _store(root: Path) -> Path | None:
    for store in (root / STORE, root):
        if any(any((store / ANNOTATIONS / split).glob("*.json")) for split in SPLITS):
            return store
    return None


def _two_levels(path: Path | None, problems: Problems) -> dict[str, dict[str, str]]:
    """Read an object of objects; empty if there is none."""
    if path is None:
        return {}
    try:
        found = parse_json(path.read_bytes(), finite=True)
    except ValueError as error:
        problems.add(path.name, str(error))
        return {}
    if isinstance(found, dict) and all(isinstance(inner, dict) for inner in found.values()):
        return found
    problems.add(path.name, "expected an object of objects")
    return {}


class _Notes(NamedTuple):
    """What the release says about its annotations elsewhere.

    Attributes:
        corrections: Picture -> name of a hand -> id of what it touches.
        mapping: Video -> picture -> picture of EPIC-KITCHENS.
    """

    corrections: Mapping[str, Mapping[str, str]]
    mapping: Mapping[str, Mapping[str, str]]

    def epic_frame(self, video: str, name: str) -> int | None:
        """Return the number that EPIC-KITCHENS gives a picture."""
        found = _NUMBER.search(str(self.mapping.get(video, {}).get(name, "")))
        return int(found[1]) if found else None


class Pictures:
    """Finds the picture of a frame; every folder and .zip is listed once."""

    def __init__(self, root: Path, store: Path, problems: Problems) -> None:
        self._root = root
        self._store = store
        self._problems = problems
        self._names: dict[Path, dict[str, tuple[str, str]]] = {}
        self._holder: dict[str, Path | None] = {}

    def find(self, video: str, split: str, name: str) -> tuple[str, str] | None:
        """Return (file below the root, member of a .zip); None if it is not among the pictures of the video."""
        if video not in self._holder:
            self._holder[video] = next((path for path in self._places(video, split) if path.exists()), None)
        holder = self._holder[video]
        if holder is None:
            return self._below(next(self._places(video, split)).with_suffix(".zip")), name
        if holder not in self._names:
            self._names[holder] = self._list(holder)
        return self._names[holder].get(name)

    def _places(self, video: str, split: str) -> Iterator[Path]:
        person = video.partition("_")[0]
        for one in (split, *(other for other in SPLITS if other != split)):
            folder = self._store / PICTURES / one / person
            yield folder / video
            yield folder / f"{video}.zip"
        for folder in (self._store / ANNOTATIONS / split, self._store, self._root):
            yield folder / video
            yield folder / f"{video}.zip"

    def _below(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _list(self, holder: Path) -> dict[str, tuple[str, str]]:
        if holder.is_dir():
            return {path.name: (self._below(path), "") for path in sorted(holder.rglob("*.jpg"))}
        try:
            with zipfile.ZipFile(holder) as archive:
                members = archive.namelist()
        except ZIP_ERRORS as error:
            self._problems.add(self._below(holder), str(error))
            return {}
        return {member.rpartition("/")[2]: (self._below(holder), member) for member in members}


class _Reader:
    """Reads the files of videos."""

    def __init__(
        self,
        root: Path,
        pictures: Pictures,
        notes: _Notes,
        left_out: LeftOut,
        problems: Problems,
    ) -> None:
        self._root = root
        self._pictures = pictures
        self._notes = notes
        self._left_out = left_out
        self._problems = problems
        self._seen: set[str] = set()

    def video(self, path: Path, split: str) -> Iterator[SourceHand]:
        """Yield the hands of one file."""
        where = path.relative_to(self._root).as_posix()
        try:
            content = parse_json(path.read_bytes(), finite=True)
        except ValueError as error:
            self._problems.add(where, str(error))
            return
        frames = content.get("video_annotations") if isinstance(content, dict) else None
        if not isinstance(frames, list):
            self._problems.add(where, "has no list video_annotations")
            return
        for number, frame in enumerate(frames):
            try:
                yield from self._frame(frame, split)
            except ValueError as error:
                self._problems.add(f"{where} video_annotations[{number}]", str(error))

    def _frame(self, frame: Any, split: str) -> Iterator[SourceHand]:
        image = frame.get("image") if isinstance(frame, dict) else None
        name = image.get("name") if isinstance(image, dict) else None
        if not isinstance(name, str):
            raise ValueError("has no image name")
        stem = name.removesuffix(".jpg")
        parsed = parse_name(f"{stem}_l")
        if parsed is None or parsed.source != "visor" or parsed.frame is None:
            self._left_out.add("name that is none of HInt's", name)
            return
        if stem in self._seen:
            self._left_out.add("frame annotated again", stem)
            return
        self._seen.add(stem)
        drawn, unusable = hands_of_frame(frame.get("annotations"), self._notes.corrections.get(name, {}))
        for reason, is_right in unusable:
            self._left_out.add(reason, f"{stem}_{'r' if is_right else 'l'}")
        if not drawn:
            return
        place = self._pictures.find(parsed.clip_id, split, name)
        if place is None:
            self._left_out.add("picture missing", stem)
            return
        epic_frame = self._notes.epic_frame(parsed.clip_id, name)
        for hand, distance in usable(stem, drawn, FRAME_SIZE, self._left_out):
            yield SourceHand(
                source="visor",
                source_split=split,
                video_id=parsed.clip_id,
                clip_id=parsed.clip_id,
                frame=parsed.frame,
                frame_type="",
                action="",
                is_right=hand.is_right,
                box_xyxy=hand.box,
                size=FRAME_SIZE,
                contact=hand.contact,
                hand_gap=distance,
                file=place[0],
                member=place[1],
                epic_frame=epic_frame,
            )
