"""Spoil files and read them, for as long as you like, and say what readers did that they may not.

python tools/fuzz.py --minutes 30                       every reader, for an equal time
python tools/fuzz.py --minutes 5 --target "COCO"        one; repeat for several
python tools/fuzz.py --list                             what there is

With atheris (pip install atheris; Apache-2.0) what is kept and spoiled further follows the coverage of the code; else
every file is spoiled from a valid one. Findings go to ``build/fuzz/<target>/finding-*``, each with a file beside it
that says what happened; files that reached new code stay there, and the next run starts from them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

if TYPE_CHECKING:
    from fuzzing.target import Prepared

FOUND = ROOT / "build" / "fuzz"
#: Packages whose coverage counts.
PACKAGES = ["hint", "annotation", "benchmark", "leaderboard"]


def main() -> None:
    """Run each reader in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="for all readers together")
    parser.add_argument("--target", action="append", default=[], help="name of a reader; repeat for several")
    parser.add_argument("--list", action="store_true", help="print the names of the readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOUND)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.minutes * 60, options.seed, options.out)
        return
    if options.list:
        print("\n".join(target_names()))
        return
    chosen = options.target or target_names()
    rows = [run(name, options.minutes / len(chosen), options.seed, options.out) for name in chosen]
    sys.exit(1 if any(row["findings"] for row in rows) else 0)


def target_names() -> list[str]:
    """Return the names of all readers."""
    from fuzzing.readers import all_targets

    return [target.name for target in all_targets()]


def folder_of(name: str, out: Path) -> Path:
    """Return where the files of a reader are."""
    return out / re.sub(r"\W+", "-", name.lower())


def run(name: str, minutes: float, seed: int, out: Path) -> dict[str, Any]:
    """Fuzz a reader in another process, which a crash or a lack of memory may end; print its row."""
    folder = folder_of(name, out)
    folder.mkdir(parents=True, exist_ok=True)
    before = {*folder.glob("finding-*.json")}
    options = ["--worker", name, "--minutes", str(minutes), "--seed", str(seed), "--out", str(out)]
    done = subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, errors="replace")
    runs = re.findall(r"#(\d+)\s", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    findings = sorted({*folder.glob("finding-*.json")} - before)
    row = {
        "target": name,
        "minutes": round(minutes, 2),
        "executions": int(runs[-1]) if runs else 0,
        "coverage": int(coverage[-1]) if coverage else None,
        "findings": len(findings),
    }
    coverage_text = "-" if row["coverage"] is None else f"{row['coverage']:,}"
    ended = f"  ended with {done.returncode}" if done.returncode else ""
    numbers = f"{minutes:6.1f} min {row['executions']:10,} runs {coverage_text:>7} edges {len(findings):3} findings"
    print(f"{name:28} {numbers}{ended}", flush=True)
    for path in findings:
        print(f"    {path}: {json.loads(path.read_text())}", flush=True)
    if done.returncode:
        print("    " + "\n    ".join(done.stderr.splitlines()[-5:]), flush=True)
    return row


def work(name: str, seconds: float, seed: int, out: Path) -> None:
    """Fuzz a reader in this process."""
    try:
        import atheris
    except ModuleNotFoundError:
        plain(name, seconds, seed, out)
        return
    with atheris.instrument_imports(include=PACKAGES):
        prepared, keep = start(name, out)
    from fuzzing.judge import judge
    from fuzzing.mutation import LARGEST, mutate

    def one(content: bytes) -> None:
        keep(content, judge(prepared, content))

    def spoil(content: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        return mutate(content if random.random() < 0.9 else prepared.seed, prepared.target.form, random)[:most]

    corpus = folder_of(name, out) / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "valid").write_bytes(prepared.seed)
    limits = [f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", f"-max_len={LARGEST}", "-rss_limit_mb=12000"]
    atheris.Setup(
        [sys.argv[0], *limits, "-timeout=120", f"-artifact_prefix={corpus.parent}/", str(corpus)],
        one,
        custom_mutator=spoil,
    )
    atheris.Fuzz()


def plain(name: str, seconds: float, seed: int, out: Path) -> None:
    """Fuzz without coverage."""
    prepared, keep = start(name, out)
    from fuzzing.judge import judge
    from fuzzing.mutation import mutate

    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        content = mutate(prepared.seed, prepared.target.form, Random(f"{name} {seed} {number}"))
        keep(content, judge(prepared, content))
        number += 1
    sys.stderr.write(f"#{number} runs\n")


def start(name: str, out: Path) -> tuple[Prepared, Any]:
    """Write the files of a reader; return them, and what keeps findings, one of each kind."""
    from fuzzing.readers import find_target
    from fuzzing.target import prepare

    try:
        target = find_target(name)
    except KeyError:
        sys.exit(f"no reader is called {name!r}; python tools/fuzz.py --list names them")
    prepared = prepare(target, Path(tempfile.mkdtemp(prefix="hint-fuzz-")) / "files")
    target.read(prepared.folder)  # what it imports late is imported now
    folder, seen = folder_of(name, out), set()

    def keep(content: bytes, finding: Any) -> None:
        if finding is None or finding.key in seen:
            return
        seen.add(finding.key)
        path = folder / f"finding-{re.sub(r'[^a-zA-Z0-9]+', '-', ' '.join(finding.key))}"
        path.write_bytes(content)
        path.with_name(f"{path.name}.json").write_text(json.dumps(vars(finding)))

    return prepared, keep


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
