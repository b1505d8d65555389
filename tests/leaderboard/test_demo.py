"""The demo: what is finished is kept, the results of another set are replaced."""

from pathlib import Path

import pytest

from hint.errors import MissingRequirementError
from leaderboard import demo


@pytest.fixture(autouse=True)
def two_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without networks, and in a clean checkout."""
    monkeypatch.setattr(demo, "METHODS", ("box-centre", "oracle-noise"))
    monkeypatch.setattr(demo, "SHOWN", ("box-centre",))
    for where in ("leaderboard.demo", "hint.provenance"):
        monkeypatch.setattr(f"{where}.git_state", lambda package: None)


def refuse(*_: object, **__: object) -> None:
    raise MissingRequirementError("not created again")


def test_what_is_finished_is_kept_and_another_set_is_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = demo.run_demo(tmp_path, 1, 0)
    assert [record.method.name for record in first.records] == ["box-centre", "oracle-noise"]
    assert first.sheet.is_file()
    other = demo.run_demo(tmp_path, 1, 3)
    assert [part.n_hands for record in other.records for part in record.data] == [1, 1]
    with monkeypatch.context() as patch:
        patch.setattr(demo, "evaluate", refuse)
        assert demo.run_demo(tmp_path, 1, 3) == other
        assert set(demo.run_demo(tmp_path, 1, 0).skipped) == {"box-centre", "oracle-noise"}
