import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmark.evaluate import Settings, evaluate_predictions
from benchmark.protocol import load_protocol
from benchmark.record import Record
from hint.files import read_labels
from hint.images import read_image
from hint.types import HandLabels, Predictions
from leaderboard.gallery import sheet
from leaderboard.table import comparison_table, remarks, score_table


def record_of(labels: HandLabels, shift: float = 0.0, rows: slice = slice(None)) -> Record:
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)[:, None, None]
    given = Predictions(labels.hand_id, labels.keypoints_2d + shift * side * [1, 0]).select(rows)
    return evaluate_predictions(labels, given, "shifted", Settings(load_protocol())).record


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_every_cell(labels: HandLabels) -> None:
    record = record_of(labels, shift=0.07)
    text = printed(score_table(record))
    assert [line.split()[0] for line in text.splitlines() if "±" in line] == ["newdays", "visible", "occluded"]
    first = next(line for line in text.splitlines() if "newdays" in line).split()
    assert first[1:8] == ["all", "12", str(labels.existence.sum()), "0.0", "±0.0", "100.0", "±0.0"]


def test_a_note_of_the_method_stands_beside_its_name(labels: HandLabels) -> None:
    record = record_of(labels)
    noted = record.model_copy(update={"method": replace(record.method, note="random weights [bold]")})
    assert "shifted (random weights [bold])" in printed(comparison_table([noted], "newdays"))


def test_remarks_name_misses_and_empty_joints(labels: HandLabels) -> None:
    existence = labels.existence.copy()
    existence[:, 20] = False
    said = "\n".join(remarks(record_of(replace(labels, existence=existence), rows=slice(2, None))))
    assert f"2 of 12 hands without a full prediction count as misses: {labels.hand_id[0]}, {labels.hand_id[1]}" in said
    assert "newdays: no keypoint of little_tip, left out of the mean" in said
    assert "newdays: 12 hands, the released set has 1754" in said


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
