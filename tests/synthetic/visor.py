"""Trees of VISOR's sparse annotations."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .draws import Book, Box, Draws, Truth, Written, jpeg


def write_visor(
    root: Path, n_hands: int, seed: int = 0, *, odd: float = 0.01, keep: bool = True, pictures: bool = False
) -> Written:
    """Write VISOR's sparse annotations with at least ``n_hands`` usable hands; ``odd`` is the rate of each oddity."""
    draws, book, n_bytes, index = Draws(seed), Book(keep), 0, 0
    errata: dict[str, dict[str, str]] = {}
    while book.n_hands < n_hands:
        index += 1
        split, video = draws.pick(("train", 0.75), ("val", 0.25)), f"P{index % 37 + 1:02d}_{100 + index // 37}"
        frames, number = [], 0
        while len(frames) < 250 and book.n_hands < n_hands:
            number += draws.between(20, 400)
            frames.append(_visor_frame(draws, book, errata, split, video, number, odd))
        path = root / "GroundTruth-SparseAnnotations" / "annotations" / split / f"{video}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        n_bytes += path.write_text(json.dumps({"info": {}, "video_annotations": frames}))
        if pictures:
            _zip_pictures(root, split, video, [frame["image"]["name"] for frame in frames])
    (root / "correct.json").write_text(json.dumps(errata))
    return book.close(n_bytes)


def _zip_pictures(root: Path, split: str, video: str, names: Sequence[str]) -> None:
    path = root / "GroundTruth-SparseAnnotations" / "rgb_frames" / split / video[:3] / f"{video}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, jpeg((1920, 1080)))


def _visor_frame(
    draws: Draws, book: Book, errata: dict[str, dict[str, str]], split: str, video: str, number: int, odd: float
) -> Truth:
    stem = f"{video}_frame_{number:010d}"
    things = [
        {
            "id": f"{k:02d}-{stem}",
            "name": "pan",
            "class_id": 5,
            "exhaustive": "y",
            "segments": _polygons(draws, draws.box((1920, 1080))),
        }
        for k in range(draws.between(2, 5))
    ]
    entries, hands, sides = [*things], [], draws.pick(([True], 0.2), ([False], 0.15), ([True, False], 0.65))
    for is_right in sides:
        name, box = ("right hand" if is_right else "left hand"), draws.box((1920, 1080), 120, 500)
        hand: dict[str, Any] = {
            "id": f"{name}-{stem}",
            "name": name,
            "class_id": 301 if is_right else 300,
            "exhaustive": "y",
        }
        hand |= {"segments": _polygons(draws, box)}
        value, contact = draws.pick(
            ((things[0]["id"], "object"), 0.6),
            (("hand-not-in-contact", "none"), 0.2),
            (("none-of-the-above", "unknown"), 0.05),
            (("inconclusive", "unknown"), 0.05),
            (("id of nothing", "unknown"), 0.02),
            ((f"{'left' if is_right else 'right'} hand-{stem}", "hand" if len(sides) == 2 else "unknown"), 0.08),
        )
        hand["in_contact_object"] = value
        if draws.chance(odd):
            book.left_out("hand without a mask", f"{stem}_{'r' if is_right else 'l'}")
            entries.append(hand | {"segments": draws.pick(([], 0.5), ([[[1.0, 2.0], [3.0, 4.0]]], 0.5))})
            continue
        if draws.chance(odd):
            glove_box = draws.box((1920, 1080))
            entries.append(_glove(draws, stem, name, glove_box, value))
            hand["in_contact_object"] = entries[-1]["id"]
            (x1, y1, x2, y2), (a1, b1, a2, b2) = box, glove_box
            box = (min(x1, a1), min(y1, b1), max(x2, a2), max(y2, b2))
        elif draws.chance(odd):
            errata.setdefault(f"{stem}.jpg", {})[name] = str(things[0]["id"])
            contact = "object"
        entries.append(hand)
        hands.append((is_right, box, contact))
    if draws.chance(odd):  # not on a hand, and the keys of gloves forgotten
        entries.append(
            {
                "id": f"glove-{stem}",
                "name": "glove",
                "class_id": 60,
                "segments": _polygons(draws, draws.box((1920, 1080))),
            }
        )
    shared = {
        "source": "visor",
        "source_split": split,
        "video_id": video,
        "stem": stem,
        "frame": number,
        "size": (1920, 1080),
    }
    place = {
        "file": f"GroundTruth-SparseAnnotations/rgb_frames/{split}/{video[:3]}/{video}.zip",
        "member": f"{stem}.jpg",
    }
    book.hands(hands, [box for _, box, _ in hands], **shared, **place)
    image = {
        "image_path": f"{video}/{video}_seq_00001/{stem}.jpg",
        "name": f"{stem}.jpg",
        "subsequence": f"{video}_seq_00001",
        "video": video,
    }
    return {"image": image, "annotations": entries}


def _glove(draws: Draws, stem: str, hand: str, box: Box, value: str) -> Truth:
    value = "glove-not-in-contact" if value == "hand-not-in-contact" else value
    return {
        "id": f"glove of {hand}-{stem}",
        "name": f"{hand.split()[0]} glove",
        "class_id": 304 if hand == "right hand" else 303,
        "exhaustive": "y",
        "segments": _polygons(draws, box),
        "on_which_hand": [hand],
        "in_contact_object": value,
    }


def _polygons(draws: Draws, box: Box) -> list[list[list[float]]]:
    """One or two polygons that reach each side of a box and leave it nowhere."""
    x1, y1, x2, y2 = box
    inside = [
        [x1 + draws.between(0, 100) / 100 * (x2 - x1), y1 + draws.between(0, 100) / 100 * (y2 - y1)] for _ in range(40)
    ]
    first, second = inside[:20], [[x1, y1], *inside[20:], [x2, y2]]
    return [first, second] if draws.chance(0.3) else [first + second]
