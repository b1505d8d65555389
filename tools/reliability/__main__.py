"""Disturb every command that writes, and see whether the same command then gives what an undisturbed run gives.

    python -m tools.reliability --kills 100 --out /tmp/reliability [--only eval] [--write docs/reliability.md]

Needs Linux; disks of a given size need root and are left out without it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .commands import Command, make_inputs, writing_commands
from .faults import Bench, Tried
from .process import import_large_packages

#: Kind of trial -> how it is headed.
KINDS = {
    "kills": "kill -9",
    "full_disk": "disk full",
    "read_only": "read-only",
    "two_at_once": "two at once",
    "clock": "clock jumps",
    "changing_input": "input changes",
}
#: Where the table stands in a document.
_BEGIN, _END = "<!-- table of tools/reliability: begin -->", "<!-- end -->"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="kills of every command")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments")
    parser.add_argument("--only", action="append", default=[], help="commands whose names begin so; may be repeated")
    parser.add_argument("--kind", action="append", default=[], choices=KINDS, help="kinds of trials; default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder for inputs, results and tried.json")
    parser.add_argument("--write", type=Path, help="document whose table is replaced")
    options = parser.parse_args()
    import_large_packages()
    options.out = options.out.resolve()
    make_inputs(options.out / "inputs")
    known = options.out / "tried.json"
    tried = json.loads(known.read_text()) if known.is_file() else {}
    for command in writing_commands():
        if not options.only or any(command.name.startswith(start) for start in options.only):
            found = try_command(command, options.out, options.kills, options.seed, options.kind or list(KINDS))
            tried[command.name] = {**tried.get(command.name, {}), **found}
            known.write_text(json.dumps(tried, indent=1))
    lines = table(tried)
    print("\n".join(lines))
    if options.write:
        before, _, rest = options.write.read_text().partition(_BEGIN)
        after = rest.partition(_END)[2]
        options.write.write_text("\n".join([before + _BEGIN, "", *lines, "", _END]) + after)
    sys.exit(int(any(cell["problems"] for row in tried.values() for cell in row.values())))


def try_command(command: Command, out: Path, kills: int, seed: int, kinds: list[str]) -> dict[str, dict[str, object]]:
    """Try a command; returns kind -> how often, and what went wrong."""
    work = out / "work" / command.name.replace(" ", "-").replace(",", "")
    work.mkdir(parents=True, exist_ok=True)
    bench, found = Bench(command, out / "inputs", work, seed), {}
    if bench.varying:
        print(f"{command.name}: differ between undisturbed runs: {', '.join(bench.varying)}", flush=True)
    trials: dict[str, Callable[[], Tried]] = {
        "kills": lambda: bench.kills(kills),
        "two_at_once": bench.two_at_once,
        "clock": bench.clock,
        "changing_input": bench.changing_input,
    }
    if os.geteuid() == 0:
        trials |= {"full_disk": bench.full_disk, "read_only": bench.read_only}
    for kind in (kind for kind in kinds if kind in trials):
        started = time.monotonic()
        tried = trials[kind]()
        seconds = round(time.monotonic() - started)
        print(
            f"{command.name}: {KINDS[kind]}: {tried.times} times, {len(tried.problems)} problems, {seconds} s",
            flush=True,
        )
        for problem in dict.fromkeys(tried.problems):
            print(f"    {problem}", flush=True)
        found[kind] = {"times": tried.times, "problems": list(dict.fromkeys(tried.problems))}
    return found


def table(tried: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    """Return a Markdown table: how often each was tried, and what did not survive."""
    lines = ["| command | " + " | ".join(KINDS.values()) + " |", "|---|" + "---|" * len(KINDS)]
    for name, row in tried.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row.get(kind)) for kind in KINDS) + " |")
    return lines


def _cell(tried: dict[str, object] | None) -> str:
    if tried is None or not tried["times"]:
        return "-"
    problems = tried["problems"]
    return (
        f"{tried['times']}, **{len(problems)} problems**"
        if isinstance(problems, list) and problems
        else f"{tried['times']}"
    )


if __name__ == "__main__":
    main()
