"""HaWoR as a method for single pictures: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hint.crop import box_to_square
from hint.errors import InputError
from hint.methods.crop_method import Crop, Parts
from hint.methods.extra import read_numbers
from hint.methods.hamer.vit_method import Makers, OfficialVitMethod
from hint.methods.hawor.card import CARD, WEIGHTS
from hint.methods.hawor.crop import FACTOR, cut, place_of
from hint.methods.hawor.load import build, random_network
from hint.methods.hawor.network import HaworInCrop
from hint.types import Hand, Image, MethodOptions

#: Px of the picture; what the demonstration takes where nobody knows it.
DEFAULT_FOCAL_LENGTH = 600.0


class HaworMethod(OfficialVitMethod):
    """HaWoR with its weights loaded, without SLAM.

    It is told where in the picture a crop lies and how long the picture's focal length is.
    """

    CARD = CARD
    own_crop_on_device = False
    settings = (*OfficialVitMethod.settings, "focal-length")
    weights_file = WEIGHTS
    makers = Makers(build, random_network, HaworInCrop)

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        self.focal_length = _focal_length(options)
        super().__init__(parts, options)
        self.fingerprint["focal_length"] = self.focal_length

    def prepare(self, hand: Hand, image: Image | None) -> Crop:
        """Cut the crop of a hand, and note where it lies in the picture."""
        seen = super().prepare(hand, image)
        assert image is not None  # refused above
        height, width = image.shape[:2]
        place = place_of(seen.square, width, height, self.focal_length, mirror=not hand.is_right)
        return seen._replace(beside=np.array(place, np.float32))

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the demonstration does."""
        square = box_to_square(hand.box_xyxy, FACTOR)
        return Crop(cut(image, square, mirror=not hand.is_right), square)


def _focal_length(options: MethodOptions) -> float:
    own = {key: value for key, value in options.extra.items() if key == "focal-length"}
    found = read_numbers("hawor", replace(options, extra=own), {"focal_length": DEFAULT_FOCAL_LENGTH})["focal_length"]
    if found <= 0:
        raise InputError(f"hawor: focal-length={found:g}: must be above 0 px")
    return found
