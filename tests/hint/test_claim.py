"""One run at a time writes to a place, and what a killed one left there goes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hint
from hint.errors import InputError, WriteError
from hint.files import atomic_write, write_pairs
from hint.files.atomic import require_writable
from hint.files.claim import claimed
from hint.images import write_image
from hint.prediction.video_file import VideoFile
from hint.types import HandLabels


def test_a_place_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "results" / "out"
    with claimed(out):
        with pytest.raises(InputError, match=r"another run is writing to .*out; wait"), claimed(out):
            pass
        with claimed(out, "a.npz"), claimed(out, "b.npz"):
            pass
    assert not out.parent.exists()  # nothing was written
    with claimed(out):
        (out / "result").touch()
    assert [path.name for path in out.iterdir()] == ["result"]


def test_what_a_killed_run_left_goes_and_the_rest_stays(tmp_path: Path) -> None:
    for name in (".hint.lock", ".predictions.npz.x1.hint-part", ".of_the_user", "a.npz"):
        (tmp_path / name).touch()
    with atomic_write(tmp_path / "neighbour.npz") as stream:
        stream.write(b"whole")
        with claimed(tmp_path):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".of_the_user", "a.npz", "neighbour.npz"]


def test_what_is_about_to_be_written_finds_nothing_of_a_killed_run(tmp_path: Path) -> None:
    (tmp_path / ".labels.json.x1.hint-part").touch()
    with atomic_write(tmp_path / "neighbour.npz") as stream:
        stream.write(b"whole")
        require_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["neighbour.npz"]


def test_results_of_given_predictions_are_written_without_what_a_killed_run_left(
    labels: HandLabels, tmp_path: Path
) -> None:
    hint.evaluate(labels, "box-centre", out=tmp_path)
    results = tmp_path / "mine"
    results.mkdir()
    (results / ".errors.npz.x1.hint-part").touch()
    hint.evaluate(labels, tmp_path / "box-centre" / "predictions.npz", out=tmp_path, name="mine")
    assert sorted(path.name for path in results.iterdir()) == ["errors.npz", "predictions.npz", "record.json"]


def test_a_place_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot write to .*file"), claimed(tmp_path / "file" / "out"):
        pass


def test_a_video_is_whole_or_absent(tmp_path: Path) -> None:
    def begun(end: type[BaseException] | None) -> list[str]:
        with VideoFile(tmp_path / "a.mp4", 25) as video:
            video.add(np.zeros((48, 64, 3), np.uint8))
            assert [path.name.endswith(".hint-part") for path in tmp_path.glob(".*")] == [True]
            if end is not None:
                raise end
        return [path.name for path in tmp_path.iterdir()]

    with pytest.raises(KeyboardInterrupt):
        begun(KeyboardInterrupt)
    assert not list(tmp_path.iterdir())
    assert begun(None) == ["a.mp4"]


@pytest.mark.parametrize("command", ["predict", "fit"])
def test_a_second_run_is_refused(command: str, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    out, picture = tmp_path / "out", tmp_path / "a.png"
    write_image(picture, np.zeros((60, 80, 3), np.uint8))
    write_pairs(tmp_path / "labels", make(1))
    calls = {
        "predict": lambda: hint.predict(picture, "box-centre", boxes=[[9, 9, 50, 50]], sides="right", out=out),
        "fit": lambda: hint.fit_labels(tmp_path / "labels", out, mano="procedural"),
    }
    name = {"predict": "predictions.npz", "fit": "hint"}[command]
    with claimed(out, name), pytest.raises(InputError, match="another run is writing"):
        calls[command]()
    calls[command]()
