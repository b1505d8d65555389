"""What is known of a hand before the guess: features of the picture, and what a hand fitted to its keypoints hides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hint.fit.hands import HandFitter
from hint.fit.observation import gather
from hint.fit.result import pose
from hint.landmarks.backbone import LandmarkBackbone, load_network
from hint.mano.procedural import procedural_hand
from hint.occlusion.network import Seen
from hint.occlusion.surface import Surface
from hint.occlusion.view import cut_views, sample, upright


class Sight(NamedTuple):
    """What is known of N hands.

    Attributes:
        keypoints: (N,21,2) px of the upright views.
        seen: What the landmark network saw there.
        ahead: (N,21,3) metres, of :meth:`hint.occlusion.surface.Surface.ahead`.
    """

    keypoints: Tensor
    seen: Seen
    ahead: Tensor

    def select(self, rows: Any) -> Sight:
        """Return some hands."""
        return Sight(self.keypoints[rows], Seen(*(value[rows] for value in self.seen)), self.ahead[rows])


class Looker:
    """Looks at hands: runs MediaPipe's landmark network on them, and fits the procedural hand to their keypoints."""

    def __init__(self) -> None:
        self._model = procedural_hand()
        self.landmarks: LandmarkBackbone = load_network().requires_grad_(False)
        self._fitter, self._surface = HandFitter(self._model), Surface(self._model)

    @torch.inference_mode()
    def look(self, patches: Tensor, keypoints: Tensor) -> Sight:
        """Look at N hands.

        Args:
            patches: (N,3,320,320) RGB in 0..1, left hands mirrored.
            keypoints: (N,21,2) px of the patches, finite.
        """
        each = [self._see(patches[k : k + 1], keypoints[k : k + 1]) for k in range(len(patches))]
        placed = torch.cat([one for one, _ in each])
        seen = Seen(*(torch.cat(values) for values in zip(*(one for _, one in each), strict=True)))
        return Sight(placed, seen, self.ahead(placed, seen.world))

    def _see(self, patch: Tensor, keypoints: Tensor) -> tuple[Tensor, Seen]:
        """Return the keypoints in the view, and what is seen there; one hand, since sums depend on their number."""
        view = upright(keypoints)
        features = self.landmarks.features(cut_views(patch, view))
        found = self.landmarks.landmarks(features)
        maps = torch.cat([sample(one, view.keypoints) for one in features.maps.values()], 2)
        return view.keypoints, Seen(maps, found.points, found.presence, found.world)

    def ahead(self, keypoints: Tensor, world: Tensor) -> Tensor:
        """Return what a right hand fitted to the keypoints (N,21,2) and to joints (N,21,3) in metres hides."""
        with np.errstate(divide="ignore", invalid="ignore"):  # keypoints on one spot; the network then knows no fit
            fitted = self._fitter.fit(gather(keypoints.numpy(), True, world.numpy()))
        joints = torch.from_numpy(fitted.keypoints_3d)
        each = [pose(self._model, fitted.parameters.select([k]))[1] for k in range(len(joints))]
        return self._surface.ahead(torch.from_numpy(np.concatenate(each)), joints)
