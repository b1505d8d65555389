"""Trees of Hands23."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from .draws import Book, Box, Draws, Truth, Written, jpeg

#: Hard links to one file, kept well below what file systems allow.
LINKS = 20_000


class _Album:
    """Puts the same picture under many names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: dict[tuple[int, int], Path] = {}
        self._links: dict[tuple[int, int], int] = defaultdict(int)

    def add(self, name: str, size: tuple[int, int]) -> None:
        path = self._folder / name
        if self._links[size] % LINKS == 0:
            path.write_bytes(jpeg(size))
            self._first[size] = path
        else:
            os.link(self._first[size], path)
        self._links[size] += 1


_CONTACT23 = {
    "object_contact": "object",
    "no_contact": "none",
    "self_contact": "self",
    "other_person_contact": "person",
    "inconclusive": "unknown",
    "None": "unknown",
    "obj_to_obj_contact": "unknown",
}
_CONTACT23_RATES = tuple(zip(_CONTACT23, (0.55, 0.2, 0.12, 0.06, 0.03, 0.02, 0.02), strict=True))
_YOUTUBE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def write_hands23(
    root: Path, n_hands: int, seed: int = 0, *, prefix: str = "ND", odd: float = 0.004, keep: bool = True
) -> Written:
    """Write a part of Hands23 with at least ``n_hands`` usable hands; ``odd`` is the rate of each oddity."""
    texts, splits = root / "allMergedTxt", defaultdict[str, list[str]](list)
    for folder in ("allMergedSplit", "allMergedTxt", "allMergedBlur"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    draws, book, album, n_bytes = Draws(seed), Book(keep), _Album(root / "allMergedBlur"), 0
    for stem, video, number, split in _names23(draws, prefix):
        if book.n_hands >= n_hands:
            break
        splits[split].append(f"{stem}.jpg")
        if draws.chance(odd):  # the truth keeps test before val before train
            other = "VAL" if split == "TRAIN" else "TRAIN"
            splits[other].append(f"{stem}.jpg")
            split = "VAL" if split == "TRAIN" else split
            book.left_out("listed again in another split", stem)
        size = (
            draws.pick(((1280, 720), 0.7), ((640, 480), 0.2), ((1920, 1080), 0.1)) if prefix == "ND" else (1920, 1080)
        )
        shared = {
            "source": "newdays" if prefix == "ND" else "visor",
            "source_split": split.lower(),
            "video_id": video,
            "stem": stem,
            "frame": number,
            "size": size,
            "file": f"allMergedBlur/{stem}.jpg",
        }
        if draws.chance(odd):
            text = _frame23(draws, Book(keep=False), shared, odd=0)
            if text:
                book.left_out("picture missing", stem)
        else:
            text = _frame23(draws, book, shared, odd)
            album.add(f"{stem}.jpg", size)
        with (texts / f"{stem}.jpg.txt").open("w", newline="") as stream:
            n_bytes += stream.write(text)
    for split in ("TRAIN", "VAL", "TEST"):
        (root / "allMergedSplit" / f"{split}.txt").write_text("".join(f"{name}\n" for name in splits[split]))
    return book.close(n_bytes)


def _names23(draws: Draws, prefix: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield (stem, video, frame, split); the frames of a video are of one split."""
    index = 0
    while True:
        index += 1
        split = draws.pick(("TRAIN", 0.8), ("VAL", 0.1), ("TEST", 0.1))
        video = draws.letters(11, _YOUTUBE) if prefix == "ND" else f"P{index % 37 + 1:02d}_{index // 37 + 1:02d}"
        number = 1
        for _ in range(draws.between(2, 8)):
            number += 50 * draws.between(1, 9)
            stem = f"ND_{video}_frame{number:06d}" if prefix == "ND" else f"EK_{index:04d}_{video}_frame_{number:010d}"
            yield stem, video, number, split


def _frame23(draws: Draws, book: Book, shared: Truth, odd: float) -> str:
    """Draw the hands of a frame, take down the truth, return its text."""
    if draws.chance(0.06):
        return ""
    size, stem = shared["size"], shared["stem"]
    sides = draws.pick(([True], 0.35), ([False], 0.25), ([True, False], 0.4))
    lines, hands, neighbours = [], [], []
    for is_right in sides:
        side, contact = "r" if is_right else "l", draws.pick(*_CONTACT23_RATES)
        box = written = draws.box(size)
        if draws.chance(odd):
            book.left_out("no box", f"{stem}_{side}")
            lines.append((is_right, contact, None))
            continue
        if draws.chance(odd):
            written = tuple(v + size[0] for v in box)
            book.left_out("box outside the frame", f"{stem}_{side}")
            lines.append((is_right, contact, written))
            continue
        if draws.chance(2 * odd):
            box, written = (0.0, box[1], box[2], box[3]), (-7.25, box[1], box[2], box[3])
        lines.append((is_right, contact, written))
        if draws.chance(odd):
            book.left_out("drawn twice", f"{stem}_{side}")
            lines.append((is_right, contact, written))
        if draws.chance(2 * odd):
            book.left_out("second hand of the same side", f"{stem}_{side}")
            second = draws.box(size, shortest=20, longest=40)
            neighbours.append(second)
            lines.insert(0, (is_right, "other_person_contact", second))
        hands.append((is_right, box, _CONTACT23[contact]))
        neighbours.append(box)
    book.hands(hands, neighbours, **shared)
    bar = draws.pick((" | ", 0.98), ("|", 0.01), ("  |", 0.01))
    end = "\r\n" if draws.chance(odd) else "\n"
    return end.join(_line23(draws, bar, odd, *line) for line in lines) + (end if draws.chance(0.9) else "")


def _line23(draws: Draws, bar: str, odd: float, is_right: bool, contact: str, box: Box | None) -> str:
    quote = "'" if draws.chance(odd) else ""
    numbers = ",".join(f"{quote}{v}{quote}" for v in box) if box else "None"
    rest = ["None"] * 4
    if contact == "object_contact":
        touch = draws.pick(
            ("tool_,_held", 0.3), ("tool_,_used", 0.2), ("container_,_touched", 0.2), ("neither_,_held", 0.3)
        )
        grasp = draws.pick(("Pow-Pris", 0.4), ("Pre-Circ", 0.3), ("other", 0.15), ("Other", 0.15))
        rest = ["300.0,250.0,520.0,470.0", touch, "510.0,300.0,700.0,600.0" if "used" in touch else "None", grasp]
    return bar.join(("right_hand" if is_right else "left_hand", contact, numbers, *rest))
