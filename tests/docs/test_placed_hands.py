"""The numbers of the worked example in docs/predict.md are what its script prints."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (right|left) \| ([-\d., ]+) \| ([-\d., ]+) \| \d+ \|$", re.MULTILINE)


def test_the_worked_example_is_what_happens() -> None:
    spec = spec_from_file_location("placed_hands", ROOT / "perf" / "placed_hands.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    documented = ROW.findall((ROOT / "docs" / "predict.md").read_text())
    assert len(documented) == 2
    for (side, truth, found), row in zip(documented, script.rows("mediapipe-mano"), strict=True):
        assert side == row[0]
        for text, point in ((truth, row[1]), (found, row[2])):
            # Networks differ in the last digits from machine to machine.
            assert [float(number) for number in text.split(",")] == pytest.approx(point.tolist(), abs=0.015)
