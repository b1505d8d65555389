"""Made-up training tars in the official layout: hands of 21 dots, seen by a pinhole camera, and the truth about them.

Needs ``hint``, which writes the tars; the truth comes from the drawing, not from reading them back.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.training.shards import ShardWriter, official_hand, shard_path

#: Focal length in sides of the picture.
FOCAL = 1.5


@dataclass
class Drawn:
    """A picture and its hands, as they went into a tar."""

    key: str
    image: NDArray[np.uint8]
    hands: list[dict[str, Any]] = field(default_factory=list)


def project(points: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Project (21,3) metres to px of a square picture whose middle the camera looks at."""
    return points[:, :2] / points[:, 2:] * FOCAL * size + size / 2


def draw_hand(rng: np.random.Generator, size: int, right: bool, supervised: bool = True) -> dict[str, Any]:
    """Draw the truth about one hand."""
    centre = rng.uniform((-0.05, -0.05, 0.45), (0.05, 0.05, 0.7))
    points = centre + rng.uniform(-0.08, 0.08, (21, 3))
    pixels = project(points, size)
    ones = np.ones((21, 1))
    return official_hand(
        keypoints_2d=np.hstack([pixels, ones]),
        box_xyxy=np.concatenate([pixels.min(0) - 3, pixels.max(0) + 3]),
        is_right=right,
        keypoints_3d=np.hstack([points, ones]),
        hand_pose=rng.normal(0, 0.4, 48) if supervised else None,
        betas=rng.uniform(-2, 2, 10) if supervised else None,
    )


def draw_picture(rng: np.random.Generator, key: str, size: int, n_hands: int = 1) -> Drawn:
    """Draw a picture: soft colours, and a dot at each keypoint."""
    soft = cv2.resize(rng.integers(30, 160, (5, 5, 3), dtype=np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    drawn = Drawn(key, soft)
    for number in range(n_hands):
        hand = draw_hand(rng, size, right=bool(rng.random() < 0.5), supervised=bool(rng.random() < 0.7))
        for x, y, _ in hand["keypoints_2d"]:
            cv2.circle(drawn.image, (round(float(x)), round(float(y))), 2, (255, 40 * number, 200), -1)
        drawn.hands.append(hand)
    return drawn


def write_tars(folder: Path, n: int = 24, per_tar: int = 10, seed: int = 0, size: int = 96) -> list[Drawn]:
    """Write tars of n pictures, every third with two hands; return what is in them, in order."""
    pictures = []
    for start in range(0, n, per_tar):
        with ShardWriter(shard_path(folder, start // per_tar)) as shard:
            for k in range(start, min(start + per_tar, n)):
                picture = draw_picture(np.random.default_rng((seed, k)), f"p{k:06d}", size, 2 if k % 3 == 2 else 1)
                shard.add(picture.key, picture.image, picture.hands)
                pictures.append(picture)
    return pictures
