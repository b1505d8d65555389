"""Meshes over tiles, from the side and from above."""

import numpy as np
import pytest

from hint.errors import UnknownNameError
from hint.render import LEFT_COLOUR, RIGHT_COLOUR, TILE, Camera, Mesh, cut_tile, overlay, overlay_tile, view

CAMERA = Camera(200, 150, 400.0, (100.0, 75.0))


def block(low: tuple[float, float, float], high: tuple[float, float, float], colour: tuple[int, int, int]) -> Mesh:
    """A closed box."""
    x, y, z = np.array([low, high]).T
    corners = np.array([[x[i], y[j], z[k]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    quads = ([0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3])
    faces = [t for a, b, c, d in quads for t in ([a, b, c], [a, c, d])]
    return Mesh(corners, np.array(faces), colour)


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
#: Left and near, right and high, right and far.
THREE = [
    block((-0.1, 0, 0.9), (-0.05, 0.05, 0.95), RED),
    block((0.05, -0.1, 0.9), (0.1, -0.05, 0.95), GREEN),
    block((0.05, 0.0, 1.05), (0.1, 0.05, 1.1), BLUE),
]


def middle(image: np.ndarray, channel: int) -> np.ndarray:
    """x, y of the middle of one of the three blocks, px."""
    others = [k for k in range(3) if k != channel]
    y, x = np.nonzero((image[..., channel] > 60) & (image[..., others] < 10).all(-1))
    return np.array([x.mean(), y.mean()])


def test_the_side_is_seen_from_the_right_and_the_top_from_above() -> None:
    front, side, top = (view(THREE, name) for name in ("front", "side", "top"))
    red, green, blue = (middle(front, k) for k in range(3))
    assert red[0] < blue[0]
    assert green[1] < blue[1]
    # From the right: far is on the right, up stays up, the left one is behind.
    red, green, blue = (middle(side, k) for k in (0, 1, 2))
    assert green[0] < blue[0] - 30
    assert green[1] < blue[1] - 30
    # From above: far is at the top, left stays left.
    red, green, blue = (middle(top, k) for k in range(3))
    assert blue[1] < green[1] - 30
    assert red[0] < green[0] - 30


def test_what_lies_right_hides_what_lies_left_from_the_side() -> None:
    two = [block((-0.1, 0, 1), (-0.05, 0.05, 1.05), RED), block((0.1, 0, 1), (0.15, 0.05, 1.05), BLUE)]
    side = view(two, "side")
    assert not ((side[..., 0] > 60) & (side[..., 2] < 10)).any()
    assert middle(side, 2).round().tolist() == pytest.approx([(TILE - 1) / 2] * 2, abs=1)


@pytest.mark.parametrize("name", ["front", "side", "top"])
def test_nothing_is_cut_and_all_views_have_one_scale(name: str) -> None:
    image = view(THREE, name)  # type: ignore[arg-type]
    paper = (image == 240).all(-1)
    assert paper[[0, -1]].all()
    assert paper[:, [0, -1]].all()
    assert 100 < np.ptp(np.nonzero(~paper), axis=1).max() < TILE
    small, large = (view(THREE, name, extent=e) for e in (0.8, 0.4))  # type: ignore[arg-type]
    sizes = [np.ptp(np.nonzero((i != 240).any(-1)), axis=1).max() for i in (small, large)]
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=3)


def test_an_unknown_view_is_refused_and_nothing_is_paper() -> None:
    with pytest.raises(UnknownNameError, match="did you mean side"):
        view(THREE, "sid")  # type: ignore[arg-type]
    assert (view([], "side") == 240).all()


def test_a_mesh_over_a_tile_lies_where_it_lies_over_the_picture() -> None:
    image = np.full((150, 200, 3), 90, np.uint8)
    cube = block((0.02, -0.05, 1.0), (0.1, 0.02, 1.05), GREEN)
    whole = overlay(image, cube, CAMERA)
    drawn = overlay_tile(tile := cut_tile(image, (90, 40, 150, 100)), cube, CAMERA)
    np.testing.assert_allclose(middle(drawn, 1), tile.place(middle(whole, 1)), atol=1)


#: What red-, green- and blue-blind people see, in linear light: Machado, Oliveira and Fernandes 2009, severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_left_and_right_hands_look_different_to_everybody(kind: str) -> None:
    linear = (np.array([RIGHT_COLOUR, LEFT_COLOUR]) / 255) ** 2.2
    seen = 255 * np.clip(linear @ np.array(BLINDNESS[kind]).T, 0, 1) ** (1 / 2.2)
    assert np.abs(seen[0] - seen[1]).max() > 60
