"""The table of what is usual: made by the script, or measured on labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotation.check.geometry import bone_vectors
from annotation.check.make_population import projected_hands
from annotation.check.population import load_population, measure_population, rendered_population
from annotation.check.rules import RULES
from hint.errors import InputError
from hint.files import write_coco, write_pairs
from hint.types import HandLabels


def test_the_table_is_what_the_script_measures() -> None:
    table = rendered_population()
    assert table.hands == 20_000
    points, _ = projected_hands(4000, seed=4)
    again = measure_population(points, "", unjudged=(0,))
    for name in ("reference", "bone_median", "bone_spread"):
        np.testing.assert_allclose(getattr(again, name), getattr(table, name), rtol=0.1, err_msg=name)
    np.testing.assert_allclose(again.turn_median, table.turn_median, atol=0.06)
    assert np.flatnonzero(np.isnan(table.bone_median)).tolist() == [0]


def test_a_population_makes_the_round_trip(tmp_path: Path) -> None:
    points, _ = projected_hands(300, seed=1)
    points[3, 5] = np.nan
    measured = measure_population(points, "three hundred", unjudged=(0, 7))
    (tmp_path / "p.json").write_text(measured.to_json())
    read = load_population(tmp_path / "p.json")
    assert (read.made, read.hands) == ("three hundred", 300)
    for name in ("reference", "bone_median", "bone_spread", "turn_median", "turn_spread"):
        np.testing.assert_allclose(getattr(read, name), getattr(measured, name), atol=1e-4, err_msg=name)


def test_labels_may_be_the_population(good: HandLabels, tmp_path: Path) -> None:
    some = good.select(slice(0, 250))
    write_pairs(tmp_path / "mine", some)
    write_coco(tmp_path / "mine.json", some)
    pairs, coco = load_population(tmp_path / "mine"), load_population(tmp_path / "mine.json")
    assert np.isfinite(pairs.bone_median).all(), "a population of one's own judges the base of the thumb too"
    np.testing.assert_allclose(pairs.bone_median, coco.bone_median)
    write_pairs(tmp_path / "few", good.select(slice(0, 20)))
    with pytest.raises(InputError, match=r"20 hands are too few .* 200"):
        load_population(tmp_path / "few")
    with pytest.raises(InputError, match="no such file"):
        load_population(tmp_path / "nowhere")


def test_the_size_of_a_hand_is_robust_to_one_joint(good: HandLabels) -> None:
    points = good.keypoints_2d[:500]
    far = points.copy()
    far[:, 8] += 500
    table = rendered_population()
    before, after = (table.relative(np.linalg.norm(bone_vectors(p), axis=2))[1] for p in (points, far))
    assert np.median(abs(after / before - 1)) < 0.1


def test_another_population_changes_the_findings(good: HandLabels, hands: object) -> None:
    rule = next(r for r in RULES if r.id == "bone-length")
    table = rendered_population()
    narrow = replace(table, bone_spread=table.bone_spread / 4)
    assert callable(hands)
    few, many = (rule.found(rule.measure(replace(hands(good), population=p)).value).mean() for p in (table, narrow))
    assert few < 0.01 < many
