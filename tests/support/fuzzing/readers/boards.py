"""What a board reads of strangers: records, tables, cards, protocols, submissions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmark.card import Card, card_toml, read_card
from benchmark.error_table import read_error_table
from benchmark.evaluate import evaluate
from benchmark.protocol import load_protocol
from benchmark.record import read_record
from benchmark.rules import load_rules
from benchmark.submission import ProtocolName, Submission, parse_submission
from fuzzing import drawn
from fuzzing.target import Target
from leaderboard.candidate import read_candidate
from leaderboard.protocols import all_protocols
from leaderboard.site.folder import MARKER, check_target


def _run(name: str) -> Callable[[Path], Path]:
    """Score drawn predictions and choose a file of the result."""

    def make(folder: Path) -> Path:
        evaluate(drawn.labels(), drawn.predictions(), "hint-v1", out=folder, name="run")
        return folder / "run" / name

    return make


def _read_run(folder: Path) -> object:
    """Read a result as its owner does, and as a board does, which says what it cannot read and goes on."""
    candidate = read_candidate(folder / "run" / "record.json", all_protocols())
    assert not any("cannot be read: " in str(problem) for problem in candidate.problems), candidate.problems
    read_error_table(folder / "run" / "errors.npz")
    return read_record(folder / "run" / "record.json")


def _card() -> Card:
    return Card(
        title="A method",
        authors=("A. Person", "B. Person"),
        training_data=("HInt",),
        trained_on_hint="yes",
        paper="https://example.com/paper",
        parameters=1000,
    )


def _card_file(folder: Path) -> Path:
    (folder / "card.toml").write_text(card_toml(_card()))
    return folder / "card.toml"


def _protocol(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import benchmark

        source = Path(str(benchmark.__file__)).parent / "protocols" / f"{name}.toml"
        (folder / "a.toml").write_bytes(source.read_bytes())
        return folder / "a.toml"

    return make


def _submission(folder: Path) -> Path:
    protocol = load_protocol()
    held = Submission(_card(), drawn.predictions(), ProtocolName(id=protocol.id, sha256=protocol.sha256))
    (folder / "a.zip").write_bytes(held.to_bytes())
    return folder / "a.zip"


def _site(folder: Path) -> Path:
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("x")
    marker = folder / "site" / MARKER
    marker.write_text('{"format": "hint-site-1", "files": ["index.html"]}')
    return marker


TARGETS = (
    Target("record", "json", _run("record.json"), _read_run),
    Target("error table", "npz", _run("errors.npz"), _read_run),
    Target("card", "toml", _card_file, lambda folder: read_card(folder / "card.toml")),
    *(
        Target(f"protocol {name}", "toml", _protocol(name), lambda folder: load_rules(str(folder / "a.toml")))
        for name in ("hint-v1", "hint-seq-v1", "hint-oks-v1", "ho3d-v3")
    ),
    Target("site", "json", _site, lambda folder: check_target(folder / "site")),
    Target("submission", "zip", _submission, lambda folder: parse_submission((folder / "a.zip").read_bytes(), "a.zip")),
)
