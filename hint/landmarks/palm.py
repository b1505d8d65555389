"""The palm network: a picture in, the boxes of palms with seven keypoints out.

It sees the picture in a square of 192 px, so palms smaller than about a tenth of it are missed: cut large pictures
into overlapping parts first.

Sources: Zhang et al. 2020, section 2.1; the anchors and thresholds of MediaPipe's released graph; Liu et al., SSD,
ECCV 2016, for what anchors are; Bazarevsky et al., BlazeFace, arXiv 1907.05047, section 3.3, for the averaging.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hint.box import overlap
from hint.landmarks.files import PALMS
from hint.landmarks.region import Region, around_palm, around_picture, cut
from hint.landmarks.runtime import Network
from hint.types import Double, Float, Image

SIZE = 192
#: A palm and a better one that overlaps it more (intersection over union) are one.
_SAME = 0.3
#: Cells along each side of the picture, and anchors in every cell.
_GRIDS = ((24, 2), (12, 6))
#: Logits are cut off here, as probabilities would overflow.
_LARGEST_LOGIT = 100.0
_KEYPOINTS = 7
_WRIST, _MIDDLE_KNUCKLE = 0, 2


class Palm(NamedTuple):
    """A palm.

    Attributes:
        box_xyxy: (4,) px; a square about the palm, without fingers.
        keypoints: (7,2) px: wrist, knuckles of index, middle, ring and little finger, base and knuckle of the thumb.
        score: Confidence, 0..1.
    """

    box_xyxy: Double
    keypoints: Double
    score: float

    def region(self, mirrored: bool = False) -> Region:
        """Return the region of its hand, for the landmark network."""
        return around_palm(self.box_xyxy, self.keypoints[_WRIST], self.keypoints[_MIDDLE_KNUCKLE], mirrored)


class PalmNetwork:
    """The palm network of MediaPipe Hands 0.10.21 ("full"). Not thread-safe.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
        InputError: If the file is not the expected one.
    """

    def __init__(self) -> None:
        self._network = Network(PALMS)
        self._anchors = _anchors()

    def __call__(self, image: Image, min_score: float = 0.5) -> list[Palm]:
        """Return the palms of a picture, (H,W,3) RGB uint8, the surest first.

        Args:
            image: The picture, of any shape and size.
            min_score: Confidence to require.
        """
        whole = around_picture(image)
        offsets, logits = self._network(cut(image, whole, SIZE, black_border=True))
        scores = _probabilities(logits[:, 0])
        sure = scores >= min_score
        points = offsets[sure].astype(np.float64).reshape(-1, 2 + _KEYPOINTS, 2) / SIZE
        centre, side, keypoints = points[:, 0] + self._anchors[sure], points[:, 1], points[:, 2:]
        keypoints = keypoints + self._anchors[sure][:, None]
        corners = np.stack([centre - side / 2, centre + side / 2], axis=1)
        pixels = whole.to_picture(np.concatenate([corners, keypoints], axis=1) - 0.5)
        return merged(pixels, scores[sure].astype(np.float64))


def _probabilities(logits: Float) -> Float:
    clipped = np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT).astype(np.float64)
    return (1 / (1 + np.exp(-clipped))).astype(np.float32)


def _anchors() -> Double:
    """Return (2016,2), the middles of the grids' cells, of which the picture spans 0 to 1; all anchors are as large."""
    grids = []
    for cells, times in _GRIDS:
        middles = (np.arange(cells) + 0.5) / cells
        rows, columns = np.meshgrid(middles, middles, indexing="ij")
        grids.append(np.repeat(np.column_stack([columns.ravel(), rows.ravel()]), times, axis=0))
    return np.concatenate(grids)


def merged(points: Double, scores: Double) -> list[Palm]:
    """Average the detections of each palm, weighted by their scores.

    Args:
        points: (N,9,2) px: two corners of the box, then the keypoints.
        scores: (N,).
    """
    order = np.argsort(-scores, kind="stable")
    points, scores, palms = points[order], scores[order], []
    while len(scores):
        boxes = points[:, :2].reshape(-1, 4).tolist()
        same = np.array([overlap(boxes[0], box) > _SAME for box in boxes])
        same[0] = True  # even of a box without area
        mean = np.average(points[same], axis=0, weights=scores[same])
        palms.append(Palm(mean[:2].ravel(), mean[2:], float(scores[0])))
        points, scores = points[~same], scores[~same]
    return palms
