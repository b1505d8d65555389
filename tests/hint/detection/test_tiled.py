"""The default detector: what it makes of palms and readings, without its networks; with them, a rendered hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.box import overlap
from hint.detection import Detection, Picture, create_detector, tiled
from hint.detection.detection import GROUP
from hint.detection.tiled import TiledDetector
from hint.detection.tiles import Tile
from hint.errors import InputError, MissingRequirementError
from hint.landmarks.files import missing
from hint.landmarks.palm import Palm
from hint.landmarks.reading import Reading
from hint.landmarks.region import Region
from hint.types import Image

#: A hand of the stub: an upright hand of unit size around its middle.
SHAPE = np.random.default_rng(0).uniform(-0.5, 0.5, (21, 2))
SHAPE[0], SHAPE[[5, 9, 13, 17]] = (0, 0.4), [(-0.2, 0), (-0.05, -0.05), (0.1, 0), (0.2, 0.05)]


class World:
    """Hands and things that look like palms, as (x, y, size, is a hand, is right), and two networks that see them."""

    def __init__(self, *things: tuple[float, float, float, bool, bool]) -> None:
        self.things = list(things)
        self.tiles = self.looks = 0

    def palms(self, tile: Tile) -> list[Palm]:
        """Find the palms that fill a tenth to a half of a tile."""
        self.tiles += 1
        found = []
        for x, y, size, _, _ in self.things:
            corners = np.array([x, y, x, y]) + np.array([-1, -1, 1, 1]) * size / 4
            whole = (corners[:2] > tile[:2]).all() and (corners[2:] < np.add(tile[:2], tile.side)).all()
            if whole and 0.1 < size / 2 / tile.side < 0.5:
                found.append(Palm(corners, np.repeat([[x, y]], 7, 0).astype(float), 0.9))
        return found

    def look(self, image: Image, region: Region) -> Reading:
        """Read the nearest thing."""
        self.looks += 1
        x, y, size, is_hand, right = min(self.things, key=lambda t: np.hypot(t[0] - region.x, t[1] - region.y))
        near = np.hypot(x - region.x, y - region.y) < size
        keypoints = SHAPE * size + (x, y)
        presence = 0.99 if is_hand and near else 0.02
        return Reading(keypoints, np.zeros((21, 3)), presence, True, 0.9 if right else 0.1, region)


@pytest.fixture
def picture() -> Image:
    return np.zeros((512, 512, 3), np.uint8)


def detector(world: World, monkeypatch: pytest.MonkeyPatch) -> TiledDetector:
    monkeypatch.setattr(tiled, "missing", lambda: "")
    monkeypatch.setattr(tiled, "PalmNetwork", lambda: None)
    monkeypatch.setattr(tiled, "HandReader", lambda: world)
    monkeypatch.setattr(TiledDetector, "_in_tile", lambda self, image, tile, min_score: world.palms(tile))
    return TiledDetector()


def boxed(x: float, y: float, size: float) -> np.ndarray:
    points = SHAPE * size + (x, y)
    margin = 0.08 * np.ptp(points, axis=0).max()
    return np.concatenate([points.min(0) - margin, points.max(0) + margin])


def test_each_hand_once_from_left_to_right_and_nothing_else(picture: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World((400, 300, 40, True, False), (150, 200, 200, True, True), (300, 450, 60, False, True))
    found = detector(world, monkeypatch).detect(Picture("p", None, "k"), picture)
    assert [hand.is_right for hand in found] == [True, False]
    assert np.allclose(found[0].box_xyxy, boxed(150, 200, 200), atol=0.01)
    assert np.allclose(found[1].box_xyxy, boxed(400, 300, 40), atol=0.01)
    assert all(hand.score == pytest.approx(0.99) for hand in found)


def test_between_searched_frames_hands_are_followed(picture: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World((400, 300, 40, True, False), (150, 200, 200, True, True))
    finder = detector(world, monkeypatch)
    searched = []
    for frame in range(GROUP + 1):
        before = world.tiles
        found = finder.detect(Picture(f"f{frame}", Path("clip.mp4"), "k", frame), picture)
        assert len(found) == 2
        searched.append(world.tiles - before)
        world.things = [(x + 3, y, size, is_hand, right) for x, y, size, is_hand, right in world.things]
    assert searched[0] == searched[GROUP] > 5 * searched[1]
    assert len(set(searched[1:GROUP])) == 1


def test_between_searched_frames_an_empty_picture_is_not_searched(
    picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    finder = detector(world, monkeypatch)
    for frame in range(2):
        assert finder.detect(Picture(f"f{frame}", Path("clip.mp4"), "k", frame), picture) == []
    all_tiles = world.tiles
    world.tiles = 0
    finder.detect(Picture("p", None, "k"), picture)
    assert all_tiles < 1.2 * world.tiles


def test_a_part_of_a_hand_is_no_hand(picture: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World((250, 250, 200, True, True), (280, 230, 60, True, True))
    assert len(detector(world, monkeypatch).detect(Picture("p", None, "k"), picture)) == 1


def test_a_frame_does_not_depend_on_where_the_search_began(picture: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(first: int) -> list[list[Detection]]:
        world = World((400, 300, 40, True, False))
        finder = detector(world, monkeypatch)
        frames = [Picture(f"f{k}", Path("clip.mp4"), "k", k) for k in range(first, 2 * GROUP)]
        return [finder.detect(frame, picture) for frame in frames]

    assert run(0)[GROUP:] == run(GROUP)


def test_an_unknown_detector() -> None:
    with pytest.raises(InputError, match="unknown detector 'mediapip'; did you mean mediapipe"):
        create_detector("mediapip")


def test_it_says_what_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "missing", lambda: "needs a file: hint fetch mediapipe")
    with pytest.raises(MissingRequirementError, match=r"--detector mediapipe needs .*hint fetch.*--boxes"):
        create_detector("mediapipe")


@pytest.fixture(scope="module")
def finder() -> Any:
    if lacking := missing():
        pytest.skip(f"MediaPipe's networks {lacking}")
    return create_detector("mediapipe")


@pytest.fixture(scope="module")
def rendered() -> Any:
    from hint.demo import render
    from hint.demo.pictures import clip_scenes

    return render(next(clip_scenes(0, 6)))


@pytest.mark.parametrize("mirrored", [False, True], ids=["as rendered", "mirrored"])
def test_a_rendered_hand_is_found(finder: Any, rendered: Any, mirrored: bool) -> None:
    image, (x1, y1, x2, y2), is_right = rendered.image, rendered.box_xyxy.tolist(), rendered.is_right
    if mirrored:
        width = image.shape[1]
        image, x1, x2, is_right = image[:, ::-1].copy(), width - x2, width - x1, not is_right
    found = finder.detect(Picture("p", None, "k"), image)
    best = max(found, key=lambda hand: overlap(hand.box_xyxy, (x1, y1, x2, y2)))
    assert overlap(best.box_xyxy, (x1, y1, x2, y2)) > 0.5
    assert best.is_right == is_right
