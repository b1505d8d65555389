"""Random scenes: hands, props, a table or wall, light and camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hint.demo import backdrop, paint
from hint.demo.geometry import Array
from hint.demo.hands import FINE, HandPose, pose_hand, run_layer
from hint.demo.props import hold, in_the_way, on_table
from hint.demo.shapes import Prop
from hint.demo.skin import TONES, Appearance, linear
from hint.mano.poses import GRASPS, pose_from_angles, sample_angles
from hint.render.camera import Camera

_HELD = {"power": ("cylinder", "bottle", "can", "cup", "mug", "box"), "wide": ("cylinder", "sphere", "box", "can")}
#: Free hands are mostly open, as between grips.
_FREE = (*GRASPS, *("relaxed",) * 6, *("platform", "wide", "pinch", "spread", "claw", "tripod", "flat") * 2)
_FINE = {"tripod": ("pen", "pen", "cylinder"), "pinch": ("box", "pen", "cylinder")}


@dataclass(frozen=True, eq=False)
class Ground:
    """A plane below or behind the hands.

    Attributes:
        centre: (3,) a point of it, metres.
        normal: (3,) unit, towards the camera's side.
        kind: Name of its pattern.
        colours: (2,3) linear RGB.
        scale: Size of the pattern, 1 for natural.
    """

    centre: Array
    normal: Array
    kind: str
    colours: Array
    scale: float


@dataclass(frozen=True, eq=False)
class Light:
    """A distant light.

    Attributes:
        direction: (3,) unit, towards the light.
        colour: (3,) linear RGB.
        softness: Radius of its disc over its distance.
    """

    direction: Array
    colour: Array
    softness: float


@dataclass(frozen=True)
class Sensor:
    """Effects of lens, sensor and file format.

    Attributes:
        exposure: Intended brightness of the hand, 0..1.
        balance: RGB gains.
        blur: Sigma in px.
        motion: (x, y) length of the motion blur in px.
        noise: Standard deviation at middle grey, 0..1.
        vignette: Loss of light in the corners.
        quality: JPEG quality.
    """

    exposure: float
    balance: tuple[float, float, float]
    blur: float
    motion: tuple[float, float]
    noise: float
    vignette: float
    quality: int


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that defines one picture.

    It is laid out around a right hand; ``mirrored`` mirrors it as a whole, so that the target is a left hand.

    Attributes:
        camera: The camera.
        hands: The target, then possibly one more.
        appearances: Skin, nails, glove and sleeve of each hand.
        held: Number of props, from the first, that move with the target.
        props: Solids.
        ground: Table or wall, or None.
        backdrop: Kind of the backdrop.
        lights: Key light first.
        sky: (2,3) linear RGB of ambient light from above and below.
        up: (3,) unit, towards the sky.
        sensor: Camera effects.
        mirrored: Whether x is negated at the end.
        margin: (4,) share of the box size added on each side of the box.
        pattern_seed: Seed of textures and backdrop, the same for every frame of a clip.
        grain_seed: Seed of sensor noise and light sampling.
    """

    camera: Camera
    hands: tuple[HandPose, ...]
    appearances: tuple[Appearance, ...]
    held: int
    props: tuple[Prop, ...]
    ground: Ground | None
    backdrop: str
    lights: tuple[Light, ...]
    sky: Array
    up: Array
    sensor: Sensor
    mirrored: bool
    margin: Array
    pattern_seed: int
    grain_seed: int


def _unit(vector: Array) -> Array:
    unit: Array = vector / np.linalg.norm(vector)
    return unit


def _frame(x: Array, y: Array) -> Array:
    """Return the (3,3) columns x, y made orthogonal to x, and z."""
    x = _unit(x)
    y = _unit(y - y @ x * x)
    return np.stack([x, y, np.cross(x, y)], 1)


def _sample_camera(rng: np.random.Generator) -> Camera:
    long = int(rng.integers(400, 641))
    short = int(long * rng.choice([0.75, 0.75, 0.8, 1.0, 0.667]))
    width, height = (long, max(short, 320)) if rng.random() < 0.7 else (max(short, 320), long)
    focal = 0.5 * max(width, height) / np.tan(np.deg2rad(rng.uniform(34, 66)) / 2)
    shift = rng.normal(size=2) * 0.05 * np.array([width, height])
    centre = np.array([width - 1, height - 1]) / 2 + shift
    return Camera(width, height, float(focal), (float(centre[0]), float(centre[1])))


