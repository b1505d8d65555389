import hashlib
import os
import pathlib
import pickle
import sys
import zipfile
from types import ModuleType

import pytest
import torch
from torch import nn

from hint.errors import InputError, WriteError
from hint.file_hash import file_sha256, hash_ahead
from hint.weights import Checkpoint, convert, matching, read_checkpoint, save

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.0, -2.0]), "flag": torch.tensor(True)}


class Runs:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def assert_state(state, expected=STATE):
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value), key


@pytest.fixture
def saved(tmp_path):
    def write(content, legacy=False):
        path = tmp_path / "w.ckpt"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        return path

    return write


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"network": s, "epoch": 1}]
)
def test_bare_and_wrapped_weights_in_both_formats(saved, legacy, wrap):
    assert_state(read_checkpoint(saved(wrap(STATE), legacy)).state)


def fake_class(monkeypatch, module, name, base=object):
    """A class of a package that is not installed."""
    made = type(name, (base,), {"__module__": module})
    for depth in range(1, module.count(".") + 2):
        parent = ".".join(module.split(".")[:depth])
        monkeypatch.setitem(sys.modules, parent, sys.modules.get(parent) or ModuleType(parent))
    monkeypatch.setattr(sys.modules[module], name, made, raising=False)
    return made


@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_training_programs(saved, monkeypatch, legacy):
    config = fake_class(monkeypatch, "omegaconf.dictconfig", "DictConfig")()
    node = fake_class(monkeypatch, "yacs.config", "CfgNode", dict)(A=1)
    listed = fake_class(monkeypatch, "omegaconf.listconfig", "ListConfig", list)([1, 2])
    callback = fake_class(monkeypatch, "pytorch_lightning.callbacks", "Checkpoint")()
    config.__dict__.update(_content={"A": node}, _metadata=callback)
    content = {
        "state_dict": STATE,
        "hyper_parameters": {"cfg": config, "out": pathlib.Path("x"), "list": listed},
        "callbacks": {"Checkpoint": callback},
        "optimizer_states": [{"state": {0: torch.zeros(2)}, "dtype": torch.float16}],
    }
    path = saved(content, legacy)
    monkeypatch.undo()
    assert_state(read_checkpoint(path).state)


def test_safetensors_keep_their_metadata(tmp_path):
    save(STATE, tmp_path / "w.safetensors", {"heads": "4"})
    read = read_checkpoint(tmp_path / "w.safetensors")
    assert_state(read.state)
    assert read.metadata["heads"] == "4"


def test_the_suffix_does_not_matter(tmp_path):
    save(STATE, tmp_path / "w.ckpt", {})
    assert_state(read_checkpoint(tmp_path / "w.ckpt").state)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_model_is_refused_with_advice(saved, legacy):
    with pytest.raises(InputError, match=r"torch\.nn\.\S+, which weights never need.*Save model\.state_dict\(\)"):
        read_checkpoint(saved(nn.Sequential(nn.Linear(2, 2)), legacy))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_refused_with_advice(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "w.pt")
    with pytest.raises(InputError, match="TorchScript"):
        read_checkpoint(tmp_path / "w.pt")


HOSTILE = {
    "a command": lambda marker: Runs(os.system, f"touch {marker}"),
    "an expression": lambda marker: Runs(eval, f"open({str(marker)!r}, 'w')"),
    "loading within loading": lambda marker: Runs(torch.storage._load_from_bytes, pickle.dumps(Runs(os.system, "x"))),
    "a path that writes": lambda marker: Runs(getattr, Runs(pathlib.Path, str(marker)), "touch"),
    "a hidden module": lambda marker: Runs(torch.hub.load, "x/y", "z"),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_runs(saved, tmp_path, how, legacy):
    marker = tmp_path / "ran"
    path = saved({"state_dict": STATE, "more": HOSTILE[how](marker)}, legacy)
    with pytest.raises(InputError, match=r"asks for \S+\.\S+, which weights never need"):
        read_checkpoint(path)
    assert not marker.exists()


def test_a_plain_hostile_pickle_runs_nothing(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "w.ckpt"
    path.write_bytes(pickle.dumps(Runs(os.system, f"touch {marker}"), 2))
    with pytest.raises(InputError, match="not opened"):
        read_checkpoint(path)
    assert not marker.exists()


def test_functions_of_packages_with_stand_ins_run_nothing(saved, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("here")
    path = saved({"state_dict": STATE, "more": Runs(pathlib.Path.unlink, victim)})
    with pytest.raises(InputError, match="getattr"):
        read_checkpoint(path)
    assert victim.exists()


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("legacy", [False, True])
def test_half_a_download_is_one_line(saved, kept, legacy):
    path = saved({"a": torch.zeros(1000)}, legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match="download or copy it again") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [60, 300])
def test_half_of_safetensors_is_one_line(tmp_path, kept):
    path = tmp_path / "w.safetensors"
    save({"a": torch.zeros(1000)}, path, {})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="download or copy it again"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (bytes(2000), "is empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x1f\x8b\x08\x00" + bytes(300), "unpack it"),
        (b"hello", "not a PyTorch or safetensors file"),
        (b"PK\x03\x04" + bytes(300), "truncated at 304 bytes"),
    ],
)
def test_what_is_no_checkpoint_is_one_line(tmp_path, content, message):
    path = tmp_path / "w.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_other_zip_files_are_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InputError, match="not a PyTorch file"):
        read_checkpoint(tmp_path / "w.zip")


