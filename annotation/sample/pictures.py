"""Write the pictures of a sample: copied, extracted from a .zip, or decoded from a clip at the exact frame."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from threading import Event

from PIL import Image

from hint.errors import HintError, InputError, MissingRequirementError, some_ids
from hint.files import remove_abandoned, write_bytes
from hint.files.bounded_npz import ZIP_ERRORS
from hint.sources.hand import SourceHand
from hint.workers import in_threads


class PictureError(HintError):
    """Some pictures of a sample could not be written.

    Attributes:
        lost: Ids of their hands.
    """

    def __init__(self, problems: Sequence[str], lost: Sequence[str]) -> None:
        self.lost = sorted(lost)
        super().__init__(
            f"{len(lost)} pictures of {len(problems)} files could not be written: {some_ids(self.lost)}: "
            f"{some_ids(sorted(problems))}; replace these files, or move them away and add --available, and run the "
            "same command to continue"
        )


#: Hands whose pictures come from one file: a picture, a .zip or a clip.
Group = list[SourceHand]


def picture_path(folder: Path, hand: SourceHand) -> Path:
    """Return the path of a hand's picture: JPEG for clips, the original format for pictures.

    Raises:
        InputError: If an id of the source is not a file name.
    """
    suffix = Path(hand.member or hand.file).suffix.lower()
    name = f"{hand.hand_id}{'.jpg' if suffix == '.mp4' else suffix}"
    if PureWindowsPath(name).name != name:  # handles both slashes, and drives
        raise InputError(f"{name!r} is not a file name; the ids of its source are broken")
    return folder / name


def require_files(hands: Sequence[SourceHand], base: Path, listing: Path) -> None:
    """Raise if files with pictures are missing; missing clips are listed in a file for the downloader.

    Args:
        hands: The hands of a sample.
        base: Folder that their ``file`` is relative to.
        listing: File for the names of missing clips, one per line.

    Raises:
        MissingRequirementError: If clips or pictures are missing.
    """
    missing = sorted({hand.file for hand in hands if not (base / hand.file).is_file()})
    clips = [Path(file).stem for file in missing if file.endswith(".mp4")]
    if clips:
        from hint.sources.clips import download_command

        write_bytes(listing, "".join(f"{clip}\n" for clip in clips).encode())
        raise MissingRequirementError(
            f"{len(clips)} clips are missing below {base}: {some_ids(clips)}; download them "
            f"({download_command(base, listing)}) and run the same command again, or draw from the existing ones with "
            "--available"
        )
    if missing:
        raise MissingRequirementError(
            f"{len(missing)} picture files are missing below {base}: {some_ids(missing)}; download them, or draw from "
            "the existing ones with --available"
        )


def write_pictures(
    hands: Sequence[SourceHand],
    base: Path,
    folder: Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    on_done: Callable[[int], None] | None = None,
) -> None:
    """Write one picture per hand; existing pictures stay.

    Args:
        hands: The hands of a sample.
        base: Folder that their ``file`` is relative to.
        folder: Folder for the pictures.
        overwrite: Write existing pictures again.
        workers: Files read in parallel, by default one per core.
        on_done: Called with the number of pictures just dealt with.

    Raises:
        PictureError: If some pictures could not be written; all others were.
        MissingRequirementError: If ffmpeg is needed and absent or too old.
        WriteError: If a picture cannot be saved.
    """
    advance = on_done or (lambda _: None)
    remove_abandoned(folder)
    todo = [hand for hand in hands if overwrite or not picture_path(folder, hand).is_file()]
    advance(len(hands) - len(todo))
    groups: dict[str, Group] = defaultdict(list)
    for hand in todo:
        groups[hand.file].append(hand)
    if any(file.endswith(".mp4") for file in groups):
        from hint.programs import require_ffmpeg

        require_ffmpeg()
    problems: list[str] = []
    lost: list[str] = []
    for group, problem in in_threads(partial(_write, base, folder), groups.values(), workers):
        advance(len(group))
        problems += [problem] if problem else []
        lost += [hand.hand_id for hand in group if problem and not picture_path(folder, hand).is_file()]
    if problems:
        raise PictureError(problems, lost)


def _write(base: Path, folder: Path, group: Group, stop: Event) -> str:
    source = base / group[0].file
    readers = {".zip": _from_zip, ".mp4": _from_clip}
    try:
        for hand, content in readers.get(source.suffix, _copied)(source, group):
            if stop.is_set():
                break
            _check_size(content, hand)
            write_bytes(picture_path(folder, hand), content)
    except (InputError, KeyError, *ZIP_ERRORS) as error:
        text = str(error)
        return text if str(source) in text else f"{source} ({text})"
    return ""


def _check_size(content: bytes, hand: SourceHand) -> None:
    """Refuse a picture of another size than the boxes: smaller versions of clips and frames have the same names."""
    size = Image.open(io.BytesIO(content)).size
    if size != hand.size:
        expected, found = ("x".join(map(str, pair)) for pair in (hand.size, size))
        raise InputError(f"{hand.stem} is {found} px, but its boxes are for {expected}; get the full size")


def _copied(source: Path, group: Group) -> Iterator[tuple[SourceHand, bytes]]:
    content = source.read_bytes()
    yield from ((hand, content) for hand in group)


def _from_zip(source: Path, group: Group) -> Iterator[tuple[SourceHand, bytes]]:
    with zipfile.ZipFile(source) as archive:
        yield from ((hand, archive.read(hand.member)) for hand in group)


def _from_clip(source: Path, group: Group) -> Iterator[tuple[SourceHand, bytes]]:
    """Yield the bytes ffmpeg writes, as those of HInt are; groups are cut side by side, each by one ffmpeg."""
    from hint.video import cut_jpegs

    hands: dict[int, Group] = defaultdict(list)
    for hand in group:
        hands[hand.frame].append(hand)
    for number, content in cut_jpegs(source, hands, workers=1):
        yield from ((hand, content) for hand in hands[number])
