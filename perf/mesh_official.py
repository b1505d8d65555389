"""Time FreiHAND's or HO-3D's released ``eval.py`` against ``hint.evaluate``, each from files to scores.

    python perf/mesh_protocols.py --keep DATA --rounds 0
    python perf/mesh_official.py freihand CLONE DATA --python PYTHON
    python perf/mesh_official.py ho3d CLONE DATA --hands 300 --python PYTHON

CLONE is a clone of the dataset's repository; PYTHON runs its script and has scipy, matplotlib and, for FreiHAND,
Open3D. Names that newer versions of Open3D and numpy gave up are put back and its page of curves is left out, nothing
else changes. Each runs in a process of its own, whose start and imports do not count; ``--hands`` takes the first ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_CLOCK = "import time; started = time.perf_counter(), time.process_time()"
_SHOW = "print('SECONDS', time.perf_counter() - started[0], time.process_time() - started[1])"

_OFFICIAL = f"""
import sys, types
sys.path.insert(0, {{clone!r}})
for name in ("pip", "skimage", "skimage.io"):
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules["skimage"].io = sys.modules["skimage.io"]
import numpy as np
np.trapz = getattr(np, "trapezoid", None) or np.trapz
if {{kind!r}} == "freihand":
    import open3d as o3d
    o3d.PointCloud, o3d.Vector3dVector = o3d.geometry.PointCloud, o3d.utility.Vector3dVector
    o3d.compute_point_cloud_to_point_cloud_distance = lambda a, b: a.compute_point_cloud_distance(b)
import eval
eval.createHTML = lambda *_: None
eval.db_size = lambda *_, **__: {{hands}}
{_CLOCK}
arguments = ("ref", "res") if {{kind!r}} == "freihand" else (".", ".")
version = () if {{kind!r}} == "freihand" else ("v2",)
eval.main(*arguments, ".", *version, set_name="evaluation")
{_SHOW}
"""

_OURS = f"""
import hint
import benchmark.mesh.task
{_CLOCK}
hint.evaluate({{data!r}}, {{predictions!r}}, {{protocol!r}}, out="out")
{_SHOW}
"""


def run(python: str, code: str, folder: str) -> tuple[float, float]:
    """Run code in a new process; return its seconds and its seconds of processors."""
    done = subprocess.run([python, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("SECONDS"))
    _, wall, used = line.split()
    return float(wall), float(used)


def lay_out(kind: str, data: Path, folder: Path, hands: int) -> tuple[Path, Path]:
    """Write the first hands as the official script reads them; return the ground truth and the predictions."""
    truth, given = (folder / "ref", folder / "res") if kind == "freihand" else (folder, folder)
    for place in (truth, given):
        place.mkdir(exist_ok=True)
    for name in ("evaluation_xyz.json", "evaluation_verts.json"):
        (truth / name).write_text(json.dumps(json.loads((data / "ref" / name).read_text())[:hands]))
    parts = json.loads((data / "res" / "pred.json").read_text())
    (given / "pred.json").write_text(json.dumps([part[:hands] for part in parts]))
    (truth / "evaluation.txt").write_text("".join(f"S{k // 500}/{k:05d}\n" for k in range(hands)))
    return truth, given / "pred.json"


def main() -> None:
    """Take turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("freihand", "ho3d"), help="whose script")
    parser.add_argument("clone", type=Path, help="clone of its repository")
    parser.add_argument("data", type=Path, help="what perf/mesh_protocols.py --keep wrote")
    parser.add_argument("--hands", type=int, default=3960, help="number of hands")
    parser.add_argument("--rounds", type=int, default=1, help="rounds; medians are printed")
    parser.add_argument("--python", default=sys.executable, help="Python that runs the official script")
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            truth, given = lay_out(options.kind, options.data, Path(folder), options.hands)
            names = {"clone": str(options.clone.resolve()), "kind": options.kind, "hands": options.hands}
            protocol = "freihand" if options.kind == "freihand" else "ho3d-v2"
            paths = {"data": str(truth), "predictions": str(given), "protocol": protocol}
            official = run(options.python, _OFFICIAL.format(**names), folder)
            rounds.append((*official, *run(sys.executable, _OURS.format(**paths), folder)))
    slow, slow_cpu, ours, ours_cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    print("| way | s | times faster | core seconds | ratio |\n|---|---:|---:|---:|---:|")
    print(f"| `eval.py` | {slow:.1f} | 1 | {slow_cpu:.1f} | 1 |")
    print(f"| ours, with intervals | {ours:.1f} | {slow / ours:.1f} | {ours_cpu:.1f} | {slow_cpu / ours_cpu:.1f} |")


if __name__ == "__main__":
    main()
