"""The engine and its store, with small methods written for these tests; they are real methods, only cheap."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.engine import FileStore, Results, Store, run
from hint.errors import InputError, MissingRequirementError
from hint.files import read_labels, read_predictions, write_predictions
from hint.types import Hand, Image, MethodCard, Predictions

CARD = MethodCard("brightness", "Brightness", "Mean of the picture.")


@dataclass
class Brightness:
    """Predicts the corner of the box plus the mean of the picture, so that pixels matter."""

    version: int = 1
    stop_after: int = 10**9
    batches: list[int] = field(default_factory=list)
    card: MethodCard = CARD

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"version": self.version}

    def prepare(self, hand: Hand, image: Image | None) -> float:
        assert image is not None
        return float(image.mean())

    def infer(self, hands: Sequence[Hand], prepared: Sequence[float]) -> Predictions:
        if sum(self.batches) >= self.stop_after:
            raise KeyboardInterrupt
        self.batches.append(len(hands))
        points = np.array([[h.box_xyxy[:2]] * 21 for h in hands]) + np.array(prepared)[:, None, None]
        return Predictions(np.array([h.hand_id for h in hands]), points)


class Shards(Store):
    """Writes what was added since the last save to a file of its own, and merges the files when they are read."""

    def __init__(self, method: Brightness, folder: Path) -> None:
        super().__init__(method)
        self.folder, self.unsaved = folder, list[Results]()
        for path in sorted(folder.glob("*.npz")):
            earlier = read_predictions(path)
            self._check(earlier, path)
            self._take_over(Results(earlier))

    def add(self, results: Results) -> None:
        self.unsaved.append(results)
        super().add(results)

    def save(self) -> None:
        rows, self.unsaved = Results.concatenate(self.unsaved).predictions, []
        inputs = [self._keys[hand_id] for hand_id in rows.hand_id.tolist()]
        path = self.folder / f"{len(list(self.folder.glob('*.npz')))}.npz"
        write_predictions(path, replace(rows, meta={**self.header, "inputs": inputs}))


def batch(ids: str, value: float) -> Results:
    return Results(Predictions(np.array(list(ids)), np.full((len(ids), 21, 2), value)))


def test_a_store_knows_what_rows_were_made_from(tmp_path: Path) -> None:
    for make in (lambda: Store(Brightness()), lambda: FileStore(Brightness(), tmp_path / "p.npz")):
        store = make()
        assert [store.ask(hand_id, f"{hand_id}1") for hand_id in "abcd"] == [False] * 4
        store.add(batch("cb", 1))
        store.add(batch("a", 2))
        assert store.rows().predictions.hand_id.tolist() == ["a", "b", "c"]
        assert store.holds("a", "a1")
        assert not store.ask("b", "b2")
        assert store.get("b") is None
        store.add(batch("b", 3))
        assert store.rows().predictions.keypoints_2d[:, 0, 0].tolist() == [2, 1, 3]
        assert store.rows().predictions.meta["inputs"] == ["a1", "c1", "b2"]
        store.save()


def test_a_store_may_write_shards(tmp_path: Path) -> None:
    first = Shards(Brightness(), tmp_path)
    for hand_id in "abcd":
        first.ask(hand_id, f"{hand_id}1")
    for ids in ("ab", "cd"):
        first.add(batch(ids, 1))
        first.save()
    assert [read_predictions(tmp_path / f"{k}.npz").hand_id.tolist() for k in (0, 1)] == [["a", "b"], ["c", "d"]]
    second = Shards(Brightness(), tmp_path)
    assert [second.ask(hand_id, key) for hand_id, key in (("d", "d1"), ("b", "b2"), ("e", "e1"))] == [
        True,
        False,
        False,
    ]
    second.add(batch("be", 2))
    assert second.rows().predictions.hand_id.tolist() == ["d", "b", "e"]
    assert second.all_rows().predictions.hand_id.tolist() == ["d", "b", "e", "a", "c"]
    second.save()
    third = Shards(Brightness(), tmp_path)
    assert third.ask("b", "b2")
    assert third.rows().predictions.keypoints_2d[0, 0, 0] == 2
    with pytest.raises(InputError, match=r"0\.npz .*version 1 \(now 2\)"):
        Shards(Brightness(version=2), tmp_path)


def test_an_interrupt_stops_the_threads_before_saving(hint_root: Path, tmp_path: Path) -> None:
    class Slow(Brightness):
        def prepare(self, hand: Hand, image: Image | None) -> float:
            self.batches.append(0)
            time.sleep(0.05)
            return super().prepare(hand, image)

    method = Slow(stop_after=0)
    with pytest.raises(KeyboardInterrupt):
        run(method, read_labels(hint_root).hands(), save_to=tmp_path / "p.npz", batch_size=1, workers=1)
    prepared = len(method.batches)
    time.sleep(0.3)
    assert len(method.batches) == prepared < 12


def test_rows_follow_the_hands_whatever_the_batches(hint_root: Path) -> None:
    hands = read_labels(hint_root).hands()
    results = [
        run(Brightness(), hands, batch_size=size, workers=w).predictions for size, w in ((1, 1), (5, 3), (99, 4))
    ]
    for result in results:
        assert result.hand_id.tolist() == [h.hand_id for h in hands]
        assert np.array_equal(result.keypoints_2d, results[0].keypoints_2d)


def test_progress_counts_every_hand(hint_root: Path) -> None:
    steps: list[int] = []
    run(Brightness(), read_labels(hint_root).hands(), batch_size=5, advance=steps.append)
    assert sum(steps) == 12


def test_an_interrupted_run_resumes(hint_root: Path, tmp_path: Path) -> None:
    hands, path = read_labels(hint_root).hands(), tmp_path / "p.npz"
    with pytest.raises(KeyboardInterrupt):
        run(Brightness(stop_after=6), hands, save_to=path, batch_size=3)
    assert len(read_predictions(path)) == 6
    method = Brightness()
    result = run(method, hands, save_to=path, batch_size=3)
    assert result.reused == 6
    assert sum(method.batches) == 6
    assert np.array_equal(result.predictions.keypoints_2d, run(Brightness(), hands).predictions.keypoints_2d)
    assert read_predictions(path).hand_id.tolist() == [h.hand_id for h in hands]


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
    store = FileStore(Brightness(), path)
    store.ask("a", "a1")
    store.add(batch("a", 1))
    store.save()
    if change is None:
        path.write_bytes(path.read_bytes()[:200])
    else:
        rows = read_predictions(path)
        write_predictions(path, replace(rows, meta={**rows.meta, **change}))
    with pytest.raises(InputError, match=r"p\.npz.*--overwrite always"):
        FileStore(Brightness(), path)
