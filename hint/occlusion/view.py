"""What the network looks at: a patch around the box, then an upright right hand cut out of it along its keypoints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hint.crop import Square, box_to_square, crop_blurred
from hint.landmarks.network import SIZE as VIEW
from hint.landmarks.region import knuckles
from hint.types import Double, Float, Hand, Image

#: Side of the patch, px, and over the longest side of the box.
PATCH, PATCH_FACTOR = 320, 2.4

#: Side of a view over the extent of the keypoints.
VIEW_FACTOR = 1.5

#: Smallest view over the longest side of the box: keypoints may all lie on one spot.
_LEAST = 0.5


class View(NamedTuple):
    """Where upright views of N hands lie in their patches.

    Attributes:
        turn: (N,2,2) from px of the view to px of the patch.
        shift: (N,2) likewise: patch = turn @ view + shift.
        keypoints: (N,21,2) px of the view.
    """

    turn: Tensor
    shift: Tensor
    keypoints: Tensor


def patch_square(hand: Hand) -> Square:
    """Return the part of the picture that the patch of a hand shows."""
    return box_to_square(hand.box_xyxy, PATCH_FACTOR)


def cut_patch(hand: Hand, image: Image) -> Image:
    """Cut the (320,320,3) patch around a box; left hands are mirrored, what lies outside the picture is black."""
    patch = crop_blurred(image, patch_square(hand), mirror=not hand.is_right, crop_size=PATCH)
    return patch.round().astype(np.uint8)


def in_patch(hand: Hand, keypoints: Float) -> Float:
    """Return the (21,2) keypoints of a picture in px of the patch."""
    x, y, size = patch_square(hand)
    side = (1 if hand.is_right else -1, 1)
    return ((keypoints - (x, y)) * side * (PATCH / size) + PATCH / 2).astype(np.float32)


def in_picture(hand: Hand, keypoints: Float) -> Double:
    """Return (21,2) keypoints of the patch in px of the picture: the inverse of :func:`in_patch`."""
    x, y, size = patch_square(hand)
    side = (1 if hand.is_right else -1, 1)
    placed: Double = (keypoints - PATCH / 2) * (size / PATCH) * side + np.array((x, y))
    return placed


def upright(keypoints: Tensor) -> View:
    """Lay a square around the keypoints so that the knuckles lie above the wrist.

    Args:
        keypoints: (N,21,2) px of the patches, finite.
    """
    up = functional.normalize(knuckles(keypoints) - keypoints[:, 0], dim=1, eps=1e-3)
    up = torch.where(up.square().sum(1, keepdim=True) > 0.5, up, up.new_tensor([0.0, -1.0]))
    axes = torch.stack([torch.stack([-up[:, 1], up[:, 0]], 1), -up], 2)  # columns: the view's x and y
    flat = keypoints @ axes
    low, high = flat.amin(1), flat.amax(1)
    side = (VIEW_FACTOR * (high - low).amax(1)).clamp_min(_LEAST * PATCH / PATCH_FACTOR)
    turn = axes * (side / VIEW)[:, None, None]
    shift = ((low + high) / 2)[:, None] @ axes.mT
    shift = shift[:, 0] - turn.sum(2) * (VIEW / 2)
    seen = (keypoints - shift[:, None]) @ axes * (VIEW / side)[:, None, None]
    return View(turn, shift, seen)


def cut_views(patches: Tensor, view: View) -> Tensor:
    """Cut the views (N,3,224,224) out of patches (N,3,320,320); beyond a patch its border goes on."""
    line = torch.arange(VIEW, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y], -1).reshape(1, -1, 2) @ view.turn.mT + view.shift[:, None]
    grid = ((2 * places + 1) / PATCH - 1).view(-1, VIEW, VIEW, 2)
    return functional.grid_sample(patches, grid, padding_mode="border", align_corners=False)


def sample(features: Tensor, keypoints: Tensor) -> Tensor:
    """Return (N,21,C) of a feature map (N,C,h,w) at keypoints (N,21,2), px of the view; zero outside."""
    grid = (2 * keypoints + 1) / VIEW - 1
    return functional.grid_sample(features, grid[:, :, None], align_corners=False)[..., 0].mT
