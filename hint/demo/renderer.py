"""From a scene to a picture and its labels: ray casting, shading in numpy, camera effects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.demo import labels
from hint.demo.backdrop import backdrop
from hint.demo.columns import picked
from hint.demo.geometry import Array, Index, Mask, Mesh, World
from hint.demo.hands import FINE, HandPose, PosedHand, pose_hand
from hint.demo.noise import Noise
from hint.demo.paint import paint_prop, paint_table
from hint.demo.scene import Ground, Scene
from hint.demo.sensor import develop, exposure
from hint.demo.shade import FULL, Detail, Lighting, Material, Shader
from hint.demo.shapes import Prop, plane
from hint.demo.skin import Appearance, Finish, cloth, patterns, skin
from hint.render.camera import Camera
from hint.types import Image

#: x negated.
_FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture and the ground truth of its hand.

    Attributes:
        image: (H,W,3) RGB.
        keypoints_2d: (21,2) px, HInt order; out of frame too.
        keypoints_3d: (21,3) metres, camera axes.
        vertices: (778,3) metres, camera axes.
        existence: (21,) whether the joint lies in the frame.
        occlusion: (21,) whether something hides it; see :mod:`hint.demo.labels`.
        box_xyxy: (4,) px.
        is_right: Side.
        pose: MANO parameters; for a left hand of its mirror image, x negated after posing.
        camera: The camera.
    """

    image: Image
    keypoints_2d: Array
    keypoints_3d: Array
    vertices: Array
    existence: NDArray[np.bool_]
    occlusion: NDArray[np.bool_]
    box_xyxy: Array
    is_right: bool
    pose: HandPose
    camera: Camera


def _mirrored(hand: PosedHand) -> PosedHand:
    return PosedHand(
        hand.joints * _FLIP, hand.vertices * _FLIP, hand.mesh.mirrored(), hand.on_hand, hand.sleeve.mirrored()
    )


def _hand_material(appearance: Appearance, seed: int) -> Material:
    def paint(coords: Array, normals: Array) -> Finish:
        if appearance.glove is not None:
            return cloth(appearance.glove, coords, seed, scale=1400.0, wrinkles=0.08)
        return skin(appearance, coords, normals, seed)

    return paint


def _cloth_material(colour: Array, seed: int) -> Material:
    return lambda coords, normals: cloth(colour, coords, seed, scale=700.0)


def _prop_material(prop: Prop, pattern: Noise) -> Material:
    return lambda coords, normals: paint_prop(prop.paint, prop.colours, prop.gloss, coords, pattern)


def _ground_material(ground: Ground, pattern: Noise) -> Material:
    return lambda coords, normals: paint_table(ground.kind, ground.colours, ground.scale, coords, pattern)


@dataclass(frozen=True, eq=False)
class Stage:
    """A scene's geometry in final camera axes.

    Attributes:
        camera: The camera.
        hands: Target first.
        meshes: Every surface; the target's is the first, other hands follow.
        materials: Material of each mesh.
    """

    camera: Camera
    hands: list[PosedHand]
    meshes: list[Mesh]
    materials: list[Material]


def build(scene: Scene, rounds: int = FINE) -> Stage:
    """Build the meshes of a scene; ``rounds`` is the subdivision of the hands."""
    hands = [pose_hand(h, rounds) for h in scene.hands]
    covered = zip(hands, scene.appearances, strict=True)
    parts = [(hand.mesh, _hand_material(appearance, scene.pattern_seed)) for hand, appearance in covered]
    parts += _other_parts(scene, hands)
    meshes, materials = [mesh for mesh, _ in parts], [material for _, material in parts]
    if not scene.mirrored:
        return Stage(scene.camera, hands, meshes, materials)
    return Stage(scene.camera.mirrored(), [_mirrored(h) for h in hands], [m.mirrored() for m in meshes], materials)


