"""Place props: in the hand, on the table, between camera and hand."""

from __future__ import annotations

import numpy as np

from hint.demo import backdrop, paint
from hint.demo.geometry import Array
from hint.demo.shapes import Prop
from hint.render.camera import Camera
from hint.skeleton import JOINT_NAMES

#: Range of half height over radius of solids of revolution.
_SLIM: dict[str, tuple[float, float]] = {
    "cylinder": (1.2, 4.0),
    "bottle": (2.6, 3.6),
    "can": (1.5, 2.2),
    "cup": (1.1, 1.6),
    "mug": (1.0, 1.3),
    "pen": (14.0, 20.0),
    "plate": (0.1, 0.16),
    "sphere": (1.0, 1.0),
    "box": (0.8, 3.0),
}


def _joint(joints: Array, name: str) -> Array:
    point: Array = joints[JOINT_NAMES.index(name)]
    return point


def _across(axis: Array, hint: Array) -> Array:
    """Return the (3,3) columns of a frame with z along the axis and x towards the hint."""
    z = axis / np.linalg.norm(axis)
    x = hint - hint @ z * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], 1)


def _painted(rng: np.random.Generator, kind: str, size: Array, axes: Array, centre: Array) -> Prop:
    colours = np.stack([backdrop.colour(rng, 0.05, 0.9, 0.4), backdrop.colour(rng, 0.05, 0.9, 0.4)])
    pattern = str(rng.choice(paint.PAINTS, p=[0.45, 0.1, 0.2, 0.05, 0.1, 0.1]))
    return Prop(kind, size, axes, centre, pattern, colours, float(rng.beta(1.2, 1.5)))


def _room(kind: str, local: Array, ratio: float, half: float) -> float:
    """Return the largest radius at which a prop at the origin touches none of (P,3) points."""
    if kind == "sphere":
        return float(np.linalg.norm(local, axis=1).min())
    near = local[np.abs(local[:, 2]) < half]
    if not len(near):
        return np.inf
    flat = np.abs(near[:, :2]) / np.array([1.0, ratio])
    return float((flat.max(1) if kind == "box" else np.linalg.norm(flat, axis=1)).min())


def hold(rng: np.random.Generator, kind: str, joints: Array, vertices: Array) -> Prop | None:
    """Fit a prop into a closed hand, as thick as the fingers allow.

    Args:
        rng: Random proportions and colours.
        kind: One of :data:`hint.demo.shapes.KINDS`.
        joints: (21,3) of the hand.
        vertices: (778,3) of the hand.

    Returns:
        The prop, or None if the hand leaves no room for it.
    """
    fine = kind == "pen" or (kind in ("box", "cylinder") and rng.random() < 0.2)
    knuckles = _joint(joints, "index_mcp") - _joint(joints, "little_mcp")
    pinch = (_joint(joints, "thumb_tip") + _joint(joints, "index_tip")) / 2
    if fine:
        middle = pinch
        axis = _joint(joints, "index_mcp") - pinch + 0.4 * knuckles
    else:
        names = (
            "index_pip",
            "middle_pip",
            "ring_pip",
            "index_tip",
            "middle_tip",
            "ring_tip",
            "thumb_tip",
            "middle_mcp",
        )
        middle = np.mean([_joint(joints, n) for n in names], axis=0)
        axis = knuckles / np.linalg.norm(knuckles) + rng.normal(size=3) * 0.15
    axes = _across(axis, _joint(joints, "wrist") - _joint(joints, "middle_mcp"))
    ratio = float(rng.uniform(0.35, 1.0)) if kind == "box" else 1.0
    low, high = (0.0028, 0.0065) if fine else (0.011, 0.042)
    half = float(rng.uniform(0.05, 0.08)) if fine else float(rng.uniform(0.045, 0.10))
    return _fit(rng, kind, axes, middle, vertices, ratio, (low, high), half)


