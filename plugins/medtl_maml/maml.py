"""Model-agnostic meta-learning (Finn et al. 2017, ICML)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

import torch
from torch import Tensor
from torch.func import grad, vmap

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.batches import Batch
from medtl_bench.training.heads import WhichHeads
from medtl_bench.training.method import GradientMethod


@dataclass
class MAML(GradientMethod):
    """Minimise the mean over sources i of L_i(theta - alpha * grad L_i(theta)) (algorithm 2).

    The paper takes their sum. Each step halves the minibatch of every source into support
    and query. One inner step is the paper's choice for sinusoids and 5-way Omniglot; its
    alpha lies between 0.01 and 0.4 (section 5). `first_order` drops the second
    derivatives (section 5.2). `adapt_steps` are inner steps on all support rows. Every task
    starts from one learned head, also where each domain asks a question of its own.
    """

    adapt_steps: int = 10
    inner_steps: int = 1
    inner_rate: Annotated[float, Range(0.01, 0.4, log=True)] = 0.1
    first_order: bool = False
    heads: WhichHeads = field(init=False, default="one")

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the mean over sources of the query loss after the inner steps on the support."""
        # of each source's rows the first half is support and the rest query: they are drawn
        # at random, so that any cut will do, and the same one lets all sources run as one vmap
        half = batch.y.shape[1] // 2

        def query_loss(x: Inputs, y: Tensor) -> Tensor:
            theta = self.inner(net, net.parameters, x[:half], y[:half], self.inner_steps)
            return self.task.loss(net.with_parameters(theta)(x[half:]), y[half:])

        return vmap(query_loss)(batch.x, batch.y).mean()

    def inner(
        self, net: Network, theta: Parameters, x: Inputs, y: Tensor, steps: int
    ) -> Parameters:
        """Return theta after `steps` of theta <- theta - alpha * grad L(theta).

        Frozen parameters stay.
        """
        module = net.module.named_parameters()
        moved = {name: theta[name] for name, parameter in module if parameter.requires_grad}

        def loss(moved: Parameters) -> Tensor:
            return self.task.loss(net.with_parameters({**theta, **moved})(x), y)

        for _ in range(steps):
            g = grad(loss)(moved)
            if self.first_order:
                g = {name: gradient.detach() for name, gradient in g.items()}
            moved = {name: self._moved(moved[name], g[name]) for name in moved}
        return {**theta, **moved}

    def validation_loss(self, net: Network, splits: Sequence[Split]) -> Tensor:
        """Return the loss of every second row after the inner steps on the others."""
        (split,) = splits  # of one head
        rows = torch.arange(len(split))
        support, query = split[rows[::2]], split[rows[1::2]]
        theta = self.inner(net, net.parameters, support.x, support.y, self.inner_steps)
        return super().validation_loss(net.with_parameters(theta), [query])

    def _moved(self, theta: Tensor, g: Tensor) -> Tensor:
        """Return theta - alpha * g; in a sweep alpha is a tensor, which `add` does not scale by."""
        rate = cast("float | Tensor", self.inner_rate)
        return theta - rate * g if isinstance(rate, Tensor) else theta.add(g, alpha=-rate)

    def adapt(self, support: Split) -> None:
        """Take `adapt_steps` inner steps on all support rows."""
        adapted = self.inner(self.net, self.net.parameters, support.x, support.y, self.adapt_steps)
        for name, parameter in self.net.module.named_parameters():
            parameter.data = adapted[name].detach()