def test_absent_files_and_folders_are_one_line(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(InputError, match=r"[Ii]s a directory|[Pp]ermission"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "holds a list"), ({"epoch": 3}, "no weights but epoch"), ({}, "no weights but nothing")],
)
def test_files_without_weights_are_one_line(saved, content, message):
    with pytest.raises(InputError, match=message):
        read_checkpoint(saved(content))


NO_NUMBERS = {
    "number as key": {3: torch.zeros(1)},
    "sparse": {"a": torch.zeros(2, 2).to_sparse()},
    "absent": {"a": torch.zeros(2, device="meta")},
    "repeated": {"a": torch.zeros(1).expand(10**6, 10**6)},
}


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_tensors_that_are_no_plain_numbers_are_refused(saved, tmp_path, case):
    path = saved({"state_dict": NO_NUMBERS[case]})
    with pytest.raises(InputError, match=r"holds no weights but (3|a)$"):
        convert(path, tmp_path / "converted.safetensors")
    assert not (tmp_path / "converted.safetensors").exists()


def shapes(**sizes):
    return {key: torch.Size(size) for key, size in sizes.items()}


def checkpoint(tmp_path, **sizes):
    state = {key: torch.ones(size, dtype=torch.float16) for key, size in sizes.items()}
    return Checkpoint(state, {}, tmp_path / "w.ckpt")


def test_matching_picks_what_is_needed_as_float32(tmp_path):
    found = matching(checkpoint(tmp_path, a=(2,), d=(3,)), shapes(a=(2,)), ignore=["d"])
    assert found.keys() == {"a"}
    assert found["a"].dtype == torch.float32


def test_everything_that_does_not_match_is_listed(tmp_path):
    given = checkpoint(tmp_path, a=(2,), b=(3,), z=(1,))
    wanted = shapes(a=(2,), b=(4,), **{f"m{k}": (1,) for k in range(7)})
    with pytest.raises(InputError) as caught:
        matching(given, wanted)
    message = str(caught.value)
    assert "missing: m0, m1, m2, m3, m4, ... (7 in all)" in message
    assert "unknown: z" in message
    assert "of another shape: b (3,) for (4,)" in message


def test_converted_weights_are_the_same(saved, tmp_path):
    source = saved({"state_dict": STATE | {"tied": STATE["a.weight"]}, "epoch": 1})
    convert(source, tmp_path / "out" / "w.safetensors")
    read = read_checkpoint(tmp_path / "out" / "w.safetensors")
    assert_state(read.state, STATE | {"tied": STATE["a.weight"]})
    assert read.metadata["source_sha256"] == file_sha256(source)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["w.safetensors"]


def test_a_conversion_that_fails_leaves_what_was_there(saved, tmp_path):
    target = tmp_path / "w.safetensors"
    save(STATE, target, {})
    before = target.read_bytes()
    with pytest.raises(InputError):
        convert(saved({"epoch": 3}), target)
    assert target.read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        convert(saved(STATE), tmp_path / "file" / "w.safetensors")


def test_the_digest_follows_the_file(tmp_path, hint_home):
    path = tmp_path / "w.ckpt"
    path.write_bytes(b"one")
    first = file_sha256(path)
    assert first == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert str(path) in (hint_home / "sha256.json").read_text()
    assert file_sha256(path) == first
    path.write_bytes(b"another")
    assert file_sha256(path) != first


def test_a_digest_is_remembered(tmp_path, hint_home):
    path = tmp_path / "w.ckpt"
    path.write_bytes(b"one")
    digest = file_sha256(path)
    cache = hint_home / "sha256.json"
    cache.write_text(cache.read_text().replace(digest, "remembered"))
    assert file_sha256(path) == "remembered"
    cache.write_text("{")
    assert file_sha256(path) == digest


def test_a_digest_that_was_begun_is_that_of_the_file_that_was_loaded(tmp_path, hint_home):
    path = tmp_path / "w.ckpt"
    hash_ahead(path)
    path.write_bytes(b"one")
    hash_ahead(path)
    hash_ahead(path)
    assert file_sha256(path) == hashlib.sha256(b"one").hexdigest()
    assert str(path) in (hint_home / "sha256.json").read_text()
    path.write_bytes(b"another")
    hash_ahead(path)
    path.write_bytes(b"yet another")
    with pytest.raises(InputError, match="changed while it was read; type the command again"):
        file_sha256(path)
    assert file_sha256(path) == hashlib.sha256(b"yet another").hexdigest()
    hash_ahead(path)
    path.unlink()
    with pytest.raises(InputError, match=r"w\.ckpt: No such file"):
        file_sha256(path)


def test_remembered_nonsense_is_not_believed(tmp_path, hint_home):
    path = tmp_path / "w.ckpt"
    path.write_bytes(b"one")
    digest = file_sha256(path)
    for nonsense in ("1", "[[1, 2], 3, 4]", "[]", "null"):
        (hint_home / "sha256.json").write_text(f'{{"{path}": {nonsense}}}')
        assert file_sha256(path) == digest


def test_a_folder_has_no_digest_begun_or_not(tmp_path):
    hash_ahead(tmp_path)
    with pytest.raises(InputError, match="Is a directory"):
        file_sha256(tmp_path)


def test_a_pipe_in_place_of_weights_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "w.ckpt")
    with pytest.raises(InputError, match=r"w\.ckpt is a pipe or a device; name a file"):
        read_checkpoint(tmp_path / "w.ckpt")
