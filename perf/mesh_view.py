"""Time of a mesh view, beside casting rays with Embree at the same samples.

Both find what is seen at 2 x 2 places of every pixel of the same hand; ours also shades, averages and gives the depth.
Processor time, so that a busy machine counts less.

    python perf/mesh_view.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from hint.mano.procedural import procedural_hand
from hint.render import Camera, Mesh, hand_mesh, render_mesh
from hint.render.mesh import SAMPLES


def turned(rng: np.random.Generator) -> Mesh:
    """Return the hand, turned any way, 1 m in front of the camera."""
    hand = procedural_hand()
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    points = (hand.v_template - hand.v_template.mean(0)) @ turn
    return hand_mesh(points + np.array([0, 0, 1.0]), hand.faces, is_right=True)


def fitting(mesh: Mesh, size: int) -> Camera:
    """Return the camera whose picture the mesh just fills."""
    flat = mesh.vertices[:, :2] / mesh.vertices[:, 2:]
    low, high = flat.min(0), flat.max(0)
    focal = 0.95 * size / float((high - low).max())
    x, y = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(size, size, focal, (float(x), float(y)))


def cast(mesh: Mesh, camera: Camera) -> np.ndarray:
    """Return the triangle every sample's ray meets first; the scene is rebuilt for every hand."""
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
    place = (np.arange(camera.width * SAMPLES, dtype=np.float32) + 0.5) / SAMPLES - 0.5
    rays = np.ones((len(place), len(place), 3), np.float32)
    rays[..., 0] = (place - camera.centre[0]) / camera.focal
    rays[..., 1] = ((place - camera.centre[1]) / camera.focal)[:, None]
    origins = np.zeros((len(place) ** 2, 3), np.float32)
    return np.asarray(scene.run(origins, rays.reshape(-1, 3)))


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Return the best of several rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        taken.append(1000 * (time.process_time() - start))
    return min(taken)


def main() -> None:
    """Print a table of milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=5, help="hands per picture size")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the best counts")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    print("| picture, px | hand | covered | ours, ms | Embree, ms | ours / Embree | covered, ours / Embree |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for size in (256, 512):
        for k in range(options.hands):
            mesh = turned(rng)
            camera = fitting(mesh, size)
            ours = milliseconds(lambda m=mesh, c=camera: render_mesh(m, c), options.rounds)
            theirs = milliseconds(lambda m=mesh, c=camera: cast(m, c), options.rounds)
            alpha = render_mesh(mesh, camera).rgba[..., 3] / 255
            hit = (cast(mesh, camera) >= 0).mean()
            share = f"{alpha.mean():.1%} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} | {alpha.mean() / hit:.2%}"
            print(f"| {size} | {k} | {share} |")


if __name__ == "__main__":
    main()
