"""Error tables computed again, labels that count, and controls that pass for methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmark.error_table import ErrorTable, read_error_table, write_error_table
from benchmark.evaluate import evaluate
from benchmark.ground_truth import ground_truth_of, release_rows, released
from benchmark.protocol import load_protocol
from benchmark.record import read_record
from benchmark.scores import score_table
from hint.cli.leaderboard import app
from hint.files import read_labels, write_pairs, write_predictions
from hint.types import HandLabels, Predictions
from leaderboard.entry import read_candidates
from leaderboard.protocols import all_protocols
from leaderboard.ranking import Section, find_sections
from leaderboard.verification import LabelledSubsets, verify


@pytest.fixture
def data(tmp_path: Path, make: Callable[..., HandLabels]) -> Path:
    """Forty labelled hands on the disk."""
    write_pairs(tmp_path / "data" / "TEST_newdays_img", make(40))
    return tmp_path / "data"


@pytest.fixture
def shared_npz(shared: Path) -> Path:
    """The released evaluation files."""
    if not (folder := shared / "data" / "hint_eval_npz").is_dir():
        pytest.skip("the released evaluation files are not here")
    return folder


@pytest.fixture
def runs(tmp_path: Path, data: Path, make_record: Any) -> Path:
    """Two records on them."""
    for title, sigma in (("Good", 0.04), ("Fair", 0.1)):
        make_record(tmp_path / "r" / title, read_labels(data), sigma, title=title)
    return tmp_path / "r"


def change_table(folder: Path, **columns: Any) -> None:
    """Edit an error table, and make the record's numbers follow from it, as a careful cheat would."""
    table = replace(read_error_table(folder / "errors.npz"), **columns)
    write_error_table(table, folder / "errors.npz")
    scores = score_table(table, load_protocol())
    record = read_record(folder / "record.json")
    values = {"scores": scores.scores, "per_joint": scores.per_joint, "curve": scores.curves}
    data = (record.data[0].model_copy(update={"n_clips": len(set(table.clip_id.tolist()))}),)
    changed = record.model_copy(update={**values, "empty_joints": scores.empty_joints, "data": data})
    (folder / "record.json").write_text(changed.to_json())


def reasons(section: Section) -> dict[str, str]:
    return {entry.name: reason for entry, reason in section.unranked}


def sections(runs: Path, data: Path | None = None, verified_only: bool = False) -> list[Section]:
    found = read_candidates([runs], (), data)
    labelled = LabelledSubsets(found.labels) if found.labels is not None else None
    return find_sections(found.entries, all_protocols(), labelled, verified_only)


def test_a_table_must_be_what_predictions_and_labels_give_bit_for_bit(runs: Path, data: Path) -> None:
    assert verify(runs / "Good", data) == []
    assert all(entry.verified for entry in read_candidates([runs], (), data).entries)
    distance = read_error_table(runs / "Good" / "errors.npz").distance_px
    joint = tuple(np.argwhere(np.isfinite(distance))[0])
    distance[joint] = np.nextafter(distance[joint], np.inf)
    change_table(runs / "Good", distance_px=distance)
    assert verify(runs / "Good") == [], "nobody can tell without labels"
    (problem,) = verify(runs / "Good", data)
    assert problem.file == "Good/errors.npz"
    assert "distance px is not what predictions and labels give for 1 of 40 hands" in problem.text
    found = read_candidates([runs], (), data)
    assert [entry.name for entry in found.entries] == ["Fair"]
    assert found.refused == [problem]


def test_predictions_that_were_given_can_be_verified_again(tmp_path: Path, data: Path) -> None:
    labels = read_labels(data)
    given = Predictions(labels.hand_id, (labels.keypoints_2d + 3).astype(np.float32))
    write_predictions(tmp_path / "mine.csv", given)
    evaluate(data, tmp_path / "mine.csv", out=tmp_path / "r")
    assert verify(tmp_path / "r" / "mine", data) == []


def test_a_board_can_demand_it(runs: Path, data: Path, tmp_path: Path) -> None:
    (runs / "Fair" / "predictions.npz").unlink()
    (section,) = sections(runs, data, verified_only=True)
    assert [entry.name for entry in section.ranked] == ["Good"]
    assert reasons(section) == {"Fair": "not verified: there is no predictions.npz beside the record"}
    site = ("build", str(runs), "--out", str(tmp_path / "site"))
    assert CliRunner().invoke(app, [*site, "--data", str(data), "--verify", "required"]).exit_code == 0
    front = (tmp_path / "site" / "index.html").read_text()
    assert "not verified: there is no predictions.npz" in front
    assert CliRunner().invoke(app, [*site, "--data", str(data)]).exit_code == 0
    row = (tmp_path / "site" / "index.html").read_text().partition('data-name="fair"')[2]
    assert ">not verified<" in row[: row.index("</tr>")]
    (problem,) = verify(runs / "Fair", data)
    assert str(problem).startswith("Fair/predictions.npz: cannot be verified")


@pytest.mark.parametrize(
    ("column", "change", "named"),
    [
        ("box_side", lambda table: 2 * table.box_side, "box sides"),
        ("clip_id", lambda table: table.hand_id, "clips"),
        ("hand_id", lambda table: np.char.add(table.hand_id, "x"), "hands"),
        ("visibility", lambda table: np.minimum(table.visibility, 1), "visibility"),
    ],
)
def test_other_hands_clips_boxes_or_visibility_are_named(
    runs: Path, make_record: Any, data: Path, column: str, change: Callable[[ErrorTable], Any], named: str
) -> None:
    make_record(runs / "Third", read_labels(data), 0.05, title="Third")
    change_table(runs / "Third", **{column: change(read_error_table(runs / "Third" / "errors.npz"))})
    (section,) = sections(runs)
    assert reasons(section) == {"Third": f"its error table differs from most records in {named}"}


