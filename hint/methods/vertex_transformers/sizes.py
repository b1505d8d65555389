"""The sizes of the two networks."""

from __future__ import annotations

from dataclasses import dataclass

#: What the tokens represent, joints first.
N_JOINTS, N_SAMPLED = 21, 195
N_POINTS = N_JOINTS + N_SAMPLED

#: Numbers that describe a picture, as HRNet's classification head makes them.
N_FEATURES = 2048

#: Channels and cells of the feature map behind those numbers.
N_CHANNELS, N_CELLS = 1024, 7 * 7

#: Numbers of the first block's tokens: a point of the rest hand, and the picture.
N_INPUTS = 3 + N_FEATURES


@dataclass(frozen=True)
class HRNetSizes:
    """Sizes of the convolutional trunk; the defaults are those of HRNet-W64.

    Attributes:
        planes: Channels inside the blocks of the first stage.
        first_blocks: Blocks of the first stage.
        channels: Channels of the branches, finest first.
        modules: Modules of the second, third and fourth stage.
        blocks: Blocks of a branch.
    """

    planes: int = 64
    first_blocks: int = 4
    channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    modules: tuple[int, int, int] = (1, 4, 3)
    blocks: int = 4


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network; the defaults are those of METRO.

    Attributes:
        trunk: Sizes of the convolutional trunk.
        hidden: Channels inside each block.
        outputs: Numbers of a token behind each block; 3 behind the last one, the point.
        layers: Layers of a block.
        heads: Attention heads of a layer.
        expansion: How many times wider the middle of a layer is.
        positions: Rows of the learned positions, of which the first ones are used.
        is_graph: Mesh Graphormer: the cells of the feature map are tokens, too, and the layers of the last block have
            a graph convolution over the mesh.
    """

    trunk: HRNetSizes = HRNetSizes()
    hidden: tuple[int, ...] = (1024, 256, 64)
    outputs: tuple[int, ...] = (512, 128, 3)
    layers: int = 4
    heads: int = 4
    expansion: int = 4
    positions: int = 512
    is_graph: bool = False

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of a token in front of each block."""
        return (N_INPUTS, *self.outputs[:-1])


METRO = Sizes()
MESH_GRAPHORMER = Sizes(expansion=2, is_graph=True)


def tiny(*, is_graph: bool) -> Sizes:
    """Return sizes that run in milliseconds, for tests and demonstrations."""
    return Sizes(
        HRNetSizes(planes=16, first_blocks=1, channels=(8, 16, 32, 64), modules=(1, 1, 1), blocks=1),
        hidden=(64, 32, 16),
        outputs=(24, 12, 3),
        layers=2,
        expansion=2 if is_graph else 4,
        positions=300,
        is_graph=is_graph,
    )
