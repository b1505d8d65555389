"""Meshes against an analytic sphere and against ray casting."""

import numpy as np
import pytest

from hint.errors import InputError
from hint.mano.procedural import procedural_hand
from hint.normals import vertex_normals
from hint.render import LEFT_COLOUR, RIGHT_COLOUR, Camera, Mesh, hand_mesh, render_mesh
from hint.render.mesh import brightness
from hint.render.raster import project, rasterise

CAMERA = Camera(160, 120, 300.0, (83.25, 57.5))
WHITE = (255, 255, 255)


def grid_sphere(centre: tuple[float, float, float], radius: float, colour: tuple[int, int, int] = WHITE) -> Mesh:
    """A sphere of 96x192 quadrangles."""
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 193)[:-1], np.linspace(0, np.pi, 97))
    unit = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1).reshape(-1, 3)
    row, column = (g.ravel() for g in np.mgrid[:96, :192])
    a, b = 192 * row + column, 192 * row + (column + 1) % 192
    faces = np.concatenate([np.stack([a, a + 192, b + 192], 1), np.stack([a, b + 192, b], 1)])
    return Mesh(unit * radius + centre, faces, colour)


def sphere_depth(camera: Camera, centre: np.ndarray, radius: float, fine: int) -> np.ndarray:
    """Depth at fine x fine places of every pixel, infinite beside the sphere."""
    y, x = ((np.arange(n * fine) + 0.5) / fine - 0.5 for n in (camera.height, camera.width))
    ray = np.stack(
        np.broadcast_arrays((x - camera.centre[0]) / camera.focal, (y[:, None] - camera.centre[1]) / camera.focal, 1.0),
        -1,
    )
    along, square = ray @ centre, (ray**2).sum(-1)
    inside = along**2 - square * (centre @ centre - radius**2)
    return np.where(inside >= 0, (along - np.sqrt(np.maximum(inside, 0))) / square, np.inf)


def test_a_sphere_covers_what_it_should_and_lies_where_it_should() -> None:
    centre, radius = np.array([0.02, -0.03, 0.9]), 0.12
    picture = render_mesh(grid_sphere(tuple(centre), radius), CAMERA, samples=4)
    fine = sphere_depth(CAMERA, centre, radius, 16)
    share = np.isfinite(fine).reshape(120, 16, 160, 16).mean((1, 3))
    alpha = picture.rgba[..., 3] / 255
    edge = (share > 0) & (share < 1)
    assert edge.sum() > 150
    assert abs(alpha.sum() / share.sum() - 1) < 2e-3
    # Four by four samples of an edge's pixel: off by a sixth at the very most, by far less on average.
    assert np.abs(alpha - share).max() < 1 / 6
    assert np.abs(alpha - share)[edge].mean() < 0.03
    assert np.array_equal(alpha[~edge], share[~edge])


def test_depth_and_light_at_the_middle_of_pixels_are_those_of_the_sphere() -> None:
    centre, radius = np.array([0.02, -0.03, 0.9]), 0.12
    picture = render_mesh(grid_sphere(tuple(centre), radius, (200, 100, 50)), CAMERA, samples=1)
    exact = sphere_depth(CAMERA, centre, radius, 1)
    found = np.isfinite(exact) & np.isfinite(picture.depth)
    assert (np.isfinite(exact) != np.isfinite(picture.depth)).sum() < 0.03 * found.sum()
    y, x = np.nonzero(found)
    point = np.stack([(x - CAMERA.centre[0]) / CAMERA.focal, (y - CAMERA.centre[1]) / CAMERA.focal, np.ones(len(x))], 1)
    normal = (point * exact[found][:, None] - centre) / radius
    steep = -(normal * point).sum(1) / np.linalg.norm(point, axis=1) > 0.3
    np.testing.assert_allclose(picture.depth[found][steep], exact[found][steep], atol=3e-4)
    light = brightness(normal.T.astype(np.float32))[:, None] * (200, 100, 50)
    np.testing.assert_allclose(picture.rgba[found][steep, :3], light[steep], atol=3)


def posed_hand(rng: np.random.Generator, is_right: bool = True, depth: float = 0.8) -> Mesh:
    hand = procedural_hand()
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    turned = (hand.v_template - hand.v_template.mean(0)) @ turn * (1 if is_right else -1, 1, 1)
    return hand_mesh(turned + np.array([0.01, 0.0, depth]), hand.faces, is_right)


