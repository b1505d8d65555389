import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmark.evaluate import evaluate
from benchmark.record import Record
from hint.files import read_labels
from hint.images import read_image
from hint.types import HandLabels, Predictions
from leaderboard.gallery import sheet
from leaderboard.motion_table import motion_table
from leaderboard.oks_table import oks_score_table
from leaderboard.table import comparison_table, remarks, score_table


def record_of(labels: HandLabels, shift: float = 0.0, rows: slice = slice(None)) -> Record:
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)[:, None, None]
    given = Predictions(labels.hand_id, labels.keypoints_2d + shift * side * [1, 0]).select(rows)
    return evaluate(labels, given, name="shifted").record


def printed(table: object, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_every_cell(labels: HandLabels) -> None:
    record = record_of(labels, shift=0.07)
    text = printed(score_table(record))
    lines = [line.split() for line in text.splitlines()]
    first = next(k for k, words in enumerate(lines) if words[:1] == ["newdays"])
    assert lines[first][:7] == ["newdays", "all", "12", str(labels.existence.sum()), "0.0", "100.0", "100.0"]
    assert lines[first + 1][:3] == ["±0.0"] * 3
    assert [words[0] for words in lines[first + 2 : first + 6 : 2]] == ["visible", "occluded"]


def test_names_of_strangers_are_shown_letter_by_letter(labels: HandLabels) -> None:
    record = record_of(replace(labels, subset=np.full(len(labels), "[red]x")))
    strange = record.model_copy(update={"method": replace(record.method, title="\x1b[31mA [bold]")})
    for table in (score_table(strange), motion_table(strange), oks_score_table(strange)):
        assert "[red]x" in printed(table)
    assert "\\x1b[31mA [bold]" in printed(score_table(strange))
    assert "PCK on [red]x" in printed(comparison_table([strange], "[red]x"))


def test_a_note_of_the_method_stands_beside_its_name(labels: HandLabels) -> None:
    record = record_of(labels)
    noted = record.model_copy(update={"method": replace(record.method, note="random weights [bold]")})
    first_column = [line[:21].strip() for line in printed(comparison_table([noted], "newdays")).splitlines()]
    assert "(random weights [bold])" in " ".join(first_column)


def test_tables_fit_into_eighty_columns(labels: HandLabels) -> None:
    record = record_of(replace(labels, subset=np.full(len(labels), "val_ego4d_seq")), shift=0.07)
    many = tuple(replace(score, n_hands=40_434, n_keypoints=812_345) for score in record.scores)
    record = record.model_copy(update={"scores": many})
    noted = record.model_copy(update={"method": replace(record.method, note="trained on rendered hands only")})
    for table in (score_table(record), comparison_table([noted], "val_ego4d_seq")):
        assert max(len(line.rstrip()) for line in printed(table).splitlines()) <= 80


def test_remarks_name_misses_and_empty_joints(labels: HandLabels) -> None:
    existence = labels.existence.copy()
    existence[:, 20] = False
    text = "\n".join(remarks(record_of(replace(labels, existence=existence), rows=slice(2, None))))
    assert f"2 of 12 hands without a full prediction count as misses: {labels.hand_id[0]}, {labels.hand_id[1]}" in text
    assert "newdays: no keypoint of little_tip, left out of the mean" in text
    assert "newdays: 12 hands, the released set has 1754" in text


def test_the_sheet_is_a_picture_with_equal_bytes_each_time(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    lost = Predictions(labels.hand_id, np.full((12, 21, 2), np.nan))
    columns = {"perfect": Predictions(labels.hand_id, labels.keypoints_2d), "lost": lost}
    sheet(tmp_path / "a.png", labels, columns, hands=3)
    sheet(tmp_path / "b.png", labels, columns, hands=3)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = read_image(tmp_path / "a.png")
    height, width = picture.shape[:2]
    assert width > 2 * height, "two hands to a line, three tiles each, over two lines"