def _sample_appearance(rng: np.random.Generator) -> Appearance:
    polish = linear(rng.uniform(0.05, 0.85, 3)) if rng.random() < 0.10 else None
    glove = backdrop.colour(rng, 0.05, 0.9, dull=0.3) if rng.random() < 0.07 else None
    sleeve = backdrop.colour(rng) if rng.random() < 0.45 else None
    tone = float(rng.uniform(0, len(TONES) - 1.001))
    return Appearance(tone, float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.5, 1.1)), polish, glove, sleeve)


def _sample_orientation(rng: np.random.Generator, egocentric: bool) -> tuple[Array, Array]:
    """Return (3,3) axes of the hand and (3,) direction of the elbow, camera axes."""
    if egocentric:
        elbow = _unit(np.array([0.5, 0.75, -0.35]) + rng.normal(size=3) * (0.35, 0.2, 0.2))
        back = np.array([0.0, -0.5, -0.85]) + rng.normal(size=3) * 0.25
        roll = rng.normal() * 50 if rng.random() < 0.8 else rng.uniform(-180, 180)
    else:
        angle = rng.uniform(0, 2 * np.pi)
        elbow = _unit(np.array([np.cos(angle), np.sin(angle), min(rng.normal() * 0.45, 0.3)]))
        back, roll = np.array([0.0, 0.0, -1.0]), rng.uniform(-180, 180)
    axes = _frame(elbow, back)
    bend = Rotation.from_euler("xzy", [roll, rng.normal() * 18, rng.normal() * 8], degrees=True).as_matrix()
    return axes @ bend, elbow


def _sample_pose(rng: np.random.Generator, names: tuple[str, ...], spread: float) -> Array:
    """Return (15,3,3) rotations."""
    pose = pose_from_angles(sample_angles(rng, 1, names, spread))[0]
    rotations: Array = Rotation.from_rotvec(pose.reshape(15, 3)).as_matrix()
    return rotations


def _hand_at(rng: np.random.Generator, names: tuple[str, ...], spread: float, is_right: bool, ego: bool) -> HandPose:
    """Return a hand whose joints are centred on the origin."""
    axes, elbow = _sample_orientation(rng, ego)
    betas = np.clip(rng.normal(size=10), -2.5, 2.5)
    pose = HandPose(is_right, axes, _sample_pose(rng, names, spread), betas, np.zeros(3), elbow)
    joints, _ = run_layer([replace(pose, is_right=True)])
    return pose.moved(-joints[0].mean(0))


def _place_target(rng: np.random.Generator, hand: HandPose, camera: Camera) -> HandPose:
    """Place the hand near the middle of the picture, with at least eight joints in the frame."""
    size = rng.uniform(0.34, 0.72) * min(camera.width, camera.height)
    depth = max(camera.focal * 0.17 / size, 0.26)
    spread = 0.30 if rng.random() < 0.22 else 0.11
    centred = run_layer([hand])[0][0]
    while True:
        pixel = (0.5 + rng.normal(size=2) * spread) * (camera.width, camera.height)
        shift = camera.place(pixel, depth)
        if camera.contains(camera.project(centred + shift)).sum() >= 8:
            return hand.moved(hand.transl + shift)


def _second_hand(rng: np.random.Generator, target: HandPose, ego: bool, rounds: int) -> HandPose | None:
    """Return the other hand near the target without touching it, or None if no place was found."""
    points = pose_hand(target, rounds).mesh.vertices
    joints = run_layer([target])[0][0]
    for _ in range(8):
        hand = _hand_at(rng, _FREE, 1.0, False, ego)
        side = -1.0 if rng.random() < 0.85 else 1.0
        offset = np.array([side * rng.uniform(0.06, 0.20), rng.normal() * 0.05, rng.normal() * 0.06])
        where = joints.mean(0) + offset
        hand = hand.moved(hand.transl + where * (-1.0, 1.0, 1.0))
        other = pose_hand(hand, rounds).mesh.vertices
        if where[2] > 0.2 and _clear(points, other):
            return hand
    return None


