"""Runs over many hands, with small methods written for these tests; they are real methods, only cheap."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_methods import Brightness

from hint.engine import Shard, Work, run
from hint.errors import InputError, MissingRequirementError
from hint.files import read_labels, read_predictions, write_predictions
from hint.methods.box_centre import BoxCentre
from hint.types import Hand, Image


def test_an_interrupt_stops_the_threads_before_saving(hint_root: Path, tmp_path: Path) -> None:
    class Slow(Brightness):
        def prepare(self, hand: Hand, image: Image | None) -> float:
            self.batches.append(0)
            time.sleep(0.05)
            return super().prepare(hand, image)

    method = Slow(stop_after=0)
    with pytest.raises(KeyboardInterrupt):
        run(method, read_labels(hint_root).hands(), save_to=tmp_path / "p.npz", work=Work(batch_size=1, workers=1))
    prepared = len(method.batches)
    time.sleep(0.3)
    assert len(method.batches) == prepared < 12


def test_rows_follow_the_hands_whatever_the_batches(hint_root: Path) -> None:
    hands = read_labels(hint_root).hands()
    results = [
        run(Brightness(), hands, work=Work(batch_size=size, workers=w)).predictions
        for size, w in ((1, 1), (5, 3), (99, 4))
    ]
    for result in results:
        assert result.hand_id.tolist() == [h.hand_id for h in hands]
        assert np.array_equal(result.keypoints_2d, results[0].keypoints_2d)


def test_progress_counts_every_hand(hint_root: Path) -> None:
    steps, shown = list[int](), list[tuple[str, int]]()

    @contextmanager
    def show(label: str, total: int) -> Iterator[Callable[[int], None]]:
        shown.append((label, total))
        yield steps.append

    run(Brightness(), read_labels(hint_root).hands(), work=Work(batch_size=5), show=show)
    assert shown == [("Brightness: hands", 12)]
    assert sum(steps) == 12


def test_an_interrupted_run_resumes(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    with pytest.raises(KeyboardInterrupt):
        run(Brightness(stop_after=6), hands, save_to=path, work=Work(batch_size=3))
    assert not path.exists()
    assert list((tmp_path / "p.parts").glob("*.npz")), "what is done lies in parts"
    method = Brightness()
    result = run(method, hands, save_to=path, work=Work(batch_size=3))
    assert result.reused == 7, "a job of four hands, and a batch of the next one"
    assert sum(method.batches) == 5
    assert np.array_equal(result.predictions.keypoints_2d, run(Brightness(), hands).predictions.keypoints_2d)
    assert read_predictions(path).hand_id.tolist() == [h.hand_id for h in hands]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.npz", "root"]


def test_runs_on_other_labels_leave_each_others_parts_alone(hint_root: Path, tmp_path: Path) -> None:
    hands, place = read_labels(hint_root).hands(), tmp_path / "parts"
    others = [replace(hand, box_xyxy=(1.0, 1.0, 50.0, 60.0)) for hand in hands]
    for name, some in (("a", hands), ("b", others)):
        run(Brightness(), some, save_to=tmp_path / name / "p.npz", work=Work(parts=place), shard=Shard(1, 2))
    for name, some in (("a", hands), ("b", others)):
        done = run(Brightness(), some, save_to=tmp_path / name / "p.npz", work=Work(parts=place))
        assert done.reused == 6
        expected = run(Brightness(), some).predictions
        np.testing.assert_array_equal(done.predictions.keypoints_2d, expected.keypoints_2d)
    assert not list(place.iterdir())


def test_only_rows_whose_input_changed_are_computed_again(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    run(Brightness(), hands, save_to=path)
    moved = [replace(hands[0], box_xyxy=(1.0, 2.0, 50.0, 60.0)), *hands[1:]]
    assert hands[3].image is not None
    os.utime(hands[3].image, ns=(0, 0))
    method = Brightness()
    result = run(method, moved, save_to=path)
    assert (result.reused, sum(method.batches)) == (10, 2)


def test_rows_of_other_hands_stay_in_the_file(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    run(Brightness(), hands[:7], save_to=path)
    second = run(Brightness(), hands[7:], save_to=path)
    assert second.reused == 0
    assert second.predictions.hand_id.tolist() == [h.hand_id for h in hands[7:]]
    method = Brightness()
    assert run(method, hands, save_to=path).reused == 12
    assert method.batches == []


def test_predictions_of_other_settings_are_not_touched(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    run(Brightness(), hands, save_to=path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"made with version 1 \(now 2\); give another --out"):
        run(Brightness(version=2), hands, save_to=path)
    assert path.read_bytes() == before


def test_overwriting_replaces_the_file_with_the_first_new_row(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    run(Brightness(), hands, save_to=path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        run(Brightness(version=2, stop_after=0), hands, save_to=path, overwrite=True)
    assert path.read_bytes() == before
    assert run(Brightness(version=2), hands, save_to=path, overwrite=True).reused == 0
    assert read_predictions(path).meta["fingerprint"] == {"version": 2}


def test_missing_pictures_are_named_before_any_work(hint_root: Path) -> None:
    hands = read_labels(hint_root).hands()
    for hand in hands[:7]:
        assert hand.image is not None
        hand.image.unlink()
    method = Brightness()
    with pytest.raises(MissingRequirementError, match=r"7 of 12 pictures .*\(7 in all\).*--images"):
        run(method, hands)
    assert method.batches == []
    with pytest.raises(InputError, match="--images DIR"):
        run(method, [replace(h, image=None) for h in hands])


def test_pictures_that_fail_are_listed_and_the_others_predicted(hint_root: Path) -> None:
    hands = read_labels(hint_root).hands()
    cut, outside = hands[2], hands[5]
    assert cut.image is not None
    cut.image.write_bytes(cut.image.read_bytes()[:500])
    hands[5] = replace(outside, box_xyxy=(5000.0, 10.0, 5100.0, 90.0))
    result = run(Brightness(), hands)
    assert len(result.predictions) == 10
    assert "cut short" in result.failures[cut.hand_id]
    assert "lies outside 240x200 px" in result.failures[outside.hand_id]


@pytest.mark.parametrize("change", [{"inputs": 5}, {"inputs": []}, {"fingerprint": [1]}, None])
def test_damaged_results_of_an_earlier_run_are_one_line(tmp_path: Path, change: dict[str, Any] | None) -> None:
    path = tmp_path / "p.npz"
    run(BoxCentre(), [Hand("a", (0, 0, 9, 9), True)], save_to=path)
    if change is None:
        path.write_bytes(path.read_bytes()[:200])
    else:
        rows = read_predictions(path)
        write_predictions(path, replace(rows, meta={**rows.meta, **change}))
    with pytest.raises(InputError, match=r"p\.npz.*--overwrite always"):
        run(BoxCentre(), [Hand("a", (0, 0, 9, 9), True)], save_to=path)


def test_rows_of_other_hands_are_refused(hint_root: Path, tmp_path: Path) -> None:
    class Turned(Brightness):
        def infer(self, hands: Any, prepared: Any) -> Any:
            return super().infer(hands[::-1], prepared)

    with pytest.raises(InputError, match=r"was given .*, and gave rows of "):
        run(Turned(), read_labels(hint_root).hands(), save_to=tmp_path / "p.npz", work=Work(batch_size=4))
