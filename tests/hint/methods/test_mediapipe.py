"""MediaPipe Hands on the given box, and with its own detector; most tests skip where its networks are absent."""

from pathlib import Path

import numpy as np
import pytest

from hint.engine import Work, run
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.files import read_pairs
from hint.landmarks.files import missing
from hint.landmarks.reading import Reading
from hint.landmarks.region import Region
from hint.methods.mediapipe.box import MediaPipeMethod
from hint.methods.mediapipe.detector import MediaPipeDetectorMethod, choose
from hint.methods.selftest import selftest
from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands
from hint.methods.table import create, list_methods
from hint.types import Hand, HandLabels, Method, MethodOptions, Predictions

HAND = Hand("hand", (100.0, 100.0, 200.0, 200.0), is_right=True)
NAMES = ["mediapipe", "mediapipe-detector"]

needs_networks = pytest.mark.skipif(missing() != "", reason=f"MediaPipe's networks: {missing()}")


@pytest.fixture(scope="module")
def on_box() -> MediaPipeMethod:
    return MediaPipeMethod.create(MethodOptions())


@pytest.fixture(scope="module")
def detecting() -> MediaPipeDetectorMethod:
    return MediaPipeDetectorMethod.create(MethodOptions())


@pytest.fixture(scope="module")
def drawn() -> list[SyntheticHand]:
    return synthetic_hands()


def predict(method: Method, hands: list[SyntheticHand]) -> Predictions:
    return method.infer([d.hand for d in hands], [method.prepare(d.hand, d.picture) for d in hands])


def sides(hands: list[Hand]) -> np.ndarray:
    return np.array([max(h.box_xyxy[2] - h.box_xyxy[0], h.box_xyxy[3] - h.box_xyxy[1]) for h in hands])


def within(predictions: Predictions, labels: HandLabels, share: float) -> float:
    """Return the share of joints that lie within a part of the box."""
    distance = np.linalg.norm(predictions.keypoints_2d - labels.keypoints_2d, axis=2)
    return float((distance / sides(labels.hands())[:, None] <= share)[labels.existence].mean())


def reading(box: tuple[float, float, float, float], right: float) -> Reading:
    corners = np.array([[box[0], box[1]], [box[2], box[3]]])
    return Reading(corners, np.zeros((2, 3)), 0.9, True, right, Region(0, 0, 1))


# On the box


@needs_networks
def test_rows_are_those_of_the_reader(on_box: MediaPipeMethod, drawn: list[SyntheticHand]) -> None:
    from hint.landmarks.reading import HandReader

    predictions, reader = predict(on_box, drawn[:3]), HandReader()
    assert predictions.keypoints_3d is not None
    assert predictions.score is not None
    for row, d in enumerate(drawn[:3]):
        read = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
        assert np.array_equal(predictions.keypoints_2d[row], read.keypoints.astype(np.float32))
        assert np.array_equal(predictions.keypoints_3d[row], read.world.astype(np.float32))
        assert predictions.score[row] == np.float32(read.score)


@needs_networks
def test_real_hands_are_read_as_well_as_documented(on_box: MediaPipeMethod, shared: Path) -> None:
    labels = read_pairs(shared / "data" / "real_hands" / "TEST_real_img")
    # Hands of COCO are 11 to 30 px small.
    large = labels.select([i for i, name in enumerate(labels.hand_id) if not name.startswith("CW")])
    # 69.4 on 2026-11-29.
    assert within(run(on_box, large.hands(), work=Work(batch_size=4)).predictions, large, 0.1) > 0.66


@needs_networks
def test_it_passes_the_selftest_and_reads_every_hand(on_box: MediaPipeMethod) -> None:
    report = selftest(on_box)
    assert report.passed
    details = {check.check: check.detail for check in report.checks}
    assert "12 found" in details["rows"]


# With its own detector


@needs_networks
def test_its_own_detector_agrees_with_the_package(
    detecting: MediaPipeDetectorMethod, drawn: list[SyntheticHand], golden: Path
) -> None:
    with np.load(golden / "mediapipe.npz") as arrays:
        points, world = arrays["keypoints_2d"], arrays["keypoints_3d"]
    ours = predict(detecting, drawn)
    found = np.isfinite(points).all((1, 2))
    assert np.array_equal(np.isfinite(ours.keypoints_2d).all((1, 2)), found)
    difference = np.linalg.norm(ours.keypoints_2d - points, axis=2).mean(1) / sides([d.hand for d in drawn])
    # Largest seen: 0.0037 and 0.8 mm. Two half-float networks round differently.
    assert difference[found].max() < 0.01
    assert ours.keypoints_3d is not None
    assert np.linalg.norm(ours.keypoints_3d - world, axis=2).mean(1)[found].max() < 0.003
    assert ours.score is not None
    assert (ours.score > 0.5).tolist() == found.tolist()


