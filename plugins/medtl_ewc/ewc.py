"""Elastic weight consolidation (Kirkpatrick et al. 2017, PNAS 114(13)).

The online variant is that of Schwarz et al. 2018, ICML.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.nn.utils import parameters_to_vector

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod
from medtl_ewc.fisher import diagonal


class Spring(NamedTuple):
    """The terms of all earlier domains as one: sum stiffness_i (theta_i - rest_i)^2 + least.

    Parabolas add up to a parabola. `stiffness` and `rest`: [parameters]; `least`: a
    scalar.
    """

    stiffness: Tensor
    rest: Tensor
    least: Tensor

    def joined(self, stiffness: Tensor, rest: Tensor) -> "Spring":
        """Return this spring and another one as one.

        Where neither has any stiffness, the weight is free.
        """
        both, apart = self.stiffness + stiffness, rest - self.rest
        share = torch.where(both > 0, stiffness / both, 0.0)
        # a (t - p)^2 + b (t - q)^2 = (a + b) (t - r)^2 + a s (q - p)^2, s = b / (a + b),
        # r = p + s (q - p)
        least = self.least + (self.stiffness * share * apart.square()).sum()
        return Spring(both, self.rest + share * apart, least)


@dataclass
class EWC(GradientMethod):
    """Minimise L_B + sum_i weight/2 F_i (theta_i - theta*_i)^2 (eq. 3).

    There is one such sum for each earlier domain. F_i = E[(d log p(y|x) / d theta_i)^2]
    over single rows with their own labels, of at most `fisher_rows` rows. `online` keeps
    the last theta* only, and decays the old F by `decay` before the new one is added
    (Schwarz et al. 2018, eq. 9). Where each domain has a head of its own, i runs over what
    they share. The default `weight` had the best average accuracy of
    10, 30, ... 3000 on a simulated stream (`tests/plugins/test_medtl_ewc.py`).
    """

    weight: Annotated[float, Range(1, 100_000, log=True)] = 300.0
    online: bool = False
    decay: float = 0.95
    fisher_rows: int = 512
    spring: Spring | tuple[()] = field(init=False, repr=False, default=())
    state: ClassVar[tuple[str, ...]] = ("spring",)

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the task's loss plus the penalty, which is 0 in `fit`."""
        return self.supervised(net, batch) + self.weight / 2 * self.penalty(net)

    def penalty(self, net: Network) -> Tensor:
        """Return sum F_i (theta_i - theta*_i)^2 over earlier domains and parameters."""
        if not self.spring:
            return torch.zeros(())
        stiffness, rest, least = self.spring
        apart = mse_loss(self.vector(net.parameters), rest, reduction="none")
        return (stiffness * apart).sum() + least

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources, then attach the spring to the weights."""
        super().fit(sources, unlabelled)
        self.consolidate(self.by_question(sources))

    def adapt(self, support: Split) -> None:
        """Train on the support against the spring, then attach it to the new weights as well."""
        self.train(self.objective, [support], None, self.adapt_steps)
        self.consolidate([support])

    def consolidate(self, splits: Sequence[Split]) -> None:
        """Measure the Fisher information on splits and remember it with the weights.

        Each split is of one head. Heads of single domains have no spring: none of them is
        trained again.
        """
        total = sum(map(len, splits))
        rows = torch.randperm(total, generator=self.generator)[: self.fisher_rows]
        picked = [*_picked(splits, rows)]
        each = [len(some) / len(rows) * self.vector(self.fisher(some)) for some in picked]
        fisher = torch.stack(each).sum(0)
        theta = self.vector(self.net.parameters).detach()
        if self.spring and not self.online:
            self.spring = self.spring.joined(fisher, theta)
        else:
            old = self.decay * self.spring.stiffness if self.spring else 0.0
            self.spring = Spring(old + fisher, theta, torch.zeros(()))

    def fisher(self, split: Split) -> Parameters:
        """Return F by parameter name, on a split of one head."""
        net = self.domain_heads.network(self.net, split.domain)
        return diagonal(net, self.task, split)

    def vector(self, named: Parameters) -> Tensor:
        """Return the parameters that have a spring as one [parameters]."""
        return parameters_to_vector(self.shared(named).values())


def _picked(splits: Sequence[Split], rows: Tensor) -> Iterator[Split]:
    """Yield of each split those rows that are picked of all, if any are."""
    first = 0
    for split in splits:
        own = rows[(rows >= first) & (rows < first + len(split))] - first
        first += len(split)
        if len(own):
            yield split[own]
