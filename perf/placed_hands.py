"""Where two rendered hands are in the world, and where a method puts them under their true camera.

The camera stands half a metre above a table and looks 30 degrees down; the world has x to the right, y ahead, z up, and
its origin on the table below the camera. Prints a row for each hand. Usage: python perf/placed_hands.py [METHOD]
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import hint
from hint.demo import render, sample_scene
from hint.demo.renderer import build
from hint.files.camera_file import read_calibration
from hint.images import write_image

#: A scene that shows both hands almost whole, and is not mirrored.
SEED = 27
ROTATION = [[1, 0, 0], [0, -0.5, -0.8660254], [0, 0.8660254, -0.5]]
TRANSLATION = [0, 0.4330127, 0.25]


def rows(method: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the side of each hand, its true wrist and the predicted one (3,), metres."""
    scene = sample_scene(np.random.default_rng(SEED))
    stage = build(scene, 0)
    camera, points = stage.camera, [stage.camera.project(hand.joints) for hand in stage.hands]
    entry = {"width": camera.width, "height": camera.height, "fx": camera.focal, "cx": camera.centre[0]}
    entry |= {"cy": camera.centre[1], "extrinsics": {"rotation": ROTATION, "translation": TRANSLATION}}
    sides = ["right", "left"][: len(points)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "camera.json").write_text(json.dumps(entry))
        write_image(folder / "desk.png", render(scene).image)
        pose = read_calibration(folder / "camera.json").pose
        boxes = [[*p.min(0), *p.max(0)] for p in points]
        hint.predict(
            folder / "desk.png",
            hint.load_method(method, device="cpu"),
            boxes=boxes,
            sides=sides,
            camera=folder / "camera.json",
            out=folder,
        )
        placed = np.load(folder / "placed.npz")
    if pose is None:
        raise SystemExit("the camera has no pose")
    truth = [pose.to_world(hand.joints[0]) for hand in stage.hands]
    return list(zip(sides, truth, placed["keypoints_3d"][:, 0], strict=True))


def main() -> None:
    """Print the table of docs/predict.md."""
    print("| hand | true wrist: x, y, z, m | predicted | apart, cm |")
    print("|---|---|---|---|")
    for side, truth, found in rows(sys.argv[1] if len(sys.argv) > 1 else "mediapipe-mano"):
        places = [", ".join(f"{value:.2f}" for value in point) for point in (truth, found)]
        print(f"| {side} | {' | '.join(places)} | {100 * np.linalg.norm(found - truth):.0f} |")


if __name__ == "__main__":
    main()
