"""The repository template, used as GitHub would: its own commands, in real git repositories, with drawn labels."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmark.card import Card
from benchmark.submit import submit
from hint.errors import InputError
from hint.files import write_pairs, write_predictions
from hint.types import HandLabels, Predictions
from hint.version import __version__
from leaderboard.template import template_folder, write_template

WORKFLOWS = template_folder() / ".github" / "workflows"
PASSPHRASE = "correct horse battery staple"


def workflow(name: str) -> dict[Any, Any]:
    """Read a workflow; YAML 1.1 takes the key "on" for true."""
    return yaml.safe_load((WORKFLOWS / name).read_text())


def steps() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in sorted(path.name for path in WORKFLOWS.iterdir()):
        for job, content in workflow(file)["jobs"].items():
            for step in content["steps"]:
                yield file, job, step


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def run_job(file: str, job: str, folder: Path, temp: Path, **variables: str) -> tuple[int, str, str]:
    """Run the commands of a job; return the exit code of the first that fails, the summary, and the log."""
    content, log = workflow(file), ""
    summary = temp / "summary.md"
    summary.parent.mkdir(parents=True, exist_ok=True)
    runner = {"RUNNER_TEMP": str(temp), "GITHUB_STEP_SUMMARY": str(summary), "PYTHONUTF8": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in content["jobs"][job]["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        secret = {key: PASSPHRASE for key in step.get("env", {}) if key == "LABELS_PASSPHRASE"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env={**os.environ, **runner, **variables, **secret, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        log += done.stdout + done.stderr
        if done.returncode:
            break
    return done.returncode, summary.read_text() if summary.exists() else "", log


def predicted(labels: HandLabels, sigma: float, path: Path, rows: slice = slice(None)) -> Path:
    """Write labels with noise of ``sigma`` px as predictions."""
    noise = np.random.default_rng(0).normal(0, sigma, labels.keypoints_2d.shape)
    write_predictions(path, Predictions(labels.hand_id, (labels.keypoints_2d + noise).astype(np.float32)).select(rows))
    return path


class Board:
    """A board on a server, its maintainer's clone, and a stranger's fork."""

    def __init__(self, folder: Path, labels: HandLabels) -> None:
        self.folder, self.labels = folder, labels
        self.server, self.maintainer, self.fork = (folder / name for name in ("server.git", "maintainer", "fork"))
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.server))
        git(folder, "clone", "--quiet", str(self.server), str(self.maintainer))
        git(self.maintainer, "checkout", "--quiet", "-B", "main")
        write_template(self.maintainer)
        self._encrypt(folder / "labels")
        self.publish(self.maintainer, "main")
        git(folder, "clone", "--quiet", str(self.server), str(self.fork))

    def _encrypt(self, folder: Path) -> None:
        """Pack the labels as the README says."""
        write_pairs(folder / "TEST_drawn_img", self.labels)
        packed, lock = ["tar", "-cz", "-C", str(folder), "."], ["gpg", "--batch", "--quiet", "--symmetric"]
        lock += ["--pinentry-mode", "loopback", "--cipher-algo", "AES256", "--output", "labels.tar.gz.gpg"]
        tar = subprocess.run(packed, capture_output=True, check=True).stdout
        (self.folder / "tar").write_bytes(tar)
        subprocess.run([*lock, "--passphrase", PASSPHRASE, str(self.folder / "tar")], cwd=self.maintainer, check=True)

    def publish(self, clone: Path, branch: str) -> None:
        """Commit everything in a clone and push it to a branch of the server."""
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--allow-empty", "--message", "Change something")
        git(clone, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")

    def propose(self, number: int) -> dict[str, str]:
        """Open a pull request with what changed in the fork; return what GitHub tells the workflow of it."""
        base = git(self.fork, "rev-parse", "origin/main")
        self.publish(self.fork, f"refs/pull/{number}/head")
        head = git(self.fork, "rev-parse", "HEAD")
        git(self.fork, "reset", "--quiet", "--hard", "origin/main")
        git(self.fork, "clean", "--quiet", "-fdx")
        return {"BASE": base, "HEAD": head}

    def run(self, file: str, job: str, **variables: str) -> tuple[int, str, str, Path]:
        """Run a job on a fresh checkout of main, as the first step of each does."""
        temp = self.folder / f"temp-{len(list(self.folder.glob('temp-*')))}"
        git(self.folder, "clone", "--quiet", str(self.server), str(temp / "checkout"))
        return *run_job(file, job, temp / "checkout", temp, **variables), temp


@pytest.fixture(scope="module")
def board(tmp_path_factory, make: Callable[..., HandLabels]) -> Board:
    return Board(tmp_path_factory.mktemp("board"), make(12))


def test_a_submission_is_checked_scored_shown_and_enters_the_history(board: Board) -> None:
    source = predicted(board.labels, 2.0, board.folder / "net.npz")
    submit(source, Card(title="Net | <b>of</b> [Ann](x)"), board.fork / "submissions" / "net.zip")
    request = board.propose(1)
    code, summary, log, _ = board.run("submission.yml", "check", **request)
    assert (code, log) == (0, "")
    assert "net.zip: ok" in summary
    code, summary, log, temp = board.run("submission.yml", "score", **request)
    assert (code, log) == (0, "")
    assert "PCK" in summary
    assert "<b>" not in summary.split("| method |")[1]
    page = (temp / "board" / "index.html").read_text()
    assert "Net | &lt;b&gt;" in page
    published = b"".join(path.read_bytes() for path in (temp / "board").rglob("*") if path.is_file())
    assert not any(hand.encode() in published for hand in board.labels.hand_id.tolist())
    assert not list((temp / "board").rglob("*.jpg"))

    git(board.maintainer, "fetch", "--quiet", "origin", "refs/pull/1/head")
    git(board.maintainer, "merge", "--quiet", "--no-ff", "--message", "Merge it", "FETCH_HEAD")
    git(board.maintainer, "push", "--quiet", "origin", "main")
    code, _, log, temp = board.run("board.yml", "build")
    assert (code, log) == (0, "")
    history = (temp / "board" / "history.html").read_text()
    assert git(board.maintainer, "rev-parse", "HEAD") in history
    assert all(text in history for text in ("entered", "Ann", "net.zip", "methods/net.html"))
    assert 'href="history.html"' in (temp / "board" / "index.html").read_text()


def test_a_submission_that_lacks_hands_is_refused_and_shows_no_scores(board: Board) -> None:
    source = predicted(board.labels, 2.0, board.folder / "few.npz", slice(0, 9))
    submit(source, Card(title="Few"), board.fork / "submissions" / "few.zip")
    (board.fork / "submissions" / "none.zip").write_bytes(b"PK\5\6" + bytes(18))
    request = board.propose(2)
    code, summary, log, _ = board.run("submission.yml", "check", **request)
    assert code == 1
    assert all(text in summary for text in ("few.zip: ok", "none.zip: 3 problems", "card.toml is missing"))
    code, summary, log, temp = board.run("submission.yml", "score", **request)
    assert (code, log) == (1, "")
    assert "3 of 12 hands" in summary
    assert "PCK" not in summary
    assert not (temp / "board").exists()


def test_a_pull_request_that_changes_anything_else_is_refused_and_nothing_of_it_is_run(board: Board) -> None:
    changed = {
        ".github/take": "touch $RUNNER_TEMP/pwned",
        ".github/workflows/submission.yml": "",
        "sitecustomize.py": "raise SystemExit",
        "submissions/$(touch pwned).zip": "",
        "submissions/a\n::error::b.zip": "",
        "submissions/-rf.zip": "",
        "submissions/deep/x.zip": "",
        "submissions/code.py": "",
    }
    for name, text in changed.items():
        (board.fork / name).parent.mkdir(exist_ok=True)
        (board.fork / name).write_text(text)
    (board.fork / "submissions" / "link.zip").symlink_to("/etc/passwd")
    (board.maintainer / "submissions" / "taken.zip").write_bytes(b"")
    board.publish(board.maintainer, "main")
    git(board.fork, "fetch", "--quiet")
    for name in ("Taken.zip", "new_.zip", "New.zip"):
        (board.fork / "submissions" / name).write_bytes(b"PK")
    (board.fork / "labels.tar.gz.gpg").unlink()
    code, summary, log, temp = board.run("submission.yml", "check", **board.propose(3))
    assert (code, log) == (1, "")
    assert all(text in summary for text in ("take", "sitecustomize", "deep", "code.py", "link.zip", "gpg", "-rf.zip"))
    assert all(f"{name}.zip (a name too much like" in summary for name in ("Taken", "new_"))
    assert not any(line.lstrip().startswith("::") for line in summary.splitlines())
    assert not list(temp.rglob("pwned"))


def test_no_job_can_write_and_only_jobs_that_ask_first_see_the_labels() -> None:
    for file, job, step in steps():
        if "uses" in step:
            assert len(step["uses"].partition("@")[2]) == 40, step
        if "checkout" in step.get("uses", ""):
            assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}, "ref must stay that of the base"
        assert "${{" not in step.get("run", ""), (file, job)
        if "secrets." in str(step):
            assert step["name"] == "Get the labels"
            assert workflow(file)["jobs"][job]["environment"] in ("scoring", "board")
    for file in ("submission.yml", "board.yml"):
        content = workflow(file)
        assert content["permissions"] == {}
        allowed = {job: each["permissions"] for job, each in content["jobs"].items()}
        publish = {"pages": "write", "id-token": "write"}
        assert allowed == {job: publish if job == "publish" else {"contents": "read"} for job in allowed}
    assert list(workflow("submission.yml")[True]) == ["pull_request_target"]


def test_the_template_asks_for_this_version() -> None:
    assert (template_folder() / "requirements.txt").read_text() == f"hint-toolkit[site]=={__version__}\n"


def test_a_repository_that_was_half_written_is_completed(tmp_path: Path) -> None:
    written = write_template(tmp_path / "board")
    written[2].unlink()
    written[2].with_name(f".{written[2].name}.x.hint-part").touch()
    assert write_template(tmp_path / "board") == written
    assert {path for path in (tmp_path / "board").rglob("*") if path.is_file()} == set(written)
    written[2].write_text("mine")
    written[3].unlink()
    with pytest.raises(InputError, match="not an empty folder"):
        write_template(tmp_path / "board")
    assert written[2].read_text() == "mine"
