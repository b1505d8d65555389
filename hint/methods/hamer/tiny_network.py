"""HaMeR-tiny: MediaPipe's landmark network looks, small learned parts turn its view upright and fit a MANO hand.

1. Four looks at the crop, a quarter turn apart; in each a small layer says which way the hand points and how surely.
2. One look at the view turned upright: the landmark network's maps and its own landmarks.
3. :class:`~hint.methods.hamer.tiny_reader.Reader` corrects the landmarks, in the picture and in space.
4. :class:`~hint.methods.hamer.tiny_fitter.Fitter` turns them into MANO's parameters.

The landmark network is MediaPipe's as it is; the rest was trained on rendered hands (``tools/hamer_tiny``).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from hint.landmarks.backbone import LAST_CHANNELS, Features, LandmarkBackbone
from hint.landmarks.network import SIZE as CROP_SIZE
from hint.mano.model import ManoModel
from hint.methods.hamer.network import HamerOutput, HandDecoder, ManoNetwork
from hint.methods.hamer.tiny_fitter import FittedHand, Fitter
from hint.methods.hamer.tiny_reader import STRIDES, Reader
from hint.weights import load_into, read_checkpoint

#: Side of a view over the longest side of the hand's box.
VIEW_FACTOR = 1.6

#: Side of the crop over that of a view: room to turn.
ROOM = 1.5

#: Looks for the direction of the hand.
_TURNS = 4

#: Views at once on a CPU; the maps of more of them leave its cache.
_ON_CPU = 8


class Turner(nn.Module):
    """Says which way a hand points: the mean of the last map becomes a vector, whose length is how sure it is."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(LAST_CHANNELS), nn.Linear(LAST_CHANNELS, 192), nn.GELU(), nn.Linear(192, 2)
        )

    def forward(self, mean: Tensor) -> Tensor:
        """Map (N,1152) to (N,2): cosine and sine of the turn to the right that makes the view upright."""
        out: Tensor = self.layers(mean)
        return out


class LearnedParts(nn.Module):
    """All that was trained for HaMeR-tiny."""

    def __init__(self) -> None:
        super().__init__()
        self.turner, self.reader, self.fitter = Turner(), Reader(), Fitter()


class TinyHand(ManoNetwork):
    """Crops in, hands out, as :class:`hint.methods.hamer.network.HandInCrop`.

    Args:
        eye: The landmark network.
        parts: What was learned on top of it.
        model: The hand.
    """

    crop_size = int(CROP_SIZE * ROOM)
    box_factor = VIEW_FACTOR * ROOM

    def __init__(self, eye: LandmarkBackbone, parts: LearnedParts, model: ManoModel) -> None:
        super().__init__()
        self.eye, self.parts = eye, parts
        self.decoder = HandDecoder(model, self.crop_size)
        self.faces = model.faces

    def forward(self, crops: Tensor) -> HamerOutput:
        """Map crops (N,336,336,3), RGB in 0..255, to hands."""
        pictures = (crops.float() / 255).permute(0, 3, 1, 2)
        turn = self.find_turn(pictures)
        features = self._look(pictures, turn)
        points = self.parts.reader(features.maps, self.eye.landmarks(features)).points
        hand = self.parts.fitter(points, lambda *pose: self.decoder.mano(*pose)[0])[-1]
        output: HamerOutput = self.decoder(*turned_back(hand, turn))
        return output

    def find_turn(self, pictures: Tensor) -> Tensor:
        """Return (N,) radians by which the view is to be turned to the right."""
        vote = pictures.new_zeros(len(pictures), 2)
        for k in range(_TURNS):
            turn = pictures.new_full((len(pictures),), k * math.tau / _TURNS)
            mean = self._look(pictures, turn).last.mean((2, 3))
            vote = vote + (rotation(turn) @ self.parts.turner(mean)[..., None])[..., 0]
        return torch.atan2(vote[:, 1], vote[:, 0])

    def _look(self, pictures: Tensor, turn: Tensor) -> Features:
        views = turned(pictures, turn)
        seen = [
            self.eye.features(few) for few in torch.split(views, _ON_CPU if views.device.type == "cpu" else len(views))
        ]
        maps = {stride: torch.cat([features.maps[stride] for features in seen]) for stride in STRIDES}
        return Features(maps, torch.cat([features.last for features in seen]))


def load_parts(path: Path) -> LearnedParts:
    """Return the learned parts with their weights, which are stored in float16, in float32.

    Raises:
        InputError: If the file cannot be read or holds something else.
    """
    return load_into(LearnedParts(), read_checkpoint(path)).eval()


def turned(pictures: Tensor, turn: Tensor) -> Tensor:
    """Cut the middle of crops (N,3,336,336), turned to the right by (N,) radians: (N,3,224,224)."""
    matrix = torch.cat([rotation(turn) / ROOM, pictures.new_zeros(len(turn), 2, 1)], 2)
    grid = functional.affine_grid(matrix, [len(turn), 3, CROP_SIZE, CROP_SIZE], align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False).contiguous(memory_format=torch.channels_last)


def turned_back(hand: FittedHand, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rotations (N,16,3,3), shape (N,10) and camera (N,3) of a hand in the crop that its view was cut from."""
    back = rotation(turn)
    about = functional.pad(back, (0, 1, 0, 1))
    about[:, 2, 2] = 1
    rotations = torch.cat([about[:, None] @ hand.rotations[:, :1], hand.rotations[:, 1:]], 1)
    # MANO turns about the wrist, which is not at the origin; the view turned about its centre.
    wrist = hand.joints[:, 0, :2]
    moved = (back @ (wrist + hand.cam[:, 1:])[..., None])[..., 0] - wrist
    return rotations, hand.betas, torch.cat([hand.cam[:, :1] / ROOM, moved], 1)


def rotation(turn: Tensor) -> Tensor:
    """Return (N,2,2): from the axes of a view turned to the right by (N,) radians to those of the crop."""
    cos, sin = turn.cos(), turn.sin()
    return torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
