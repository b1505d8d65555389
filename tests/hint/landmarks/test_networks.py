"""The two networks, the real ones; these tests skip where their files or LiteRT are absent."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hint.errors import InputError, MissingRequirementError
from hint.fetch.assets import MEDIAPIPE
from hint.landmarks.files import LANDMARKS, PALMS, missing
from hint.landmarks.network import SIZE, LandmarkNetwork
from hint.landmarks.palm import PalmNetwork
from hint.landmarks.region import around_box, cut
from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands

needs_networks = pytest.mark.skipif(missing() != "", reason=f"MediaPipe's networks: {missing()}")


@pytest.fixture(scope="module")
def drawn() -> list[SyntheticHand]:
    return synthetic_hands()[:5]


@pytest.fixture(scope="module")
def crops(drawn: list[SyntheticHand]) -> list[np.ndarray]:
    """Crops that show upright right hands: left ones are mirrored."""
    return [cut(d.picture, around_box(d.hand.box_xyxy, 1.6, 0.0, not d.hand.is_right), SIZE) for d in drawn[:4]]


@needs_networks
def test_a_crop_is_read_the_same_after_others_and_with_more_threads(crops: list[np.ndarray]) -> None:
    one, two = LandmarkNetwork(threads=1), LandmarkNetwork(threads=2)
    first = [one(crop) for crop in crops]
    for again in ([two(crop) for crop in crops], [one(crop) for crop in crops[::-1]][::-1]):
        for ours, theirs in zip(first, again, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@needs_networks
def test_drawn_hands_are_seen_with_their_side_and_size(crops: list[np.ndarray]) -> None:
    network = LandmarkNetwork()
    for crop in crops:
        seen = network(crop)
        assert seen.points.shape == seen.world.shape == (21, 3)
        assert seen.presence > 0.9
        assert seen.right > 0.9
        assert network(np.ascontiguousarray(crop[:, ::-1])).right < 0.5
        # Fingers point up in the crop, and a middle finger is 7 to 13 cm long.
        assert seen.points[12, 1] < seen.points[9, 1] - 20
        assert 0.05 < np.linalg.norm(np.diff(seen.world[9:13], axis=0), axis=1).sum() < 0.13


@needs_networks
def test_nothing_is_seen_in_a_blank_crop() -> None:
    seen = LandmarkNetwork()(np.full((SIZE, SIZE, 3), 127, np.uint8))
    assert seen.presence < 0.05
    assert np.isfinite(seen.points).all()


@needs_networks
def test_palms_are_found_where_they_were_drawn(drawn: list[SyntheticHand]) -> None:
    network = PalmNetwork()
    for d in drawn:
        x1, y1, x2, y2 = d.hand.box_xyxy
        side = max(x2 - x1, y2 - y1)
        corner = np.maximum([int(x1 - side / 2), int(y1 - side / 2)], 0)
        view = d.picture[corner[1] : int(y2 + side / 2), corner[0] : int(x2 + side / 2)]
        palm, *others = network(view)
        assert not others
        # Wrist, knuckles of index, middle, ring and little finger.
        expected = d.keypoints_2d[[0, 5, 9, 13, 17]] - corner
        assert np.linalg.norm(palm.keypoints[:5] - expected, axis=1).mean() < 0.12 * side
        middle = expected.mean(axis=0)
        assert ((palm.box_xyxy[:2] < middle) & (middle < palm.box_xyxy[2:])).all()


@needs_networks
def test_palms_move_and_grow_with_the_picture(drawn: list[SyntheticHand]) -> None:
    network, picture = PalmNetwork(), drawn[4].picture
    x1, y1, x2, y2 = (int(edge) for edge in drawn[4].hand.box_xyxy)
    side = max(x2 - x1, y2 - y1)
    view = picture[max(y1 - side, 0) : y2 + side, max(x1 - side, 0) : x2 + side]
    plain = network(view)[0]
    doubled = network(np.repeat(np.repeat(view, 2, axis=0), 2, axis=1))[0]
    wide = network(np.pad(view, ((0, 0), (0, 60), (0, 0)), mode="edge"))[0]
    assert doubled.box_xyxy == pytest.approx(2 * plain.box_xyxy, abs=0.1 * side)
    assert wide.box_xyxy == pytest.approx(plain.box_xyxy, abs=0.1 * side)
    assert doubled.keypoints == pytest.approx(2 * plain.keypoints, abs=0.1 * side)


@needs_networks
def test_palms_below_the_score_are_left_out(drawn: list[SyntheticHand]) -> None:
    network = PalmNetwork()
    scores = [palm.score for palm in network(drawn[4].picture, 0.01)]
    assert scores == sorted(scores, reverse=True)
    assert [palm.score for palm in network(drawn[4].picture, scores[0])] == scores[:1]
    assert network(drawn[4].picture, 1.01) == []
    assert network(np.full((30, 300, 3), 127, np.uint8)) == []


@needs_networks
def test_loading_and_running_say_nothing() -> None:
    code = (
        "import os, numpy as np\n"
        "from hint.landmarks.network import LandmarkNetwork\n"
        "print(LandmarkNetwork()(np.zeros((224, 224, 3), np.uint8)).points.shape)\n"
        "os.write(2, b'still here')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (shown.stdout, shown.stderr) == ("(21, 3)\n", "still here")


def test_importing_touches_no_runtime() -> None:
    code = (
        "import sys, hint.landmarks.files, hint.methods.mediapipe.card; "
        "print({'ai_edge_litert', 'cv2'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the files."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))


@pytest.mark.usefixtures("nowhere")
def test_missing_files_are_named_with_what_to_type(tmp_path: Path, hint_home: Path) -> None:
    for create in (LandmarkNetwork, PalmNetwork):
        with pytest.raises(MissingRequirementError, match="hint fetch mediapipe"):
            create()
    needed = missing()
    assert "hand_landmark_full.tflite and palm_detection_full.tflite: hint fetch mediapipe" in needed
    in_environment, in_home = tmp_path / "share" / "hint-toolkit", hint_home / MEDIAPIPE.folder
    for folder in (in_environment, in_home):
        folder.mkdir(parents=True)
        (folder / PALMS.name).touch()
        assert PALMS.installed() == folder / PALMS.name
    assert "needs hand_landmark_full.tflite:" in missing()


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1c\0\0\0TFL3" + bytes(1000)], ids=["empty", "page", "other"])
def test_another_file_never_reaches_the_runtime(content: bytes, hint_home: Path) -> None:
    folder = hint_home / MEDIAPIPE.folder
    folder.mkdir(parents=True)
    (folder / LANDMARKS.name).write_bytes(content)
    with pytest.raises(InputError, match=r"hand_landmark_full\.tflite is not the file .*hint fetch mediapipe"):
        LandmarkNetwork()
