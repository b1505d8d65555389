"""HaMeR-tiny: its weights load, are small, and find rendered hands that training never saw."""

from pathlib import Path

import pytest

from benchmark.evaluate import evaluate
from hint.demo import render_demo_set
from hint.errors import InputError
from hint.files import read_labels
from hint.methods.hamer.tiny import CARD, HAMER_TINY, WEIGHTS
from hint.methods.selftest import selftest
from hint.methods.table import create
from hint.types import HandLabels, MethodOptions

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> HandLabels:
    """Twenty-four rendered hands."""
    folder = tmp_path_factory.mktemp("rendered")
    render_demo_set(folder, n=24, seed=4242)
    return read_labels(folder)


def pck(name: str, hands: HandLabels, options: MethodOptions | None = None) -> float:
    method = create(name, options or MethodOptions())
    record = evaluate(hands, method).record
    score = record.value("demo", "all", threshold=0.1)
    assert score is not None
    return score.value


def test_it_finds_hands_that_the_mean_hand_does_not(hands):
    """Measured when it was bundled: see docs/hamer-tiny.md; the bound is far below."""
    assert pck(HAMER_TINY, hands) > pck("mean-pose", hands) + 25


def test_the_weights_have_two_names(hands):
    few = hands.select(slice(0, 4))
    assert pck("hamer", few, MethodOptions(weights=HAMER_TINY)) == pck(HAMER_TINY, few)


def test_the_file_is_small_and_the_card_tells_its_parameters():
    assert WEIGHTS.stat().st_size <= 12 * MEBIBYTE
    method = create(HAMER_TINY, MethodOptions())
    assert method.card == CARD
    assert method.card.training_data == ("rendered hands",)


def test_it_keeps_the_contract_of_a_method():
    report = selftest(create(HAMER_TINY, MethodOptions()))
    assert report.passed, [check for check in report.checks if check.passed is False]


def test_other_weights_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="--method hamer --weights"):
        create(HAMER_TINY, MethodOptions(weights=str(tmp_path / "other.safetensors")))
