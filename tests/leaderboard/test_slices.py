from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import groupby

import numpy as np
import pytest

from benchmark.error_table import ErrorTable, compute_errors
from benchmark.intervals import intervals
from benchmark.pck import pck_sums, select
from benchmark.protocol import load_protocol
from benchmark.slices import slicings
from hint.types import HandLabels, Predictions
from leaderboard.draws import SEED
from leaderboard.slices import Slice, slice_scores

PROTOCOL = load_protocol()
UUID = "00000000-0000-0000-0000-00000000000"


def table_of(labels: HandLabels) -> ErrorTable:
    rng = np.random.default_rng(1)
    points = labels.keypoints_2d + rng.normal(0, 5, labels.keypoints_2d.shape)
    return compute_errors(labels, Predictions(labels.hand_id, points.astype(np.float32)))[0]


def by(slices: list[Slice]) -> dict[str, dict[str, Slice]]:
    return {name: {part.name: part for part in parts} for name, parts in groupby(slices, key=lambda s: s.by)}


def test_parts_cover_every_hand_once(make: Callable[..., HandLabels]) -> None:
    found = by(slice_scores(table_of(make(40)), "newdays", PROTOCOL))
    assert set(found) == {"box size", "occluded share", "joints outside the frame", "side"}
    for parts in found.values():
        assert sum(part.n_hands for part in parts.values()) == 40
    assert found["side"]["left"].n_hands == 20


def test_a_part_scores_as_if_it_were_alone(make: Callable[..., HandLabels]) -> None:
    labels = make(40)
    found = by(slice_scores(table_of(labels), "newdays", PROTOCOL))
    small = labels.select((labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1) < 64)
    cell = select(table_of(labels), "newdays", "all")
    part = found["box size"]["below 64 px"]
    assert part.n_hands == len(small) > 0
    table = table_of(labels)
    keep = np.isin(table.hand_id, small.hand_id)
    alone = ErrorTable(
        *(getattr(table, f)[keep] for f in ("hand_id", "clip_id", "subset", "box_side", "distance_px", "visibility"))
    )
    expected = [pck_sums(select(alone, "newdays", "all"), t).value() for t in PROTOCOL.thresholds]
    assert part.values == pytest.approx(expected)
    assert part.values != pytest.approx([pck_sums(cell, t).value() for t in PROTOCOL.thresholds])


def test_edges_of_classes(make: Callable[..., HandLabels]) -> None:
    labels = make(6)
    side = np.array([63.0, 64.0, 127.0, 128.0, 255.0, 256.0])
    box = np.concatenate([np.zeros((6, 2)), np.stack([side, side], 1)], 1)
    existence = np.ones((6, 21), bool)
    existence[1, :1] = existence[2, :5] = existence[3, :6] = False
    occlusion = np.zeros((6, 21), bool)
    occlusion[0, :5] = True  # 24%
    occlusion[4, :6] = True  # 29%
    occlusion[5, :11] = True  # 52%
    found = by(
        slice_scores(
            table_of(replace(labels, box_xyxy=box, existence=existence, occlusion=occlusion)), "newdays", PROTOCOL
        )
    )
    count = {name: {key: part.n_hands for key, part in parts.items()} for name, parts in found.items()}
    assert count["box size"] == {"below 64 px": 1, "64 to 128 px": 2, "128 to 256 px": 2, "256 px and more": 1}
    assert count["occluded share"] == {"none": 3, "below 25%": 1, "25 to 50%": 1, "50% and more": 1}
    assert count["joints outside the frame"] == {"none": 3, "1 to 5 joints": 2, "6 joints and more": 1}


def test_frame_types_and_contact_come_from_names_and_manifests(make: Callable[..., HandLabels]) -> None:
    types = ["pre_45", "pnr_frame", "pnr_frame", "post_frame"]
    ids = np.array([f"{UUID}{k}_{UUID}1_{k}_{kind}_r" for k, kind in enumerate(types)])
    labels = replace(make(4, subset="ego4d"), hand_id=ids)
    contact = {ids[0]: "hand_object", ids[1]: "none", ids[2]: "hand_object", "another_l": "hand_hand"}
    found = by(slice_scores(table_of(labels), "ego4d", PROTOCOL, contact))
    assert {k: v.n_hands for k, v in found["frame type"].items()} == {"pre_45": 1, "pnr_frame": 2, "post_frame": 1}
    assert {k: v.n_hands for k, v in found["contact"].items()} == {"hand_object": 2, "none": 1}


def one_by_one(table: ErrorTable, subset: str) -> list[Slice]:
    """The slices, each cut out of the table and scored by itself."""
    hands = cut(table, table.subset == subset)
    found = []
    for slicing in slicings(hands):
        for name in slicing.parts:
            part = cut(hands, slicing.part == name)
            if not len(part) or not (part.visibility > 0).any():
                continue
            sums = [pck_sums(select(part, subset, "all"), t) for t in PROTOCOL.thresholds]
            values = tuple(s.value() for s in sums)
            clips = len(set(part.clip_id.tolist()))
            found.append(Slice(slicing.title, name, len(part), clips, values, tuple(intervals(sums, PROTOCOL, SEED))))
    return found


def cut(table: ErrorTable, rows: np.ndarray) -> ErrorTable:
    return ErrorTable(**{f.name: getattr(table, f.name)[rows] for f in fields(ErrorTable)})


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_score_as_parts_cut_out_one_by_one(seed: int, make: Callable[..., HandLabels]) -> None:
    labels = make(60, seed=seed)
    existence = labels.existence.copy()
    existence[:2] = False  # a clip without a single keypoint
    table = table_of(replace(labels, existence=existence))
    assert slice_scores(table, "newdays", PROTOCOL) == one_by_one(table, "newdays")
