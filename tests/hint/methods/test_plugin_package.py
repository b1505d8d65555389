"""The package docs/add-a-method.md describes, installed as it says there and used from the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hint.files import write_pairs
from hint.images import write_image
from hint.methods.synthetic_hands import synthetic_hands, synthetic_labels

PAGE = Path(__file__).parents[3] / "docs/add-a-method.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package with its own build system and install it into a folder of its own."""
    source = tmp_path_factory.mktemp("plugin")
    (source / "pyproject.toml").write_text(blocks("toml")[0])
    (source / "skin_blob.py").write_text(blocks("python")[0])
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, capture_output=True, text=True)
    return target


def hint(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", "from hint.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_takes_fewer_than_forty_lines() -> None:
    lines = [line for block in (blocks("toml")[0], blocks("python")[0]) for line in block.splitlines() if line.strip()]
    assert len(lines) < 40


def test_it_is_listed_as_ready(site: Path) -> None:
    rows = json.loads(hint(site, "list", "methods", "--json").stdout)
    row = next(row for row in rows if row["name"] == "skin-blob")
    assert row["status"] == "ready"
    assert "skin-coloured" in row["summary"]


def test_it_keeps_the_contract(site: Path) -> None:
    done = hint(site, "eval", "--method", "skin-blob", "--selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout


def test_it_is_evaluated_like_any_other(site: Path, tmp_path: Path) -> None:
    hands = synthetic_hands()
    data = tmp_path / "TEST_drawn_img"
    data.mkdir()
    for drawn in hands:
        write_image(data / f"{drawn.hand.hand_id}.jpg", drawn.picture, 95)
    write_pairs(data, synthetic_labels(hands))
    done = hint(site, "eval", "--method", "skin-blob", "--data", str(data), "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["method"]["name"] == "skin-blob"
    assert record["status"] == "complete"
    assert (tmp_path / "out/skin-blob/predictions.npz").is_file()
    assert any(score["value"] > 0 for score in record["scores"] if score["metric"] == "pck")
