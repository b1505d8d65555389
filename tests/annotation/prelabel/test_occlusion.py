"""Occlusion guessed from pictures: in the predictions file, in calibrations, and on the way to Label Studio."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error, hint

from annotation.prelabel import occlusion
from annotation.prelabel.calibrate import calibrate
from annotation.prelabel.run import prelabel
from annotation.studio.guess import read_guesses
from hint.engine import Work
from hint.errors import InputError, MissingRequirementError
from hint.files import read_predictions
from hint.files.manifest import read_manifest
from hint.methods.table import create
from hint.types import HandLabels, MethodOptions, Predictions

Sample = Callable[..., tuple[Path, HandLabels]]
Reviewed = Callable[[HandLabels], Path]

_BOX_CENTRE = create("box-centre", MethodOptions())


class Looks:
    """A method that reads pictures and returns spread points, with or without scores and flags of its own."""

    card = replace(_BOX_CENTRE.card, name="looks", reads_images=True)
    fingerprint = _BOX_CENTRE.fingerprint

    def __init__(self, **columns: Any) -> None:
        self._columns = columns

    def prepare(self, hand: Any, image: Any) -> Any:
        assert image is not None
        return _BOX_CENTRE.prepare(hand, None)

    def infer(self, hands: Any, prepared: Any) -> Predictions:
        rows = _BOX_CENTRE.infer(hands, prepared)
        spread = 15 * np.stack([np.cos(np.arange(21)), np.sin(np.arange(21))], 1)
        columns = {name: np.broadcast_to(values, (len(hands), 21)) for name, values in self._columns.items()}
        return replace(rows, keypoints_2d=rows.keypoints_2d + spread, **columns)


def test_flags_come_from_the_picture_and_reach_the_annotator(write_sample: Sample) -> None:
    manifest, _ = write_sample(5)
    result = prelabel(manifest, Looks(score=0.9), work=Work(batch_size=2))
    rows = read_predictions(result.path)
    assert rows.meta["prelabel"]["occlusion_from"] == "picture"
    assert rows.meta["prelabel"]["occlusion_below"] == 0.5
    assert rows.meta["derived"] == ["existence", "occlusion"]
    assert rows.occlusion_probability is not None
    assert np.isfinite(rows.occlusion_probability).all()
    assert np.array_equal(rows.occlusion, (rows.occlusion_probability > 0.5) & rows.existence)
    assert 0 < rows.occlusion.sum() < rows.existence.sum()
    guesses = read_guesses(result.path, read_manifest(manifest))
    assert [list(guesses[i].occlusion) for i in rows.hand_id.tolist()] == rows.occlusion.tolist()
    before = result.path.read_bytes()
    again = prelabel(manifest, Looks(score=0.9))
    assert again.reused == 5
    assert result.path.read_bytes() == before


@pytest.mark.parametrize("source", ["score", "none"])
def test_the_picture_can_be_left_alone(source: str, write_sample: Sample) -> None:
    manifest, _ = write_sample(3)
    score = np.where(np.arange(21) < 4, 0.1, 0.9)
    rows = prelabel(manifest, Looks(score=score), occlusion=source).predictions
    assert rows.occlusion_probability is None
    assert rows.occlusion is not None
    assert rows.occlusion[0, :4].any() == (source == "score")
    assert rows.meta["prelabel"]["occlusion_from"] == {"score": "score", "none": "nothing"}[source]
    assert not rows.occlusion[:, 4:].any()
    assert rows.existence is not None
    assert rows.existence.any()
    with pytest.raises(InputError, match="other occlusion"):
        prelabel(manifest, Looks(score=score))


def test_flags_of_the_method_itself_are_kept(write_sample: Sample) -> None:
    manifest, _ = write_sample(3)
    rows = prelabel(manifest, Looks(occlusion=np.arange(21) == 4)).predictions
    assert rows.occlusion_probability is None
    assert rows.occlusion is not None
    assert np.flatnonzero(rows.occlusion.any(0)).tolist() == [4]
    assert rows.meta["prelabel"]["occlusion_from"] == "method"


def test_without_the_packages_scores_decide(write_sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occlusion, "missing_packages", lambda *_: "needs torch: pip install it")
    manifest, _ = write_sample(3)
    rows = prelabel(manifest, Looks(score=0.1)).predictions
    assert rows.meta["prelabel"]["occlusion_from"] == "score"
    with pytest.raises(MissingRequirementError, match="occlusion from pictures needs torch: pip install it"):
        prelabel(manifest, Looks(), occlusion="picture")
    with pytest.raises(InputError, match="choose picture, score or none"):
        prelabel(manifest, Looks(), occlusion="guess")


def test_a_method_that_reads_no_pictures_gets_flags_where_it_is_asked_for(write_sample: Sample) -> None:
    manifest, labels = write_sample(3)
    done = hint("prelabel", manifest, "--method", "mean-pose", "--occlusion", "picture", "--json")
    assert json.loads(done.stdout)["occlusion_from"] == "picture"
    assert "hint prelabel calibrate" in done.stderr
    path = manifest.with_name("TEST_newdays_img.mean-pose.npz")
    assert "other occlusion" in error(hint("prelabel", manifest, "--method", "mean-pose", code=2))
    assert read_predictions(path).occlusion_probability is not None
    Path(str(labels.image[0])).unlink()
    done = hint("prelabel", manifest, "--method", "mean-pose", "--occlusion", "picture", code=3)
    assert "1 of 3 pictures" in error(done)


def test_calibration_moves_the_threshold_of_the_picture(
    write_sample: Sample, reviewed: Reviewed, with_flags: Callable[..., HandLabels], tmp_path: Path
) -> None:
    manifest, labels = write_sample(8)
    first = prelabel(manifest, Looks())
    order = [labels.hand_id.tolist().index(i) for i in first.predictions.hand_id.tolist()]
    labels = labels.select(order)
    probability = first.predictions.occlusion_probability
    assert probability is not None
    cut = float(np.median(probability))
    labels = with_flags(labels, existence=np.ones((8, 21), bool), occlusion=probability > cut)
    outcome = calibrate(reviewed(labels), first.path, tmp_path / "c.toml")
    assert outcome.content.occlusion.informative
    assert not outcome.content.existence.informative, "there are no scores"
    second = prelabel(manifest, Looks(), calibration=tmp_path / "c.toml")
    assert second.reused == 8
    found = second.predictions
    assert found.meta["prelabel"]["occlusion_below"] == pytest.approx(1 - cut, abs=0.02)
    assert np.array_equal(found.occlusion, (probability > cut) & found.existence)
    with pytest.raises(InputError, match="other settings of looks"):
        prelabel(manifest, Looks(), calibration=tmp_path / "c.toml", occlusion="score", out=tmp_path / "p.npz")
