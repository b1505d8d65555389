"""Networks against reference arrays, and against their own outputs from when they agreed with them.

``tests/golden`` holds the answers of the published code, ``tests/fixtures/tiny_<method>.npz`` our own answers at a
small size, frozen once the full size gave the reference answers. To freeze a row again, delete its file and run this
test twice.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from parity import CASES, HAMER, Reference

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

by_size = [pytest.param(c, id=c.method, marks=[pytest.mark.full_size] if c.is_large else []) for c in CASES]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.method)


@pytest.fixture
def official(golden, reference, tmp_path, request):
    return Reference(reference, golden, tmp_path, lambda: request.getfixturevalue("official_adjacency"))


@every_case
def test_the_keys_are_the_official_ones(case, golden):
    listed = json.loads((golden / "keys" / f"{case.method}.json").read_text())
    official = {key.removeprefix(case.prefix): tuple(shape) for key, (shape, _) in listed.items()}
    assert all(key.startswith(case.prefix) for key in listed)
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in case.full().state_dict().items()}
    assert ours == {key: shape for key, shape in official.items() if not key.startswith(case.beside or ("\0",))}


@pytest.mark.parametrize("case", by_size)
def test_the_network_gives_the_reference_answers(case, official):
    agree(case, case.full, f"{case.method}_forward.npz", "", case.tolerance, official)


@pytest.mark.parametrize("case", [c for c in CASES if c.tiny_tolerance], ids=lambda case: case.method)
def test_the_small_network_gives_the_reference_answers(case, official):
    agree(case, case.small, "tiny_forward.npz", f"{case.method}/", case.tiny_tolerance, official)


@torch.inference_mode()
def agree(case, make, file, prefix, tolerance, reference):
    """Compare a network with the published one on the same images."""
    parts = case.reference_parts(reference)
    network = make().eval()
    reference.synth.fill_state(case.method, network.state_dict(), prefix=case.prefix)
    images = torch.from_numpy(reference.synth.network_input(case.method))
    ours = case.answer(network, images, parts)
    with np.load(reference.arrays / file) as expected:
        for name, atol in tolerance.items():
            np.testing.assert_allclose(ours[name], expected[prefix + name], atol=atol, rtol=0, err_msg=name)


@pytest.mark.parametrize("case", [c for c in CASES if c is not HAMER], ids=lambda case: case.method)
@torch.inference_mode()
def test_the_small_network_still_gives_its_golden_answers(case, draw_weights):
    network = case.small().eval()
    drawn = draw_weights({name: tuple(values.shape) for name, values in network.named_parameters()})
    network.load_state_dict(drawn, strict=False)
    size = (2, 3, case.side, case.side)
    images = torch.from_numpy(np.random.default_rng(1).standard_normal(size, dtype=np.float32))
    ours = case.answer(network, images, case.small_parts())
    thinned = {name: values[:, ::16] if values.shape[1] == 778 else values for name, values in ours.items()}
    golden = FIXTURES / f"tiny_{case.method}.npz"
    if not golden.exists():
        np.savez_compressed(golden, **thinned)
        pytest.fail(f"{golden} was absent and has been written; look at it and run again")
    with np.load(golden) as expected:
        assert sorted(expected) == sorted(thinned)
        for name, values in thinned.items():
            np.testing.assert_allclose(values, expected[name], atol=2e-5, rtol=1e-5, err_msg=name)