def first_hits(mesh: Mesh, camera: Camera, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle (-1: none) and depth at (P,2) px, after Moeller and Trumbore."""
    ray = np.column_stack([(pixels - camera.centre) / camera.focal, np.ones(len(pixels))])[:, None]
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    across = np.cross(ray, c - a)
    scale = (across * (b - a)).sum(-1)
    u = (across * -a).sum(-1) / scale
    other = np.cross(-a, b - a)
    v, depth = (ray * other).sum(-1) / scale, (other * (c - a)).sum(-1) / scale
    depth = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (depth > 0), depth, np.inf)
    nearest = depth.argmin(1)
    found = depth[np.arange(len(pixels)), nearest]
    return np.where(np.isfinite(found), nearest, -1), found


@pytest.mark.parametrize("seed", range(2))
def test_every_pixel_shows_what_a_ray_meets_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = posed_hand(rng, is_right=seed % 2 == 0)
    projected = project(mesh.vertices, mesh.faces, CAMERA, 1)
    raster = rasterise(projected, CAMERA, 1)
    height, width = raster.face.shape
    chosen = rng.choice(height * width, 300, replace=False)
    row, column = np.divmod(chosen, width)
    face, depth = first_hits(mesh, CAMERA, np.stack([column + raster.at[1], row + raster.at[0]], 1))
    drawn = raster.face.ravel()[chosen]
    same = drawn == face
    assert (face >= 0).sum() > 60
    # A ray through an edge may meet either triangle.
    assert same.mean() > 0.99
    met = same & (face >= 0)
    np.testing.assert_allclose(1 / raster.inverse_depth.ravel()[chosen][met], depth[met], rtol=1e-5)


def test_a_sphere_has_no_holes() -> None:
    sphere = grid_sphere((0.0, 0.0, 1.0), 0.1)
    projected = project(sphere.vertices, sphere.faces, CAMERA, 3)
    face = rasterise(projected, CAMERA, 3).face
    for row in face:
        covered = np.flatnonzero(row >= 0)
        assert not len(covered) or len(covered) == covered[-1] - covered[0] + 1


def test_of_two_hands_the_nearer_one_is_seen() -> None:
    right, left = posed_hand(np.random.default_rng(1), True, 0.7), posed_hand(np.random.default_rng(1), False, 1.1)
    one, other = render_mesh(right, CAMERA, 1), render_mesh(left, CAMERA, 1)
    both = np.isfinite(one.depth) & np.isfinite(other.depth)
    assert both.sum() > 300
    for order in ([right, left], [left, right]):
        picture = render_mesh(order, CAMERA, 1)
        assert np.array_equal(picture.depth, np.minimum(one.depth, other.depth))
        assert np.array_equal(picture.rgba[both], one.rgba[both])
        alone = np.isfinite(other.depth) & ~both
        assert np.array_equal(picture.rgba[alone], other.rgba[alone])


def test_surfaces_that_cross_are_parted_pixel_by_pixel() -> None:
    a, b = grid_sphere((-0.03, 0, 0.9), 0.08, (255, 0, 0)), grid_sphere((0.03, 0, 0.9), 0.08, (0, 0, 255))
    camera = Camera(101, 81, 300.0, (50.0, 40.0))
    rgba = render_mesh([a, b], camera, 1).rgba
    assert not rgba[:, :49, 2].any()
    assert not rgba[:, 52:, 0].any()
    assert rgba[40, 30, 0] > 100 < rgba[40, 70, 2]


def test_a_left_hand_is_the_right_one_in_a_mirror() -> None:
    hand = procedural_hand()
    for seed in range(3):
        right = posed_hand(np.random.default_rng(seed))
        left = hand_mesh(right.vertices * (-1, 1, 1), hand.faces, is_right=False, colour=RIGHT_COLOUR)
        one, other = render_mesh(right, CAMERA), render_mesh(left, CAMERA.mirrored())
        assert one.rgba[..., 3].max() == 255
        assert np.array_equal(other.rgba, one.rgba[:, ::-1])
        np.testing.assert_allclose(other.depth, one.depth[:, ::-1], rtol=1e-6)


def test_hands_have_the_colour_of_their_side_and_normals_that_point_out() -> None:
    for is_right, colour in ((True, RIGHT_COLOUR), (False, LEFT_COLOUR)):
        mesh = posed_hand(np.random.default_rng(3), is_right)
        assert mesh.colour == colour
        outwards = (vertex_normals(mesh.vertices, mesh.faces) * (mesh.vertices - mesh.vertices.mean(0))).sum(1)
        assert (outwards > 0).mean() > 0.7


def test_the_inside_is_darker() -> None:
    triangle = np.array([[-1, -1, 2.0], [-1, 1, 2], [1, 0, 2]])
    outside, inside = (
        render_mesh(Mesh(triangle, np.array([f]), WHITE), CAMERA).rgba[57, 83] for f in ([0, 1, 2], [0, 2, 1])
    )
    facing = vertex_normals(triangle, np.array([[0, 1, 2]]))[0, 2]
    bright, dark = (outside, inside) if facing < 0 else (inside, outside)
    assert bright[3] == dark[3] == 255
    assert dark[0] == pytest.approx(0.55 * bright[0], abs=1)


def test_meshes_at_the_border_are_cut_and_those_beside_the_picture_are_not_there() -> None:
    wide = Camera(400, 300, CAMERA.focal, (CAMERA.centre[0] + 100, CAMERA.centre[1] + 80))
    mesh = posed_hand(np.random.default_rng(0), depth=0.3)
    whole = render_mesh(mesh, wide)
    part = render_mesh(mesh, CAMERA)
    assert whole.rgba[:80, :, 3].any()
    assert np.array_equal(part.rgba, whole.rgba[80:200, 100:260])
    away = Mesh(mesh.vertices + np.array([5, 0, 0]), mesh.faces, WHITE)
    assert not render_mesh(away, CAMERA).rgba.any()


def test_triangles_that_reach_behind_the_camera_are_left_out() -> None:
    vertices = np.array([[-1, -1, 2.0], [1, -1, 2], [0, 1, 2], [0, 0, -1], [0.5, 0.5, 0]])
    seen = render_mesh(Mesh(vertices, np.array([[0, 1, 2], [0, 1, 3], [1, 2, 4]]), WHITE), CAMERA)
    alone = render_mesh(Mesh(vertices, np.array([[0, 1, 2]]), WHITE), CAMERA)
    assert alone.rgba.any()
    assert np.array_equal(seen.rgba[..., 3], alone.rgba[..., 3])
    assert np.array_equal(seen.depth, alone.depth)
    nothing = render_mesh(Mesh(vertices * (1, 1, -1) - (0, 0, 3), np.array([[0, 1, 2]]), WHITE), CAMERA)
    assert not nothing.rgba.any()
    assert np.isinf(nothing.depth).all()


def test_triangles_without_an_area_and_none_at_all_draw_nothing() -> None:
    line = np.array([[0, 0, 1.0], [0.1, 0.1, 1], [0.2, 0.2, 1]])
    assert not render_mesh(Mesh(line, np.array([[0, 1, 2], [0, 0, 1]]), WHITE), CAMERA).rgba.any()
    assert not render_mesh(Mesh(line, np.empty((0, 3)), WHITE), CAMERA).rgba.any()
    assert not render_mesh([], CAMERA).rgba.any()


def test_what_cannot_be_drawn_is_refused() -> None:
    mesh = posed_hand(np.random.default_rng(0))
    broken = mesh.vertices.copy()
    broken[[3, 700]] = np.nan
    with pytest.raises(InputError, match=r"not finite: 3, 700$"):
        Mesh(broken, mesh.faces, WHITE)
    with pytest.raises(InputError, match="beyond its 700"):
        Mesh(mesh.vertices[:700], mesh.faces, WHITE)
    with pytest.raises(InputError, match=r"shape \(778, 2\)"):
        Mesh(mesh.vertices[:, :2], mesh.faces, WHITE)
    with pytest.raises(InputError, match="the mesh was drawn for"):
        render_mesh(mesh, CAMERA).over(np.zeros((10, 10, 3), np.uint8))


def test_a_mesh_laid_over_a_picture_mixes_by_coverage_and_opacity() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    before = image.copy()
    picture = render_mesh(posed_hand(np.random.default_rng(2)), CAMERA)
    alpha = picture.rgba[..., 3:] / 255
    assert len(np.unique(alpha)) == 5
    for opacity in (1.0, 0.4):
        laid = picture.over(image, opacity)
        exact = alpha * opacity * picture.rgba[..., :3] + (1 - alpha * opacity) * image
        assert np.abs(laid - exact).max() <= 0.501
    assert np.array_equal(image, before)


def test_the_same_call_gives_the_same_bytes() -> None:
    hands = [posed_hand(np.random.default_rng(4)), posed_hand(np.random.default_rng(5), False)]
    one, other = render_mesh(hands, CAMERA), render_mesh(hands, CAMERA)
    assert one.rgba.tobytes() == other.rgba.tobytes()
    assert one.depth.tobytes() == other.depth.tobytes()
