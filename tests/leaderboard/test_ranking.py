from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.intervals import paired_difference
from benchmark.protocol import load_protocol
from benchmark.record import Record, read_record
from hint.errors import InputError
from hint.types import HandLabels
from leaderboard.draws import Band, Draws, draw
from leaderboard.entry import read_entries
from leaderboard.names import slug
from leaderboard.protocols import known_protocols
from leaderboard.ranking import Section, find_sections, rank

PROTOCOL = load_protocol()
PCK: tuple[str, float | None] = ("pck", 0.05)


def sections_of(*paths: Path, protocols: tuple[Path, ...] = ()) -> list[Section]:
    entries = read_entries(paths)
    return find_sections(entries, known_protocols(entries, protocols))


def reasons(section: Section) -> dict[str, str]:
    return {entry.name: reason for entry, reason in section.unranked}


def drawn(section: Section, visibility: str = "all") -> dict[str, Draws]:
    found = {e.name: draw(e.errors, section.subset, visibility, PROTOCOL) for e in section.ranked if e.errors}
    return {name: draws for name, draws in found.items() if draws}


def test_methods_that_cannot_be_told_apart_share_a_rank(three: Path) -> None:
    (section,) = sections_of(three)
    assert {entry.name for entry in section.ranked} == {"Good", "Alike", "Bad"}
    assert not section.unranked
    places = {name: found.text for name, found in rank(drawn(section), PCK).items()}
    assert places == {"Alike": "1=", "Good": "1=", "Bad": "3"}


@pytest.mark.parametrize("visibility", ["all", "visible", "occluded"])
def test_differences_are_those_of_the_benchmark(three: Path, visibility: str) -> None:
    (section,) = sections_of(three)
    draws = drawn(section, visibility)
    tables = {entry.name: entry.errors for entry in section.ranked}
    for a, b in (("Good", "Alike"), ("Bad", "Good")):
        for metric, threshold in (("pck", 0.1), ("auc", None), ("epe_mean_px", None)):
            first, second = tables[a], tables[b]
            assert first is not None
            assert second is not None
            expected = paired_difference(
                first, second, "newdays", visibility, PROTOCOL, metric=metric, threshold=threshold or 0.05
            )
            found = draws[a].minus(draws[b], (metric, threshold))
            assert found.value == pytest.approx(expected.value)
            assert found.interval is not None
            assert expected.interval is not None
            assert (found.interval.low, found.interval.high) == pytest.approx(
                (expected.interval.low, expected.interval.high)
            )


def test_a_band_is_the_interval_of_the_record(three: Path) -> None:
    (section,) = sections_of(three)
    record = read_record(three / "good" / "record.json")
    band = drawn(section)["Good"].band
    for threshold in (0.15, 0.3):
        k = band.thresholds.index(threshold)
        assert band.low[k] <= band.values[k] <= band.high[k]
    score = record.value("newdays", "all", "pck", 0.15)
    assert score is not None
    assert score.ci is not None
    k = band.thresholds.index(0.15)
    assert (band.values[k], band.low[k], band.high[k]) == pytest.approx((score.value, score.ci.low, score.ci.high))


def fake(value: float, rows: list[float], metric: str = "pck") -> Draws:
    key = (metric, None)
    return Draws({key: value}, {key: np.array(rows)}, {key: 9}, Band((), (), (), ()), 0.9)


def test_a_rank_counts_the_clearly_better_methods() -> None:
    """a beats c, but neither can be told from b: b stays first, as nobody beats it."""
    draws = {"a": fake(10, [9.0, 11.0]), "b": fake(8, [4.0, 12.0]), "c": fake(5, [5.0, 5.0])}
    assert {name: r.text for name, r in rank(draws, ("pck", None)).items()} == {"a": "1=", "b": "1=", "c": "2"}
    errors = {"a": fake(1, [1.0, 1.1], "epe_mean_px"), "b": fake(3, [3.0, 3.1], "epe_mean_px")}
    assert {name: r.text for name, r in rank(errors, ("epe_mean_px", None)).items()} == {"a": "1", "b": "2"}


def test_a_single_clip_ties_all_methods() -> None:
    draws = {name: replace(fake(v, [v, v]), n_clips={("pck", None): 1}) for name, v in (("a", 90.0), ("b", 1.0))}
    assert {r.text for r in rank(draws, ("pck", None)).values()} == {"1="}


