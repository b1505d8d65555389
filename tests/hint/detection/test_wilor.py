"""WiLoR's detector: what must be fetched, what is refused, how its rows are read; with a network of PyTorch alone."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hint.detection import Picture, create_detector, wilor
from hint.detection.tiles import Tile
from hint.errors import InputError, MissingRequirementError


@pytest.fixture(autouse=True)
def without_ultralytics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wilor, "_MODULES", [name for name in wilor._MODULES if name.startswith("torch")])
    monkeypatch.setenv("HINT_HOME", str(tmp_path))


class Harmful:
    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self._target),)


def test_a_file_that_calls_something_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Harmful(tmp_path / "made")}, tmp_path / "bad.pt")
    with pytest.raises(InputError, match=r"bad\.pt names \w+\.mkdir, which is no layer; not opened"):
        wilor.read_network(tmp_path / "bad.pt")
    assert not (tmp_path / "made").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"no weights")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "b.pt")
    torch.save({"model": torch.zeros(2)}, tmp_path / "c.pt")
    for name in "abc":
        with pytest.raises(InputError, match=rf"{name}\.pt"):
            wilor.read_network(tmp_path / f"{name}.pt")


def test_rows_are_read_as_boxes_of_left_and_right_hands() -> None:
    rows = np.array([[320, 320, 64, 32, 0.1, 0.8], [100, 160, 10, 10, 0.5, 0.1], [1, 1, 1, 1, 0.1, 0.2]], np.float32)
    right, left = wilor._detections(rows, Tile(0, -40, 320))
    assert (right.box_xyxy, right.is_right, right.score) == ((144.0, 112.0, 176.0, 128.0), True, 0.8)
    assert (left.box_xyxy, left.is_right) == ((47.5, 37.5, 52.5, 42.5), False)


def test_a_pickled_network_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two bright pixels of the shrunk picture become rows; the larger score wins where they overlap.
    network = torch.nn.Sequential(torch.nn.AvgPool2d(320), torch.nn.Conv2d(3, 6, 1), torch.nn.Flatten(2))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.tensor([320.0, 320.0, 100.0, 100.0, 0.0, 0.9]))
    wilor.weights().parent.mkdir(parents=True)
    torch.save({"model": network.half()}, wilor.weights())
    monkeypatch.setattr(wilor, "_MODULES", [*wilor._MODULES, "torch.nn.modules.flatten"])
    monkeypatch.setattr(wilor, "missing_packages", lambda *_: "")
    found = create_detector("wilor").detect(Picture("p", None, "k"), np.zeros((300, 640, 3), np.uint8))
    assert [hand.is_right for hand in found] == [True]
    assert np.allclose(found[0].box_xyxy, (270, 100, 370, 200), atol=1)


def test_it_says_what_to_get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wilor, "missing_packages", lambda *_: "lacks ultralytics")
    with pytest.raises(MissingRequirementError, match=r"--detector wilor .*AGPL-3\.0: pip install"):
        create_detector("wilor")
    monkeypatch.setattr(wilor, "missing_packages", lambda *_: "")
    with pytest.raises(MissingRequirementError, match=r"detector\.pt .*save it as .*wilor"):
        create_detector("wilor")
