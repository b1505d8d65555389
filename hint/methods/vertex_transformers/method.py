"""METRO and Mesh Graphormer as methods: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hint.crop import box_to_square, crop_blurred
from hint.errors import UnknownNameError
from hint.methods.crop_method import RANDOM, Crop, CropMethod, crop_kind
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

if TYPE_CHECKING:
    from typing_extensions import Self

#: How much larger than the longest side of the box the native crop is. Our definition: the authors take pictures that
#: are cropped already, and say no factor; in those of FreiHAND, which they trained on, a hand covers two thirds.
BOX_FACTOR = 1.5

CROP_SIZE = 224


class _VertexTransformerMethod(CropMethod):
    """What both do."""

    crop_size = CROP_SIZE
    settings: ClassVar[tuple[str, ...]] = (DOWNSAMPLING, PROJECTION)
    release: ClassVar[Release]

    @classmethod
    def create(cls, options: MethodOptions) -> Self:
        """Load it.

        Raises:
            MissingRequirementError: If weights, MANO, the choice of vertices or a GPU that was asked for is missing.
            InputError: If a file or a setting cannot be used.
        """
        name = cls.release.card.name
        crop_kind(name, options.extra, cls.settings)
        projection = options.extra.get(PROJECTION, PROJECTIONS[0])
        if projection not in PROJECTIONS:
            raise UnknownNameError(f"projection of {name}", projection, PROJECTIONS)
        parts = random if options.weights == RANDOM else from_files
        return cls(parts(cls.release, options), options)

    def native_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a square out that a hand covers as in the training pictures, see :data:`BOX_FACTOR`.

        Pictures that shrink to less than half are blurred before, in place of the anti-aliased resize of the released
        demonstrations; less of it changes little, and in theirs, which have the right size already, nothing.
        """
        square = box_to_square(hand.box_xyxy, BOX_FACTOR)
        return Crop(crop_blurred(image, square, mirror=not hand.is_right, crop_size=CROP_SIZE), square)


class MetroMethod(_VertexTransformerMethod):
    """METRO with its weights loaded."""

    release = Release(METRO_CARD, METRO_WEIGHTS, METRO)


class MeshGraphormerMethod(_VertexTransformerMethod):
    """Mesh Graphormer with its weights loaded."""

    release = Release(MESH_GRAPHORMER_CARD, MESH_GRAPHORMER_WEIGHTS, MESH_GRAPHORMER)
    settings = (DOWNSAMPLING, PROJECTION, ADJACENCY)
