"""METRO and Mesh Graphormer as methods: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from typing import ClassVar

from hint.crop import box_to_square
from hint.errors import UnknownNameError
from hint.methods.crop_method import Crop, CropMethod, HandOutput, Parts
from hint.methods.official_file import RANDOM
from hint.methods.vertex_transformers.card import (
    ADJACENCY,
    DOWNSAMPLING,
    MESH_GRAPHORMER_CARD,
    MESH_GRAPHORMER_WEIGHTS,
    METRO_CARD,
    METRO_WEIGHTS,
    PROJECTION,
)
from hint.methods.vertex_transformers.decode import PROJECTIONS
from hint.methods.vertex_transformers.load import Release, from_files, random
from hint.methods.vertex_transformers.sizes import MESH_GRAPHORMER, METRO
from hint.types import Hand, Image, MethodOptions

#: How much larger than the longest side of the box the native crop is. Our definition: the authors start from
#: cropped pictures and give no factor; in those of FreiHAND, their training data, a hand covers two thirds.
BOX_FACTOR = 1.5

CROP_SIZE = 224


class _VertexTransformerMethod(CropMethod[HandOutput]):
    """What both share."""

    crop_size = CROP_SIZE
    own_crop_on_device = True
    settings: ClassVar[tuple[str, ...]] = (DOWNSAMPLING, PROJECTION)
    release: ClassVar[Release]

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from the official files, or a small one with random weights."""
        projection = options.extra.get(PROJECTION, PROJECTIONS[0])
        if projection not in PROJECTIONS:
            raise UnknownNameError(f"projection of {cls.CARD.name}", projection, PROJECTIONS)
        return (random if options.weights == RANDOM else from_files)(cls.release, options)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a square that a hand fills as in the training pictures, see :data:`BOX_FACTOR`.

        Pictures that shrink to less than half are blurred first, in place of the anti-aliased resize of the released
        demonstrations.
        """
        square = box_to_square(hand.box_xyxy, BOX_FACTOR)
        pixels = self.cutter.crop_blurred(image, square, mirror=not hand.is_right, crop_size=CROP_SIZE)
        return Crop(pixels, square)


class MetroMethod(_VertexTransformerMethod):
    """METRO with its weights loaded."""

    CARD = METRO_CARD
    release = Release(METRO_CARD, METRO_WEIGHTS, METRO)


class MeshGraphormerMethod(_VertexTransformerMethod):
    """Mesh Graphormer with its weights loaded."""

    CARD = MESH_GRAPHORMER_CARD
    release = Release(MESH_GRAPHORMER_CARD, MESH_GRAPHORMER_WEIGHTS, MESH_GRAPHORMER)
    settings = (DOWNSAMPLING, PROJECTION, ADJACENCY)
