"""Numbers of agreement: by hand, against a slow count, by property, and the coverage of their intervals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.agreement.measure import (
    agreeing,
    clip_sums,
    close,
    contingency,
    estimates,
    joint_means,
    kappa,
    kappas,
    ratios,
    replicate,
)
from annotation.agreement.pairs import pair
from annotation.agreement.palm import Palm, parse_palm
from annotation.agreement.result import Agreement
from annotation.agreement.run import measure_agreement
from hint.errors import InputError, UnknownNameError
from hint.files import write_pairs
from hint.types import HandLabels

Annotate = Callable[..., HandLabels]
Make = Callable[..., HandLabels]


def agreement(a: HandLabels, b: HandLabels, folder: Path, palm: Palm | None = None) -> Agreement:
    write_pairs(folder / "a", a)
    write_pairs(folder / "b", b)
    return measure_agreement(folder / "a", folder / "b", palm or Palm())[0]


def test_kappa_by_hand() -> None:
    # Both 20, first only 5, second only 10, neither 15: agreement 35/50 = 0.7; by chance 0.5*0.6 + 0.5*0.4 = 0.5.
    assert kappa(np.array([20.0, 5, 10, 15])) == pytest.approx(0.4)
    assert kappa(np.array([10.0, 0, 0, 10])) == pytest.approx(1)
    assert kappa(np.array([0.0, 10, 10, 0])) == pytest.approx(-1)
    assert kappa(np.array([25.0, 25, 25, 25])) == pytest.approx(0)
    assert np.isnan(kappa(np.array([30.0, 0, 0, 0]))), "a flag that is always set says nothing"
    assert np.isnan(kappa(np.zeros(4)))
    several = kappa(np.array([[20.0, 5, 10, 15], [25, 25, 25, 25]]))
    np.testing.assert_allclose(several, [0.4, 0], atol=1e-12)


@given(st.lists(st.integers(0, 60), min_size=4, max_size=4))
def test_kappa_is_symmetric(cells: list[int]) -> None:
    both, first, second, neither = cells
    found = [kappa(np.array(c, float)) for c in (cells, [both, second, first, neither], [neither, second, first, both])]
    np.testing.assert_allclose(found[1:], found[0])
    assert np.isnan(found[0]) or -1 <= found[0] <= 1


def test_kappa_of_independent_flags_is_near_zero() -> None:
    rng = np.random.default_rng(0)
    for share_a, share_b in ((0.5, 0.5), (0.9, 0.2), (0.05, 0.6)):
        a, b = rng.random(200_000) < share_a, rng.random(200_000) < share_b
        cells = np.array([(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()], float)
        assert abs(kappa(cells)) < 0.01


def test_four_joints_by_hand(make: Make) -> None:
    """One hand, worked with pencil: three joints seen by both, of which two are close."""
    labels = make(2)
    points = np.zeros((2, 21, 2))
    points[:, 9] = (0, 100)  # the palm is 100 px long
    exists, occluded = np.zeros((2, 21), bool), np.zeros((2, 21), bool)
    exists[0, :4] = exists[1, 0] = True
    a = replace(labels, keypoints_2d=points, existence=exists, occlusion=occluded)
    moved, hidden, absent = points.copy(), occluded.copy(), exists.copy()
    moved[0, 1], moved[0, 2], moved[0, 3] = (25, 0), (15, 20.1), (200, 0)
    hidden[0, 3] = True
    absent[1, 0] = False
    b = replace(labels, keypoints_2d=moved, existence=absent, occlusion=hidden)
    pairs = pair([a], [b], Palm())
    hits, compared = close(pairs)
    assert (hits.sum(), compared.sum()) == (2, 3)
    assert [int(x.sum()) for x in agreeing(pairs, "existence")] == [41, 42]
    assert [int(x.sum()) for x in agreeing(pairs, "occlusion")] == [3, 4]
    assert contingency(pairs, "occlusion").sum((1, 2)).tolist() == [0, 0, 1, 3]
    assert pairs.palm_length.tolist() == [100, 100]


def slow_numbers(a: HandLabels, b: HandLabels) -> dict[str, float]:
    """Count joint by joint, palm from wrist to middle knuckle, mean of both."""
    n = dict.fromkeys(("joints", "existence", "both", "occlusion", "visible", "within"), 0)
    rows = {hand_id: k for k, hand_id in enumerate(b.hand_id.tolist())}
    for i, hand_id in enumerate(a.hand_id.tolist()):
        j = rows[hand_id]
        p, q = a.keypoints_2d[i], b.keypoints_2d[j]
        palm = (np.hypot(*(p[9] - p[0])) + np.hypot(*(q[9] - q[0]))) / 2
        for k in range(21):
            n["joints"] += 1
            n["existence"] += a.existence[i, k] == b.existence[j, k]
            if not (a.existence[i, k] and b.existence[j, k]):
                continue
            n["both"] += 1
            n["occlusion"] += a.occlusion[i, k] == b.occlusion[j, k]
            if not (a.occlusion[i, k] or b.occlusion[j, k]):
                n["visible"] += 1
                n["within"] += np.hypot(*(p[k] - q[k])) <= 0.25 * palm
    parts = (("existence", "joints"), ("occlusion", "both"), ("within", "visible"))
    return {name: 100 * n[name] / n[of] for name, of in parts}


def test_it_equals_a_slow_count_in_any_order(make: Make, annotated: Annotate, tmp_path: Path) -> None:
    truth = make(40)
    a, b = annotated(truth, 1), annotated(truth, 2, noise=0.1)
    b = replace(b, existence=b.existence ^ (np.random.default_rng(0).random((40, 21)) < 0.03))
    order = np.random.default_rng(1).permutation(40)
    result = agreement(a, b.select(order), tmp_path)
    expected = slow_numbers(a, b)
    for name, value in expected.items():
        found = getattr(result, name)
        assert found.value == pytest.approx(value), name
        assert found.ci.low <= value <= found.ci.high
    assert result.existence.n == 40 * 21
    curve = next(c for c in result.curves if c.normaliser == "palm")
    assert curve.values[25] == pytest.approx(expected["within"])
    assert curve.thresholds[25] == pytest.approx(0.25)


def test_an_annotation_agrees_with_itself(make: Make, annotated: Annotate, tmp_path: Path) -> None:
    a = annotated(make(20), 1)
    result = agreement(a, a, tmp_path)
    for score in (result.existence, result.occlusion, result.within):
        assert (score.value, score.ci and score.ci.low) == (100, 100)
    assert result.occlusion_kappa.value == pytest.approx(1)
    assert result.same_points == 100
    assert {value for curve in result.curves for value in curve.values} == {100}
    assert {one.distance for one in result.worst} == {0}
    assert any("neither annotator moved" in text for text in result.remarks)


def test_agreement_is_symmetric(make: Make, annotated: Annotate, tmp_path: Path) -> None:
    truth = make(30)
    a, b = annotated(truth, 1), annotated(truth, 2)
    first, second = agreement(a, b, tmp_path / "1"), agreement(b, a, tmp_path / "2")
    other = {"a", "b"}
    assert first.model_dump(exclude=other) == second.model_dump(exclude=other)
    whose = [agreement(a, b, tmp_path / "3", Palm(whose="a")), agreement(b, a, tmp_path / "4", Palm(whose="b"))]
    assert whose[0].within == whose[1].within


def test_fingers_add_up_to_their_joints(make: Make, annotated: Annotate, tmp_path: Path) -> None:
    truth = make(30)
    result = agreement(annotated(truth, 1), annotated(truth, 2), tmp_path)
    assert [row.name for row in result.per_finger] == ["wrist", "thumb", "index", "middle", "ring", "little"]
    assert len(result.per_joint) == 21
    groups = [result.per_joint[:1], *(result.per_joint[1 + 4 * f : 5 + 4 * f] for f in range(5))]
    for finger, joints in zip(result.per_finger, groups, strict=True):
        assert finger.visible == sum(row.visible for row in joints)
        hits = sum((row.within.value or 0) * row.visible for row in joints)
        assert finger.within.value == pytest.approx(hits / finger.visible)
    assert sum(row.visible for row in result.per_finger) == result.within.n


def test_the_ceiling_is_the_pck_of_one_annotator_on_the_other(make: Make, annotated: Annotate, tmp_path: Path) -> None:
    """By the leaderboard's own code: the second annotator as a method, the first one's labels as the truth."""
    from benchmark.error_table import compute_errors
    from benchmark.protocol import load_protocol
    from benchmark.scores import score_table
    from hint.types import Predictions

    truth = make(30)
    a, b = annotated(truth, 1, flips=0), annotated(truth, 2, flips=0)
    result = agreement(a, b, tmp_path)
    table, _ = compute_errors(a, Predictions(b.hand_id, b.keypoints_2d.astype(np.float32)))
    curves = {c.visibility: c for c in score_table(table, load_protocol()).curves}
    ours = {c.visibility: c for c in result.curves if c.normaliser == "box_longest_side"}
    assert set(ours) == {"all", "visible", "occluded"}
    for visibility, curve in ours.items():
        assert curve.thresholds == pytest.approx(curves[visibility].thresholds)
        np.testing.assert_allclose(curve.values, curves[visibility].values, atol=0.05)  # float32 at a threshold


@given(st.integers(0, 10_000), st.integers(2, 12))
@settings(max_examples=25)
def test_curves_rise_and_lie_in_their_bands(seed: int, clips: int) -> None:
    rng = np.random.default_rng(seed)
    error = rng.gamma(2, 0.05, (clips * 3, 21))
    compared = rng.random(error.shape) < 0.7
    thresholds = np.linspace(0, 0.3, 7)
    hits = (np.where(compared, error, np.inf)[:, None] <= thresholds[:, None]).astype(float)
    sums = clip_sums(np.column_stack([hits.reshape(len(hits), -1), compared]), np.repeat(range(clips), 3), clips)
    values = joint_means(sums.sum(0))
    assert (np.diff(values) >= 0).all()
    slow = [
        np.mean([hits[:, t, j].sum() / compared[:, j].sum() for j in range(21) if compared[:, j].any()])
        for t in range(7)
    ]
    np.testing.assert_allclose(values, slow)
    low, high = np.nanquantile(replicate(sums, joint_means, 0, 200), [0.0, 1.0], axis=0)
    assert (low <= values + 1e-9).all()
    assert (values <= high + 1e-9).all()


def simulate(rng: np.random.Generator, clips: int, alike: float) -> np.ndarray:
    """Cells of kappa per clip: two annotators whose chance to agree varies from clip to clip."""
    level = np.clip(0.8 + alike * rng.normal(size=(clips, 1)), 0.05, 0.99)
    truth = rng.random((clips, 40)) < 0.5
    a, b = (truth ^ (rng.random((clips, 40)) > level) for _ in range(2))
    return np.stack([(a & b).sum(1), (a & ~b).sum(1), (~a & b).sum(1), (~a & ~b).sum(1)], 1).astype(float)


@pytest.mark.parametrize("alike", [0.0, 0.1])
def test_intervals_cover_the_truth_as_often_as_they_say(alike: float) -> None:
    rng = np.random.default_rng(4)
    many = simulate(rng, 40_000, alike).sum(0)
    true_kappa, true_share = float(kappa(many)), (many[0] + many[3]) / many.sum()
    covered = np.zeros(2)
    for k in range(200):
        cells = simulate(rng, 50, alike)
        (found,) = kappas(cells[:, None], k)
        (share,) = ratios((cells[:, :1] + cells[:, 3:]), cells.sum(1, keepdims=True), k)
        assert found.ci is not None
        assert share.ci is not None
        covered += (found.ci.low <= true_kappa <= found.ci.high, share.ci.low <= true_share <= share.ci.high)
    assert (covered >= 178).all(), covered
    assert (covered <= 199).all(), covered


def test_clips_widen_the_interval_where_hands_of_a_clip_are_alike() -> None:
    rng = np.random.default_rng(5)
    agrees = np.repeat(rng.random((30, 1)) < 0.8, 10, axis=0).astype(float)
    clip = np.arange(300) // 10
    by_clip = ratios(clip_sums(agrees, clip, 30), clip_sums(np.ones((300, 1)), clip, 30), 0)[0]
    by_hand = ratios(agrees, np.ones((300, 1)), 0)[0]
    assert by_clip.ci is not None
    assert by_hand.ci is not None
    assert by_clip.value == by_hand.value
    assert by_clip.ci.high - by_clip.ci.low > 2.5 * (by_hand.ci.high - by_hand.ci.low)


def test_no_interval_where_one_clip_has_all_the_joints() -> None:
    sums, counts = np.array([[3.0, 1], [0, 1]]), np.array([[4.0, 2], [0, 2]])
    alone, both = ratios(sums, counts, 0)
    assert (alone.value, alone.n, alone.ci) == (0.75, 4, None)
    assert both.ci is not None
    nothing = estimates(np.zeros((3, 2)), np.zeros((3, 1)), lambda t: np.full(t[..., :1].shape, np.nan), 0)[0]
    assert (nothing.value, nothing.n, nothing.ci) == (None, 0, None)


def test_palm_lengths_by_hand() -> None:
    a, b = np.zeros((1, 21, 2)), np.zeros((1, 21, 2))
    a[0, 9], b[0, 9] = (0, 100), (0, 60)
    a[0, [5, 13, 17]] = (0, 60)
    side = np.array([200.0])
    assert Palm().lengths(a, b, side) == pytest.approx(80)
    assert Palm(whose="a").lengths(a, b, side) == pytest.approx(100)
    assert Palm(whose="b").lengths(a, b, side) == pytest.approx(60)
    assert Palm("wrist-knuckles", "a").lengths(a, b, side) == pytest.approx(70)
    assert parse_palm("box").lengths(a, b, side) == pytest.approx(110)
    assert parse_palm("box:0.6").lengths(a, b, side) == pytest.approx(120)
    assert (str(parse_palm("box:0.6")), str(Palm())) == ("box:0.6", "wrist-middle of mean")
    for text, message in (("box:-1", "positive number"), ("box:x", "positive number"), ("box:inf", "positive number")):
        with pytest.raises(InputError, match=message):
            parse_palm(text)
    with pytest.raises(UnknownNameError, match="did you mean wrist-middle"):
        parse_palm("wrist-midle")
    with pytest.raises(UnknownNameError, match="unknown annotator 'c'"):
        parse_palm("box", "c")


def test_a_palm_of_zero_length_is_named_and_left_out(make: Make, tmp_path: Path) -> None:
    labels = make(6)
    points = labels.keypoints_2d.copy()
    points[2, 9] = points[2, 0]
    flat = replace(labels, keypoints_2d=points)
    result = agreement(flat, flat, tmp_path)
    assert any("zero length" in remark and str(labels.hand_id[2]) in remark for remark in result.remarks)
    seen = (flat.visibility == 2).sum(1)
    assert result.within.n == seen.sum() - seen[2]
