"""Records of strangers: every field edited, files cut, other hands, larger boxes. None stops a board or lies on it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmark.error_table import read_error_table
from hint.cli.leaderboard import app
from hint.files import write_npz
from hint.types import HandLabels
from leaderboard.candidate import Candidate, read_candidate
from leaderboard.protocols import all_protocols

RULES = all_protocols()
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

#: Every field of a record, by its keys; of lists the first element.
FIELDS = (
    *("schema", "status", "limit", "seed", "failures", "scores", "per_joint", "curve", "empty_joints", "data"),
    *("method", "protocol", "coverage", "timing", "fingerprint", "provenance"),
    *(f"method.{name}" for name in ("name", "title", "summary", "paper", "code", "note", "parameters")),
    *(f"method.{name}" for name in ("code_licence", "weights_licence", "training_data", "training_data.0")),
    *(f"method.{name}" for name in ("trained_on_hint", "reads_images", "needs_labels")),
    *("protocol.id", "protocol.sha256", "fingerprint.predictions_sha256"),
    *(f"data.0.{name}" for name in ("name", "n_hands", "n_clips", "expected_hands", "labels_sha256")),
    *(f"scores.0.{name}" for name in ("subset", "visibility", "metric", "threshold", "value")),
    *(f"scores.0.{name}" for name in ("n_hands", "n_keypoints", "n_clips", "ci", "ci.level", "ci.low", "ci.high")),
    *(f"scores.3.{name}" for name in ("metric", "threshold", "value")),
    *(
        f"per_joint.0.{name}"
        for name in ("subset", "visibility", "threshold", "joint", "value", "n_keypoints", "metric")
    ),
    *(f"curve.0.{name}" for name in ("subset", "visibility", "metric", "thresholds", "values", "values.0")),
    *("coverage.missing", "coverage.non_finite", "coverage.n_hands"),
    *(f"timing.{name}" for name in ("load_seconds", "predict_seconds", "score_seconds", "hands_per_second")),
    *(f"timing.{name}" for name in ("reused", "device", "peak_memory_bytes", "peak_gpu_memory_bytes")),
    *(f"provenance.{name}" for name in ("hint", "git", "python", "cpu", "cores", "packages", "command", "utc")),
)

#: What only the author of a record knows; shown as declared. Everything else is computed, or compared and forgotten.
DECLARED = ("method", "fingerprint", "provenance", "timing", "limit")

VALUES = st.one_of(
    st.sampled_from([None, True, -1, 0, 1, 99.9, 10**400, 1e308, -1e308, float("nan"), float("inf")]),
    st.sampled_from(["", "\ud800", "\u202e", EVIL, "0" * 64, "x" * 20_000, "newdays", "all", "pck", "oracle-noise"]),
    st.sampled_from([[], {}, [[]], {"a": {"b": [1, {"c": None}]}}, ["x"] * 9, [EVIL]]),
    st.integers(-10, 200),
    st.floats(-10, 110, allow_nan=False),
    st.text(max_size=9),
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2), max_leaves=4),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory, make: Callable[..., HandLabels], make_record: Any) -> Path:
    """A record that nobody edited, with its error table."""
    folder = tmp_path_factory.mktemp("honest") / "honest"
    make_record(folder, make(24), 0.06, title="Honest", training_data=("Hands",))
    return folder


@pytest.fixture(scope="session")
def edited(tmp_path_factory: pytest.TempPathFactory, honest: Path) -> Path:
    """A copy of it, to edit."""
    folder = tmp_path_factory.mktemp("edited") / "edited"
    shutil.copytree(honest, folder)
    return folder


def content_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return content


def put(content: Any, place: str, value: Any) -> None:
    *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in parents:
        content = content[part]
    content[last] = value


def computed(candidate: Candidate) -> tuple[Any, ...]:
    """Everything of a candidate that a page may call a result."""
    assert candidate.record is not None
    return candidate.scores, candidate.record.model_dump(exclude={*DECLARED, "protocol", "status"})


def test_every_field_of_the_schema_is_edited(honest: Path) -> None:
    def fields(value: Any, place: str) -> Iterator[str]:
        if place and not re.fullmatch(r".*\.\d+", place):
            yield place
        if isinstance(value, dict):
            for key, part in value.items():
                yield from fields(part, f"{place}.{key}".lstrip("."))
        elif isinstance(value, list) and value:
            yield from fields(value[0], f"{place}.0")

    free = ("provenance.", "fingerprint.")
    known = {field for field in fields(content_of(honest), "") if not field.startswith(free)}
    assert known <= {*FIELDS, "scores.0.ci"}
    assert len(FIELDS) >= 60


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=3)
@given(value=VALUES)
def test_an_edited_field_is_refused_or_changes_no_result(honest: Path, edited: Path, field: str, value: Any) -> None:
    content = content_of(honest)
    put(content, field, value)
    (edited / "record.json").write_text(json.dumps(content), encoding="utf-8", errors="surrogatepass")
    read = read_candidate(edited / "record.json", RULES)
    if read.problems:
        assert all(len(str(problem)) < 500 and str(problem).isprintable() for problem in read.problems)
        assert all(problem.file.startswith("edited/") for problem in read.problems)
        return
    claimed_protocol = field.startswith("protocol") or field == "data.0.labels_sha256"
    if not claimed_protocol:
        assert computed(read) == computed(read_candidate(honest / "record.json", RULES))


#: A number that no honest page holds, and how it may be written.
ODD, ODD_AS_TEXT = 97_531_864, re.compile(r"97[,.]?531[,.]?864|97\.5 M|9\.75\d*e")


def write(folder: Path, record: Path, content: str | bytes | dict[str, Any], **errors: Any) -> None:
    """Write a record; ``errors`` are columns of its error table that are changed."""
    folder.mkdir(parents=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    (folder / "record.json").write_bytes(content.encode() if isinstance(content, str) else content)
    table = vars(read_error_table(record / "errors.npz"))
    write_npz(folder / "errors.npz", {"format": np.array("hint-error-table-2"), **table, **errors})


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, honest: Path, make: Callable[..., HandLabels]) -> Path:
    """An honest record among 90 edited ones."""
    root = tmp_path_factory.mktemp("board") / "r"
    shutil.copytree(honest, root / "honest")
    harmless = content_of(honest)
    for field in FIELDS:
        content = content_of(honest)
        content["method"]["title"] = f"odd {field}"
        put(content, field, ODD)
        write(root / f"odd {field}", honest, content)
        if not read_candidate(root / f"odd {field}" / "record.json", RULES).problems:
            shutil.rmtree(root / f"odd {field}")
            if field not in ("method.parameters", "limit"):  # numbers that are shown as declared
                put(harmless, field, ODD)
    harmless["method"]["title"] = "Harmless"
    write(root / "harmless", honest, harmless)
    labels, table = make(24), read_error_table(honest / "errors.npz")
    raw = (honest / "record.json").read_text()
    write(root / "brackets", honest, "[" * 200_000)
    write(root / "broken", honest, raw[:-40])
    write(root / "extra", honest, {**content_of(honest), "extra": 1})
    write(root / "huge", honest, raw.replace('"limit": null', f'"limit": 1{"0" * 400}'))
    write(root / "half", honest, raw.replace("Honest", "\\ud800"))
    write(root / "long", honest, raw.replace("Honest", "x" * 10_000_000))
    write(root / "others", honest, content_of(honest), hand_id=np.char.add("X", labels.hand_id))
    write(root / "larger", honest, content_of(honest), box_side=2 * table.box_side)
    write(root / "negative", honest, content_of(honest), distance_px=-table.distance_px)
    write(root / "pickled", honest, content_of(honest), clip_id=np.arange(24))
    write(root / "cut", honest, content_of(honest))
    whole = (root / "cut" / "errors.npz").read_bytes()
    (root / "cut" / "errors.npz").write_bytes(whole[: len(whole) // 2])
    many = {"data": [{**content_of(honest)["data"][0], "name": f"part {k}"} for k in range(5_000)]}
    write(root / "many", honest, {**content_of(honest), **many, "scores": [], "per_joint": [], "curve": []})
    (root / "many" / "errors.npz").unlink()
    crowd = {name: np.resize(column, (50_001, *column.shape[1:])) for name, column in vars(table).items()}
    crowd |= dict.fromkeys(("hand_id", "clip_id"), np.arange(50_001).astype(str))
    write(root / "crowd", honest, content_of(honest), **crowd)
    for name in ("\udcff", "a\nrefused: b\x1b[31m"):  # the first is no UTF-8
        write(root / name, honest, {**content_of(honest), "extra": 1})
        twin = content_of(honest)
        twin["method"]["name"] = f"twin {len(name)}"
        write(root / f"{name} twin", honest, twin)
    (root / "folder").mkdir()
    (root / "folder" / "record.json").mkdir()
    evil = content_of(honest)
    evil["provenance"]["command"] = evil["timing"]["device"] = evil["fingerprint"]["key"] = EVIL
    evil["method"]["training_data"] = [EVIL]
    for name in ("name", "title", "summary", "paper", "note", "code", "code_licence", "weights_licence"):
        put(evil, f"method.{name}", EVIL)
    write(root / "evil", honest, evil)
    return root


def test_a_board_of_strangers_is_built_and_says_nothing_they_made_up(board: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["build", str(board), "--out", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert "Traceback" not in done.output
    named = {line.split("/")[0] for line in re.findall(r"refused: (.*)", done.stderr)}
    hostile = {"brackets", "broken", "extra", "huge", "half", "long", "larger", "negative", "pickled", "cut", "folder"}
    hostile |= {"many", "crowd", "\\udcff", "a\\nrefused: b\\x1b[31m"}
    assert hostile <= named
    assert len(named) >= 60
    assert "Honest [others] is not ranked: its error table differs from most records in hands" in done.stderr
    pages = {path: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    front = pages[tmp_path / "site" / "index.html"]
    assert all(f"<code>{name}/" in front for name in hostile)
    tables = "".join(text for path, text in pages.items() if path.parent.name == "subsets")
    shown = re.findall(r'<tr data-name="([^"]*)"', tables)
    assert {"honest [honest]", "harmless", "honest [others]", "honest [\\udcff twin]"} <= set(shown)
    assert max(map(len, pages.values())) < 3_000_000
    for path, text in pages.items():
        assert text.count("<script") == 1, path
        assert "<img src=x" not in text
        declared_and_marked = r"<(dl|pre).*?</\1>"
        assert not ODD_AS_TEXT.search(re.sub(declared_and_marked, "", text, flags=re.DOTALL)), path