def _near_arm(hand: HandPose, rounds: int) -> Array:
    """Return every second point of a hand and the nearer half of its forearm."""
    posed = pose_hand(hand, rounds)
    return posed.mesh.vertices[posed.mesh.coords[:, 0] < 0.25][::2]


def _clear(a: Array, b: Array) -> bool:
    return bool(cKDTree(a).query(b[::4], distance_upper_bound=0.006)[0].min() > 0.006)


def _sample_ground(rng: np.random.Generator, ego: bool, points: Array) -> tuple[Ground | None, Array]:
    """Return a plane that touches or clears all points from below, and the up direction."""
    up = _unit(np.array([0.0, -0.8, -0.55]) + rng.normal(size=3) * (0.15, 0.15, 0.15))
    if not ego and rng.random() < 0.3:
        up = _unit(np.array([0.0, -0.9, -0.2]) + rng.normal(size=3) * 0.1)
    wall = not ego and rng.random() < 0.4
    normal = _unit(np.array([0.0, 0.0, -1.0]) + rng.normal(size=3) * 0.12) if wall else up
    gap = rng.exponential(0.10) if wall else rng.exponential(0.025)
    lowest = float((points @ normal).min()) - gap
    if lowest > -0.12 or rng.random() < (0.15 if ego else 0.35):
        return None, up
    kind = str(rng.choice(paint.TABLES))
    colours = _table_colours(rng, kind)
    return Ground(normal * lowest, normal, kind, colours, float(rng.uniform(0.7, 1.6))), up


def _table_colours(rng: np.random.Generator, kind: str) -> Array:
    if kind in ("wood", "boards"):
        base = linear(rng.uniform(0.35, 0.85) * np.array([1.0, rng.uniform(0.66, 0.86), rng.uniform(0.40, 0.72)]))
        return np.stack([base, base * rng.uniform(0.4, 0.8)])
    first = backdrop.colour(rng, 0.15, 0.85)
    second = first * rng.uniform(0.45, 0.9) if rng.random() < 0.7 else backdrop.colour(rng, 0.1, 0.85)
    return np.stack([first, second])


def _sample_lights(rng: np.random.Generator) -> tuple[tuple[Light, ...], Array]:
    warmth = float(np.clip(rng.normal() * 0.13, -0.2, 0.3))
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    key = _unit(np.array([rng.uniform(-0.9, 0.9), -rng.uniform(0.25, 1.1), -rng.uniform(0.05, 1.0)]))
    lights = [Light(key, 2.2 * tint, float(rng.uniform(0.03, 0.30)))]
    if rng.random() < 0.45:
        side = _unit(rng.normal(size=3) - np.array([0.0, 0.6, 0.6]))
        lights.append(Light(side, rng.uniform(0.2, 0.9) * rng.uniform(0.85, 1.15, 3), 0.3))
    strength = rng.uniform(0.35, 1.1)
    above = strength * rng.uniform(0.85, 1.15, 3)
    return tuple(lights), np.stack([above, above * rng.uniform(0.35, 0.75)])


def _sample_sensor(rng: np.random.Generator) -> Sensor:
    motion = rng.normal(size=2) * (3.0 if rng.random() < 0.15 else 0.0)
    return Sensor(
        exposure=float(rng.uniform(0.30, 0.55)),
        balance=(float(rng.normal(1, 0.04)), 1.0, float(rng.normal(1, 0.05))),
        blur=float(rng.gamma(1.6, 0.28)),
        motion=(float(motion[0]), float(motion[1])),
        noise=float(rng.gamma(1.4, 0.005)),
        vignette=float(rng.uniform(0, 0.25)),
        quality=int(rng.integers(62, 96)),
    )


def _sample_held(rng: np.random.Generator, hand: HandPose, kinds: tuple[str, ...]) -> tuple[Prop, ...]:
    joints, vertices = (values[0] for values in run_layer([hand]))
    prop = hold(rng, str(rng.choice(kinds)), joints, vertices)
    return () if prop is None else (prop,)


