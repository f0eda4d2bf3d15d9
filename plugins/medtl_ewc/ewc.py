"""Elastic weight consolidation (Kirkpatrick et al. 2017, PNAS 114(13)); online variant of Schwarz et al. 2018, ICML."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.utils import parameters_to_vector

from medtl_bench.data import Inputs, Split, concatenate
from medtl_bench.networks import Network, Parameters
from medtl_bench.training import Batch, GradientMethod

CHUNK = 256


@dataclass
class EWC(GradientMethod):
    """Minimise L_B + sum_i weight/2 F_i (theta_i - theta*_i)^2 (eq. 3), one such spring for each earlier domain.

    F_i = E[(d log p(y|x) / d theta_i)^2] over single rows with their own labels, of at most `fisher_rows` rows. `online` keeps
    one spring, its F decayed by `decay` before the new one is added (Schwarz et al. 2018, eq. 9). The default `weight` had the
    best average accuracy of 10, 30, ... 3000 on a simulated stream (`tests/plugins/test_medtl_ewc.py`).
    """

    weight: float = 300.0
    online: bool = False
    decay: float = 0.95
    fisher_rows: int = 512
    springs: list[tuple[Tensor, Tensor]] = field(init=False, repr=False, default_factory=list)
    state: ClassVar[tuple[str, ...]] = ("springs",)

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the task's loss plus the penalty of all springs, of which there are none in `fit`."""
        return self.supervised(net, batch) + self.weight / 2 * self.penalty(net)

    def penalty(self, net: Network) -> Tensor:
        """Return sum F_i (theta_i - theta*_i)^2 over springs and parameters."""
        theta = parameters_to_vector(net.parameters.values()) if self.springs else torch.zeros(())
        return sum(((f * (theta - anchor) ** 2).sum() for f, anchor in self.springs), torch.zeros(()))

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources, then attach a spring."""
        super().fit(sources, unlabelled)
        self.consolidate(concatenate(sources))

    def adapt(self, support: Split) -> None:
        """Train on the support against the springs, then attach another one."""
        self.train(self.objective, [support], None, self.adapt_steps)
        self.consolidate(support)

    def consolidate(self, split: Split) -> None:
        """Measure the Fisher information on a split and remember it with the present weights."""
        some = split[torch.randperm(len(split), generator=self.generator)[: self.fisher_rows]]
        fisher = parameters_to_vector(self.fisher(some).values())
        anchor = parameters_to_vector(self.net.parameters.values()).detach()
        if self.online and self.springs:
            fisher = self.decay * self.springs[0][0] + fisher
        self.springs = [(fisher, anchor)] if self.online else [*self.springs, (fisher, anchor)]

    def fisher(self, split: Split) -> Parameters:
        """Return the mean over rows of the squared gradient of the log-likelihood, by parameter name."""
        self.net.module.eval()
        theta = {name: value.detach() for name, value in self.net.parameters.items()}

        def loss(theta: Parameters, x: Inputs, y: Tensor) -> Tensor:
            return self.task.loss(self.net.with_parameters(theta)(x[None]), y[None])

        total = {name: torch.zeros_like(value) for name, value in theta.items()}
        for x, y in zip(split.x.split(CHUNK), split.y.split(CHUNK), strict=True):
            for name, g in vmap(grad(loss), (None, 0, 0))(theta, x, y).items():
                total[name] += g.square_().sum(0)
        return {name: value / len(split) for name, value in total.items()}
