"""Files of Ego4D's hands and objects benchmark."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .draws import Book, Draws, Truth, Written

FRAME_TYPES = ("pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame", "pnr_frame", "post_frame")


def write_fho_main(
    path: Path,
    n_hands: int = 0,
    seed: int = 0,
    *,
    n_bytes: int = 0,
    layout: str = "v2",
    odd: float = 0.004,
    keep: bool = True,
) -> Written:
    """Write ``fho_main.json`` ("v2") or ``fho.json`` ("v1") with at least so many usable hands and bytes."""
    draws, book = Draws(seed), Book(keep)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        opening, closing = ('"videos": [', "]") if layout == "v2" else ('"video_data": {', "}")
        done = stream.write(f'{{"version": "2.0", "date": "230101", "description": "x", "metadata": "x", {opening}')
        comma = ""
        while book.n_hands < n_hands or done < n_bytes:
            video = _video(draws, book, n_hands if n_hands else 1 << 60, odd)
            key = "" if layout == "v2" else f'"{video.pop("video_uid")}": '
            done += stream.write(f"{comma}{key}{json.dumps(video)}")
            comma = ", "
        done += stream.write(f"{closing}}}")
    return book.close(done)


def _video(draws: Draws, book: Book, n_hands: int, odd: float) -> Truth:
    uid, size = draws.uid(), draws.pick(((1920, 1080), 0.6), ((1440, 1080), 0.3), ((2560, 1440), 0.1))
    metadata = {
        "fps": 30.0,
        "num_frames": 54000,
        "width": size[0],
        "height": size[1],
        "duration_sec": 1800.0,
        "rotation": None,
    }
    intervals = []
    for k in range(draws.between(1, 3)):
        clip = draws.uid()
        interval: dict[str, Any] = {
            "clip_id": str(k),
            "clip_uid": clip,
            "start_sec": 300.0 * k,
            "end_sec": 300.0 * (k + 1),
        }
        interval |= {
            "clip_parent_start_frame": 9000 * k,
            "clip_parent_end_frame": 9000 * k + 9240,
            "redacted": False,
            "narrated_actions": [],
        }
        intervals.append(interval)
        if draws.chance(10 * odd):
            interval |= {"redacted": True}
            book.left_out("redacted interval", clip)
            continue
        if draws.chance(2 * odd):
            interval |= {"clip_uid": None}
            book.left_out("interval without a clip", uid)
            continue
        shared = {
            "source": "ego4d",
            "source_split": "",
            "video_id": uid,
            "clip_id": clip,
            "size": size,
            "file": f"clips/{clip}.mp4",
        }
        for _ in range(draws.between(20, 60)):
            if book.n_hands < n_hands:
                interval["narrated_actions"].append(_action(draws, book, shared, 9000 * k, odd))
    return {"video_uid": uid, "video_metadata": metadata, "annotated_intervals": intervals}


_REFUSED = {
    "rejected action": {"is_rejected": True, "reject_reason": "x"},
    "invalid annotation": {"is_invalid_annotation": True},
    "action without a stage": {"stage": None},
    "action without frames": {"frames": None, "critical_frames": None, "clip_critical_frames": None},
}


def _action(draws: Draws, book: Book, shared: Truth, offset: int, odd: float) -> Truth:
    uid, pre = draws.uid(), draws.between(60, 8800)
    numbers = dict(zip(FRAME_TYPES, (pre - 45, pre - 30, pre - 15, pre, pre + 20, pre + 40, pre + 90), strict=True))
    if draws.chance(1 / 3):
        del numbers["contact_frame"]
    reason = draws.pick((None, 0.94), *((reason, 0.015) for reason in _REFUSED))
    if reason:
        book.left_out(reason, uid)
    taken_down = book if reason is None else Book(keep=False)
    frames = [_fho_frame(draws, taken_down, shared, uid, kind, number, offset, odd) for kind, number in numbers.items()]
    action = {
        "uid": uid,
        "warnings": [],
        "start_sec": 4.0,
        "end_sec": 12.0,
        "start_frame": offset + pre - 60,
        "end_frame": offset + pre + 180,
        "is_valid_action": True,
        "is_partial": False,
        "is_rejected": False,
        "is_invalid_annotation": False,
        "reject_reason": None,
        "stage": "x",
        "narration_text": "#C C cuts a thing",
        "structured_verb": None if draws.chance(0.05) else "cut",
        "critical_frames": {kind: numbers[kind] + offset if kind in numbers else None for kind in FRAME_TYPES},
        "clip_critical_frames": {kind: numbers.get(kind) for kind in FRAME_TYPES},
        "frames": frames,
    }
    return action | _REFUSED.get(reason, {})


def _fho_frame(
    draws: Draws, book: Book, shared: Truth, action: str, kind: str, number: int, offset: int, odd: float
) -> Truth:
    """Draw a frame with its hands and what they touch."""
    clip, size = shared["clip_id"], shared["size"]
    frame = {"frame_number": offset + number, "clip_frame_number": number, "frame_type": kind}
    stem = f"{clip}_{action}_{number}_{kind}"
    boxes, hands, neighbours = [_fho_box("object_of_change", draws.box(size))], [], []
    reason = draws.pick((None, 1 - 3 * odd), *((reason, odd) for reason in ("type", "null", "beyond")))
    if reason == "type":
        frame["frame_type"] = "other_frame"
        book.left_out("frame of an unknown type", action)
    elif reason == "null":
        frame["clip_frame_number"] = None
        book.left_out("frame without a number in the clip", f"{clip}_{action}_{kind}")
    elif reason == "beyond":
        frame["clip_frame_number"] = number + 9240
        book.left_out("frame outside the clip", f"{clip}_{action}_{number + 9240}_{kind}")
    noted = book if reason is None else Book(keep=False)
    for is_right in draws.pick(([True], 0.25), ([False], 0.2), ([True, False], 0.55)):
        name, hand_id = ("right_hand", f"{stem}_r") if is_right else ("left_hand", f"{stem}_l")
        box = draws.box(size)
        if draws.chance(odd):
            noted.left_out("box outside the frame", hand_id)
            boxes.append(_fho_box(name, tuple(v - size[0] for v in box)))
            continue
        written = box
        if draws.chance(5 * odd):
            box, written = (0.0, *box[1:]), (-12.5, *box[1:])
        boxes.append(_fho_box(name, written))
        if draws.chance(odd):
            noted.left_out("second hand of the same side", hand_id)
            neighbours.append(draws.box(size, shortest=20, longest=40))
            boxes.append(_fho_box(name, neighbours[-1]))
        hands.append((is_right, box, "unknown"))
        neighbours.append(box)
    if draws.chance(0.5):
        boxes.append(_fho_box("tool", draws.box(size)))
    noted.hands(hands, neighbours, **shared, stem=stem, frame=number, frame_type=kind, action=action)
    return frame | {"boxes": boxes}


def _fho_box(name: str, box: Sequence[float]) -> Truth:
    x1, y1, x2, y2 = box
    noun = None if name.endswith("hand") else "knife_(knife,_machete)"
    return {
        "object_type": name,
        "structured_noun": noun,
        "freeform_noun": None,
        "unsure_noun": None,
        "instance_number": None if noun is None else 1,
        "bbox": {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1},
    }


def write_fho_hands(root: Path, n_hands: int, seed: int = 0, *, odd: float = 0.004, keep: bool = True) -> Written:
    """Write ``fho_hands_{train,val}.json`` with at least ``n_hands`` usable hands in all, and ``ego4d.json``."""
    draws, book, n_bytes = Draws(seed), Book(keep), 0
    videos: list[Truth] = []
    root.mkdir(parents=True, exist_ok=True)
    for split, share in (("train", 0.8), ("val", 1.0)):
        clips = []
        while book.n_hands < share * n_hands:
            video, clip = draws.uid(), draws.uid()
            shared: dict[str, Any] = {"source": "ego4d", "source_split": split, "video_id": video, "clip_id": clip}
            size = draws.pick(((1920, 1080), 0.6), ((1440, 1080), 0.3), ((2560, 1440), 0.1))
            shared |= {"size": size, "file": f"clips/{clip}.mp4"}
            metadata = {"fps": 30.0, "display_resolution_width": size[0], "display_resolution_height": size[1]}
            videos.append({"video_uid": video, "duration_sec": 1800.0, "video_metadata": metadata})
            frames = [_times(draws, book, shared, 60 + 400 * k, odd) for k in range(draws.between(5, 20))]
            clips.append({"clip_id": len(clips), "clip_uid": clip, "video_uid": video, "frames": frames})
        content = {"version": "1.0", "date": "x", "description": "x", "manifest": "x", "split": split, "clips": clips}
        n_bytes += (root / f"fho_hands_{split}.json").write_text(json.dumps(content))
    above = root.parent if root.name == "annotations" else root
    (above / "ego4d.json").write_text(json.dumps({"version": "1.0", "videos": videos, "clips": []}))
    return book.close(n_bytes)


def _times(draws: Draws, book: Book, shared: Truth, pre: int, odd: float) -> Truth:
    """Draw the critical frames of an action; its first frame is all that tells it from others, so each has its own."""
    start, end = pre - 60, pre + 180
    action = str(uuid.uuid5(uuid.NAMESPACE_URL, f"fho_hands/{shared['clip_id']}/{start}/{end}"))
    times: Truth = {
        "action_start_sec": 4.0,
        "action_end_sec": 12.0,
        "action_start_frame": start,
        "action_end_frame": end,
    }
    for kind, number in zip(
        FRAME_TYPES, (pre - 45, pre - 30, pre - 15, pre, pre + 20, pre + 40, pre + 90), strict=True
    ):
        if draws.chance(0.2):
            continue
        stem, boxes = f"{shared['clip_id']}_{action}_{number}_{kind}", []
        for is_right in draws.pick(([], 0.05), ([True], 0.2), ([False], 0.2), ([True, False], 0.55)):
            short = min(shared["size"])
            x, y = draws.between(0, 256 * shared["size"][0] // short), draws.between(0, 256)
            name = "right_hand" if is_right else "left_hand"
            boxes.append({name: [x, y]})
            if draws.chance(odd):
                boxes.append({name: [1, 2]})
                book.left_out("second hand of the same side", f"{stem}_{name[0]}")
            place = {
                "centre": (x * short / 256, y * short / 256),
                "frame": number,
                "frame_type": kind,
                "action": action,
            }
            book.hands([(is_right, None, "unknown")], [], **shared, stem=stem, **place)
        times[kind] = {"frame": number + 9000, "clip_frame": number, "boxes": boxes}
    return times
