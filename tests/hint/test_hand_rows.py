from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hint.errors import InputError
from hint.files import read_labels
from hint.skeleton import JOINT_NAMES
from hint.types import HandLabels, Predictions


def test_a_number_or_an_id_picks_one_hand(labels: HandLabels) -> None:
    hand = labels[3]
    assert hand.hand_id == labels.hand_id[3]
    assert hand.keypoints_2d.shape == (21, 2)
    assert np.array_equal(hand.visibility, labels.visibility[3])
    assert labels[hand.hand_id].hand_id == labels[np.int64(3)].hand_id == labels[3 - len(labels)].hand_id


def test_slices_masks_and_lists_pick_several(labels: HandLabels) -> None:
    mask = np.arange(12) % 3 == 0
    for key, rows in (
        (slice(2, 5), [2, 3, 4]),
        (mask, [0, 3, 6, 9]),
        (mask.tolist(), [0, 3, 6, 9]),
        ([4, 1], [4, 1]),
        (labels.hand_id[[5, 2]].tolist(), [5, 2]),
        ([], []),
    ):
        picked = labels[key]
        assert isinstance(picked, HandLabels)
        assert picked.hand_id.tolist() == labels.hand_id[rows].tolist()


def test_hands_are_iterated_in_order(labels: HandLabels) -> None:
    assert [hand.hand_id for hand in labels] == labels.hand_id.tolist()


def test_what_is_not_there_is_an_error(labels: HandLabels) -> None:
    with pytest.raises(IndexError, match="12"):
        labels[12]
    with pytest.raises(InputError, match=labels[0].hand_id):
        labels[labels[0].hand_id + "x"]
    assert len(list(labels)) == 12


@pytest.mark.parametrize("key", [True, None, {}, 1.5, [1.5]])
def test_what_picks_nothing_is_refused(key: Any, labels: HandLabels) -> None:
    with pytest.raises(InputError, match="cannot pick hands by"):
        labels[key]


def test_they_print_short(make: Callable[..., HandLabels]) -> None:
    labels = make(500)
    predictions = Predictions(labels.hand_id, np.where(np.arange(500)[:, None, None] < 3, np.nan, labels.keypoints_2d))
    assert repr(labels) == "HandLabels(500 hands, 250 clips, newdays)"
    assert repr(predictions) == "Predictions(500 hands, 3 not found)"


def test_frames_have_a_row_for_each_hand_and_joint(labels: HandLabels) -> None:
    frame = labels.to_frame()
    assert len(frame) == 12 * 21
    row = frame[(frame["hand_id"] == labels.hand_id[4]) & (frame["joint"] == "index_tip")].iloc[0]
    k = JOINT_NAMES.index("index_tip")
    assert (row["x"], row["y"]) == tuple(labels.keypoints_2d[4, k])
    assert row["visibility"] == labels.visibility[4, k]
    assert (row["part"], row["subset"], row["x1"]) == ("index", "newdays", labels.box_xyxy[4, 2])
    assert list(frame["joint"].cat.categories) == list(JOINT_NAMES)


def test_frames_of_labels_and_predictions_join(labels: HandLabels) -> None:
    score = np.linspace(0, 1, 12 * 21).reshape(12, 21)
    predictions = Predictions(
        labels.hand_id[::-1], labels.keypoints_2d[::-1], np.zeros((12, 21, 3)), score=score, occlusion=score > 0.5
    )
    frame = predictions.to_frame()
    assert {"x_3d", "y_3d", "z_3d", "score", "occlusion"} < set(frame.columns)
    joined = labels.to_frame().merge(frame, on=["hand_id", "joint"], suffixes=("", "_predicted"))
    assert len(joined) == 12 * 21
    assert np.allclose(joined["x"], joined["x_predicted"], atol=1e-4)


def test_a_score_per_hand_is_repeated(labels: HandLabels) -> None:
    frame = Predictions(labels.hand_id, labels.keypoints_2d, score=np.arange(12)).to_frame()
    assert frame.groupby("hand_id", sort=False)["score"].agg(["min", "max"]).to_numpy().tolist() == [
        [k, k] for k in range(12)
    ]
    assert isinstance(frame, pd.DataFrame)


def test_notebooks_show_counts_and_pictures(hint_root: Path, labels: HandLabels) -> None:
    html = read_labels(hint_root)._repr_html_()
    assert "<td>12</td>" in html
    assert html.count("data:image/jpeg;base64,") == 6
    assert Predictions(labels.hand_id, labels.keypoints_2d)._repr_html_().count("<img") == 6


def test_notebooks_escape_names(make: Callable[..., HandLabels]) -> None:
    html = make(2, subset="<b>&")._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
