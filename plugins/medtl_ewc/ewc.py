"""Elastic weight consolidation (Kirkpatrick et al. 2017, PNAS 114(13)).

The online variant is that of Schwarz et al. 2018, ICML.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.nn.utils import parameters_to_vector

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate
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
    (Schwarz et al. 2018, eq. 9). The default `weight` had the best average accuracy of
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
        apart = mse_loss(parameters_to_vector(net.parameters.values()), rest, reduction="none")
        return (stiffness * apart).sum() + least

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources, then attach the spring to the weights."""
        super().fit(sources, unlabelled)
        self.consolidate(concatenate(sources))

    def adapt(self, support: Split) -> None:
        """Train on the support against the spring, then attach it to the new weights as well."""
        self.train(self.objective, [support], None, self.adapt_steps)
        self.consolidate(support)

    def consolidate(self, split: Split) -> None:
        """Measure the Fisher information on a split and remember it with the present weights."""
        rows = torch.randperm(len(split), generator=self.generator)[: self.fisher_rows]
        fisher = parameters_to_vector(self.fisher(split[rows]).values())
        theta = parameters_to_vector(self.net.parameters.values()).detach()
        if self.spring and not self.online:
            self.spring = self.spring.joined(fisher, theta)
        else:
            old = self.decay * self.spring.stiffness if self.spring else 0.0
            self.spring = Spring(old + fisher, theta, torch.zeros(()))

    def fisher(self, split: Split) -> Parameters:
        """Return F by parameter name."""
        return diagonal(self.net, self.task, split)
