"""Learning rates against their definitions, and the average of the weights against a loop."""

import math

import pytest
import torch
from torch import nn

from hint.training.average import Average
from hint.training.preset import Optimiser
from hint.training.schedule import learning_rate


def rates(steps=101, **rule):
    return [learning_rate(Optimiser(learning_rate=2.0, **rule), step, steps) for step in range(steps)]


def test_a_constant_rate_is_constant():
    assert set(rates()) == {2.0}


def test_a_cosine_falls_to_its_end():
    found = rates(schedule="cosine", final=0.1)
    assert found[0] == pytest.approx(2.0)
    assert found[50] == pytest.approx(1.1)
    assert found[25] == pytest.approx(0.2 + 1.8 * (1 + math.cos(math.pi / 4)) / 2)
    assert found[-1] == pytest.approx(0.2)


def test_one_cycle_is_that_of_pytorch():
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2.0, total_steps=101, pct_start=0.3, final_div_factor=1e9)
    found = rates(schedule="one-cycle")
    for step, rate in enumerate(found):
        # PyTorch's rise ends one step earlier.
        assert rate == pytest.approx(theirs.get_last_lr()[0], abs=0.07), step
        optimiser.step()
        theirs.step() if step < 100 else None
    assert max(found) == pytest.approx(2.0, abs=0.01)


def test_a_warm_up_rises_from_nothing():
    found = rates(warmup=10)
    assert found[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert set(found[10:]) == {2.0}


def test_the_average_forgets_the_first_weights_and_copies_counters():
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average, expected = Average(network, 0.5), network[0].weight.item()
    for step in range(30):
        with torch.no_grad():
            network[0].weight.fill_(step)
            network[1].num_batches_tracked.fill_(step)
        average.update(network, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        assert average.state["0.weight"].item() == pytest.approx(expected, rel=1e-5)
        assert average.state["1.num_batches_tracked"] == step
    again = Average(network, 0.5)
    again.load(average.state)
    assert again.state["0.weight"] == average.state["0.weight"]