def sample_scene(rng: np.random.Generator, rounds: int = FINE) -> Scene:
    """Draw one random scene.

    Args:
        rng: Random numbers of the scene.
        rounds: Rounds of subdivision of the hands, which are kept apart from each other and from props.
    """
    ego, camera = bool(rng.random() < 0.6), _sample_camera(rng)
    holding = rng.random() < 0.42
    grips = {**_HELD, **_FINE}
    grip = str(rng.choice(list(grips)))
    hand = _hand_at(rng, (grip,) if holding else _FREE, 0.5 if holding else 1.0, True, ego)
    target = _place_target(rng, hand, camera)
    props = _sample_held(rng, target, grips[grip]) if holding else ()
    held = len(props)
    second = _second_hand(rng, target, ego, rounds) if rng.random() < (0.45 if ego else 0.25) else None
    hands = (target,) if second is None else (target, second)
    points = np.concatenate([*(_near_arm(h, rounds) for h in hands), *(t.mesh().vertices for t in props)])
    ground, up = _sample_ground(rng, ego, points)
    if ground is not None and abs(ground.normal @ up) > 0.9:
        props += on_table(rng, camera, ground.centre, ground.normal, points, int(rng.integers(0, 5)))
    if rng.random() < 0.24:
        props += in_the_way(rng, run_layer([target])[0][0], points)
    lights, sky = _sample_lights(rng)
    appearance = _sample_appearance(rng)
    return Scene(
        camera=camera,
        hands=hands,
        # in egocentric pictures both hands belong to one person
        appearances=(appearance, appearance if ego else _sample_appearance(rng))[: len(hands)],
        held=held,
        props=props,
        ground=ground,
        backdrop=str(rng.choice(backdrop.KINDS)),
        lights=lights,
        sky=sky,
        up=up,
        sensor=_sample_sensor(rng),
        mirrored=bool(rng.random() < 0.5),
        margin=rng.uniform(-0.02, 0.035, 4),
        pattern_seed=int(rng.integers(2**31)),
        grain_seed=int(rng.integers(2**31)),
    )


def _curled(hand: HandPose, share: float) -> HandPose:
    """Return the hand with the bend of all joints scaled."""
    bent = share * Rotation.from_matrix(hand.hand_pose).as_rotvec()
    return replace(hand, hand_pose=Rotation.from_rotvec(bent).as_matrix())


def _turned(hand: HandPose, turn: Array, pivot: Array, shift: Array) -> HandPose:
    """Rotate a right-hand pose about a pivot, then shift it; the layer itself rotates about joint 0."""
    still = run_layer([replace(hand, is_right=True, transl=np.zeros(3))])[0][0, 0]
    wrist = turn @ (still + hand.transl - pivot) + pivot + shift
    return replace(hand, global_orient=turn @ hand.global_orient, transl=wrist - still, arm=turn @ hand.arm)


def next_frame(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene a moment later: the target moves with what it holds, without collisions.

    Args:
        scene: The frame before.
        rng: Random motion.
    """
    target = scene.hands[0]
    pivot = run_layer([target])[0][0].mean(0)
    for _ in range(6):
        turn = Rotation.from_rotvec(rng.normal(size=3) * 0.08).as_matrix()
        shift = rng.normal(size=3) * 0.008
        hand = _turned(target if scene.held else _curled(target, rng.uniform(0.8, 1.2)), turn, pivot, shift)
        held = tuple(
            replace(t, axes=turn @ t.axes, centre=turn @ (t.centre - pivot) + pivot + shift)
            for t in scene.props[: scene.held]
        )
        later = replace(scene, hands=(hand, *scene.hands[1:]), props=held + scene.props[scene.held :])
        if _possible(later):
            return replace(later, grain_seed=int(rng.integers(2**31)))
    return replace(scene, grain_seed=int(rng.integers(2**31)))


def _possible(scene: Scene) -> bool:
    """Tell whether the target touches neither the ground nor props it does not hold nor the other hand."""
    points = pose_hand(scene.hands[0]).mesh.vertices
    moved = np.concatenate([points, *(t.mesh().vertices for t in scene.props[: scene.held])])
    if scene.ground is not None and ((moved - scene.ground.centre) @ scene.ground.normal).min() < 0:
        return False
    if any(t.depth_inside(points).max() > 0 for t in scene.props[scene.held :]):
        return False
    return all(_clear(points, pose_hand(h).mesh.vertices) for h in scene.hands[1:])
