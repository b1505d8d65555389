"""FrankMocap's hand module as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hint.mano.read import find_mano
from hint.methods.crop_method import Crop, CropMethod, HandOutput, Parts, random_card, sized_card
from hint.methods.frankmocap.body import Array, read_mean_pose, read_right_hand
from hint.methods.frankmocap.card import CARD, FILES
from hint.methods.frankmocap.crop import CROP_SIZE, cut, window
from hint.methods.frankmocap.hand import HandLayer, RightHand, stand_in
from hint.methods.frankmocap.network import CAM, N_PARAMS, POSE, Encoder, EncoderConfig, normalise
from hint.methods.official_file import RANDOM
from hint.methods.official_weights import load_network
from hint.methods.random_weights import draw_weights
from hint.types import Hand, Image, MethodCard, MethodOptions

#: Scale of the camera the regression starts from.
START_SCALE = 5.0

#: Where random weights start: a hand that shows its palm, fingers up, as large as a box in its native crop. The rest
#: hand points along -x with its palm down; a third of a turn about the diagonal carries x to y and y to z.
_RANDOM_SCALE = 6.5
_UPRIGHT = (2 * math.pi / 3 / math.sqrt(3),) * 3
_RANDOM_CONFIG = EncoderConfig((1, 1, 1, 1), (8, 16, 32, 64), 64)


class FrankMocap(nn.Module):
    """From crops to a hand in them.

    Args:
        encoder: The regression.
        hand: The hand it poses.
        start: (61,) where it starts: camera, pose, shape.
    """

    start: Tensor

    def __init__(self, encoder: Encoder, hand: RightHand, start: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.hand = HandLayer(hand)
        self.register_buffer("start", start, persistent=False)

    def forward(self, crops: Tensor) -> HandOutput:
        """Map crops (N,224,224,3), RGB in 0..255, to hands."""
        cam, pose, betas = self.encoder(normalise(crops), self.start).split((CAM, POSE, N_PARAMS - CAM - POSE), 1)
        posed = self.hand(pose, betas)
        return HandOutput(project(posed.joints, cam), posed.joints, posed.vertices)


def project(points: Tensor, cam: Tensor) -> Tensor:
    """Project points (N,P,3) with a weak camera (N,3) = (scale, x, y) to crop units (N,P,2).

    The camera moves, then scales to a crop that spans -1 to 1.
    """
    return (points[..., :2] + cam[:, None, 1:]) * cam[:, None, :1] / 2


class FrankMocapMethod(CropMethod[HandOutput]):
    """FrankMocap's hand module with its weights loaded."""

    CARD = CARD
    crop_size = CROP_SIZE
    settings = tuple(file.option for file in FILES[1:])

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from the official files, or a small one with random weights."""
        return _random(options) if options.weights == RANDOM else _from_files(options)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the demonstrations of FrankMocap do, whose boxes are tight."""
        height, width = image.shape[:2]
        return Crop(*cut(image, window(hand.box_xyxy, width, height), mirror=not hand.is_right))


def start_params(fingers: Array, *, scale: float = START_SCALE, wrist: tuple[float, ...] = (0, 0, 0)) -> Tensor:
    """Return where the regression starts (61,): a camera, a rotation of the wrist, a pose (45,), the mean shape."""
    return torch.tensor(np.concatenate([[scale, 0, 0], wrist, fingers, np.zeros(10)]), dtype=torch.float32)


def _from_files(options: MethodOptions) -> Parts:
    weights, info, mean, smplx = (file.find(options, CARD.name) for file in FILES)
    encoder, identity = load_network(Encoder, weights, method=CARD.name)
    hand = read_right_hand(smplx, info)
    start = start_params(read_mean_pose(mean))
    return _parts(encoder, hand, start, sized_card(CARD, encoder), identity)


def _random(options: MethodOptions) -> Parts:
    model = find_mano(options.mano or "procedural")
    encoder = Encoder(_RANDOM_CONFIG)
    draw_weights(encoder, options.seed, {"regressor.*": 0.05})
    start = start_params(np.zeros(45), scale=_RANDOM_SCALE, wrist=_UPRIGHT)
    identity = {"weights": RANDOM, "seed": options.seed}
    return _parts(encoder, stand_in(model), start, random_card(CARD, encoder), identity)


def _parts(encoder: Encoder, hand: RightHand, start: Tensor, card: MethodCard, identity: dict[str, Any]) -> Parts:
    beside = {"hand_sha256": hand.sha256(), "start": start.tolist()}
    return Parts(FrankMocap(encoder, hand, start), card, identity | beside)
