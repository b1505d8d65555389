"""Check and time the toolkit on a GPU in one call of less than eight minutes, which builds and fetches nothing.

    python perf/gpu.py              on a GPU; lines appear as they are measured, the table of all of them at the end
    python perf/gpu.py --dry-run    the same code on the CPU at tiny sizes: its numbers mean nothing

A section that fails says so in a line, and the others go on. Weights are random.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gpu_bench import HEAD, Bench

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

#: What the sections import; where one is missing, nothing could be measured.
PACKAGES = (
    *("torch", "torchvision", "timm", "smplx", "scipy", "safetensors", "accelerate"),
    *("cv2", "packaging", "platformdirs", "pydantic", "rich"),
)

#: Modules of this folder with sections, in order: what everything else is compared with comes first.
SECTIONS = (
    ("gpu_network", "machine"),
    ("gpu_network", "matrix_rates"),
    ("gpu_parity", "parity"),
    ("gpu_network", "network"),
    ("gpu_input", "crops"),
    ("gpu_input", "jpeg"),
    ("gpu_input", "end_to_end"),
    ("gpu_training", "training_input"),
    ("gpu_training", "training_step"),
    ("gpu_network", "compiled"),
)


def run(bench: Bench, sections: Sequence[tuple[str, str]]) -> list[str]:
    """Run the sections; return those that failed or were left out."""
    failed = []
    for module, name in sections:
        title = name.replace("_", " ")
        if time.perf_counter() > bench.ends:
            failed.append(f"{title}: left out, time is up")
            continue
        print(f"\n{title}", flush=True)
        began = time.perf_counter()
        try:
            section: Callable[[Bench], None] = getattr(import_module(module), name)
            section(bench)
        except Exception as error:
            line = str(error).partition("\n")[0]
            failed.append(f"{title}: {type(error).__name__}: {line}")
            print(failed[-1], flush=True)
        print(f"({time.perf_counter() - began:.0f} s)", flush=True)
    return failed


def main() -> int:
    """Measure and print; return 1 if a section failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, at tiny sizes")
    parser.add_argument("--only", nargs="+", choices=[name for _, name in SECTIONS], help="sections to run")
    parser.add_argument("--limit", type=float, default=400, help="seconds after which no section begins")
    options = parser.parse_args()
    if absent := [name for name in PACKAGES if find_spec(name) is None]:
        parser.exit(3, f"missing: {', '.join(absent)}; type: pip install -e '.[models,train]'\n")
    import torch

    if not options.dry_run and not torch.cuda.is_available():
        parser.exit(3, "no GPU that PyTorch can use; to try the script type: python perf/gpu.py --dry-run\n")
    sections = [section for section in SECTIONS if not options.only or section[1] in options.only]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.dry_run, Path(folder), time.perf_counter() + options.limit)
        failed = run(bench, sections)
    print("\n" + "\n".join(str(line) for line in [*HEAD, *bench.rows]))
    print("\n".join(["", *failed]) if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
