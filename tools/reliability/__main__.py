"""Disturb every command that writes, and see whether the same command then gives what an undisturbed run gives.

    python -m tools.reliability --kills 100 --out /tmp/reliability [--only eval] [--write docs/reliability.md]

Needs Linux; disks of a given size need root and are left out without it. What was tried is kept in the folder: a later
run replaces what it tries again. Runs at the same time take folders and seeds of their own; ``--add`` adds them up.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from .commands import Command, make_inputs, writing_commands
from .faults import Bench, Tried
from .process import import_large_packages


class Found(TypedDict):
    """How often something was tried, and what went wrong."""

    times: int
    problems: list[str]


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
    parser.add_argument("--kills", type=int, default=100, help="kills of every command; 0: only write the table")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop killing a command after so long")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments")
    parser.add_argument("--only", action="append", default=[], help="commands whose names begin so; may be repeated")
    parser.add_argument("--kind", action="append", default=[], choices=KINDS, help="kinds of trials; default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder for inputs, results and tried.json")
    parser.add_argument("--add", type=Path, action="append", default=[], help="--out of another run; may be repeated")
    parser.add_argument("--write", type=Path, help="document whose table gets the rows of commands that were tried")
    options = parser.parse_args()
    options.out = options.out.resolve()
    commands = [command for command in writing_commands() if command.name.startswith(tuple(options.only or [""]))]
    if options.kills:
        import_large_packages()
        make_inputs(options.out / "inputs")
        for command in commands:
            try_command(command, options)
    tried = add_up([options.out, *options.add])
    rows = {name: _row(name, kinds) for name, kinds in tried.items()}
    print("\n".join(table(rows)))
    if options.write:
        write(options.write, rows)
    sys.exit(int(any(cell["problems"] for row in tried.values() for cell in row.values())))


def try_command(command: Command, options: argparse.Namespace) -> None:
    """Try a command, and keep how often each kind was tried, and what went wrong."""
    work = options.out / "work" / command.name.replace(" ", "-").replace(",", "")
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(command, options.out / "inputs", work, options.seed)
    if bench.varying:
        print(f"{command.name}: differ between undisturbed runs: {', '.join(bench.varying)}", flush=True)
    trials: dict[str, Callable[[], Tried]] = {
        "kills": lambda: bench.kills(options.kills, options.minutes * 60),
        "two_at_once": bench.two_at_once,
        "clock": bench.clock,
        "changing_input": bench.changing_input,
    }
    if os.geteuid() == 0:
        trials |= {"full_disk": bench.full_disk, "read_only": bench.read_only}
    for kind in (kind for kind in options.kind or KINDS if kind in trials):
        started = time.monotonic()
        tried = trials[kind]()
        seconds = round(time.monotonic() - started)
        print(
            f"{command.name}: {KINDS[kind]}: {tried.times} times, {len(tried.problems)} problems, {seconds} s",
            flush=True,
        )
        for problem in dict.fromkeys(tried.problems):
            print(f"    {problem}", flush=True)
        keep(options.out, command.name, kind, {"times": tried.times, "problems": list(dict.fromkeys(tried.problems))})


def keep(out: Path, name: str, kind: str, found: Found) -> None:
    """Keep what was tried of a command, in place of what an earlier run found."""
    tried = read_tried(out)
    tried.setdefault(name, {})[kind] = found
    (out / "tried.json").write_text(json.dumps(tried, indent=1))


def read_tried(out: Path) -> dict[str, dict[str, Found]]:
    """Return command -> kind -> what earlier runs into a folder found."""
    path = out / "tried.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def add_up(folders: list[Path]) -> dict[str, dict[str, Found]]:
    """Add up what runs into several folders found, in the order of the commands."""
    runs = [read_tried(folder) for folder in folders]
    found: dict[str, dict[str, Found]] = {}
    for command in writing_commands():
        for row in (run[command.name] for run in runs if command.name in run):
            held = found.setdefault(command.name, {})
            for kind, more in row.items():
                before = held.get(kind, {"times": 0, "problems": []})
                problems = list(dict.fromkeys([*before["problems"], *more["problems"]]))
                held[kind] = {"times": before["times"] + more["times"], "problems": problems}
    return found


def table(rows: dict[str, str]) -> list[str]:
    """Return a Markdown table: how often each command was tried, and what did not survive."""
    names = [command.name for command in writing_commands()]
    lines = ["| command | " + " | ".join(KINDS.values()) + " |", "|---|" + "---|" * len(KINDS)]
    return lines + [rows[name] for name in names if name in rows]


def write(document: Path, rows: dict[str, str]) -> None:
    """Put rows into the table of a document; what is there stays where nothing was tried."""
    before, _, rest = document.read_text().partition(_BEGIN)
    earlier, _, after = rest.partition(_END)
    there = {line.split(" | ")[0].removeprefix("| "): line for line in earlier.splitlines() if line.startswith("| ")}
    merged = {name: _merged(there.get(name, row), row) for name, row in rows.items()}
    document.write_text("\n".join([before + _BEGIN, "", *table(there | merged), "", _END]) + after)


def _merged(earlier: str, row: str) -> str:
    cells = zip(earlier.split("|"), row.split("|"), strict=True)
    return "|".join(old if new == " - " else new for old, new in cells)


def _row(name: str, kinds: dict[str, Found]) -> str:
    return f"| {name} | " + " | ".join(_cell(kinds.get(kind)) for kind in KINDS) + " |"


def _cell(tried: Found | None) -> str:
    if tried is None or not tried["times"]:
        return "-"
    problems = f", **{len(tried['problems'])} problems**" if tried["problems"] else ""
    return f"{tried['times']}{problems}"


if __name__ == "__main__":
    main()