def _fit(
    rng: np.random.Generator,
    kind: str,
    axes: Array,
    middle: Array,
    vertices: Array,
    ratio: float,
    limits: tuple[float, float],
    half: float,
) -> Prop | None:
    local = (vertices - middle) @ axes
    reach = 0.032 if limits[1] > 0.01 else 0.012
    steps = np.linspace(-reach, reach, 15)
    depths = steps if kind == "sphere" else (0.0,)
    best, score = None, -np.inf
    for x in steps:
        for y in steps:
            for z in depths:
                room = _room(kind, local - (x, y, z), ratio, half)
                radius = min(room, limits[1])
                # More room than the largest size leaves a gap between hand and prop.
                value = radius - 0.5 * min(room - radius, 0.1) - 0.15 * float(np.hypot(np.hypot(x, y), z))
                if value > score:
                    best, score = (np.array([x, y, z]), radius), value
    if best is None or best[1] < limits[0]:
        return None
    offset, radius = best
    radius *= 0.985
    size = np.array([radius, radius * ratio, radius if kind == "sphere" else half])
    slide = 0.0 if kind == "sphere" or limits[1] < 0.01 else float(rng.uniform(-0.3, 0.3)) * half
    shifted = _painted(rng, kind, size, axes, middle + axes @ (offset + np.array([0.0, 0.0, slide])))
    return (
        shifted
        if shifted.depth_inside(vertices).max() < 0.02
        else _painted(rng, kind, size, axes, middle + axes @ offset)
    )


def _free(rng: np.random.Generator, low: float, high: float) -> tuple[str, Array]:
    """Return a kind and its half extents."""
    kind = str(rng.choice(list(_SLIM)))
    radius = float(rng.uniform(low, high)) * (0.12 if kind == "pen" else 2.0 if kind == "plate" else 1.0)
    tall = radius * float(rng.uniform(*_SLIM[kind]))
    wide = radius * float(rng.uniform(0.5, 1.0)) if kind == "box" else radius
    return kind, np.array([radius, wide, tall])


def _standing(rng: np.random.Generator, foot: Array, up: Array) -> Prop:
    """Return a random prop that stands (a pen lies) on a point of a plane."""
    kind, size = _free(rng, 0.02, 0.05)
    axis = np.asarray(np.cross(up, rng.normal(size=3)), dtype=np.float64) if kind == "pen" else up
    lift = size[0] if kind == "pen" else size[2]
    return _painted(rng, kind, size, _across(axis, rng.normal(size=3)), foot + up * (lift + 0.0005))


def on_table(
    rng: np.random.Generator, camera: Camera, centre: Array, up: Array, points: Array, n: int
) -> tuple[Prop, ...]:
    """Stand up to n props on a plane where the camera sees it, clear of the (P,3) points and of each other."""
    props: list[Prop] = []
    for _ in range(3 * n):
        ray = camera.rays(rng.uniform(0, 1, (1, 2)) * (camera.width, camera.height))[0]
        away = float(centre @ up) / float(ray @ up)
        prop = _standing(rng, ray * away, up)
        clear = all(np.linalg.norm(t.centre - prop.centre) > _radius(t) + _radius(prop) for t in props)
        if 0.15 < away < 1.6 and clear and _apart(prop, points) and len(props) < n:
            props.append(prop)
    return tuple(props)


def in_the_way(rng: np.random.Generator, joints: Array, points: Array) -> tuple[Prop, ...]:
    """Put one prop between the camera and a random joint, clear of the (P,3) points.

    Most are long and reach in from the border of the picture, as real occluders do.
    """
    for _ in range(12):
        aim = (joints[rng.integers(len(joints))] + rng.normal(size=3) * 0.015) * rng.uniform(0.55, 0.88)
        angle = rng.uniform(0, 2 * np.pi)
        axis = np.array([np.cos(angle), np.sin(angle), rng.normal() * 0.3])
        if rng.random() < 0.75:
            kind, half = str(rng.choice(["cylinder", "box", "box", "bottle"])), float(rng.uniform(0.10, 0.25))
            size = np.append(rng.uniform(0.007, 0.024, 2), half)
            size[1] = size[1] if kind == "box" else size[0]
            aim = aim + axis / np.linalg.norm(axis) * (half - rng.uniform(0.0, 0.03))
        else:
            kind, size = _free(rng, 0.008, 0.022)
        prop = _painted(rng, kind, size, _across(axis, rng.normal(size=3)), aim)
        if prop.mesh().vertices[:, 2].min() > 0.10 and _apart(prop, points):
            return (prop,)
    return ()


def _radius(prop: Prop) -> float:
    return float(np.linalg.norm(prop.size))


def _apart(prop: Prop, points: Array) -> bool:
    roomy = Prop(prop.kind, prop.size + 0.005, prop.axes, prop.centre, prop.paint, prop.colours, prop.gloss)
    return bool(roomy.depth_inside(points).max() < 0)
