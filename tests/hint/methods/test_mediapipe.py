"""MediaPipe Hands, the real one; these tests skip where its one accepted version is not installed."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from hint.engine import run
from hint.errors import InputError, MissingRequirementError
from hint.files import read_pairs
from hint.methods.mediapipe import Detection, MediaPipeMethod, choose, missing
from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands
from hint.types import Hand, HandLabels, MethodOptions, Predictions

HAND = Hand("hand", (100.0, 100.0, 200.0, 200.0), is_right=True)

needs_mediapipe = pytest.mark.skipif(missing() != "", reason=f"mediapipe {missing()}")


@pytest.fixture(scope="module")
def method() -> MediaPipeMethod:
    return MediaPipeMethod.create(MethodOptions())


@pytest.fixture(scope="module")
def drawn() -> list[SyntheticHand]:
    return synthetic_hands()[:8]


def predict(method: MediaPipeMethod, hands: list[SyntheticHand]) -> Predictions:
    return method.infer([d.hand for d in hands], [method.prepare(d.hand, d.picture) for d in hands])


def errors(predictions: Predictions, labels: HandLabels) -> np.ndarray:
    """Return distances in box sides, NaN where no hand was found or the joint does not exist."""
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    distance = np.linalg.norm(predictions.keypoints_2d - labels.keypoints_2d, axis=2) / side[:, None]
    return np.where(labels.existence, distance, np.nan)


def detection(box: tuple[float, float, float, float], is_right: bool) -> Detection:
    corners = np.array([[box[0], box[1]], [box[2], box[3]]])
    return Detection(corners, np.zeros((2, 3)), is_right, 0.9)


@needs_mediapipe
def test_drawn_hands_are_found_where_they_were_drawn(method: MediaPipeMethod, drawn: list[SyntheticHand]) -> None:
    predictions = predict(method, drawn)
    truth = np.stack([d.keypoints_2d for d in drawn])
    side = np.array(
        [max(d.hand.box_xyxy[2] - d.hand.box_xyxy[0], d.hand.box_xyxy[3] - d.hand.box_xyxy[1]) for d in drawn]
    )
    error = np.linalg.norm(predictions.keypoints_2d - truth, axis=2).mean(1) / side
    assert error.max() < 0.08
    assert predictions.score is not None
    assert predictions.score.min() > 0.5


@needs_mediapipe
def test_world_landmarks_are_a_hand_in_metres_seen_by_the_camera(
    method: MediaPipeMethod, drawn: list[SyntheticHand]
) -> None:
    predictions = predict(method, drawn)
    assert predictions.keypoints_3d is not None
    for flat, solid in zip(predictions.keypoints_2d, predictions.keypoints_3d, strict=True):
        assert 0.12 < np.linalg.norm(solid[12] - solid[0]) < 0.25
        # drawn flat and frontal: x and y of the world follow the picture, for either side
        for axis in (0, 1):
            assert np.corrcoef(flat[:, axis], solid[:, axis])[0, 1] > 0.9


@needs_mediapipe
def test_a_blank_picture_is_a_row_of_nan(method: MediaPipeMethod) -> None:
    blank = np.full((300, 300, 3), 127, np.uint8)
    predictions = method.infer([HAND], [method.prepare(HAND, blank)])
    assert np.isnan(predictions.keypoints_2d).all()
    assert predictions.keypoints_3d is not None
    assert np.isnan(predictions.keypoints_3d).all()
    assert predictions.score is not None
    assert predictions.score.tolist() == [0.0]


@needs_mediapipe
def test_a_hand_outside_the_box_is_not_returned(method: MediaPipeMethod, drawn: list[SyntheticHand]) -> None:
    big = drawn[4]
    x1, y1, x2, y2 = big.hand.box_xyxy
    beside = Hand("beside", (x1 - 0.9 * (x2 - x1), y1 - 0.9 * (y2 - y1), x1, y1), big.hand.is_right)
    predictions = method.infer([beside], [method.prepare(beside, big.picture)])
    assert np.isnan(predictions.keypoints_2d).all()


@needs_mediapipe
def test_real_hands_are_found_better_than_the_mean_pose_finds_them(method: MediaPipeMethod, shared: Path) -> None:
    labels = read_pairs(shared / "data" / "real_hands" / "TEST_real_img")
    # The ten COCO hands are 10 to 35 px small; MediaPipe finds none of them, whatever the crop.
    large = labels.select((labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1) > 40)
    error = errors(run(method, large.hands(), batch_size=4).predictions, large)
    found = np.isfinite(error).any(1)
    assert found.mean() > 0.6
    assert np.nanmedian(error) < 0.12


@needs_mediapipe
def test_loading_and_running_say_nothing(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from hint.methods.synthetic_hands import synthetic_hands\n"
        "from hint.methods.mediapipe import MediaPipeMethod\n"
        "from hint.types import MethodOptions\n"
        "method = MediaPipeMethod.create(MethodOptions())\n"
        "for d in synthetic_hands()[9:4:-1]:\n"
        "    row = method.infer([d.hand], [method.prepare(d.hand, d.picture)])\n"
        "    print(bool((row.keypoints_2d > 0).any()))\n"
        "os.write(2, b'still here')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "True" in shown.stdout
    assert shown.stderr == "still here"


@needs_mediapipe
def test_what_others_write_while_it_loads_is_passed_on() -> None:
    code = (
        "import os\n"
        "from hint.methods.mediapipe import without_chatter\n"
        "with without_chatter():\n"
        "    os.write(2, b'W0000 00:00:1.5 12 some.cc:3] chatter\\nan error to see\\n')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stderr == "an error to see\n"


@needs_mediapipe
def test_settings_reach_the_graph_and_the_fingerprint(drawn: list[SyntheticHand]) -> None:
    strict = MediaPipeMethod.create(MethodOptions(extra={"min_detection_confidence": "1", "box_factor": "2.5"}))
    assert np.isnan(predict(strict, drawn[:2]).keypoints_2d).all()
    assert strict.fingerprint["box_factor"] == 2.5
    assert strict.prepare(drawn[0].hand, drawn[0].picture).square.size == pytest.approx(2.5 * 60, rel=0.05)


def test_the_side_decides_before_the_overlap_and_far_hands_never_count() -> None:
    on_box, near, far = (100, 100, 200, 200), (110, 110, 210, 210), (180, 180, 280, 280)
    assert choose([detection(on_box, False), detection(near, True)], HAND).keypoints[0, 0] == 110
    assert choose([detection(near, True), detection(on_box, True)], HAND).keypoints[0, 0] == 100
    assert choose([detection(far, True), detection(on_box, False)], HAND).keypoints[0, 0] == 100
    assert choose([detection(far, True)], HAND) is None
    assert choose([], HAND) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(device="cuda"), "CPU"),
        (MethodOptions(weights="hands.task"), "--weights"),
        (MethodOptions(extra={"box_factor": "0"}), "box_factor"),
        (MethodOptions(extra={"min_detection_confidence": "2"}), "min_detection_confidence"),
    ],
)
def test_options_it_cannot_follow_are_refused(options: MethodOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        MediaPipeMethod.create(options)


def test_other_versions_and_pythons_are_refused_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    monkeypatch.setattr(metadata, "version", lambda name: "0.10.35")
    with pytest.raises(MissingRequirementError, match=r"not 0\.10\.35 \(.*usage metrics.*pip install --no-deps"):
        MediaPipeMethod.create(MethodOptions())
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(MissingRequirementError, match=r"Python 3\.10 to 3\.12"):
        MediaPipeMethod.create(MethodOptions())


@needs_mediapipe
def test_a_hand_without_a_picture_is_refused(method: MediaPipeMethod) -> None:
    with pytest.raises(InputError, match="hand has none"):
        method.prepare(HAND, None)
