"""Rendered hands, damaged as photographs are, and what the landmark network sees in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hint.demo.closeup import close_up
from hint.demo.pictures import prepare_process
from hint.landmarks.backbone import LandmarkBackbone, load_network
from hint.landmarks.network import SIZE as CROP_SIZE
from hint.landmarks.region import Region, cut, direction
from hint.methods.hamer.tiny_network import VIEW_FACTOR
from hint.methods.hamer.tiny_reader import STRIDES
from hint.training.rendered import training_scene

Array = NDArray[Any]

#: Sides of the pictures, px, in turn: some hands are sharper than others.
SIZES = (160, 160, 224, 256)

#: Hands in a file; looks at each in any direction, and about upright.
PER_FILE, ANY_WAY, UPRIGHT = 100, 2, 2


def look_at_hands(folder: Path, n: int, seed: int) -> None:
    """Render hands and write what the landmark network sees, :data:`PER_FILE` to a file; files that are there stay."""
    prepare_process()
    folder.mkdir(parents=True, exist_ok=True)
    network = load_network()
    for start in range(0, n, PER_FILE):
        path = folder / f"hands_{seed}_{start:06d}.npz"
        if not path.exists():
            numbers = range(start, min(start + PER_FILE, n))
            rng = np.random.default_rng([seed, start, 77])
            looks = [look for number in numbers for look in _looks(seed, number, rng)]
            with path.with_suffix(".part").open("wb") as file:
                np.savez(file, **_seen(network, looks))
            path.with_suffix(".part").rename(path)


def _looks(seed: int, number: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the views of one hand and the truth in each: turned anyhow, then about upright."""
    scene = training_scene(seed, number)
    one, pose = close_up(scene, SIZES[number % len(SIZES)]), scene.hands[0]
    picture, keypoints, box = one.image, one.keypoints_2d.copy(), one.box_xyxy.reshape(2, 2)
    if not one.is_right:
        picture, last = picture[:, ::-1], len(picture) - 1
        keypoints = keypoints * (-1, 1) + (last, 0)
        box = np.stack([box[::-1, 0] * -1 + last, box[:, 1]], 1)
    if rng.random() > 0.3:
        picture = without_border(picture)
    extent, upright = float((box[1] - box[0]).max()), direction(keypoints)
    looks = []
    for k in range(ANY_WAY + UPRIGHT):
        turn = rng.uniform(-math.pi, math.pi)
        if k >= ANY_WAY:
            turn = upright + rng.normal(0, 0.2 if rng.random() < 0.8 else 0.6)
        centre = box.mean(0) + rng.normal(0, 0.04, 2) * extent
        side = VIEW_FACTOR * extent * math.exp(rng.normal(0, 0.08))
        damaged = covered(damage(picture, extent, rng), keypoints, extent, rng)
        about = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
        root = about.T @ pose.global_orient
        looks.append(
            {
                "view": cut(damaged, Region(*centre.tolist(), side, turn), CROP_SIZE),
                "is_upright": k >= ANY_WAY,
                "turn": (math.cos(upright - turn), math.sin(upright - turn)),
                "flat": (keypoints - centre) @ about[:2, :2] / side,
                "rotations": np.concatenate([root[None], pose.hand_pose]),
                "betas": pose.betas,
                "existence": one.existence,
                "occlusion": one.occlusion,
            }
        )
    return looks


@torch.inference_mode()
def _seen(network: LandmarkBackbone, looks: list[dict[str, Any]]) -> dict[str, Array]:
    """Return truth and features of views, those about upright with their maps; numbers in float16."""
    rows = []
    for start in range(0, len(looks), 8):
        part = looks[start : start + 8]
        views = torch.from_numpy(np.stack([look["view"] for look in part])).permute(0, 3, 1, 2).float() / 255
        features = network.features(views)
        said = network.landmarks(features)
        seen = {"mean": features.last.mean((2, 3)), "points": said.points, "presence": said.presence}
        seen |= {"world": said.world} | {f"map{stride}": features.maps[stride] for stride in STRIDES}
        rows.append({name: values.half().numpy() for name, values in seen.items()})
    arrays = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    truth = {name: np.array([look[name] for look in looks]) for name in looks[0] if name != "view"}
    upright = truth["is_upright"]
    kept = {name: values[upright] if name.startswith("map") else values for name, values in arrays.items()}
    return kept | {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in truth.items()}


def without_border(picture: Array) -> Array:
    """Let the outermost pixels go on where a picture is black along its edges."""
    rows, columns = (np.flatnonzero(picture.max((axis, 2)) > 12) for axis in (1, 0))
    if min(len(rows), len(columns)) < 10:
        return picture
    size = len(picture) - 1
    inner = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(inner, ((rows[0], size - rows[-1]), (columns[0], size - columns[-1]), (0, 0)), mode="edge")


def damage(picture: Array, extent: float, rng: np.random.Generator) -> Array:
    """Recolour, blur, shrink to hands of 12 to 70 px, compress and add noise, each to some pictures."""
    image = picture
    if rng.random() < 0.7:
        image = image * rng.uniform(0.8, 1.2, 3) * rng.uniform(0.7, 1.25) + rng.normal(0, 8)
        if rng.random() < 0.1:
            image = image.mean(2, keepdims=True).repeat(3, 2)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, max(0.4, 0.035 * extent)))
    if rng.random() < 0.15:
        image = _shaken(image, rng.uniform(0.03, 0.12) * extent, rng.uniform(0, math.pi))
    if rng.random() < 0.35:
        image = _small(image, extent, rng)
    elif rng.random() < 0.3:
        image = _compressed(image, int(rng.integers(25, 90)))
    if rng.random() < 0.4:
        image = np.clip(image + rng.normal(0, rng.uniform(1, 12), image.shape), 0, 255).astype(np.uint8)
    return image


def covered(picture: Array, keypoints: Array, extent: float, rng: np.random.Generator) -> Array:
    """Lay one or two plain blobs over a fifth of the hands."""
    if rng.random() < 0.2:
        picture = picture.copy()
        for _ in range(rng.integers(1, 3)):
            x, y = (keypoints[rng.integers(21)] + rng.normal(0, 0.1 * extent, 2)).astype(int).tolist()
            axes = (rng.uniform(0.06, 0.25, 2) * extent).astype(int).tolist()
            colour = rng.integers(0, 256, 3).tolist()
            cv2.ellipse(picture, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1)
    return picture


def _shaken(image: Array, length: float, angle: float) -> Array:
    reach = max(2, int(length))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for along in np.linspace(-reach / 2, reach / 2, 4 * reach):
        kernel[round(reach + along * math.sin(angle)), round(reach + along * math.cos(angle))] += 1
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _small(image: Array, extent: float, rng: np.random.Generator) -> Array:
    side = len(image)
    size = max(12, round(side * math.exp(rng.uniform(math.log(12), math.log(70))) / extent))
    if size >= side:
        return image
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.7:
        small = _compressed(small, int(rng.integers(35, 92)))
    return cv2.resize(small, (side, side), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))


def _compressed(image: Array, quality: int) -> Array:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
