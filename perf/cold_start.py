"""Time ``hint eval --method hamer`` from the start of the process to the first crop that enters the network.

    hint demo-data -n 2 --out DATA
    python perf/cold_start.py CHECKPOINT DATA            a file as large as the released one (2.7 GB)
    python perf/cold_start.py CHECKPOINT DATA --cold     with neither the file nor its sha256 in memory

CHECKPOINT is made, with random weights, where it does not exist; its hand is the procedural one. Processor time is of
all threads, and little disturbed by other work; the clock is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_KEYS = Path(__file__).parents[1] / "tests" / "golden" / "keys" / "hamer.json"

#: Says when a network, not one of its parts, is called first, and when it has answered.
_WATCHED = """
import os, resource, sys, time
STARTED = float(os.environ["STARTED"])
def say(what):
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(what, time.time() - STARTED, used.ru_utime + used.ru_stime, file=sys.stderr, flush=True)
def watch():
    from torch.nn.modules import module
    told = set()
    def once(what, network):
        if type(network).__name__ == "Hamer" and what not in told:
            told.add(what)
            say(what)
    module.register_module_forward_pre_hook(lambda network, _: once("FIRST", network))
    module.register_module_forward_hook(lambda network, *_: once("ANSWERED", network))
watch()
sys.argv = ["hint", *sys.argv[1:]]
from hint.cli import main
try:
    main()
finally:
    say("ENDED")
"""


def make_checkpoint(path: Path) -> None:
    """Write a file of the released layout and size with random weights."""
    import torch

    from hint.mano.procedural import procedural_hand
    from hint.methods.hamer.config import HamerConfig
    from hint.methods.hamer.load import random_network

    hand = procedural_hand()
    arrays = {
        "v_template": hand.v_template,
        "faces_tensor": hand.faces,
        "shapedirs": hand.shapedirs,
        "posedirs": hand.posedirs.reshape(-1, 135).T,
        "J_regressor": hand.j_regressor,
        "parents": hand.parents,
        "lbs_weights": hand.lbs_weights,
        "hand_mean": hand.hands_mean,
        "hand_components": hand.hands_components[:6],
    }
    state = dict(random_network(0, HamerConfig()).state_dict())
    state |= {f"mano.{name}": torch.tensor(values) for name, values in arrays.items()}
    for key, (shape, _) in json.loads(_KEYS.read_text()).items():
        if key not in state:
            state[key] = torch.zeros(shape)
    torch.save({"state_dict": state}, path)


def forget(path: Path) -> None:
    """Drop a file from the memory of the system."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="weights")
    parser.add_argument("data", type=Path, help="labelled pictures")
    parser.add_argument("--cold", action="store_true", help="read the file from the disk and compute its sha256")
    parser.add_argument("--rounds", type=int, default=3, help="how often")
    options = parser.parse_args()
    if not options.checkpoint.exists():
        make_checkpoint(options.checkpoint)
    print("| | s | core seconds |\n|---|---:|---:|")
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, clock, used in run(options, Path(folder)):
                print(f"| {name} | {clock:.1f} | {used:.1f} |")


def run(options: argparse.Namespace, folder: Path) -> list[tuple[str, float, float]]:
    """Return what was reached, and seconds of the clock and of processors until then."""
    import time

    home = {"HINT_HOME": str(folder / "home")} if options.cold else {}
    if options.cold:
        forget(options.checkpoint)
    command = ["eval", "--method", "hamer", "--weights", str(options.checkpoint.resolve())]
    command += ["--data", str(options.data.resolve()), "--out", str(folder / "out"), "--limit", "1", "--device", "cpu"]
    watched = [sys.executable, "-c", _WATCHED, *command]
    environment = {**os.environ, **home, "STARTED": str(time.time())}
    done = subprocess.run(watched, env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith(("FIRST", "ANSWERED", "ENDED"))]
    return [(name.lower(), float(clock), float(used)) for name, clock, used in lines]


if __name__ == "__main__":
    main()
