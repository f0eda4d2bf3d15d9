"""A head a domain on shared features, where each domain asks a question of its own."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.networks.heads import Heads
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.draws import seeding_torch

WhichHeads = Literal["", "one", "own"]


@dataclass
class DomainHeads:
    """The heads of a learner by their domains' names; those in no training never change.

    `latest`: the domains whose heads the last training began, or those it went on with
    where it began none.
    """

    by_domain: dict[str, Parameters] = field(default_factory=dict)
    latest: tuple[str, ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "DomainHeads":
        """Return a copy that shares the heads, of which none is changed in place."""
        return DomainHeads(dict(self.by_domain), self.latest)

    @contextmanager
    def in_training(
        self, net: Network, sources: Sequence[Split], generator: Generator
    ) -> Iterator[None]:
        """Put the heads of the sources' domains in the network, and keep what they become.

        Those of new domains are drawn from the generator. What is left in the network is
        the last domain's.
        """
        names = list(dict.fromkeys(source.domain for source in sources))
        new = [name for name in names if name not in self.by_domain]
        head = net.module["head"]
        self.by_domain |= zip(new, _drawn(head, len(new), generator), strict=True)
        begun = [self.by_domain[name] for name in names]
        several = Heads(head, begun) if len(names) > 1 else None
        if several:
            net.module["head"] = several
        else:
            _set(head, begun[0])
        yield
        ended = several.apart() if several else [_parameters(head)]
        net.module["head"] = head
        _set(head, ended[-1])
        self.by_domain |= zip(names, ended, strict=True)
        self.latest = tuple(new or names)

    def network(self, net: Network, domain: str) -> Network:
        """Return a network with the head of a domain, or as it is where there is none."""
        return net.with_head(self.by_domain[domain]) if domain in self.by_domain else net

    def answers(self, net: Network, x: Inputs) -> Tensor:
        """Return the outputs of the head of the latest domain, or the mean over several."""
        z = net.features(x)
        each = [self.network(net, name).head(z) for name in self.latest]
        return torch.stack(each).mean(0) if len(each) > 1 else each[0]

    @contextmanager
    def asked(self, domain: str) -> Iterator[None]:
        """Let a domain stand for the latest one, if it has a head."""
        latest = self.latest
        self.latest = (domain,) if domain in self.by_domain else latest
        try:
            yield
        finally:
            self.latest = latest


def _drawn(head: nn.Module, count: int, generator: Generator) -> list[Parameters]:
    """Return the parameters of so many heads, each reset as layers are when made."""
    if not count:
        return []
    fresh = copy.deepcopy(head)
    with seeding_torch(generator):
        return [_reset(fresh) for _ in range(count)]


def _reset(head: nn.Module) -> Parameters:
    for module in head.modules():
        if reset := getattr(module, "reset_parameters", None):
            reset()
    return _parameters(head)


def _parameters(head: nn.Module) -> Parameters:
    return {name: value.detach().clone() for name, value in head.named_parameters()}


@torch.no_grad()
def _set(head: nn.Module, parameters: Parameters) -> None:
    for name, value in head.named_parameters():
        value.copy_(parameters[name])
