"""Draw docs/pictures.png: rendered hands, their keypoints and meshes, seen from other sides too.

python docs/pictures.py docs/pictures.png
"""

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from hint.demo import Rendered, Scene, clip_scenes, render
from hint.demo.hands import COARSE
from hint.demo.renderer import build
from hint.files import write_bytes
from hint.mano.procedural import procedural_hand
from hint.render import PAPER, Mesh, cut_tile, draw_keypoints, hand_mesh, overlay_tile, view
from hint.render.sheet import sheet
from hint.skeleton import FINGER_COLOURS
from hint.types import Image

#: Clips whose first picture is shown.
CLIPS = (3, 8, 7)
COLUMNS = ("input", "keypoints", "mesh", "side view", "top view", "straight fingers")
CAPTION = "blue: right hand · yellow: left hand · white joint: visible · black joint, dashed bone: occluded"


def meshes(scene: Scene) -> list[Mesh]:
    """Return the hands of a scene, the labelled one first."""
    sides = [pose.is_right != scene.mirrored for pose in scene.hands]
    posed = build(scene, COARSE).hands
    return [hand_mesh(h.vertices, procedural_hand().faces, s) for h, s in zip(posed, sides, strict=True)]


def straightened(scene: Scene) -> Scene:
    """Return the scene with straight fingers: what a poor method might say."""
    straight = np.tile(np.eye(3), (15, 1, 1))
    return replace(scene, hands=tuple(replace(h, hand_pose=straight) for h in scene.hands))


def line(scene: Scene, seen: Rendered) -> list[Image]:
    """Draw the tiles of one hand."""
    tile = cut_tile(seen.image, seen.box_xyxy)
    hands, visibility = meshes(scene), seen.existence * (2 - seen.occlusion.astype(int))
    return [
        tile.image,
        draw_keypoints(tile.image, tile.place(seen.keypoints_2d), visibility, size=1.3),
        overlay_tile(tile, hands, seen.camera),
        view(hands[0], "side"),
        view(hands[0], "top"),
        overlay_tile(tile, meshes(straightened(scene)), seen.camera),
    ]


def small_png(image: Image) -> bytes:
    """Return a PNG of 256 colours."""
    whole, buffer = Pillow.fromarray(image), io.BytesIO()
    exact = [(255, 255, 255), PAPER, *FINGER_COLOURS]
    palette = whole.quantize(256 - len(exact), Pillow.Quantize.FASTOCTREE)
    palette.putpalette((palette.getpalette() or [])[: 3 * (256 - len(exact))] + [c for rgb in exact for c in rgb])
    whole.quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    scenes = [next(clip_scenes(0, clip)) for clip in CLIPS]
    lines = [line(scene, render(scene)) for scene in scenes]
    write_bytes(out, small_png(sheet(lines, COLUMNS, caption=CAPTION)))


if __name__ == "__main__":
    main()