def test_labels_of_the_board_count_whatever_most_records_say(
    runs: Path, data: Path, make_record: Any, make: Callable[..., HandLabels]
) -> None:
    moved = replace(make(40), keypoints_2d=make(40).keypoints_2d + 1)
    for name in ("Stranger", "Friend", "Uncle"):
        make_record(runs / name, moved, 0.03, len(name), title=name)
    (section,) = sections(runs)
    assert {entry.name for entry in section.ranked} == {"Stranger", "Friend", "Uncle"}, "a vote, for want of better"
    (section,) = sections(runs, data)
    assert section.chosen_by == "the labels of this board"
    assert {entry.name for entry in section.ranked} == {"Good", "Fair"}
    assert "other ground truth" in reasons(section)["Uncle"]


def test_released_labels_count_against_any_number_of_others(
    tmp_path: Path, shared_npz: Path, make_record: Any, make: Callable[..., HandLabels]
) -> None:
    labels = read_labels(shared_npz / "TEST_newdays_img_all.npz")
    make_record(tmp_path / "r" / "honest", labels, 0.1, title="Honest")
    for name in ("one", "other", "third"):
        make_record(tmp_path / "r" / name, make(40), 0.02, len(name), title=name)
    (section,) = sections(tmp_path / "r")
    assert (section.chosen_by, section.data.n_hands) == ("the released labels", 1753)
    assert [entry.name for entry in section.ranked] == ["Honest"]
    change_table(tmp_path / "r" / "honest", box_side=labels.longest_side * 1.5)
    (problem,) = verify(tmp_path / "r" / "honest")
    assert problem.text == "newdays: box sides are not those of the released labels that the record names"


@pytest.mark.parametrize("subset", ["newdays", "epick", "ego4d"])
def test_released_digests_are_those_of_the_released_files(shared_npz: Path, subset: str) -> None:
    path = shared_npz / f"TEST_{subset}_img_all.npz"
    assert released()[subset] == (ground_truth_of(read_labels(path)),)
    rows = (Path(__file__).parents[2] / "benchmark" / "released_labels.toml").read_text()
    assert release_rows(path) in rows


def test_controls_are_known_by_name_and_by_result(runs: Path, data: Path, make_record: Any) -> None:
    labels = read_labels(data)
    make_record(runs / "perfect", labels, 0.0, title="Perfect", needs_labels=False)
    make_record(runs / "oracle", labels, 0.05, name="oracle-noise", title="Mine", needs_labels=False)
    (section,) = sections(runs)
    assert {entry.name for entry in section.controls} == {"Perfect", "Mine"}
    assert reasons(section)["Mine"] == "a control that sees the ground truth"
    assert "by its result: 100% of the keypoints" in reasons(section)["Perfect"]


def test_labels_with_noise_under_another_name_get_a_flag(runs: Path, data: Path) -> None:
    labels = read_labels(data)
    rng = np.random.default_rng(0)
    uneven = rng.normal(0, 3, labels.keypoints_2d.shape) * rng.lognormal(0, 1, (40, 1, 1))
    given = Predictions(labels.hand_id, (labels.keypoints_2d + uneven).astype(np.float32))
    evaluate(labels, given, out=runs, name="uneven")
    flagged = {entry.name for entry in read_candidates([runs]).entries if entry.looks_drawn}
    assert "Good" in flagged
    assert "uneven" not in flagged
    demo = Path(__file__).parents[2] / "leaderboard" / "results" / "demo"
    drawn = {e.name for e in read_candidates([demo]).entries if e.looks_drawn}
    assert drawn == {"Ground truth + noise (sees the ground truth)"}


def test_whose_training_nobody_stated_is_not_among_those_without_hint(
    tmp_path: Path, make: Callable[..., HandLabels]
) -> None:
    labels = make(40)
    given = Predictions(labels.hand_id, (labels.keypoints_2d + 3).astype(np.float32))
    card = tmp_path / "card.toml"
    card.write_text(
        'title = "Mine"\npaper = "https://example.org/p"\ncode = "https://example.org/c"\n'
        'training_data = ["FreiHAND"]\ntrained_on_hint = "no"\nparameters = 12\n'
    )
    stated = evaluate(labels, given, out=tmp_path / "r", name="stated", card=card).record.method
    assert (stated.title, stated.trained_on_hint, stated.parameters) == ("Mine", False, 12)
    assert (stated.paper, stated.code) == ("https://example.org/p", "https://example.org/c")
    evaluate(labels, given.select(np.arange(39)), out=tmp_path / "r", name="silent")
    table = CliRunner().invoke(app, ["table", str(tmp_path / "r"), "--table", "3"]).stdout
    assert "| Mine |" in table
    assert "silent" not in table
    assert CliRunner().invoke(app, ["build", str(tmp_path / "r"), "--out", str(tmp_path / "site")]).exit_code == 0
    row = (tmp_path / "site" / "index.html").read_text().partition('data-name="silent"')[2]
    assert row.startswith(" data-hint>")
    assert ">training not stated<" in row[: row.index("</tr>")]
    assert "<dd>not stated</dd>" in (tmp_path / "site" / "methods" / "silent.html").read_text()


def test_old_records_of_given_predictions_state_nothing(tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    labels = make(12)
    given = Predictions(labels.hand_id, labels.keypoints_2d.astype(np.float32))
    folder = evaluate(labels, given, out=tmp_path, name="old").folder
    assert folder is not None
    text = (folder / "record.json").read_text().replace('"trained_on_hint": null', '"trained_on_hint": false')
    (folder / "record.json").write_text(text)
    (entry,) = read_candidates([folder]).entries
    assert entry.record.method.trained_on_hint is None
