"""The guess of occluded joints: against exact labels of rendered hands, and what must hold for any input."""

from dataclasses import dataclass

import numpy as np
import pytest

from hint.demo.closeup import close_up
from hint.demo.renderer import Rendered
from hint.methods.synthetic_hands import synthetic_hands
from hint.occlusion.guess import WEIGHTS, OcclusionGuesser
from hint.training.rendered import training_scene
from hint.types import Float, Hand

#: Of rendered hands here; the weights were trained and scored on others.
SEED, HANDS = 31, 16


@dataclass(frozen=True)
class Case:
    hand: Hand
    picture: np.ndarray
    keypoints: np.ndarray


@pytest.fixture(scope="module")
def guesser() -> OcclusionGuesser:
    return OcclusionGuesser()


@pytest.fixture(scope="module")
def rendered() -> list[Rendered]:
    return [close_up(training_scene(SEED, k)) for k in range(HANDS)]


def guess(guesser: OcclusionGuesser, *cases: Case) -> Float:
    patches = [guesser.patch(case.hand, case.picture) for case in cases]
    return guesser([case.hand for case in cases], patches, np.stack([case.keypoints for case in cases]))


def drawn(k: int) -> Case:
    one = synthetic_hands()[k]
    return Case(one.hand, one.picture, one.keypoints_2d)


def test_flags_of_rendered_hands_agree_with_the_exact_ones(guesser: OcclusionGuesser, rendered: list[Rendered]) -> None:
    cases = [Case(Hand(str(k), tuple(r.box_xyxy), r.is_right), r.image, r.keypoints_2d) for k, r in enumerate(rendered)]
    exists = np.stack([r.existence for r in rendered])
    truth = np.stack([r.occlusion for r in rendered])[exists]
    flags = (guess(guesser, *cases) > 0.5)[exists]
    assert 0.2 < truth.mean() < 0.7
    assert (flags == truth).mean() > 0.8
    # Cohen's kappa is 0 for a constant answer and for a coin.
    chance = truth.mean() * flags.mean() + (1 - truth.mean()) * (1 - flags.mean())
    assert ((flags == truth).mean() - chance) / (1 - chance) > 0.55


def test_the_numbers_stay_the_same(guesser: OcclusionGuesser) -> None:
    found = guess(guesser, *(drawn(k) for k in GOLDEN))
    np.testing.assert_allclose(found[:, ::4], list(GOLDEN.values()), atol=2e-3)


#: Number of a drawn hand -> probabilities of every fourth joint, as computed when the weights were made.
GOLDEN = {
    1: [0.275, 0.107, 0.165, 0.134, 0.111, 0.029],
    4: [0.271, 0.1, 0.128, 0.107, 0.075, 0.021],
    9: [0.214, 0.15, 0.351, 0.289, 0.428, 0.013],
}


def test_a_mirrored_hand_of_the_other_side_is_the_same_hand(guesser: OcclusionGuesser) -> None:
    one = synthetic_hands()[3]
    other = one.mirrored()
    ours, theirs = (guess(guesser, Case(s.hand, s.picture, s.keypoints_2d)) for s in (one, other))
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    assert one.hand.is_right != other.hand.is_right


def test_each_hand_is_guessed_for_itself(guesser: OcclusionGuesser) -> None:
    cases = [drawn(k) for k in (0, 4, 8, 11)]
    together = guess(guesser, *cases)
    alone = np.concatenate([guess(guesser, case) for case in cases])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.ptp(together) > 0.05


def test_joints_anywhere_get_a_probability(guesser: OcclusionGuesser) -> None:
    case = drawn(2)
    for keypoints in (
        case.keypoints + 5000,
        case.keypoints * 0,
        np.where(np.arange(21)[:, None] < 2, -900, case.keypoints),
    ):
        found = guess(guesser, Case(case.hand, case.picture, keypoints))
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()


def test_what_has_no_place_has_no_probability(guesser: OcclusionGuesser) -> None:
    case = drawn(2)
    some = case.keypoints.copy()
    some[[0, 7], [0, 1]] = np.nan, np.inf
    none = np.full_like(some, np.nan)
    whole, partly, lost = guess(guesser, case, Case(case.hand, case.picture, some), Case(case.hand, case.picture, none))
    assert np.flatnonzero(np.isnan(partly)).tolist() == [0, 7]
    assert np.isnan(lost).all()
    assert np.isfinite(whole).all()


def test_the_weights_are_small(guesser: OcclusionGuesser) -> None:
    assert WEIGHTS.stat().st_size < 2e6
    assert len(guesser.sha256) == 64
