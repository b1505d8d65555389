"""Select the training hands, and what of them is supervised.

Source: HaMeR (Pavlakos et al. 2024), ``data_filtering/low1.yaml`` and the order in which its reader applies it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from hint.training.sample import Sample
from hint.types import Bool, Float


@dataclass(frozen=True)
class Filters:
    """Thresholds, by default the released ones; zero turns one off.

    Attributes:
        min_confidence: Keypoints below this confidence are not supervised.
        min_keypoints: Hands need more supervised keypoints than this.
        max_reprojection: Hands need a smaller reprojection loss of their fit than this, if it is known.
        min_box: The shorter side of the box must exceed this, px.
        max_betas: Shapes with a larger absolute coefficient are not supervised.
        pose_with_betas: Supervise pose and shape together or neither.
        need_pose: Leave out hands whose pose is not supervised.
        pull_betas: Regularise unsupervised shapes towards the mean shape.
    """

    min_confidence: float = 0.3
    min_keypoints: int = 4
    max_reprojection: float = 31000.0
    min_box: float = 0.0
    max_betas: float = 3.0
    pose_with_betas: bool = True
    need_pose: bool = False
    pull_betas: bool = True

    def keep(self, traits: Traits) -> Bool:
        """Return (N,) which hands are used."""
        supervised = np.where(traits.confidence < self.min_confidence, 0, traits.confidence) > 0
        kept: Bool = np.ones(len(traits), bool)
        if self.min_keypoints > 0:
            kept &= supervised.sum(1) > self.min_keypoints
        if self.max_reprojection > 0:
            kept &= np.isnan(traits.reprojection) | (traits.reprojection < self.max_reprojection)
        if self.min_box > 0:
            kept &= traits.shortest_side > self.min_box
        if self.need_pose:
            kept &= self._supervised(traits.has_hand_pose, traits.has_betas, traits.largest_beta)[0]
        return kept

    def supervise(self, sample: Sample) -> Sample:
        """Return the sample with unsupervised parts marked."""
        keypoints = sample.keypoints_2d.copy()
        keypoints[keypoints[:, 2] < self.min_confidence, 2] = 0
        largest = np.abs(sample.betas).max(initial=0)
        pose, betas = self._supervised(np.bool_(sample.has_hand_pose), np.bool_(sample.has_betas), largest)
        pulled = self.pull_betas and not betas
        return replace(
            sample,
            keypoints_2d=keypoints,
            betas=np.zeros_like(sample.betas) if pulled else sample.betas,
            has_hand_pose=bool(pose),
            has_betas=bool(betas) or pulled,
        )

    def _supervised(
        self, pose: NDArray[np.bool_] | np.bool_, betas: NDArray[np.bool_] | np.bool_, largest: NDArray[np.floating]
    ) -> tuple[NDArray[np.bool_] | np.bool_, NDArray[np.bool_] | np.bool_]:
        if self.max_betas > 0:
            betas = betas & ~(largest > self.max_betas)
        both = pose & betas
        return (both, both) if self.pose_with_betas else (pose, betas)


@dataclass(frozen=True, eq=False)
class Traits:
    """The properties of N hands that filters use.

    Attributes:
        confidence: (N,21) of the 2D keypoints.
        reprojection: (N,) loss of the fit, NaN if unknown.
        shortest_side: (N,) shorter side of the box, px.
        has_hand_pose: (N,) whether a pose is given.
        has_betas: (N,) whether a shape is given.
        largest_beta: (N,) largest absolute shape coefficient.
    """

    confidence: Float
    reprojection: Float
    shortest_side: Float
    has_hand_pose: Bool
    has_betas: Bool
    largest_beta: Float

    def __len__(self) -> int:
        return len(self.confidence)


#: Names of the columns of :class:`Traits`.
TRAITS = tuple(f.name for f in fields(Traits))

#: No filter at all.
NONE = Filters(0.0, 0, 0.0, 0.0, 0.0, pose_with_betas=False, pull_betas=False)