def test_incomparable_records_are_shown_with_every_reason(
    three: Path,
    make: Callable[..., HandLabels],
    make_record: Callable[..., Record],
    change_record: Callable[..., Record],
) -> None:
    labels = make(40)
    make_record(three / "limited", labels, 0.03, limit=10, title="Limited")
    moved = replace(labels, keypoints_2d=labels.keypoints_2d + 1)
    make_record(three / "moved", moved, 0.03, title="Moved")
    make_record(three / "older", labels, 0.03, title="Older")
    record = read_record(three / "older" / "record.json")
    change_record(three / "older" / "record.json", protocol=record.protocol.model_copy(update={"sha256": "f" * 64}))
    make_record(three / "bare", labels, 0.03, title="Bare")
    (three / "bare" / "errors.npz").unlink()
    make_record(three / "swapped", labels, 0.03, title="Swapped")
    shutil.copy(three / "bad" / "errors.npz", three / "swapped" / "errors.npz")
    make_record(three / "oracle", labels, 0.01, title="Oracle", needs_labels=True)
    (section,) = sections_of(three)
    assert {entry.name for entry in section.ranked} == {"Good", "Alike", "Bad"}
    reason_of = reasons(section)
    assert "--limit 10" in reason_of["Limited"]
    assert "other ground truth: 10 hands" in reason_of["Limited"]
    assert reason_of["Moved"].startswith("other ground truth: 40 hands, sha256 ")
    assert reason_of["Older"].startswith("other protocol file: sha256 ffffffffffff, the others ")
    assert reason_of["Bare"].startswith("there is no errors.npz beside the record")
    assert reason_of["Swapped"].startswith("the errors.npz beside the record gives other scores")
    assert reason_of["Oracle"] == "a control that sees the ground truth"
    assert [entry.name for entry in section.controls] == ["Oracle"]


def test_missing_hands_are_named(
    three: Path, make: Callable[..., HandLabels], change_record: Callable[..., Record]
) -> None:
    path = three / "good" / "record.json"
    record = read_record(path)
    missing = tuple(make(40).hand_id[:7].tolist())
    change_record(path, status="partial", coverage=replace(record.coverage, missing=missing))
    (section,) = sections_of(three)
    assert "7 of 40 hands are missing" in reasons(section)["Good"]
    assert "(7 in all)" in reasons(section)["Good"]


def test_subsets_come_in_the_order_of_the_protocol(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    parts = [make(8, seed=k, subset=name) for k, name in enumerate(("zoo", "ego4d", "newdays", "alley"))]
    make_record(tmp_path / "m", HandLabels.concatenate(parts), 0.1)
    sections = sections_of(tmp_path)
    assert [s.subset for s in sections] == ["newdays", "ego4d", "alley", "zoo"]
    assert [s.title for s in sections] == ["New Days", "Ego4D", "alley", "zoo"]


def test_records_of_unknown_protocols_are_not_ranked(
    three: Path, tmp_path: Path, change_record: Callable[..., Record]
) -> None:
    released = Path(__file__).parents[2] / "benchmark" / "protocols" / "hint-v1.toml"
    own = tmp_path / "mine.toml"
    own.write_text(released.read_text().replace('id = "hint-v1"', 'id = "mine"'))
    sha256 = load_protocol(str(own)).sha256
    for path in three.glob("*/record.json"):
        entry = read_record(path).protocol.model_copy(update={"id": "mine", "sha256": sha256})
        change_record(path, protocol=entry)
    (section,) = sections_of(three)
    assert not section.ranked
    (reason,) = set(reasons(section).values())
    assert "mine" in reason
    assert "--protocol" in reason
    (section,) = sections_of(three, protocols=(own,))
    assert len(section.ranked) == 3


def test_names_and_addresses_are_unique(three: Path, change_record: Callable[..., Record]) -> None:
    card = read_record(three / "good" / "record.json").method
    for folder in ("alike", "bad"):
        change_record(three / folder / "record.json", method=card)
    shutil.copytree(three, three.parent / "s")
    entries = read_entries([three, three.parent / "s", three / "bad" / "record.json"])
    assert len(entries) == 6
    assert len({e.name for e in entries}) == 6
    assert len({e.slug for e in entries}) == 6
    assert "Good [r/bad]" in {e.name for e in entries}
    assert slug("<script>../../x</script>") == "script-x-script"
    assert slug("手") == "unnamed"


def test_bad_input_is_one_line(three: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records"):
        read_entries([])
    with pytest.raises(InputError, match="no such file or folder"):
        read_entries([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"record\.json"):
        read_entries([tmp_path / "empty"])
    (three / "bad" / "record.json").write_text('{"schema": "hint-record-1"}')
    with pytest.raises(InputError, match="is not a record of this version"):
        read_entries([three])
    (three / "bad" / "record.json").write_text("{")
    with pytest.raises(InputError, match=r"record\.json is not readable"):
        read_entries([three])


def test_a_broken_error_table_is_named(three: Path) -> None:
    (three / "good" / "errors.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"good/errors\.npz is damaged"):
        read_entries([three])
