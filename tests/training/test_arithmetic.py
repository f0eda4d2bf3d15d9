"""What is so much arithmetic that it is not stacked, and that counting it changes nothing."""

from functools import partial

import pytest
import torch
from medtl_baselines.finetune import FineTune
from torch import nn

from medtl_bench import cooperative
from medtl_bench.contract.task import Task
from medtl_bench.networks.build import build
from medtl_bench.networks.network import Network
from medtl_bench.training import arithmetic
from tests.stacks import counted, rows, weights

TASK = Task("classification", ("no", "yes"))


def convolving(*features: nn.Module) -> Network:
    return Network(nn.ModuleDict({"features": nn.Sequential(*features), "head": nn.Identity()}))


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (nn.Conv2d(3, 4, 3, padding=1), (3, 5, 6), 4 * 5 * 6 * 3 * 9),
        (nn.Conv2d(4, 4, 3, 2, 1, groups=2), (4, 8, 8), 4 * 4 * 4 * 2 * 9),
        (nn.Conv1d(2, 5, 7, padding=3), (2, 11), 5 * 11 * 2 * 7),
        (nn.ConvTranspose2d(3, 4, 2, 2), (3, 5, 5), 3 * 5 * 5 * 4 * 4),
        (nn.Linear(6, 7), (6,), 0),
    ],
)
def test_the_multiplications_of_convolutions_are_counted(layer, shape, products):
    net = convolving(layer, nn.ReLU())
    assert arithmetic.convolved(net, torch.zeros(1, *shape)) == products


def test_counting_changes_neither_the_network_nor_what_is_drawn():
    net = convolving(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    before, state = net.buffers["features.1.num_batches_tracked"].clone(), torch.get_rng_state()
    assert arithmetic.convolved(net, torch.zeros(1, 1, 5, 5)) > 0
    assert torch.equal(net.buffers["features.1.num_batches_tracked"], before)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.module.training


def test_a_network_that_cannot_take_one_row_is_left_to_its_training():
    assert arithmetic.convolved(convolving(nn.Conv2d(1, 2, 9)), torch.rand(1, 1, 5, 5)) == 0


def fitted(seed: int) -> FineTune:
    learner = FineTune(TASK, torch.Generator().manual_seed(seed), steps=3, batch_size=4, width=16)
    sources = [rows(10 * seed + number, 8, shape=(1, 8, 8)) for number in (1, 2)]
    learner.fit(sources, sources[0].x)
    return learner


def test_large_steps_of_convolutions_are_trained_one_by_one_with_a_reason(monkeypatch):
    monkeypatch.setattr(arithmetic, "MOST", 1_000)
    stacker, sizes, serve = counted()
    together = cooperative.run([partial(fitted, seed) for seed in range(3)], serve, 64)
    for seed, strand in enumerate(together):
        assert torch.equal(weights(strand.result()), weights(fitted(seed)))
    assert stacker.alone == {arithmetic.REASON: 3}
    assert sizes == [3]


def test_small_steps_of_convolutions_are_stacked():
    stacker, _, serve = counted()
    cooperative.run([partial(fitted, seed) for seed in range(3)], serve, 64)
    assert stacker.alone == {}


def test_what_is_stacked_of_images_is_a_few_rows_alone():
    x = torch.rand(1, 1, 32, 32)
    masks = arithmetic.convolved(build(x, Task("segmentation", ("a", "b")), 64), x)
    classes = arithmetic.convolved(build(x, TASK, 64), x)
    assert (arithmetic.MOST // masks, arithmetic.MOST // classes) == (6, 35)
