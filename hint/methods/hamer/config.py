"""The sizes of a HaMeR network, stored with its weights or inferred from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hint.errors import InputError

#: Side of the crops of the released network, px.
RELEASED_CROP_SIZE = 256

#: How much larger than the annotated box the crop is, in the released evaluation and demonstration alike.
RELEASED_BOX_FACTOR = 2.0

#: The backbone of the released network; any other name is one of timm's.
VIT = "vit"

_PREFIX = "hamer_"

#: Key of a state dict -> shape.
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class VitSizes:
    """Sizes of the image encoder; the defaults are those of ViT-H.

    Attributes:
        width: Channels of an image token.
        depth: Blocks.
        heads: Attention heads; not visible in the shapes of the weights.
        mlp_width: Hidden channels of a block.
        crop_size: Side of the square crops, px; the encoder sees the middle three quarters of their columns.
    """

    width: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_width: int = 5120
    crop_size: int = RELEASED_CROP_SIZE

    @classmethod
    def tiny(cls) -> VitSizes:
        """Return sizes that run in milliseconds, for tests and demonstrations."""
        return cls(64, 2, 4, 256)

    @classmethod
    def from_weights(cls, shapes: Shapes, source: Path, whose: str) -> VitSizes:
        """Infer the sizes from a state dict, and the heads from a known width.

        Args:
            shapes: Key -> shape.
            source: The file, for messages.
            whose: Network it should be the encoder of, for messages.

        Raises:
            InputError: If there is no such encoder in it, or the number of heads is unknown.
        """
        try:
            width, mlp_width = shapes["backbone.pos_embed"][-1], shapes["backbone.blocks.0.mlp.fc1.weight"][0]
        except (KeyError, IndexError) as error:
            raise InputError(f"{source}: not {whose}'s weights, {error} is absent") from error
        if width not in VIT_HEADS:
            raise InputError(f"{source}: no ViT of width {width} is known, so the number of heads is not")
        return cls(width, count_layers(shapes, r"backbone\.blocks\.(\d+)\."), VIT_HEADS[width], mlp_width)


@dataclass(frozen=True)
class HamerConfig:
    """Sizes of the network; the defaults are those of the released one.

    Attributes:
        width: Channels of an image token.
        depth: ViT blocks, 0 with another backbone, as ``heads`` and ``mlp_width`` are.
        heads: ViT attention heads; not visible in the shapes of the weights.
        mlp_width: Hidden channels of a ViT block.
        decoder_width: Channels of the decoder's query.
        decoder_depth: Decoder layers.
        decoder_heads: Decoder attention heads; not visible in the shapes of the weights.
        decoder_head_width: Channels per decoder head.
        decoder_mlp_width: Hidden channels of a decoder layer.
        crop_size: Side of the square crops, px.
        backbone: :data:`VIT`, or a convolutional network of timm; then ``width`` is that of its last feature map.
        box_factor: Side of the crops over the longest side of the hand's box.
    """

    width: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_width: int = 5120
    decoder_width: int = 1024
    decoder_depth: int = 6
    decoder_heads: int = 8
    decoder_head_width: int = 64
    decoder_mlp_width: int = 1024
    crop_size: int = RELEASED_CROP_SIZE
    backbone: str = VIT
    box_factor: float = RELEASED_BOX_FACTOR

    @classmethod
    def tiny(cls) -> HamerConfig:
        """Return sizes that run in milliseconds, for tests and demonstrations."""
        return cls(64, 2, 4, 256, 48, 2, 2, 16, 40)

    @property
    def vit(self) -> VitSizes:
        """Sizes of the ViT."""
        return VitSizes(self.width, self.depth, self.heads, self.mlp_width, self.crop_size)

    def metadata(self) -> dict[str, str]:
        """Return the sizes as metadata of a weights file."""
        return {_PREFIX + name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_weights(cls, shapes: Shapes, metadata: Mapping[str, str], source: Path) -> HamerConfig:
        """Infer the sizes from a state dict, and what shapes do not show from its metadata or a known width.

        Args:
            shapes: Key -> shape.
            metadata: Metadata of the file; may be empty.
            source: The file, for messages.

        Raises:
            InputError: If the weights are not HaMeR's, or the number of heads is unknown.
        """
        stored = {f.name: metadata[_PREFIX + f.name] for f in fields(cls) if _PREFIX + f.name in metadata}
        backbone = stored.get("backbone", VIT)
        sizes, inner = _sizes(shapes, backbone, source)
        heads = int(stored.get("heads", 0)) or VIT_HEADS.get(sizes["width"]) if backbone == VIT else 0
        decoder_heads = int(stored.get("decoder_heads", 0)) or _DECODER_HEADS.get(inner)
        if heads is None or decoder_heads is None:
            raise InputError(
                f"{source}: weights of width {sizes['width']} and {inner}: the shapes do not show how many heads; "
                f"store them as safetensors with {_PREFIX}heads and {_PREFIX}decoder_heads in the metadata"
            )
        return cls(
            **sizes,
            heads=heads,
            decoder_heads=decoder_heads,
            decoder_head_width=inner // decoder_heads,
            crop_size=int(stored.get("crop_size", RELEASED_CROP_SIZE)),
            backbone=backbone,
            box_factor=float(stored.get("box_factor", RELEASED_BOX_FACTOR)),
        )


#: Heads by width: ViT-S, -B, -L and -H, and the tiny network of the tests.
VIT_HEADS = {384: 12, 768: 12, 1024: 16, 1280: 16, 64: 4}
#: Heads by the width of all heads together.
_DECODER_HEADS = {512: 8, 32: 2}


def _sizes(shapes: Shapes, backbone: str, source: Path) -> tuple[dict[str, int], int]:
    """Return what shapes show, and the width of all decoder heads together."""
    layer = "mano_head.transformer.transformer.layers.0."
    try:
        inner = shapes[layer + "1.fn.to_q.weight"][0]
        sizes = {
            "width": shapes["backbone.pos_embed"][-1],
            "depth": count_layers(shapes, r"backbone\.blocks\.(\d+)\.") if backbone == VIT else 0,
            "mlp_width": shapes["backbone.blocks.0.mlp.fc1.weight"][0] if backbone == VIT else 0,
            "decoder_width": shapes["mano_head.transformer.pos_embedding"][-1],
            "decoder_depth": count_layers(shapes, r"mano_head\.transformer\.transformer\.layers\.(\d+)\."),
            "decoder_mlp_width": shapes[layer + "2.fn.net.0.weight"][0],
        }
    except (KeyError, IndexError) as error:
        raise InputError(f"{source}: not HaMeR's weights, {error} is absent") from error
    return sizes, inner


def count_layers(shapes: Shapes, pattern: str) -> int:
    """Return how many numbers the group of a pattern has at the beginning of the keys."""
    return len({found.group(1) for key in shapes if (found := re.match(pattern, key))})
