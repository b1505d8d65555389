"""What the focal length does to the depths of two hands, in rendered pictures of known cameras.

Prints medians over twelve pictures: how far apart in depth the hands are predicted, how much that is wrong, and how far
joints in the whole picture's camera lie from the keypoints. Usage: python perf/two_hands.py [METHOD]
"""

import sys
from collections.abc import Iterator
from itertools import count, islice

import numpy as np

import hint
from hint.demo import Scene, render, sample_scene
from hint.demo.hands import PosedHand
from hint.demo.renderer import build
from hint.prediction.camera import picture_camera
from hint.prediction.mano_file import translations

PICTURES = 12


def scenes() -> Iterator[tuple[Scene, list[PosedHand]]]:
    """Yield scenes that show two hands almost whole."""
    for seed in count():
        scene = sample_scene(np.random.default_rng(seed))
        stage = build(scene, 0)
        joints = [stage.camera.project(hand.joints) for hand in stage.hands]
        if len(joints) == 2 and all(stage.camera.contains(points).mean() > 0.8 for points in joints):
            yield scene, stage.hands


def main() -> None:
    """Print a row for the true focal length and one for the default."""
    method = hint.load_method(sys.argv[1] if len(sys.argv) > 1 else "hamer-tiny", device="cpu")
    apart: dict[str, list[float]] = {"true": [], "default": []}
    wrong: dict[str, list[float]] = {"true": [], "default": []}
    moved: dict[str, list[float]] = {"true": [], "default": []}
    for scene, hands in islice(scenes(), PICTURES):
        camera = scene.camera.mirrored() if scene.mirrored else scene.camera
        points = [camera.project(hand.joints) for hand in hands]
        boxes = np.array([[*p.min(0), *p.max(0)] for p in points])
        sides = np.array([not scene.mirrored, scene.mirrored])
        found = hint.predict(render(scene).image, method, boxes=boxes, sides=sides.tolist())
        truth = float(np.subtract(*(hand.joints[:, 2].mean() for hand in hands)))
        for name, focal in (("true", camera.focal), ("default", None)):
            whole = picture_camera((camera.width, camera.height), focal)
            where = translations(found.parameters, sides, [whole] * 2)
            between = float(np.subtract(*where[:, 2]))
            apart[name].append(abs(between))
            wrong[name].append(abs(between - truth))
            places = whole.project(found.keypoints_3d + where[:, None])
            error = np.linalg.norm(places - found.keypoints_2d, axis=-1).mean(1)
            moved[name] += (error / (boxes[:, 2:] - boxes[:, :2]).max(1)).tolist()
    print("| focal length | metres apart in depth | error of that, m | off the keypoints, % of the box: median, most |")
    print("|---|---|---|---|")
    for name in apart:
        far = f"{100 * np.median(moved[name]):.1f}, {100 * max(moved[name]):.0f}"
        print(f"| {name} | {np.median(apart[name]):.2f} | {np.median(wrong[name]):.2f} | {far} |")


if __name__ == "__main__":
    main()
