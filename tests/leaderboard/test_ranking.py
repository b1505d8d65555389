from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.intervals import paired_difference
from benchmark.protocol import load_protocol
from benchmark.record import Record, read_record
from hint.errors import InputError
from hint.types import HandLabels, Predictions
from leaderboard.draws import Band, Draws, draw
from leaderboard.entry import read_candidates, read_entries
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
    refused = [str(problem) for problem in read_candidates([three]).refused]
    assert {text.partition(":")[0] for text in refused} == {"swapped/errors.npz"}
    assert any("differs from the error table" in text for text in refused)
    assert reason_of["Oracle"] == "a control that sees the ground truth"
    assert [entry.name for entry in section.controls] == ["Oracle"]


def test_missing_rows_and_rows_without_numbers_are_the_same_misses(
    three: Path, make: Callable[..., HandLabels]
) -> None:
    labels = make(40)
    noise = np.random.default_rng(1).normal(0, 2, labels.keypoints_2d.shape)
    whole = Predictions(labels.hand_id, (labels.keypoints_2d + noise).astype(np.float32))
    absent = whole.select(np.arange(7, 40))
    empty = replace(whole, keypoints_2d=np.where(np.arange(40)[:, None, None] < 7, np.nan, whole.keypoints_2d))
    for name, given in (("absent", absent), ("empty", empty)):
        evaluate(labels, given, out=three, name=name)
    (section,) = sections_of(three)
    assert not section.unranked
    first, second = (entry for entry in section.ranked if entry.name in ("absent", "empty"))
    assert first.record.scores == second.record.scores
    assert first.record.coverage == second.record.coverage
    assert len(first.record.coverage.missing) == 7


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


def test_names_and_addresses_are_unique(
    three: Path,
    make: Callable[..., HandLabels],
    make_record: Callable[..., Record],
    change_record: Callable[..., Record],
) -> None:
    card = read_record(three / "good" / "record.json").method
    for folder in ("alike", "bad"):
        change_record(three / folder / "record.json", method=card)
    shutil.copytree(three, three.parent / "copies")
    for seed, folder in enumerate(("good", "alike", "bad"), start=7):
        make_record(three.parent / "s" / folder, make(40), 0.03, seed)
        change_record(three.parent / "s" / folder / "record.json", method=card)
    entries = read_entries([three, three.parent / "s", three.parent / "copies", three / "bad" / "record.json"])
    assert len(entries) == 6, "the same run twice is one row"
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
    with pytest.raises(InputError, match=r"no record can be used: bad/record\.json: not a record of this version"):
        read_entries([three / "bad"])
    (three / "bad" / "record.json").write_text("{")
    (three / "good" / "errors.npz").write_bytes(b"PK")
    found = read_candidates([three])
    assert [entry.name for entry in found.entries] == ["Alike"], "the others do not stop it"
    broken, damaged = sorted(map(str, found.refused))
    assert broken.startswith("bad/record.json: is not readable as JSON")
    assert damaged.startswith("good/errors.npz: is damaged")
