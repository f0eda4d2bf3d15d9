"""SGD against torch's own optimiser."""

import pytest
import torch

from medtl_bench.training.sgd import SGD
from tests.training.descents import follow, same_as_apart, twins


@pytest.mark.parametrize(("momentum", "scale"), [(0.0, 1.0), (0.9, 1.0), (0.9, 0.3)])
def test_steps_are_those_of_torch(momentum, scale):
    ours, theirs = twins()
    other = torch.optim.SGD(theirs, lr=0.01 * scale, momentum=momentum)
    follow(SGD(ours, 0.01, momentum), other, scale)
    torch.testing.assert_close(ours, [value.detach() for value in theirs])


def test_weight_decay_takes_a_share_of_the_weights_and_none_of_the_velocity():
    value = torch.ones(2)
    optimiser = SGD([value], 0.1, momentum=0.9, weight_decay=0.5)
    for _ in range(2):
        optimiser.step([torch.zeros(2)])
    torch.testing.assert_close(value, torch.full((2,), 0.95**2))


def test_numbers_may_be_each_learners_own(double):
    numbers = {"learning_rate": [0.1, 0.01], "momentum": [0.9, 0.0], "weight_decay": [0.0, 0.1]}
    same_as_apart(SGD, **numbers)
