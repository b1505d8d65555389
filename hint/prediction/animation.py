"""The tracks of a video as animated hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from hint.files.camera_file import Calibration
from hint.mano.model import ManoModel
from hint.prediction.detections import FrameDetections, track_name
from hint.prediction.placement import pose_of, wrist_shift
from hint.prediction.rows import join
from hint.prediction.tasks import HandResult
from hint.types import Double
from hint.viewers.bvh import bvh
from hint.viewers.gltf import glb
from hint.viewers.rig import Axes, RiggedTrack, rig

#: Format -> how a track is written, given the frames per second.
ANIMATIONS: dict[str, Callable[[RiggedTrack, float], bytes]] = {"glb": lambda track, rate: glb(track), "bvh": bvh}

#: From the camera's axes to those of viewers, with y up.
_UPRIGHT = np.diag([1.0, -1.0, -1.0])

#: What is known of a track in one frame.
_Step = tuple[FrameDetections, HandResult]


def rigged_tracks(
    frames: Sequence[FrameDetections],
    rows: Mapping[str, HandResult],
    model: ManoModel,
    calibration: Calibration | None,
) -> Iterator[RiggedTrack]:
    """Yield the hands of a video, each with bones.

    Without a calibrated camera they are in axes with y up, and where the focal length is not known, at depth zero. With
    one they are in its axes, or in those of the world.

    Args:
        frames: The frames.
        rows: hand_id -> what was predicted.
        model: The right hand that poses them.
        calibration: The camera.
    """
    steps: dict[str, list[_Step]] = {}
    for frame in frames:
        for found in frame.hands:
            row = rows.get(found.hand.hand_id)
            if row is not None and _is_finite(row):
                steps.setdefault(track_name(frame.picture, found), []).append((frame, row))
    for name, track in sorted(steps.items()):
        is_right = track[0][1].hand.is_right
        parameters = join([row for _, row in track]).parameters
        if parameters is not None:
            shift = np.array([_shift(row, frame) for frame, row in track])
            seconds = [frame.picture.seconds or 0.0 for frame, _ in track]
            yield rig(model, parameters, is_right, shift, seconds, _axes(track, calibration), name)


def _is_finite(row: HandResult) -> bool:
    parameters = row.parameters
    return parameters is not None and all(np.isfinite(values).all() for values in vars(parameters).values())


def _shift(row: HandResult, frame: FrameDetections) -> Double:
    shift = wrist_shift(row, frame)
    if frame.intrinsics is not None and frame.intrinsics.source == "default":
        shift[2] = 0
    return shift


def _axes(track: Sequence[_Step], calibration: Calibration | None) -> Axes:
    if calibration is None:
        return Axes(np.tile(_UPRIGHT, (len(track), 1, 1)), np.zeros((len(track), 3)))
    poses = [pose_of(calibration, frame.picture) for frame, _ in track]
    rotation = np.array([pose.rotation.T for pose in poses])
    return Axes(rotation, np.array([-pose.rotation.T @ pose.translation for pose in poses]))
