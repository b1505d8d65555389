"""Made-up HInt folders of Ego4D sequences: hands that move smoothly, labelled at some of five moments per action."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .draws import Draws, jpeg

#: Frames after pre_45; contact comes later by a number that is drawn.
MOMENTS = {"pre_45": 0, "pre_30": 15, "pre_15": 30, "pre_frame": 45}
SIZE = (320, 240)


@dataclass(frozen=True)
class SequenceSet:
    """What was written.

    Attributes:
        keypoints: Name -> (21,2) px.
        tracks: For each clip, action and side the names with their frame numbers, in order of time.
    """

    keypoints: dict[str, np.ndarray]
    tracks: list[list[tuple[int, str]]]


def write_ego4d_seq(folder: Path, clips: int = 2, actions: int = 2, seed: int = 0, lost: float = 0.1) -> SequenceSet:
    """Write jpg+json pairs.

    Args:
        folder: Such as ``TEST_ego4d_seq``.
        clips: Number of clips.
        actions: Actions per clip; each shows both hands.
        seed: Of everything.
        lost: Chance that a moment is not labelled, and that a joint is out of the frame or occluded.
    """
    folder.mkdir(parents=True)
    draws, rng = Draws(seed), np.random.default_rng(seed)
    keypoints, tracks = {}, []
    for clip in (draws.uid() for _ in range(clips)):
        for action in (draws.uid() for _ in range(actions)):
            start = draws.between(20, 900)
            moments = MOMENTS | {"contact_frame": 45 + draws.between(1, 60)}
            for side in "lr":
                hand, way, bend = rng.uniform(80, 160, 2) + rng.normal(0, 12, (21, 2)), *rng.normal(0, 8, (2, 2))
                track = []
                for kind, after in moments.items():
                    if draws.chance(lost):
                        continue
                    seconds, name = after / 30, f"{clip}_{action}_{start + after}_{kind}_{side}"
                    points = hand + seconds * way + seconds**2 * bend + rng.normal(0, 0.5, (21, 2))
                    _write(folder, name, points, rng.random((2, 21)) > lost)
                    keypoints[name] = points
                    track.append((start + after, name))
                tracks.append(track)
    return SequenceSet(keypoints, tracks)


def _write(folder: Path, name: str, points: np.ndarray, fine: np.ndarray) -> None:
    low, high = points.min(0) - 5, points.max(0) + 5
    hand = {
        "bbox": [[*low.tolist(), *high.tolist()]],
        "keypoints": points.tolist(),
        "existence": fine[0].astype(int).tolist(),
        "occlusion": (~fine[1]).astype(int).tolist(),
    }
    (folder / f"{name}.json").write_text(json.dumps([hand]))
    (folder / f"{name}.jpg").write_bytes(jpeg(SIZE))
