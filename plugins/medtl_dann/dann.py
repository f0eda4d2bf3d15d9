"""Domain-adversarial neural networks (Ganin et al. 2016, JMLR 17(59))."""

from dataclasses import dataclass
from typing import Annotated, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs
from medtl_bench.networks.build import pooled
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Optimiser
from medtl_bench.training.method import GradientMethod
from medtl_bench.training.schedules import Schedule


@dataclass
class DANN(GradientMethod):
    """Minimise L_cls + L_D, L_D = -E_s[log D] - E_t[log(1 - D)] (eq. 9 and 10).

    The gradient of L_D reaches the features reversed. `weight`: the reversal's final
    strength, lambda = weight * (2 / (1 + exp(-gamma p)) - 1) at progress p (section
    5.2.2). `gamma`: how fast it gets there. Defaults are the paper's, its descent too: where
    a few rows of a source are soon told apart the class gradient fades, and Adam, which
    scales what is left to full steps, would follow the adversary alone, so that no weight
    were small. `clip_norm`: without it some trainings diverge at the paper's rate.
    `patience`: none, for the loss on the sources is least before the adversary has begun.
    """

    optimiser: Optimiser = "sgd"
    schedule: Schedule = "inverse"
    learning_rate: Annotated[float, Range(1e-3, 1e-1, log=True)] = 1e-2
    clip_norm: float = 1.0
    patience: int = 0
    weight: Annotated[float, Range(0.001, 10, log=True)] = 1.0
    gamma: float = 10.0

    def parts(self) -> dict[str, nn.Module]:
        """Add the critic D, which gives the log-odds that features come from a source."""
        hidden = nn.Linear(self.width, self.width)
        return {"critic": nn.Sequential(hidden, nn.ReLU(), nn.Linear(self.width, 1))}

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return L_cls + L_D."""
        x, y = batch.pooled()
        # sources and target pass as one batch: one call, and one scale of features for D
        target = cast("Inputs", batch.unlabelled)  # `fit`, the only one to ask, hands it over
        z = net.features(torch.cat([x, target]))
        strength = self.weight * (2 / (1 + torch.exp(-self.gamma * batch.progress)) - 1)
        odds = net.critic(reverse(pooled(z), strength))
        # -log D = softplus(-odds) and -log(1 - D) = softplus(odds), which never overflow
        domain = F.softplus(-odds[: len(y)]).mean() + F.softplus(odds[len(y) :]).mean()
        return self.task.loss(net.head(z[: len(y)]), y) + domain


def reverse(z: Tensor, strength: Tensor) -> Tensor:
    """Return z, whose gradient arrives multiplied by -strength (eq. 14).

    No custom function, so that it works under vmap.
    """
    return torch.lerp(z.detach(), z, -strength.to(z.dtype))
