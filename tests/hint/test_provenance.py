"""What a number was made with, asked of real repositories and processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

import hint
from hint import provenance
from hint.provenance import collect, git_state, peak_memory_bytes, sha256_file, without_secrets


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for package in provenance.PACKAGES:
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / ".gitignore").write_text(".venv/\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "Begin")
    return root


def test_collect_is_json_and_tells_what_ran() -> None:
    described = json.loads(json.dumps(collect(["numpy", "no-such-package"]), allow_nan=False))
    assert set(described) == {"hint", "git", "python", "platform", "cpu", "cores", "packages", "command", "utc"}
    assert described["hint"] == hint.__version__
    assert described["packages"] == {"numpy": np.__version__, "no-such-package": None}
    assert described["python"] == ".".join(map(str, sys.version_info[:3]))
    assert described["cpu"]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(described["utc"])
    assert timedelta(seconds=-1) < age < timedelta(minutes=1)


def test_environment_is_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "hush-hush")
    assert "hush-hush" not in json.dumps(collect(["numpy"]))


def test_command_is_quoted_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hint", "eval", "--data", "my data", "--api-key", "hush"])
    assert collect([])["command"] == "hint eval --data 'my data' --api-key '***'"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["--token", "hush", "--seed", "1"], ["--token", "***", "--seed", "1"]),
        (["--studio-token=hush"], ["--studio-token=***"]),
        (["--PASSWORD", "hush"], ["--PASSWORD", "***"]),
        (["--keypoints", "file.npz", "--monkey", "x"], ["--keypoints", "file.npz", "--monkey", "x"]),
        (["https://me:hush@host/path@1", "a@b"], ["https://***@host/path@1", "a@b"]),
        (["--data", "s3://bucket/x?key=hush"], ["--data", "s3://bucket/x?***"]),
    ],
)
def test_secrets(given: list[str], kept: list[str]) -> None:
    assert without_secrets(given) == kept


def test_commit_and_changes(checkout: Path) -> None:
    clean = {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}
    assert git_state(checkout / "hint") == clean
    (checkout / "results.json").touch()
    assert git_state(checkout / "hint") == clean, "results beside the packages change no number"
    (checkout / "benchmark/metric.py").touch()
    assert git_state(checkout / "hint") == clean | {"dirty": True}
    (checkout / "benchmark/metric.py").unlink()
    (checkout / "hint/__init__.py").write_text("x = 1\n")
    assert git_state(checkout / "hint") == clean | {"dirty": True}


def test_package_installed_below_another_project_has_no_commit(checkout: Path) -> None:
    installed = checkout / ".venv/lib/site-packages/hint"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert git_state(installed) is None


def test_no_checkout_and_no_git(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hint").mkdir()
    assert git_state(tmp_path / "hint") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(checkout / "hint") is None


def test_git_of_a_hook_does_not_answer_for_the_package(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    state = git_state(checkout / "hint")
    assert state is not None
    assert len(state["commit"]) == 40


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


PEAK = "from hint.provenance import peak_memory_bytes as p; a = p(); x = b'1' * {size}; del x; print(a, p())"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_peak_memory_grows_with_what_was_held() -> None:
    size = 100_000_000
    done = subprocess.run([sys.executable, "-c", PEAK.format(size=size)], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 1e6 < before < 2e8
    assert 0.9 * size < after - before < 1.3 * size


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands the peak on to child processes")
def test_peak_memory_is_not_the_parents() -> None:
    held = b"1" * 300_000_000
    done = subprocess.run([sys.executable, "-c", PEAK.format(size=1)], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[1]) < len(held) < (peak_memory_bytes() or 0)