@needs_networks
def test_a_blank_picture_is_a_row_of_nan(detecting: MediaPipeDetectorMethod) -> None:
    blank = np.full((300, 300, 3), 127, np.uint8)
    predictions = detecting.infer([HAND], [detecting.prepare(HAND, blank)])
    assert np.isnan(predictions.keypoints_2d).all()
    assert predictions.keypoints_3d is not None
    assert np.isnan(predictions.keypoints_3d).all()
    assert predictions.score is not None
    assert predictions.score.tolist() == [0.0]


@needs_networks
def test_a_hand_outside_the_box_is_not_returned(detecting: MediaPipeDetectorMethod, drawn: list[SyntheticHand]) -> None:
    big = drawn[4]
    x1, y1, x2, y2 = big.hand.box_xyxy
    beside = Hand("beside", (x1 - 0.9 * (x2 - x1), y1 - 0.9 * (y2 - y1), x1, y1), big.hand.is_right)
    predictions = detecting.infer([beside], [detecting.prepare(beside, big.picture)])
    assert np.isnan(predictions.keypoints_2d).all()


@needs_networks
def test_settings_reach_the_detector_and_the_fingerprint(drawn: list[SyntheticHand]) -> None:
    extra = {"min_detection_confidence": "1", "box_factor": "2.5"}
    strict = MediaPipeDetectorMethod.create(MethodOptions(extra=extra))
    assert np.isnan(predict(strict, drawn[:2]).keypoints_2d).all()
    assert strict.fingerprint["box_factor"] == 2.5
    region = strict.prepare(drawn[0].hand, drawn[0].picture)[1]
    assert region.side == pytest.approx(2.5 * sides([drawn[0].hand])[0])


@needs_networks
def test_it_passes_the_selftest(detecting: MediaPipeDetectorMethod) -> None:
    report = selftest(detecting)
    assert report.passed
    details = {check.check: check.detail for check in report.checks}
    assert "10 found" in details["rows"]
    assert "in 10 hands" in details["left and right"]


def test_the_side_decides_before_the_overlap_and_far_hands_never_count() -> None:
    same, near, far = (100, 100, 200, 200), (110, 110, 210, 210), (180, 180, 280, 280)
    assert choose([reading(same, 0.1), reading(near, 0.9)], HAND).keypoints[0, 0] == 110
    assert choose([reading(near, 0.9), reading(same, 0.9)], HAND).keypoints[0, 0] == 100
    assert choose([reading(far, 0.9), reading(same, 0.1)], HAND).keypoints[0, 0] == 100
    assert choose([reading(far, 0.9)], HAND) is None
    assert choose([], HAND) is None


# Both


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_methods_has_both(name: str) -> None:
    row = next(row for row in list_methods() if row.name == name)
    assert "Apache-2.0" in row.licence
    assert row.ready == (missing() == "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(device="cuda"), "CPU"),
        (MethodOptions(weights="hands.task"), "--weights"),
        (MethodOptions(extra={"box_factor": "0"}), "box_factor"),
        (MethodOptions(extra={"min_detection_confidence": "2"}), "min_detection_confidence"),
    ],
    ids=["GPU", "weights", "no crop", "certainty"],
)
@needs_networks
def test_options_it_cannot_follow_are_refused(options: MethodOptions, words: str) -> None:
    with pytest.raises(InputError, match=f"mediapipe-detector.*{words}"):
        create("mediapipe-detector", options)
    expected = UnknownNameError if options.extra else InputError
    with pytest.raises(expected, match="mediapipe"):
        create("mediapipe", options)


@pytest.mark.parametrize("name", NAMES)
def test_missing_networks_are_named_with_what_to_type(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(MissingRequirementError, match=f"{name} needs .*hint fetch mediapipe"):
        create(name, MethodOptions())


@needs_networks
@pytest.mark.parametrize("name", NAMES)
def test_a_hand_without_a_picture_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="needs a picture, and hand has none"):
        create(name, MethodOptions()).prepare(HAND, None)
