import numpy as np

from hint.render import draw_keypoints
from hint.skeleton import FINGER_COLOURS

GREY = np.full((120, 120, 3), 128, np.uint8)


def spread() -> np.ndarray:
    """Joints far enough apart that their marks do not touch."""
    k = np.arange(21)
    return np.stack([12 + 24 * (k % 5), 12 + 24 * (k // 5)], axis=1).astype(float)


def test_the_fill_tells_visible_from_occluded() -> None:
    points = spread()
    drawn = draw_keypoints(GREY, points, np.where(np.arange(21) % 2, 1, 2))
    for k, (x, y) in enumerate(points.astype(int)):
        assert drawn[y, x].mean() > 230 if k % 2 == 0 else drawn[y, x].mean() < 60


def test_joints_out_of_frame_and_unknown_ones_are_left_out() -> None:
    points = spread()
    points[20] = np.nan
    visibility = np.zeros(21, int)
    visibility[20] = 2
    assert np.array_equal(draw_keypoints(GREY, points, visibility), GREY)


def test_the_picture_itself_stays_as_it_was() -> None:
    image = GREY.copy()
    drawn = draw_keypoints(image, spread())
    assert np.array_equal(image, GREY)
    assert (drawn != GREY).any()


def test_bones_have_the_colour_of_their_finger() -> None:
    points = np.full((21, 2), -500.0)
    points[[7, 8]] = [[20, 60], [100, 60]]
    visibility = np.zeros(21, int)
    visibility[[7, 8]] = 2
    assert tuple(draw_keypoints(GREY, points, visibility)[60, 60]) == FINGER_COLOURS[1]


def test_points_far_outside_do_not_break_drawing() -> None:
    assert draw_keypoints(GREY, np.full((21, 2), 1e12)).shape == GREY.shape


def test_bones_to_occluded_joints_are_dashed() -> None:
    points = np.full((21, 2), -500.0)
    points[[7, 8]] = [[20, 60], [100, 60]]
    visibility = np.zeros(21, int)
    coloured = []
    for seen in ((2, 2), (2, 1), (1, 2), (1, 1)):
        visibility[[7, 8]] = seen
        row = draw_keypoints(GREY, points, visibility)[60, 26:95]
        coloured.append(row.max(-1) > 100)
    assert coloured[0].all()
    for dashed in coloured[1:]:
        assert np.array_equal(dashed, coloured[1])
        assert (np.diff(dashed.astype(int)) == -1).sum() >= 4
        assert 0.4 < dashed.mean() < 0.9


def test_an_occluded_bone_without_an_end_is_soon_drawn() -> None:
    points = np.random.default_rng(0).uniform(-1e9, 1e9, (21, 2))
    assert draw_keypoints(GREY, points, np.ones(21, int)).shape == GREY.shape
