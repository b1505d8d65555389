"""Random augmentation of training crops: position, size, rotation and colour.

Source: HaMeR (Pavlakos et al. 2024), ``datasets/utils.py`` and ``experiment/default.yaml``. Blur, noise, brightness,
contrast and hidden parts are not in HaMeR and off by default; they make rendered pictures less clean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from hint.crop import Square, box_to_square, box_to_tall_square
from hint.training.sample import Sample
from hint.types import Double, Image


@dataclass(frozen=True)
class Augmentation:
    """Strength of each augmentation; N is a standard normal number, U a uniform one. Zero turns one off.

    Attributes:
        scale: The crop's side is multiplied by 1 + scale * N, with N clipped to [-1, 1].
        rotation: Degrees: the picture is rotated by rotation * N, with N clipped to [-2, 2] ...
        rotation_rate: ... in this share of the crops.
        translation: The crop moves by translation * N of its side in x and in y, with N clipped to [-1, 1].
        colour: Each channel is multiplied by 1 + U(-colour, colour).
        tall_box: Extend boxes to 3:4 before taking the square around them.
        blur: Largest standard deviation of a Gaussian blur, px of a 256 px crop.
        noise: Largest standard deviation of Gaussian noise, grey levels.
        brightness: Grey levels are shifted by up to this share of 255.
        contrast: Differences from the mean grey level are multiplied by 1 + U(-contrast, contrast).
        hide_rate: In this share of the crops a rectangle of one colour hides a part ...
        hide_size: ... whose sides are up to this share of the crop's.
    """

    scale: float = 0.3
    rotation: float = 30.0
    rotation_rate: float = 0.6
    translation: float = 0.02
    colour: float = 0.2
    tall_box: bool = False
    blur: float = 0.0
    noise: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    hide_rate: float = 0.0
    hide_size: float = 0.4

    @property
    def changes_pixels(self) -> bool:
        """Whether more changes than geometry and channel factors."""
        return any((self.blur, self.noise, self.brightness, self.contrast, self.hide_rate))

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draw the random numbers of one crop."""
        x, y, scale, angle = np.clip(rng.standard_normal(4), (-1, -1, -1, -2), (1, 1, 1, 2))
        turned = rng.random() < self.rotation_rate
        return Draw(
            x=float(x * self.translation),
            y=float(y * self.translation),
            scale=float(1 + scale * self.scale),
            rotation=float(angle * self.rotation) if turned else 0.0,
            colour=1 + rng.uniform(-1, 1, 3) * self.colour,
        )

    def square(self, sample: Sample, draw: Draw) -> Square:
        """Return the part of the picture a crop shows, before rotation about its centre."""
        x1, y1, x2, y2 = sample.box_xyxy.tolist()
        around = (box_to_tall_square if self.tall_box else box_to_square)((x1, y1, x2, y2), 1)
        return Square(around.x + around.size * draw.x, around.y + around.size * draw.y, around.size * draw.scale)


#: No augmentation, for validation.
OFF = Augmentation(scale=0, rotation=0, translation=0, colour=0)


class Draw(NamedTuple):
    """The random numbers of one crop.

    Attributes:
        x: Shift of the crop to the right, in sides of the square.
        y: Shift downwards, in sides of the square.
        scale: Factor on the side of the square.
        rotation: Degrees the square turns, clockwise on screen; the hand in the crop turns the other way.
        colour: (3,) factors on red, green and blue.
    """

    x: float
    y: float
    scale: float
    rotation: float
    colour: Double


def to_crop(square: Square, rotation: float, crop_size: int, mirrored_width: int | None = None) -> Double:
    """Return the (2,3) affine map from pixels of the picture to pixels of the crop.

    Args:
        square: The crop in the picture, not mirrored.
        rotation: Degrees, as in :class:`Draw`.
        crop_size: Side of the crop, px.
        mirrored_width: Width of the picture if the crop is mirrored (left hands).
    """
    centre_x = square.x if mirrored_width is None else mirrored_width - square.x - 1
    cosine, sine = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    turn = np.array([[cosine, sine], [-sine, cosine]]) * (crop_size / square.size)
    matrix = np.column_stack([turn, crop_size / 2 - turn @ (centre_x, square.y)])
    if mirrored_width is not None:
        matrix = matrix @ np.array([[-1.0, 0, mirrored_width - 1], [0, 1, 0], [0, 0, 1]])
    return matrix


def move(matrix: Double, points: Double) -> Double:
    """Apply a (2,3) affine map to (...,2) points."""
    moved: Double = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def warp(image: Image, matrix: Double, crop_size: int, into: Image | None = None) -> Image:
    """Cut a crop, black outside the picture, without anti-aliasing, as in the released training.

    Evaluation uses the more exact :func:`hint.crop.crop`, which cannot rotate; for training OpenCV's rounding is fine.

    Args:
        image: (H,W,3) RGB.
        matrix: Of :func:`to_crop`.
        crop_size: Side of the crop, px.
        into: Where to put it, by default in memory of its own.
    """
    crop: Image = cv2.warpAffine(image, matrix, (crop_size, crop_size), into, flags=cv2.INTER_LINEAR)
    return crop


def disturb(crop: Image, augmentation: Augmentation, rng: np.random.Generator) -> Image:
    """Blur a crop, change its brightness and contrast, hide a part of it and add noise.

    Args:
        crop: (S,S,3) RGB uint8.
        augmentation: Strengths.
        rng: Random numbers; the number of draws does not depend on what is turned on, except for noise.
    """
    side = crop.shape[0]
    blur, noise, contrast, brightness = rng.uniform((0, 0, -1, -1), 1)
    hidden, corner, sides, colour = rng.random(), rng.random(2), rng.random(2), rng.random(3)
    pixels = crop.astype(np.float32)
    if (sigma := blur * augmentation.blur * side / 256) > 0.1:
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
    mean = pixels.mean()
    pixels = (
        (pixels - mean) * (1 + contrast * augmentation.contrast) + mean + brightness * augmentation.brightness * 255
    )
    if hidden < augmentation.hide_rate:
        height, width = (sides * augmentation.hide_size * side).astype(int)
        top, left = (corner * (side - height, side - width)).astype(int)
        pixels[top : top + height, left : left + width] = colour * 255
    if augmentation.noise:
        pixels += rng.standard_normal(pixels.shape, np.float32) * np.float32(noise * augmentation.noise)
    disturbed: Image = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return disturbed
