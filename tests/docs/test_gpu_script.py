"""The script that is run where a GPU is at hand works, as far as that can be told without one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Sections of the script -> lines with a number each prints at least.
SECTIONS = {
    "machine": 2,
    "matrix rates": 3,
    "parity": 12,
    "network": 20,
    "crops": 4,
    "jpeg": 3,
    "end to end": 6,
    "training input": 2,
    "training step": 2,
    "compiled": 3,
}


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, str(ROOT / "perf" / "gpu.py"), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_prints_numbers_as_they_come(printed: str, section: str) -> None:
    rows = printed.partition(f"\n{section}\n")[2].partition("\n\n")[0].splitlines()
    numbers = [row for row in rows if re.match(r"\| .+ \| .*\d.* \|.*\|.*\|$", row)]
    assert len(numbers) >= SECTIONS[section]
    assert not any("nan" in row for row in numbers)


def test_the_table_at_the_end_holds_all_rows_and_fits_a_terminal(printed: str) -> None:
    table = [line for line in printed.rpartition("\n\n|")[2].splitlines() if line]
    assert len(table) - 2 >= sum(SECTIONS.values())
    assert max(map(len, table)) <= 80
    assert ">= 55 %" in printed


def test_without_a_gpu_it_says_what_to_type() -> None:
    command = [sys.executable, str(ROOT / "perf" / "gpu.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 3
    assert done.stderr.strip().endswith("python perf/gpu.py --dry-run")
