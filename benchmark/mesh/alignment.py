"""How predictions are aligned with the truth: not at all, by a similarity, or by scale and translation only.

All functions take many hands at once. They compute what the official scripts compute one hand at a time, including the
side effects of those scripts, because published numbers were computed with them.

Source: ``eval.py`` of FreiHAND (Zimmermann et al. 2019) and of HO-3D (Hampali et al. 2020).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hint.types import Double

#: Keeps a set of equal points from being divided by zero, as in the official scripts.
_TINY = 1e-8


class Similarity(NamedTuple):
    """How N predictions are aligned with the truth.

    Attributes:
        rotation: (N,3,3) orthogonal; a reflection where that fits better.
        scale: (N,) factor of the prediction after division by its size.
        truth_mean: (N,3) centroid of the truth, metres.
        truth_size: (N,) Frobenius norm of the centred truth, metres.
        mean: (N,3) centroid of the prediction, metres.
        size: (N,) Frobenius norm of the centred prediction, metres.
    """

    rotation: Double
    scale: Double
    truth_mean: Double
    truth_size: Double
    mean: Double
    size: Double


def fit_similarity(truth: Double, points: Double) -> Similarity:
    """Find the rotation or reflection, scale and translation of least squared error from points to the truth.

    Args:
        truth: (N,P,3) metres.
        points: (N,P,3) metres, the same points in the same order.
    """
    mean, truth_mean = points.mean(1), truth.mean(1)
    centred, truth_centred = points - mean[:, None], truth - truth_mean[:, None]
    size = np.linalg.norm(centred, axis=(1, 2)) + _TINY
    truth_size = np.linalg.norm(truth_centred, axis=(1, 2)) + _TINY
    product = np.matmul((truth_centred / truth_size[:, None, None]).mT, centred / size[:, None, None])
    u, singular, vt = np.linalg.svd(product)
    return Similarity(u @ vt, singular.sum(-1), truth_mean, truth_size, mean, size)


def procrustes(truth: Double, points: Double) -> Double:
    """Align points (N,P,3) with the truth (N,P,3) by the similarity that fits best."""
    fit = fit_similarity(truth, points)
    factor = fit.scale * fit.truth_size / fit.size
    rotated = (points - fit.mean[:, None]) @ fit.rotation.mT
    moved: Double = rotated * factor[:, None, None] + fit.truth_mean[:, None]
    return moved


def move_other_mesh(vertices: Double, joints_fit: Similarity) -> Double:
    """Move a mesh with other vertices than the truth by the similarity of the joints.

    As in the official scripts, the mesh rotates about its own centroid and its scale is not divided by the size of the
    predicted joints, so it shrinks; this is not a fair alignment of such meshes.

    Args:
        vertices: (N,V,3) metres, any V.
        joints_fit: What aligns the joints with the truth.
    """
    mean = vertices.mean(1, keepdims=True)
    factor = (joints_fit.scale * joints_fit.truth_size)[:, None, None]
    shift = (joints_fit.truth_mean - joints_fit.mean)[:, None]
    moved: Double = (vertices - mean) @ joints_fit.rotation.mT * factor + shift + mean
    return moved


def scale_and_translate(truth: Double, joints: Double, root: int, tip: int) -> Double:
    """Scale joints until one bone is as long as in the truth, then move the root to its true place.

    Args:
        truth: (N,21,3) metres.
        joints: (N,21,3) metres.
        root: First joint of the bone, which is moved to its true place.
        tip: Last joint of the bone.
    """
    length = np.linalg.norm(joints[:, tip] - joints[:, root], axis=-1)
    truth_length = np.linalg.norm(truth[:, tip] - truth[:, root], axis=-1)
    factor = truth_length / np.where(length > 0, length, 1)
    moved: Double = (joints - joints[:, root : root + 1]) * factor[:, None, None] + truth[:, root : root + 1]
    return moved
