"""A video is searched first, then its hands are predicted: each has one side and one track."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hint
from hint.detection import GROUP, Detection, Picture
from hint.errors import InputError
from hint.methods.box_centre import BoxCentre
from hint.prediction.video_file import VideoFile
from hint.types import MethodOptions

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoFile(path, 25.0) as video:
        for k in range(FRAMES):
            video.add(np.full((64, 96, 3), 2 * k, np.uint8))
    return path


@pytest.fixture(scope="module")
def method() -> BoxCentre:
    return BoxCentre.create(MethodOptions())


class TwoHands:
    """Finds two hands; every fifth side is wrong, and in frames 20 and 21 it finds only the left hand."""

    identity = "two hands"

    def __init__(self, stop_at: int | None = None) -> None:
        self.asked: list[int] = []
        self._stop_at = stop_at

    def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
        if picture.frame == self._stop_at:
            raise KeyboardInterrupt
        k = picture.frame or 0
        self.asked.append(k)
        left, right = (5.0 + k, 5.0, 25.0 + k, 30.0), (40.0 + k, 30.0, 60.0 + k, 60.0)
        hands = [Detection(left, k % 5 == 0, 0.9), Detection(right, k % 5 != 1, 0.8)]
        return hands[:1] if k in (20, 21) else hands


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "hands.jsonl").read_text().splitlines()]


def test_two_hands_are_two_tracks_of_one_side_each(clip: Path, method: BoxCentre, tmp_path: Path) -> None:
    result = hint.predict(clip, method, detector=TwoHands(), out=tmp_path, overlay=True)
    assert len(result) == 2 * FRAMES
    assert {(hand.track, hand.is_right) for hand in result} == {(0, False), (1, True)}
    filled = [line for line in lines(tmp_path) if line.get("filled")]
    assert [(line["frame"], line["track"]) for line in filled] == [(20, 1), (21, 1)]
    assert filled[0]["box_xyxy"] == [60, 30, 80, 60]
    assert (tmp_path / "overlay.mp4").is_file()


def test_an_interrupted_search_goes_on(clip: Path, method: BoxCentre, tmp_path: Path) -> None:
    whole = hint.predict(clip, method, detector=TwoHands())
    stopped = TwoHands(stop_at=GROUP + 5)
    with pytest.raises(KeyboardInterrupt):
        hint.predict(clip, method, detector=stopped, out=tmp_path)
    with (tmp_path / "detections.jsonl").open("a") as log:
        log.write("[{}]\n" + '[{"box_xyxy": [1')  # of something else; cut off
    rest = TwoHands()
    result = hint.predict(clip, method, detector=rest, out=tmp_path)
    assert rest.asked == list(range(GROUP, FRAMES))
    assert result.hand_id.tolist() == whole.hand_id.tolist()
    again = TwoHands()
    assert hint.predict(clip, method, detector=again, out=tmp_path).reused == 2 * FRAMES
    assert again.asked == []


def test_a_file_of_another_detector_is_searched_again(clip: Path, method: BoxCentre, tmp_path: Path) -> None:
    hint.predict(clip, method, detector=TwoHands(), out=tmp_path)
    again = TwoHands()
    again.identity = "two hands, otherwise"
    hint.predict(clip, method, detector=again, out=tmp_path)
    assert again.asked == list(range(FRAMES))
    (tmp_path / "detections.jsonl").write_text("no such file\n")
    hint.predict(clip, method, detector=TwoHands(), out=tmp_path)


def test_only_one_hand_and_its_side_is_known(clip: Path, method: BoxCentre) -> None:
    result = hint.predict(clip, method, detector=TwoHands(), max_hands=1, side="right")
    assert {(hand.track, hand.is_right) for hand in result} == {(0, True)}
    assert len(result) == FRAMES
    sure = hint.predict(clip, method, detector=TwoHands(), min_score=0.85)
    assert len(sure) == FRAMES


def test_boxes_with_sides_are_not_searched_for(clip: Path, method: BoxCentre, tmp_path: Path) -> None:
    boxes = [{"frame": k, "box_xyxy": [5, 5, 25, 30], "is_right": True} for k in (0, 1, 4)]
    result = hint.predict(clip, method, boxes=boxes, out=tmp_path)
    assert [hand.frame for hand in result] == [0, 1, 4]
    assert not (tmp_path / "detections.jsonl").exists()
    with pytest.raises(InputError, match="shorten the list of boxes"):
        hint.predict(clip, method, boxes=boxes, max_hands=1)


def test_boxes_without_sides_get_one(clip: Path, method: BoxCentre) -> None:
    boxes = [{"frame": k, "box_xyxy": [5, 5, 25, 30]} for k in (0, 1, 4)]
    result = hint.predict(clip, method, boxes=boxes, side="left")
    assert [(hand.frame, hand.is_right) for hand in result] == [(0, False), (1, False), (4, False)]
