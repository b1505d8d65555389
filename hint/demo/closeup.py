"""Small pictures of one hand for training: only the part of a scene around the hand is rendered, which is fast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hint.demo import labels
from hint.demo.geometry import Array, World
from hint.demo.hands import COARSE
from hint.demo.renderer import Rendered, build, picture
from hint.demo.scene import Scene, Sensor
from hint.demo.shade import DRAFT
from hint.render.camera import Camera

#: Side of the picture, px.
SIZE = 160

#: Side of the picture over the longest side of the hand's box, so that a crop of factor 2 can move and rotate.
FACTOR = 2.4


def close_up(scene: Scene, size: int = SIZE, factor: float = FACTOR) -> Rendered:
    """Render the part of a scene's picture around the target hand.

    The same world is seen through another pinhole camera, so labels stay exact. What lies outside the scene's own
    picture is black, as in a crop beyond the border.

    Args:
        scene: A scene of :func:`hint.demo.scene.sample_scene`.
        size: Side of the picture, px.
        factor: Its side over the longest side of the hand's box.

    Returns:
        The picture, with labels in its pixels; ``existence`` refers to the scene's whole picture.
    """
    stage = build(scene, COARSE)
    world, target = World(stage.meshes), stage.hands[0]
    box = labels.box(stage.camera, target.vertices, scene.margin)
    window, scale = _window(stage.camera, box, size, factor)
    corner = _corner(stage.camera, window, scale)
    left, top, width, height = _part(stage.camera, window, corner, scale)
    lens = Camera(width, height, window.focal, (window.centre[0] - left, window.centre[1] - top))
    image = np.zeros((size, size, 3), np.uint8)
    image[top : top + height, left : left + width] = picture(
        replace(scene, sensor=_scaled(scene.sensor, scale)), lens, world, stage.materials, DRAFT
    )
    return Rendered(
        image=image,
        keypoints_2d=window.project(target.joints),
        keypoints_3d=target.joints,
        vertices=target.vertices,
        existence=stage.camera.contains(stage.camera.project(target.joints)),
        occlusion=labels.occluded(world, 0, target.joints, target.vertices, COARSE),
        box_xyxy=(box - np.tile(corner, 2)) * scale,
        is_right=scene.hands[0].is_right != scene.mirrored,
        pose=scene.hands[0],
        camera=window,
    )


def _window(camera: Camera, box: Array, size: int, factor: float) -> tuple[Camera, float]:
    """Return the camera that sees the square around a box, and its magnification."""
    side = factor * float((box[2:] - box[:2]).max())
    scale = size / side
    corner = (box[:2] + box[2:]) / 2 - side / 2
    x, y = (np.array(camera.centre) - corner) * scale
    return Camera(size, size, camera.focal * scale, (float(x), float(y))), scale


def _corner(camera: Camera, window: Camera, scale: float) -> Array:
    """Return the position of the window's pixel (0,0) in the camera's picture."""
    corner: Array = np.array(camera.centre) - np.array(window.centre) / scale
    return corner


def _scaled(sensor: Sensor, scale: float) -> Sensor:
    """Return the sensor with its lengths in the window's px."""
    x, y = sensor.motion
    return replace(sensor, blur=sensor.blur * scale, motion=(x * scale, y * scale))


def _part(camera: Camera, window: Camera, corner: Array, scale: float) -> tuple[int, int, int, int]:
    """Return left, top, width and height, window px, of the part inside the camera's picture."""
    low = np.maximum(np.ceil(-corner * scale), 0).astype(int)
    end = np.floor((np.array([camera.width, camera.height]) - 1 - corner) * scale).astype(int) + 1
    high = np.minimum(end, (window.width, window.height))
    left, top, width, height = (int(v) for v in (*low, *np.maximum(high - low, 1)))
    return left, top, width, height