def _other_parts(scene: Scene, hands: list[PosedHand]) -> list[tuple[Mesh, Material]]:
    """Return every mesh but the hands' own, with its material."""
    pattern = patterns(scene.pattern_seed)
    parts = [
        (hand.sleeve, _cloth_material(appearance.sleeve, scene.pattern_seed))
        for hand, appearance in zip(hands, scene.appearances, strict=True)
        if appearance.sleeve is not None
    ]
    parts += [(prop.mesh(), _prop_material(prop, pattern)) for prop in scene.props]
    if scene.ground is not None:
        table = plane(scene.ground.centre, scene.ground.normal, np.array([0.3, 0.2, 1.0]))
        parts.append((table, _ground_material(scene.ground, pattern)))
    return parts


def _lighting(scene: Scene) -> Lighting:
    flip = _FLIP if scene.mirrored else np.ones(3)
    lights = tuple(replace(light, direction=light.direction * flip) for light in scene.lights)
    return Lighting(lights, scene.sky, scene.up * flip)


def _edges(light: Array, part: Index, least: float) -> Mask:
    """Return (H,W) pixels whose neighbourhood changes part or brightness."""
    red, green, blue = np.moveaxis(np.clip(light, 0, 1), 2, 0)
    tone = ((red + green + blue) / 3) ** (1 / 2.2)
    window = np.ones((3, 3), np.uint8)
    contrast = cv2.dilate(tone, window) - cv2.erode(tone, window) > least
    label = (part + 1).astype(np.float32)
    edges: Mask = contrast | (cv2.dilate(label, window) != cv2.erode(label, window))
    return edges


def _places(x: ArrayLike, y: ArrayLike) -> Array:
    """Return (P,2) px."""
    return np.array([x, y], np.float64).T


def render(scene: Scene) -> Rendered:
    """Render a scene.

    Args:
        scene: What :func:`hint.demo.scene.sample_scene` drew.

    Returns:
        The picture, and the target hand's labels and 3D truth in final camera axes.
    """
    stage = build(scene)
    world, camera, target = World(stage.meshes), stage.camera, stage.hands[0]
    image = picture(scene, camera, world, stage.materials)
    keypoints = camera.project(target.joints)
    return Rendered(
        image=image,
        keypoints_2d=keypoints,
        keypoints_3d=target.joints,
        vertices=target.vertices,
        existence=camera.contains(keypoints),
        occlusion=labels.occluded(world, 0, target.joints, target.vertices),
        box_xyxy=labels.box(camera, target.vertices, scene.margin),
        is_right=scene.hands[0].is_right != scene.mirrored,
        pose=scene.hands[0],
        camera=camera,
    )


def picture(scene: Scene, camera: Camera, world: World, materials: list[Material], detail: Detail = FULL) -> Image:
    """Shade every pixel once, and pixels on edges again at several places.

    Args:
        scene: Its lights, backdrop and sensor.
        camera: What to look through.
        world: The scene's meshes, camera axes.
        materials: Material of each mesh.
        detail: How much work to put in.

    Returns:
        (H,W,3) RGB.
    """
    rng = np.random.default_rng(scene.grain_seed)
    behind = backdrop(scene.backdrop, np.random.default_rng(scene.pattern_seed), camera.width, camera.height)
    shader = Shader(world, materials, _lighting(scene), rng, detail)
    height, width = camera.height, camera.width
    y, x = (g.ravel() for g in np.mgrid[:height, :width])
    first = shader.shade(camera.rays(_places(x, y)), (height, width))
    light = behind.copy()
    light.reshape(-1, 3)[first.found] = first.radiance
    gain = exposure(light, first.part.reshape(height, width) == 0, scene.sensor.exposure)
    rows, columns = np.nonzero(_edges(light * gain, first.part.reshape(height, width), detail.contrast))
    known = picked(first.seen, rows * width + columns)
    samples = np.zeros((len(detail.subpixels), len(rows), 3))
    for sample, (dx, dy) in zip(samples, detail.subpixels, strict=True):
        again = shader.shade(camera.rays(_places(columns + dx, rows + dy)), None, known)
        sample[:] = behind[rows, columns]
        sample[again.found] = again.radiance
    light[rows, columns] = np.minimum(samples, 1.2 / gain).mean(0)
    return develop(light * gain, scene.sensor, rng)
