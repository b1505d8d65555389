"""A sheet of fitted hands for people: the worst and the best, beside their keypoints."""

from __future__ import annotations

from pathlib import Path

from hint.files import atomic_write
from hint.fit import pose
from hint.images import encode_image, read_image
from hint.mano.model import ManoModel
from hint.render import Camera, crop_camera, cut_tile, draw_keypoints, hand_mesh, overlay_tile, view
from hint.render.sheet import sheet
from hint.training.fit_store import Fits, parameters_of
from hint.types import HandLabels, Image

#: Hands of each kind.
_SHOWN = 6


def write_sheet(path: Path, labels: HandLabels, fits: Fits, kept: list[int], model: ManoModel) -> bool:
    """Draw the usable hands of lowest and of highest quality among those kept; tell whether there are any."""
    usable = [k for k in kept if fits.quality[k] > 0]
    order = sorted(usable, key=lambda k: (fits.quality[k], k))
    shown = list(dict.fromkeys([*order[:_SHOWN], *order[-_SHOWN:]]))
    if not shown:
        return False
    lines = [_line(labels, fits, k, model) for k in shown]
    names = [f"{labels.hand_id[k]}: quality {fits.quality[k]:.2f}" for k in shown]
    drawn = sheet(lines, ("labels", "fit", "fit from the side"), names, "worst fits first, then the best")
    with atomic_write(path) as stream:
        stream.write(encode_image(drawn, ".jpg", 90))
    return True


def _line(labels: HandLabels, fits: Fits, k: int, model: ManoModel) -> list[Image]:
    picture = read_image(Path(str(labels.image[k])))
    tile = cut_tile(picture, labels.box_xyxy[k])
    is_right = bool(labels.is_right[k])
    parameters = parameters_of(fits.read([k]))
    mirror = (1, 1, 1) if is_right else (-1, 1, 1)
    vertices = (pose(model, parameters)[1][0] + parameters.cam_t[0]) * mirror
    mesh = hand_mesh(vertices, model.faces, is_right)
    x, y, side = parameters.square[0].tolist()
    camera: Camera = crop_camera((x, y, side), picture.shape[1], picture.shape[0])
    points = draw_keypoints(tile.image, tile.place(labels.keypoints_2d[k]), labels.visibility[k])
    return [points, overlay_tile(tile, mesh, camera, 0.9), view(mesh, "side")]
