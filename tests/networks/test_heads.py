"""Heads of several domains as one part: each block of rows passes its own."""

import pytest
import torch
from torch import nn

from medtl_bench.errors import MedTLError
from medtl_bench.networks.heads import Heads
from medtl_bench.networks.network import Network

WIDTH, SIDE = 4, 2


class Scaled(nn.Linear):
    """A layer that torch has no one call for."""

    def forward(self, z):
        return 2 * super().forward(z)


HEADS = {
    "classes": lambda: nn.Linear(WIDTH, 3),
    "without bias": lambda: nn.Linear(WIDTH, 3, bias=False),
    "of one's own": lambda: Scaled(WIDTH, 3),
    "values": lambda: nn.Sequential(nn.Linear(WIDTH, 1), nn.Flatten(0)),
    "masks": lambda: nn.Sequential(nn.Conv2d(WIDTH, 8, 1), nn.PixelShuffle(2)),
}


def several(kind: str) -> tuple[list[nn.Module], Heads]:
    heads = [HEADS[kind]() for _ in range(3)]
    return heads, Heads(heads[0], [dict(head.named_parameters()) for head in heads])


def features(kind: str, rows: int) -> torch.Tensor:
    pixels = (SIDE, SIDE) if kind == "masks" else ()
    return torch.randn(rows, WIDTH, *pixels, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("views", [1, 3])
def test_each_block_passes_the_head_of_its_domain_in_every_view(kind, views):
    heads, joined = several(kind)
    z = features(kind, views * 2 * 5)
    outputs = joined(z, torch.tensor([2, 0]), 5)
    by_block = zip(z.split(5), outputs.split(5), strict=True)
    for number, (block, own) in enumerate(by_block):
        torch.testing.assert_close(own, heads[0 if number % 2 else 2](block))


@pytest.mark.parametrize("kind", HEADS)
def test_all_rows_may_be_one_block(kind):
    heads, joined = several(kind)
    z = features(kind, 7)
    torch.testing.assert_close(joined(z, torch.tensor([1]), 0), heads[1](z))


@pytest.mark.parametrize("kind", HEADS)
def test_heads_come_apart_as_they_were_and_a_gradient_reaches_those_that_were_asked(kind):
    heads, joined = several(kind)
    joined(features(kind, 4), torch.tensor([2, 0]), 2).square().sum().backward()
    for parameter in joined.parameters():
        moved = parameter.grad.flatten(1).abs().sum(1) > 0
        assert moved.tolist() == [True, False, True]
    for head, named in zip(heads, joined.apart(), strict=True):
        for name, value in head.named_parameters():
            assert torch.equal(named[name], value)


def test_rows_of_no_block_are_refused():
    _, joined = several("classes")
    with pytest.raises(MedTLError, match="handed 9 rows in a step of 2 sources with 5 rows each"):
        joined(features("classes", 9), torch.tensor([0, 1]), 5)


def test_what_was_frozen_stays_so():
    head = nn.Linear(WIDTH, 3).requires_grad_(requires_grad=False)
    joined = Heads(head, [dict(head.named_parameters())] * 2)
    assert not any(parameter.requires_grad for parameter in joined.parameters())


def test_a_network_of_one_head_is_the_same_for_every_block():
    parts = {"features": nn.Identity(), "head": nn.Linear(WIDTH, 3)}
    net = Network(nn.ModuleDict(parts))
    assert net.of_blocks(torch.tensor([0, 1]), 5) is net
