"""Section of ``gpu.py``: every network against the reference arrays of the tests, by precision."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from gpu_bench import Bench
from gpu_network import PRECISIONS, device_of
from numpy.typing import NDArray
from parity import CASES, Answer, Case, Reference, read_adjacency

from hint.methods.device import float32_math, placed
from hint.methods.hamer.precision import set_precision

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"


def parity(bench: Bench) -> None:
    """Compare every network with the published one; in fp32 with the tolerances of the tests."""
    reference = Reference(_synth(), GOLDEN, bench.folder, _adjacency)
    for case in CASES:
        if bench.is_dry and not case.tiny_tolerance:
            continue
        try:
            _compare(bench, case, reference)
        except FileNotFoundError as error:
            bench.add(f"{case.method}: no {Path(error.filename).name}", "left out")


@torch.inference_mode()
def _compare(bench: Bench, case: Case, reference: Reference) -> None:
    device = device_of(bench)
    with device:
        network = (case.small if bench.is_dry else case.full)().eval()
    reference.synth.fill_state(case.method, network.state_dict(), prefix=case.prefix)
    network = placed(network, device)
    images = torch.from_numpy(reference.synth.network_input(case.method)).to(device)
    parts = case.reference_parts(reference)
    with np.load(GOLDEN / ("tiny_forward.npz" if bench.is_dry else f"{case.method}_forward.npz")) as arrays:
        prefix = f"{case.method}/" if bench.is_dry else ""
        expected: Answer = {name: arrays[prefix + name] for name in case.tolerance}
    tolerance = (case.tiny_tolerance if bench.is_dry else case.tolerance) or {}
    for precision in PRECISIONS:
        if precision == "bf16":
            if not hasattr(network, "costly"):
                continue  # the methods offer none
            set_precision(network, precision, device)
        with float32_math(precision):
            ours = case.answer(network, images, parts)
        apart = {name: float(np.abs(ours[name] - expected[name]).max()) for name in tolerance}
        name, times = max(((name, apart[name] / max(atol, 1e-12)) for name, atol in tolerance.items()), key=_second)
        is_exact = precision == "fp32"
        goal = ("<= 1", times <= 1) if is_exact else ("", None)
        bench.add(f"{case.method}, {precision}: tolerances apart", f"{times:.2g} {name[:12]}", *goal)


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def _synth() -> ModuleType:
    spec = spec_from_file_location("reference", GOLDEN / "synth.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _adjacency() -> NDArray[np.float32]:
    """Return Mesh Graphormer's neighbours, which lie in or beside the checkout where they are."""
    inside = ROOT / "shared"
    return read_adjacency(inside if inside.is_dir() else ROOT.parent / "shared")
