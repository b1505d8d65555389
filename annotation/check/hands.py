"""The input of the rules: one set of hands, with the measurements that several rules share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.check.geometry import bone_vectors, by_joint
from annotation.check.judges import Labelled, labelled
from annotation.check.look import Look
from annotation.check.population import Population, existing_points
from hint.types import Bool, Double, HandLabels, Predictions


@dataclass(frozen=True, eq=False)
class Hands:
    """One annotation set.

    Attributes:
        labels: The annotations.
        population: Usual bone lengths and bends.
        picture: (N,2) width and height of the pictures, px; NaN without a picture.
        prelabels: (N,21,2) px, the points the annotators started from; NaN if unknown.
        look: What the pictures show.
    """

    labels: HandLabels
    population: Population
    picture: Double
    prelabels: Double
    look: Look

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def points(self) -> Double:
        """(N,21,2) px, NaN for joints that do not exist."""
        return existing_points(self.labels)

    @cached_property
    def box_side(self) -> Double:
        """(N,) longest side of the box, px."""
        box = self.labels.box_xyxy
        longest: Double = (box[:, 2:] - box[:, :2]).max(1)
        return longest

    @cached_property
    def bones(self) -> Double:
        """(N,20,2) px."""
        return bone_vectors(self.points)

    @cached_property
    def _relative(self) -> tuple[Double, Double]:
        return self.population.relative(np.sqrt(np.square(self.bones).sum(2)))

    @property
    def relative_bones(self) -> Double:
        """(N,20) bone lengths relative to the hand's size and to typical lengths."""
        return self._relative[0]

    @property
    def size(self) -> Double:
        """(N,) size of the hand from its bones, px: about the mean length of an unforeshortened bone."""
        return self._relative[1]

    @cached_property
    def labelled(self) -> Labelled:
        """What the judges of whole hands see."""
        given = self.labels
        return labelled(given.keypoints_2d, given.existence, given.occlusion, given.is_right)

    @cached_property
    def in_picture(self) -> Bool:
        """(N,21) whether a joint is certainly inside the picture, regardless of its flag.

        Without a picture, the rectangle around the existing joints is used, which is a part of the picture.
        """
        x, y = by_joint(self.labels.keypoints_2d)
        known = np.asarray(np.isfinite(self.picture).all(1))
        exists = self.labels.existence.T
        inside = np.ones((21, len(self)), bool)
        for values, side in ((x, self.picture[:, 0]), (y, self.picture[:, 1])):
            low = np.where(known, 0.0, np.where(exists, values, np.inf).min(0))
            high = np.where(known, np.nextafter(side, 0), np.where(exists, values, -np.inf).max(0))
            inside &= (values >= low) & (values <= high)
        return inside.T


def aligned(labels: HandLabels, predictions: Predictions | None) -> Double:
    """Return (N,21,2) predictions of labelled hands, NaN for hands without one."""
    found = np.full(labels.keypoints_2d.shape, np.nan)
    if predictions is None:
        return found
    row = {hand_id: k for k, hand_id in enumerate(predictions.hand_id.tolist())}
    rows = np.array([row.get(hand_id, -1) for hand_id in labels.hand_id.tolist()], dtype=np.int64)
    found[rows >= 0] = predictions.keypoints_2d[rows[rows >= 0]]
    return found
