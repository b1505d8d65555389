"""Hands of Ego4D's forecasting benchmark (FHO), video by video.

``fho_main`` (v2) and ``fho`` (v1) have boxes and the action ids that HInt names carry; ``fho_hands_*`` have centres
only.
Source: the schemas of github.com/EGO4D/docs and the readers of github.com/EGO4D/forecasting.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from hint.box import Box
from hint.errors import shown
from hint.names import FRAME_TYPES
from hint.sources.clips import Clips
from hint.sources.frame import Drawn, usable
from hint.sources.hand import LeftOut, SourceHand
from hint.sources.pool import Problems

#: Frame size if ``fho_main`` gives none.
USUAL_SIZE = (1920, 1080)

#: Reason for leaving out clips of ``fho_hands``, which gives no sizes; its centres are relative to them.
UNKNOWN_SIZE = "clip of unknown size"

#: Short side of the frames in which ``fho_hands`` gives centres.
CENTRES_SHORT_SIDE = 256

SIDES = {"left_hand": False, "right_hand": True}

# A million hands share one string for each type.
_FRAME_TYPE = {name: name for name in FRAME_TYPES}
_NUMBER = (float, int)


class Clip(NamedTuple):
    """What the hands of a clip share.

    Attributes:
        video: Video uid.
        uid: Clip uid.
        length: Frames in the clip, None if the file does not say.
        size: (width, height) of the frames in px.
        file: Path of the clip's video.
        split: "train", "val" or "".
    """

    video: str
    uid: str
    length: int | None
    size: tuple[int, int]
    file: str
    split: str


class FhoReader:
    """Converts entries of FHO files to hands.

    Args:
        clips: The clips the hands are in.
        left_out: Receives what cannot be used.
        problems: Receives what cannot be read.
    """

    def __init__(self, clips: Clips, left_out: LeftOut, problems: Problems) -> None:
        self._clips = clips
        self._left_out = left_out
        self._problems = problems

    def video(self, file: str, key: str, video: Any) -> Iterator[SourceHand]:
        """Yield the hands of one entry of ``videos`` (v2) or ``video_data`` (v1, where the key is the uid)."""
        where = f"{file} video {key or '?'}"
        try:
            uid = _text(_object(video, "video").get("video_uid") or key, "video_uid")
            where = f"{file} video {uid}"
            size = _size(video.get("video_metadata")) or USUAL_SIZE
            intervals = _list(video.get("annotated_intervals"), "annotated_intervals")
        except ValueError as error:
            self._problems.add(where, str(error))
            return
        for interval in intervals:
            try:
                clip = self._interval(_object(interval, "interval"), uid, size)
                actions = _list(interval.get("narrated_actions"), "narrated_actions") if clip else []
            except ValueError as error:
                self._problems.add(where, str(error))
                continue
            if clip is not None:
                for action in actions:
                    yield from self._action(where, action, clip)

    def _interval(self, interval: dict[str, Any], video: str, size: tuple[int, int]) -> Clip | None:
        uid = interval.get("clip_uid")
        if interval.get("redacted"):
            self._left_out.add("redacted interval", uid or video)
            return None
        if uid is None:
            self._left_out.add("interval without a clip", video)
            return None
        uid = _text(uid, "clip_uid")
        start, end = interval.get("clip_parent_start_frame"), interval.get("clip_parent_end_frame")
        length = None if start is None or end is None else _whole(end, "clip end") - _whole(start, "clip start")
        return Clip(video, uid, length, size, self._clips.file(uid), "")

    def _action(self, where: str, action: Any, clip: Clip) -> list[SourceHand]:
        uid = action.get("uid") if isinstance(action, dict) else None
        try:
            reason = _why_no_action(_object(action, "action"))
            if reason:
                self._left_out.add(reason, uid or clip.uid)
                return []
            uid = _text(uid, "uid")
            frames = _list(action["frames"], "frames")
            return [hand for frame in frames for hand in self._frame(_object(frame, "frame"), uid, clip)]
        except ValueError as error:
            self._problems.add(f"{where} clip {clip.uid} action {uid or '?'}", str(error))
            return []

    def _frame(self, frame: dict[str, Any], action: str, clip: Clip) -> Iterator[SourceHand]:
        named = self._name(frame.get("frame_type"), frame.get("clip_frame_number"), action, clip)
        if named is None:
            return
        stem, number, frame_type = named
        drawn: list[Drawn] = []
        for entry in _list(frame.get("boxes"), "boxes"):
            is_right = _side(_object(entry, "box").get("object_type"))
            if is_right is None:
                continue
            box = _box(entry.get("bbox"))
            if box is None:
                self._left_out.add("no box", f"{stem}_{'r' if is_right else 'l'}")
            else:
                drawn.append(Drawn(is_right, box, "unknown"))
        for hand, distance in usable(stem, drawn, clip.size, self._left_out) if drawn else ():
            yield _hand(clip, number, frame_type, action, hand.is_right, hand.box, distance)

    def _name(self, frame_type: Any, number: Any, action: str, clip: Clip) -> tuple[str, int, str] | None:
        """Return (stem, frame, type); None if the frame cannot have a HInt name."""
        frame_type = _FRAME_TYPE.get(frame_type) if isinstance(frame_type, str) else None
        if frame_type is None:
            self._left_out.add("frame of an unknown type", action)
            return None
        if number is None:
            self._left_out.add("frame without a number in the clip", f"{clip.uid}_{action}_{frame_type}")
            return None
        number = _whole(number, "clip frame")
        stem = f"{clip.uid}_{action}_{number}_{frame_type}"
        if number < 0 or (clip.length is not None and number >= clip.length):
            self._left_out.add("frame outside the clip", stem)
            return None
        return stem, number, frame_type

    def centres(self, file: str, split: str, entry: Any) -> Iterator[SourceHand]:
        """Yield the hands of one entry of ``clips`` in ``fho_hands_{train,val}.json``: centres without boxes."""
        where = f"{file} clip ?"
        try:
            entry = _object(entry, "clip")
            if entry.get("clip_uid") is None:
                self._left_out.add("interval without a clip", entry.get("video_uid") or str(entry.get("clip_id")))
                return
            uid = _text(entry["clip_uid"], "clip_uid")
            where = f"{file} clip {uid}"
            video = _text(entry.get("video_uid"), "video_uid")
            frames = _list(entry.get("frames"), "frames")
            size = _size(entry) or self._clips.size(uid, video)
            if size is None:
                self._left_out.add(UNKNOWN_SIZE, uid)
                return
            clip = Clip(video, uid, None, size, self._clips.file(uid), split)
        except ValueError as error:
            self._problems.add(where, str(error))
            return
        for times in frames:
            try:
                yield from self._times(_object(times, "frame"), clip)
            except ValueError as error:
                self._problems.add(where, str(error))

    def _times(self, times: dict[str, Any], clip: Clip) -> list[SourceHand]:
        action = stand_in_action(clip.uid, times.get("action_start_frame"), times.get("action_end_frame"))
        hands: list[SourceHand] = []
        for frame_type in FRAME_TYPES:
            if times.get(frame_type) is None:
                continue
            frame = _object(times[frame_type], frame_type)
            if named := self._name(frame_type, frame.get("clip_frame"), action, clip):
                hands.extend(self._centres_of_frame(_list(frame.get("boxes"), "boxes"), named, action, clip))
        return hands

    def _centres_of_frame(
        self, boxes: list[Any], named: tuple[str, int, str], action: str, clip: Clip
    ) -> Iterator[SourceHand]:
        stem, number, frame_type = named
        scale = min(clip.size) / CENTRES_SHORT_SIDE
        seen: set[bool] = set()
        for name, point in (item for entry in boxes for item in _object(entry, "box").items()):
            is_right = SIDES.get(name)
            if is_right is None or point is None:
                continue
            x, y = (scale * value for value in _numbers(point, 2, name))
            hand_id = f"{stem}_{'r' if is_right else 'l'}"
            if is_right in seen:
                self._left_out.add("second hand of the same side", hand_id)
            elif not (0 <= x <= clip.size[0] and 0 <= y <= clip.size[1]):
                self._left_out.add("centre outside the frame", hand_id)
            else:
                seen.add(is_right)
                yield _hand(clip, number, frame_type, action, is_right, None, math.inf, (x, y))


def stand_in_action(clip: str, start: Any, end: Any) -> str:
    """Make the action id that ``fho_hands`` lacks: a version 5 UUID of the clip and the action's frames.

    Ego4D's own ids are version 4, so the two cannot be confused.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"fho_hands/{clip}/{start}/{end}"))


