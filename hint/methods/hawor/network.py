"""The whole network: square crops and where they lie in, a posed hand and its projection out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from hint.mano.model import ManoModel
from hint.methods.hamer.config import RELEASED_BOX_FACTOR, HamerConfig
from hint.methods.hamer.head import POSE, HandNumbers, ManoHead, rot6d_to_matrix
from hint.methods.hamer.network import HamerOutput, HandDecoder, ManoNetwork, normalise
from hint.methods.hamer.vit import VisionTransformer, middle_columns
from hint.methods.hawor.temporal import TemporalAttention

#: Frames the network sees at once.
WINDOW = 16

#: Numbers that tell where a crop lies.
_BOX_INFO = 3


@dataclass(frozen=True)
class HaworConfig:
    """Sizes of the network; the defaults are those of the released one.

    Attributes:
        hamer: Encoder and head.
        features: Width and layers of the attention between features of the frames.
        motion: The same between their poses.
    """

    hamer: HamerConfig = field(default_factory=HamerConfig)
    features: tuple[int, int] = (512, 6)
    motion: tuple[int, int] = (384, 6)

    @classmethod
    def tiny(cls) -> HaworConfig:
        """Return sizes that run in milliseconds, for tests and demonstrations."""
        return cls(HamerConfig.tiny(), (32, 2), (16, 2))


class Hawor(nn.Module):
    """HaWoR without its training parts and without SLAM; keys as in the released weights.

    The encoder does nearly all the work, so it alone may run in a lower precision.
    """

    def __init__(self, config: HaworConfig) -> None:
        super().__init__()
        self.config = config
        self.autocast: torch.dtype | None = None
        width = config.hamer.width
        self.backbone = VisionTransformer(config.hamer.vit)
        self.st_module = TemporalAttention(width + _BOX_INFO, width, *config.features)
        self.mano_head = ManoHead(config.hamer)
        self.motion_module = TemporalAttention(POSE + _BOX_INFO, POSE, *config.motion)

    @property
    def costly(self) -> nn.ModuleList:
        """What may compute in a lower precision."""
        return nn.ModuleList([self.backbone])

    def forward(self, crops: Tensor, places: Tensor) -> HandNumbers:
        """Map normalised crops (N,3,S,S) and their places (N,4) to hands, each seen as a window of equal frames.

        Of the window, the first frame counts, as where the released code fills up a video of one frame.
        """
        info = box_info(places)
        frames = self.contexts(self.encode(crops), info)
        hands = self.mano_head.read(frames.flatten(0, 1))
        poses = hands.pose.reshape(-1, WINDOW, POSE)
        moved = self.motion_module(torch.cat([poses, info[:, None].expand(-1, WINDOW, -1)], 2))
        return HandNumbers(moved[:, 0], hands.betas[::WINDOW], hands.cam[::WINDOW])

    def encode(self, crops: Tensor) -> Tensor:
        """Map normalised crops (N,3,S,S) to tokens (N,192,width)."""
        with torch.autocast(crops.device.type, self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            tokens: Tensor = self.backbone(middle_columns(crops).to(self.backbone.pos_embed.dtype))
        return tokens.float()

    def contexts(self, tokens: Tensor, info: Tensor) -> Tensor:
        """Let the tokens (N,P,width) of equal frames attend to one another, place by place (N,16,P,width)."""
        told = torch.cat([tokens, info[:, None].expand(-1, tokens.shape[1], -1)], 2)
        window = told.flatten(0, 1)[:, None].expand(-1, WINDOW, -1)
        mixed = self.st_module(window).reshape(*tokens.shape[:2], WINDOW, -1).transpose(1, 2)
        frames: Tensor = tokens[:, None] + mixed
        return frames


class HaworInCrop(ManoNetwork):
    """The network together with its hand."""

    def __init__(self, network: Hawor, model: ManoModel) -> None:
        super().__init__()
        self.network = network
        self.decoder = HandDecoder(model, network.config.hamer.crop_size)
        self.faces = model.faces
        self.crop_size, self.box_factor = network.config.hamer.crop_size, RELEASED_BOX_FACTOR

    def forward(self, crops: Tensor, places: Tensor) -> HamerOutput:
        """Map crops (N,S,S,3), RGB in 0..255, and their places (N,4), as :class:`hint.methods.hawor.crop.Place`."""
        return self.pose(self.network(normalise(crops), places), places)

    def pose(self, hand: HandNumbers, places: Tensor) -> HamerOutput:
        """Pose a hand, and project it with the camera of the picture."""
        output: HamerOutput = self.decoder(rot6d_to_matrix(hand.pose), hand.betas, hand.cam)
        return replace(output, keypoints_2d=project(output.keypoints_3d, hand.cam, places))


def box_info(places: Tensor) -> Tensor:
    """Return what the network is told of places (N,4): direction and size of the crop (N,3).

    Source: Li et al. 2022 (CLIFF), section 3.2.
    """
    x, y, side, focal_length = places.unbind(1)
    size = (side - 0.24 * focal_length) / (0.06 * focal_length)
    return torch.stack([2.8 * x / focal_length, 2.8 * y / focal_length, size], 1)


def picture_translation(cam: Tensor, places: Tensor) -> Tensor:
    """Turn the weak cameras (N,3) of crops into translations (N,3), metres, in front of the picture's camera."""
    scale, x, y = cam.unbind(1)
    right, down, side, focal_length = places.unbind(1)
    metres = 2 / (side * scale)
    return torch.stack([x + right * metres, y + down * metres, focal_length * metres], 1)


def project(points: Tensor, cam: Tensor, places: Tensor) -> Tensor:
    """Project points (N,P,3) with the camera of the picture, to the units of their crops (N,P,2)."""
    placed = points + picture_translation(cam, places)[:, None]
    middle, side, focal_length = places[:, None, :2], places[:, None, 2:3], places[:, None, 3:]
    return (focal_length * placed[..., :2] / placed[..., 2:] - middle) / side
