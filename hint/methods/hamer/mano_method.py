"""What methods share that regress MANO from one of HaMeR's crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from hint.crop import CROP_SIZE, box_to_tall_square
from hint.mano.model import ManoModel
from hint.methods.crop_method import Crop, CropMethod, Parts, to_numpy
from hint.methods.hamer.network import FOCAL_LENGTH, HamerOutput, ManoNetwork
from hint.types import Float, Hand, Image, ManoParameters, MethodOptions, Predictions


class ManoCropMethod(CropMethod[HamerOutput]):
    """What HaMeR and the networks made after it share: MANO parameters from one crop."""

    own_crop_on_device: ClassVar[bool] = True
    network: ManoNetwork

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        self.crop_size, self.box_factor = self.network.crop_size, self.network.box_factor
        self.faces = self.network.faces

    @property
    def hand_model(self) -> ManoModel:
        """The hand it poses."""
        return self.network.decoder.mano.model

    def infer_hands(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> tuple[Predictions, ManoParameters]:
        """Predict a batch as :meth:`infer` does, and return the MANO parameters too."""
        output = self.run(prepared)
        names = ("global_orient", "hand_pose", "betas", "cam", "cam_t")
        outputs = {name: to_numpy(getattr(output, name)) for name in names}
        square = np.array([cut.square for cut in prepared], np.float32)
        focal_length = FOCAL_LENGTH / CROP_SIZE * square[:, 2]
        return self.place(hands, prepared, output), ManoParameters(**outputs, focal_length=focal_length, square=square)

    @torch.inference_mode()
    def pose(self, parameters: ManoParameters) -> tuple[Float, Float]:
        """Return joints (N,21,3) and vertices (N,778,3) of right hands, metres, not translated."""
        arrays = (parameters.global_orient, parameters.hand_pose, parameters.betas)
        joints, vertices = self.network.decoder.mano(*(torch.tensor(array).to(self._device) for array in arrays))
        return to_numpy(joints), to_numpy(vertices)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as HaMeR's demonstration does; pixels of blurred crops are not rounded."""
        square = box_to_tall_square(hand.box_xyxy, self.box_factor)
        pixels = self.cutter.crop_blurred(image, square, mirror=not hand.is_right, crop_size=self.crop_size)
        return Crop(pixels, square)
