import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from hint import safepickle
from hint.errors import InputError


class Runs:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back_from_every_protocol(tmp_path, protocol):
    content = {
        "floats": np.linspace(0, 1, 7).reshape(7, 1),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "flags": np.array([True, False]),
        "number": np.float32(2.5),
        "text": "é",
        "bytes": b"\x00\xff",
        "set": {1, 2},
    }
    path = written(tmp_path / "a.pkl", pickle.dumps(content, protocol))
    read = safepickle.load(path, safepickle.NUMPY)
    assert read.keys() == content.keys()
    assert all(np.array_equal(read[k], content[k]) for k in ("floats", "columns", "flags", "number"))
    assert (read["set"], read["bytes"]) == ({1, 2}, b"\x00\xff")


HOSTILE = {
    "a command": lambda marker: pickle.dumps(Runs(os.system, f"touch {marker}")),
    "a command, protocol 0": lambda marker: pickle.dumps(Runs(os.system, f"touch {marker}"), 0),
    "an expression": lambda marker: pickle.dumps(Runs(eval, f"open({str(marker)!r}, 'w')")),
    "a file": lambda marker: pickle.dumps(Runs(open, str(marker), "w")),
    "numpy's way to os": lambda marker: f"cnumpy\n_core.os.system\n(Vtouch {marker}\ntR.".encode(),
    "the same in protocol 4": lambda marker: b"\x80\x04\x8c\x05numpy\x8c\x0f_core.os.system\x93(X\x01\0\0\0xtR.",
    "a function of numpy": lambda marker: pickle.dumps(Runs(np.save, str(marker), 0)),
    "memory-mapped writing": lambda marker: pickle.dumps(Runs(np.memmap, str(marker), "u1", "w+", 0, (4,))),
    "within an array": lambda marker: pickle.dumps(np.array([Runs(os.system, f"touch {marker}")], dtype=object)),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_runs(tmp_path, how):
    marker = tmp_path / "ran"
    path = written(tmp_path / "a.pkl", HOSTILE[how](marker))
    with pytest.raises(InputError, match=r"asks for \S+\.\S+, which this kind of file never needs"):
        safepickle.load(path, safepickle.NUMPY)
    assert not marker.exists()
    assert not (tmp_path / "ran.npy").exists()


def test_the_refusal_names_what_was_asked_for(tmp_path):
    path = written(tmp_path / "a.pkl", pickle.dumps(Runs(os.system, "true")))
    with pytest.raises(InputError, match=rf"{os.system.__module__}\.system"):
        safepickle.load(path, safepickle.NUMPY)


def test_codecs_may_only_rebuild_bytes(tmp_path):
    path = written(tmp_path / "a.pkl", b"c_codecs\nencode\n(Vx\nVpunycode\ntR.")
    with pytest.raises(InputError, match="punycode"):
        safepickle.load(path, safepickle.NUMPY)


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_cut_pickle_is_one_line(tmp_path, kept):
    path = written(tmp_path / "a.pkl", pickle.dumps({"a": np.arange(100)})[:kept])
    with pytest.raises(InputError, match="not a whole pickle") as caught:
        safepickle.load(path, safepickle.NUMPY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"root:x:0:0:root:/root\n", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="PNG"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b"cnumpy\ndtype\n(VZ\ntR.", id="bad argument"),
    ],
)
def test_what_is_no_pickle_is_one_line(tmp_path, content):
    with pytest.raises(InputError, match="not a whole pickle"):
        safepickle.load(written(tmp_path / "a.pkl", content), safepickle.NUMPY)


BEFORE_A_NUMBER = {
    "nothing": b"",
    "a line": b"I12\n0",
    "two lines": b"cnumpy\nndarray\n0",
    "counted bytes": b"C\x03r.r0",
    "counted letters": b"X\x02\0\0\0.r0",
    "many counted bytes": b"\x8e\x02\0\0\0\0\0\0\0.r0",
    "a long number": b"\x8b\x02\0\0\0.r0",
    "a float": b"G.r.r.r.r0",
    "a frame": b"\x95.r......",
    "a number that is fine": b"Nq\x010",
}


@pytest.mark.parametrize("before", BEFORE_A_NUMBER)
@pytest.mark.parametrize("put", [b"r\0\0\0\x7f", b"p2130706432\n"], ids=["bytes", "text"])
def test_numbers_of_remembered_values_stay_small(tmp_path, before, put):
    content = b"\x80\x04" + BEFORE_A_NUMBER[before] + b"N" + put + b"."
    with pytest.raises(InputError, match="under a number that no pickle needs"):
        safepickle.load(written(tmp_path / "a.pkl", content), safepickle.NUMPY)


def test_a_stand_in_keeps_attributes_only():
    state = safepickle.State("anything", 3)
    state.__setstate__({"x": 1})
    state.__setstate__([1, 2])
    assert state.__dict__ == {"x": 1}