def _hand(
    clip: Clip,
    frame: int,
    frame_type: str,
    action: str,
    is_right: bool,
    box: Box | None,
    distance: float,
    point: tuple[float, float] = (0.0, 0.0),
) -> SourceHand:
    return SourceHand(
        source="ego4d",
        source_split=clip.split,
        video_id=clip.video,
        clip_id=clip.uid,
        frame=frame,
        frame_type=frame_type,
        action=action,
        is_right=is_right,
        box_xyxy=box,
        size=clip.size,
        contact="unknown",
        hand_gap=distance,
        file=clip.file,
        point=point,
    )


def _side(name: Any) -> bool | None:
    return SIDES.get(name) if isinstance(name, str) else None


def _why_no_action(action: dict[str, Any]) -> str:
    """Return why an action has no usable frames, "" if it has; this is the filter of Ego4D's own notebook."""
    if action.get("is_rejected"):
        return "rejected action"
    if action.get("is_invalid_annotation"):
        return "invalid annotation"
    if "stage" in action and action["stage"] is None:
        return "action without a stage"
    if action.get("uid") is None:
        return "action without an id"
    return "action without frames" if action.get("frames") is None else ""


def _size(holder: Any) -> tuple[int, int] | None:
    if holder is None:
        return None
    width, height = _object(holder, "video_metadata").get("width"), holder.get("height")
    return None if width is None or height is None else (_whole(width, "width"), _whole(height, "height"))


def _box(bbox: Any) -> Box | None:
    """Convert x, y, width, height to xyxy."""
    if bbox is None:
        return None
    try:
        x, y, width, height = bbox["x"], bbox["y"], bbox["width"], bbox["height"]
    except KeyError as error:
        raise ValueError(f"bbox lacks {error.args[0]!r}") from None
    except TypeError:
        raise ValueError("bbox is not an object") from None
    x, y, width, height = _numbers([x, y, width, height], 4, "bbox")
    return x, y, x + width, y + height


def _numbers(values: Any, n: int, what: str) -> list[float]:
    if type(values) is not list or len(values) != n:
        raise ValueError(f"{what} is not {n} numbers")
    for value in values:
        if type(value) not in _NUMBER:
            raise ValueError(f"{what} holds {shown(value)}, expected a number")
    return values


def _object(value: Any, what: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError(f"{what} is not an object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    """Return a list, empty for null."""
    if value is None:
        return []
    if type(value) is not list:
        raise ValueError(f"{what} is not a list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} is not a string")
    return value


def _whole(value: Any, what: str) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise ValueError(f"{what} is {shown(value)}, expected a whole number")
