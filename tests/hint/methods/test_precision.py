from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hint.errors import InputError
from hint.methods.hamer import precision
from hint.methods.hamer.method import HamerMethod
from hint.methods.hamer.precision import ONEDNN, OneDnnLinear, fastest_exact
from hint.methods.processor import Processor, parse
from hint.types import AUTO, Hand, MethodOptions

ZEN4 = "vendor_id\t: AuthenticAMD\nflags\t\t: avx2 avx512f avx512_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"
SKYLAKE = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f\n\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\nCPU implementer\t: 0x41\n\n"


@pytest.mark.parametrize(
    ("cpuinfo", "slow_in_fp32", "slow_in_bf16"),
    [(ZEN4, True, False), (SKYLAKE, False, True), (ARM, False, False), ("", False, False)],
    ids=["Zen 4", "Skylake", "Arm", "not Linux"],
)
def test_processors_are_told_apart(cpuinfo, slow_in_fp32, slow_in_bf16):
    found = parse(cpuinfo)
    assert (found.is_slow_in_fp32, found.is_slow_in_bf16) == (slow_in_fp32, slow_in_bf16)


@pytest.mark.parametrize(
    ("cpuinfo", "width", "device", "expected"),
    [
        (ZEN4, 8000, "cpu", ONEDNN),
        (ZEN4, 800, "cpu", "fp32"),
        (ZEN4, 8000, "cuda", "fp32"),
        (SKYLAKE, 8000, "cpu", "fp32"),
    ],
    ids=["large on Zen 4", "small on Zen 4", "on a GPU", "large on Skylake"],
)
def test_auto_looks_at_the_processor_and_the_size(monkeypatch, cpuinfo, width, device, expected):
    monkeypatch.setattr(precision, "this_processor", lambda: parse(cpuinfo))
    network = SimpleNamespace(costly=nn.ModuleList([nn.Linear(width, width, device="meta")]), autocast=None)
    assert fastest_exact(network, torch.device(device)) == expected


def test_onednn_multiplies_the_same_weights():
    layer, rows = nn.Linear(320, 70), torch.randn(2, 5, 320)
    with torch.inference_mode():
        other = OneDnnLinear.of(layer)
        torch.testing.assert_close(other(rows), layer(rows), atol=1e-5, rtol=1e-5)
        assert (other(rows[:1]) == other(rows)[:1]).all(), "a row does not depend on its neighbours"
    assert other.weight is layer.weight
    assert list(other.state_dict()) == list(layer.state_dict())


def _run(image, **options):
    method = HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", **options))
    hands = [Hand("a", (10, 10, 100, 110), True), Hand("b", (30, 20, 90, 80), False)]
    return method, method.infer(hands, [method.prepare(hand, image) for hand in hands])


def test_an_automatic_run_is_the_run_of_what_it_chose(monkeypatch, capsys):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    plain, points = _run(image, precision="fp32")
    chosen, same = _run(image, precision=AUTO)
    assert chosen.fingerprint == plain.fingerprint, "a small network stays in fp32"
    assert (same.keypoints_2d == points.keypoints_2d).all()
    monkeypatch.setattr(precision, "_LARGE", 0)
    monkeypatch.setattr(precision, "this_processor", lambda: parse(ZEN4))
    (asked, one), (chosen, other) = _run(image, precision=ONEDNN), _run(image)
    assert asked.fingerprint == chosen.fingerprint == plain.fingerprint | {"precision": ONEDNN}
    assert (one.keypoints_2d == other.keypoints_2d).all()
    assert sum(isinstance(m, OneDnnLinear) for m in chosen.network.modules()) > 0
    assert np.abs(one.keypoints_2d - points.keypoints_2d).max() < 1e-3
    assert not capsys.readouterr().err


def test_bf16_says_where_it_is_slow(monkeypatch, capsys):
    monkeypatch.setattr(precision, "this_processor", lambda: Processor("GenuineIntel", frozenset({"avx2"})))
    HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", precision="bf16"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "bf16 is slow on this processor" in told


def test_onednn_is_for_processors(monkeypatch):
    monkeypatch.setattr(precision, "_has_onednn", lambda: False)
    with pytest.raises(InputError, match="fp32-onednn"):
        HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", precision=ONEDNN))
