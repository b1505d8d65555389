"""Submissions on a board: checked, scored, listed; and who entered when."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import command
import numpy as np
import pytest

from benchmark.card import Card
from benchmark.evaluate import evaluate
from benchmark.protocol import load_protocol
from benchmark.submission import ProtocolName, Submission
from hint.errors import InputError
from hint.files import write_pairs
from hint.types import HandLabels, Predictions
from leaderboard.history import read_history
from leaderboard.site.build import build_leaderboard
from leaderboard.submission_check import check_submissions
from leaderboard.submission_results import scored

HINT_V1 = ProtocolName(id="hint-v1", sha256=load_protocol().sha256)


@pytest.fixture
def labels(make: Callable[..., HandLabels]) -> HandLabels:
    return make(20)


def noisy(labels: HandLabels, sigma: float = 5.0, rows: slice = slice(None)) -> Predictions:
    noise = np.random.default_rng(1).normal(0, sigma, labels.keypoints_2d.shape)
    kept: Predictions = Predictions(labels.hand_id, (labels.keypoints_2d + noise).astype(np.float32)).select(rows)
    return kept


def write(path: Path, predictions: Predictions, protocol: ProtocolName = HINT_V1, **card: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(Submission(Card(**{"title": path.stem, **card}), predictions, protocol).to_bytes())
    return path


def test_scores_are_those_of_hint_eval_and_the_rest_is_as_declared(labels: HandLabels, tmp_path: Path) -> None:
    predictions = noisy(labels)
    write(
        tmp_path / "net.zip",
        predictions,
        title="Net",
        parameters=7,
        trained_on_hint="no",
        hands_per_second=3.0,
        device="A",
    )
    [checked] = check_submissions(tmp_path, labels)
    assert (checked.problems, checked.remarks) == ((), ())
    record, expected = checked.evaluation.record, evaluate(labels, predictions).record
    assert record.scores == expected.scores
    assert (record.method.title, record.method.parameters, record.method.trained_on_hint) == ("Net", 7, False)
    assert (record.timing.hands_per_second, record.timing.device) == (3.0, "A")
    assert "command" not in record.provenance
    assert json.loads(json.dumps(checked.summary(), allow_nan=False))["scores"][0]["value"] == record.scores[0].value
    [unscored] = check_submissions(tmp_path / "net.zip")
    assert unscored.evaluation is None
    assert "--data" in unscored.remarks[0]


def test_everything_that_is_wrong_is_said_at_once(labels: HandLabels, tmp_path: Path) -> None:
    stranger = Predictions(np.array(["nobody_l"]), np.zeros((1, 21, 2), np.float32))
    few = Predictions.concatenate([noisy(labels, rows=slice(0, 15)), stranger])
    old, own = ProtocolName(id="hint-v1", sha256="0" * 64), ProtocolName(id="mine", sha256="1" * 64)
    write(tmp_path / "few.zip", few, old)
    write(tmp_path / "mine.zip", noisy(labels), own)
    write(tmp_path / "none.zip", noisy(labels, rows=slice(0, 0)))
    write(tmp_path / "copy.zip", noisy(labels, 0.01))
    (tmp_path / "broken.zip").write_bytes(b"PK")
    problems = {each.path.stem: each.problems for each in check_submissions(tmp_path, labels)}
    assert len(problems["few"]) == 2
    assert all(any(fact in text for text in problems["few"]) for fact in ("nobody_l", "version"))
    assert "--protocol" in problems["mine"][0]
    assert "no predictions" in problems["none"][0]
    assert "sees the ground truth" in problems["copy"][0]
    assert "not a .zip" in problems["broken"][0]
    assert all(each.evaluation is None for each in check_submissions(tmp_path, labels))
    write(tmp_path / "few.zip", few)
    [checked] = check_submissions([tmp_path / "few.zip"], labels)
    assert all(any(fact in text for text in checked.problems) for fact in ("nobody_l", "5 of 20 hands"))
    with pytest.raises(InputError, match="no such file"):
        check_submissions([tmp_path / "absent.zip"])


def test_a_protocol_of_ones_own_is_known_by_its_file(labels: HandLabels, tmp_path: Path) -> None:
    rules = (Path(__file__).parents[2] / "benchmark" / "protocols" / "hint-v1.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(rules.replace('id = "hint-v1"', 'id = "mine"'))
    protocol = load_protocol(str(file))
    write(tmp_path / "net.zip", noisy(labels), ProtocolName(id="mine", sha256=protocol.sha256))
    [checked] = check_submissions(tmp_path, labels, protocols=[file])
    assert checked.evaluation.record.protocol.id == "mine"


def test_a_board_shows_submissions_and_lists_those_that_are_wrong(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path / "labels" / "TEST_drawn_img", labels)
    write(tmp_path / "in" / "hamer.zip", noisy(labels), title="<i>Good", paper="https://example.org/own")
    write(tmp_path / "in" / "few.zip", noisy(labels, rows=slice(0, 15)))
    evaluate(tmp_path / "labels", noisy(labels, 9.0), out=tmp_path / "results", name="record")
    given = [tmp_path / "in", tmp_path / "results"]
    site = build_leaderboard(given, tmp_path / "site", data=tmp_path / "labels", hide_hands=True)
    front = site.index.read_text()
    assert all(text in front for text in ("&lt;i&gt;Good", "record", "few.zip", "5 of 20 hands"))
    assert {entry.slug: entry.verified for entry in site.board.entries} == {"hamer": True, "record": True}
    page = (tmp_path / "site" / "methods" / "hamer.html").read_text()
    assert "https://example.org/own" in page
    assert "Pavlakos" not in page
    assert not list((tmp_path / "site").rglob("*.jpg"))
    assert str(tmp_path) not in "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    build_leaderboard(given, tmp_path / "site", data=tmp_path / "labels", hide_hands=True)
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match="--data"), scored([tmp_path / "in"], None):
        pass
    with pytest.raises(InputError, match="no submission can be used: few"):
        build_leaderboard(tmp_path / "in" / "few.zip", tmp_path / "other", data=tmp_path / "labels")
    arguments = ("leaderboard", "table", tmp_path / "in", "--data", tmp_path / "labels", "--format", "csv")
    done = command.hint(*arguments)
    assert "Good" in done.stdout
    assert "few.zip" in done.stderr


def test_no_name_of_a_file_stops_a_board(labels: HandLabels, tmp_path: Path) -> None:
    write_pairs(tmp_path / "labels" / "TEST_drawn_img", labels)
    content = write(tmp_path / "good.zip", noisy(labels)).read_bytes()
    (tmp_path / "in").mkdir()
    for name in (
        "...zip",
        "..zip",
        " .zip",
        "\udcff.zip",
        "a\nb\x1b.zip",
        "$(x)`y`.zip",
        "\u202e.zip",
        "x" * 200 + ".zip",
    ):
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "\udcfe.zip").write_bytes(b"")
    site = build_leaderboard(tmp_path / "in", tmp_path / "site", data=tmp_path / "labels", hide_hands=True)
    assert {entry.declared.method.name for entry in site.board.entries} >= {"unnamed", "a_b_", "_", "$(x)`y`"}
    assert all(str(problem).isprintable() for problem in site.board.refused)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.zip", "in", "labels", "site"]
    for arguments in (("check",), ("check", "--json")):
        done = command.hint("leaderboard", *arguments, tmp_path / "in", code=1)
        assert "Traceback" not in done.stderr


def test_check_ends_with_1_if_anything_is_wrong(labels: HandLabels, tmp_path: Path) -> None:
    write(tmp_path / "good.zip", noisy(labels))
    (tmp_path / "bad.zip").write_bytes(b"")
    done = command.hint("leaderboard", "check", tmp_path / "good.zip", tmp_path / "bad.zip", "--json", code=1)
    assert [each["ok"] for each in json.loads(done.stdout)["submissions"]] == [True, False]
    command.hint("leaderboard", "check", tmp_path, code=1)
    command.hint("leaderboard", "check", tmp_path / "good.zip")
    command.hint("leaderboard", "check", tmp_path / "absent.zip", code=2)


def git(folder: Path, *arguments: str, by: str = "Ann") -> str:
    who = ("-c", f"user.name={by}", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_history_is_that_of_the_main_branch_whatever_names_hold(labels: HandLabels, tmp_path: Path) -> None:
    board = tmp_path / "board"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(board))
    first = write(board / "in" / "net.zip", noisy(labels), title="Net").read_bytes()
    (board / "in" / "notes.txt").write_text("no submission")
    git(board, "add", ".")
    git(board, "commit", "--quiet", "--message", "Enter", by="Bo\x1eb\x1b[31m")
    git(board, "checkout", "--quiet", "-b", "branch")
    (board / "in" / "A\nx\x1e.zip").write_bytes(b"not one")
    git(board, "add", ".")
    git(board, "commit", "--quiet", "--message", "Propose", by="Eve")
    git(board, "checkout", "--quiet", "main")
    git(board, "merge", "--quiet", "--no-ff", "--message", "Merge", "branch")
    write(board / "in" / "net.zip", noisy(labels, 6.0), title="Net 2")
    git(board, "commit", "--quiet", "--all", "--message", "Replace")
    git(board, "rm", "--quiet", "in/net.zip")
    git(board, "commit", "--quiet", "--message", "Remove")
    removed, _, merged, entered = events = read_history(board / "in")
    assert [e.event for e in events] == ["removed", "replaced", "entered", "entered"]
    assert [e.title for e in events] == ["", "Net 2", "", "Net"]
    assert [e.by for e in events] == ["Ann", "Ann", "Eve", "Bo\\x1eb\\x1b[31m"]
    assert merged.file.isprintable()
    assert merged.commit == git(board, "rev-parse", "HEAD~2").strip()
    assert entered.sha256 == hashlib.sha256(first).hexdigest()
    assert removed.sha256 == ""
    raw = git(board, "cat-file", "commit", "HEAD")
    for date in ("tomorrow", "-99999999999 +0000", "9" * 30 + " +0000"):
        odd = re.sub(r"^committer .*$", f"committer Eve <e@x> {date}", raw, flags=re.MULTILINE)
        odd = re.sub(r"^parent .*\n", "", odd, flags=re.MULTILINE) if date == "tomorrow" else odd
        (tmp_path / "commit").write_text(odd)
        made = git(board, "hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "commit")).strip()
        git(board, "update-ref", "refs/heads/main", made)
        assert [e.date for e in read_history(board / "in") if e.commit == made] in ([""], [""] * 2)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{board}", str(tmp_path / "shallow"))
    (tmp_path / "shallow" / "in").mkdir(exist_ok=True)
    for folder, fact in ((tmp_path / "shallow" / "in", "unshallow"), (tmp_path / "none", "folder"), (tmp_path, "git")):
        with pytest.raises(InputError, match=fact):
            read_history(folder)
