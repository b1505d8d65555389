"""Every reader gives a value or one line, whatever its file holds; ``tools/fuzz.py`` looks for longer."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from fuzzing.judge import HOSTILE_PICKLES, Finding, judge
from fuzzing.mutation import MUTATIONS, mutate
from fuzzing.readers import all_targets
from fuzzing.target import Target, prepare

from hint.errors import InputError

TARGETS = [*all_targets()]
#: Spoiled files per reader; they are the same every time.
FILES = 48


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_gives_a_value_or_one_line(target: Target, tmp_path: Path) -> None:
    prepared = prepare(target, tmp_path / "files")
    target.read(prepared.folder)
    for number in range(FILES):
        content = mutate(prepared.seed, target.form, Random(f"{target.name} {number}"))
        found = judge(prepared, content)
        assert found is None, f"{found} in spoiled file {number}"


def test_every_form_is_read_by_something() -> None:
    assert {target.form for target in TARGETS} == MUTATIONS.keys()
    names = [target.name for target in TARGETS]
    assert len({*names}) == len(names)


def test_an_error_is_one_line_whatever_is_in_it() -> None:
    assert str(InputError("one\ntwo\u2028\x1b[31m é")) == "one\\ntwo\\u2028\\x1b[31m é"


def _write_elsewhere(_: Path) -> None:
    Path(f"/tmp/hint-fuzzing-{os.getpid()}").write_text("x")


def _endless(_: Path) -> None:
    while True:
        pass


BAD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "another error": ("KeyError", lambda _: {}["x"]),
    "a pickle": ("pickle.find_class", lambda _: pickle.loads(HOSTILE_PICKLES[1])),
    "a program": ("os.system", lambda _: os.system("true")),
    "a file elsewhere": ("writes elsewhere", _write_elsewhere),
    "an endless loop": ("hang", _endless),
    "much memory": ("memory", lambda _: len(bytearray(b"x") * (600 << 20))),
}


@pytest.mark.parametrize("name", BAD)
def test_the_judge_tells_a_bad_reader(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzzing.judge.LONGEST", 0.2)
    kind, read = BAD[name]

    def make(folder: Path) -> Path:
        (folder / "a").write_bytes(b"x")
        return folder / "a"

    found = judge(prepare(Target("bad", "bytes", make, read), tmp_path / "files"), b"y")
    Path(f"/tmp/hint-fuzzing-{os.getpid()}").unlink(missing_ok=True)
    assert isinstance(found, Finding)
    assert found.kind == kind
