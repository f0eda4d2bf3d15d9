"""Ends trainings where the validation loss of their sources stops falling (Prechelt 1998)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from medtl_bench.contract.split import Split
from medtl_bench.networks.network import Network

EVERY = 25  # steps from look to look
GAIN = 1e-3  # of the least loss so far, by which one must be less to be better
MOST_ROWS = 1000  # that are looked at, so that looking costs a tenth of the steps between


def pool(sources: Sequence[Split]) -> list[Split] | None:
    """Return validation rows of each source, or None unless each has some.

    They decide together, for small splits must not decide alone. Of many rows some are
    taken, evenly.
    """
    pairs = [(source.domain, source.validation) for source in sources]
    held = [replace(split, domain=name) for name, split in pairs if split is not None]
    if len(held) < len(sources):
        return None
    total = sum(map(len, held))
    taken = torch.zeros(total, dtype=torch.bool)
    taken[torch.linspace(0, total - 1, min(total, MOST_ROWS)).long()] = True
    each = taken.split([len(split) for split in held])
    return [split[rows] for split, rows in zip(held, each, strict=True)]


@dataclass
class Watch:
    """Watches the validation loss of one learner, and keeps its best weights.

    `patience`: how many looks in a row may find nothing better before a training is `over`.
    `steps`: at most. `best`: tensors as they were at the `least` loss.
    """

    loss: Callable[[Network], Tensor]
    patience: int
    steps: int
    least: float = math.inf
    waited: int = 0
    best: list[Tensor] = field(default_factory=list)

    def due(self, step: int) -> bool:
        """Return whether to look after a step, the first of which is 1."""
        return step % EVERY == 0 or step == self.steps

    @property
    def over(self) -> bool:
        """Return whether the loss has stopped falling."""
        return self.waited >= self.patience

    @torch.no_grad()
    def look(self, net: Network, tensors: Sequence[Tensor]) -> None:
        """Look at a network; `tensors`: all that makes it what it is. Once over, do nothing."""
        if self.over:
            return
        net.module.eval()
        loss = float(self.loss(net))
        net.module.train()
        if loss < self.least * (1 - GAIN):
            self.least, self.waited = loss, 0
            self.best = [tensor.detach().clone() for tensor in tensors]
        else:
            self.waited += 1

    @torch.no_grad()
    def restore(self, tensors: Sequence[Tensor]) -> None:
        """Give tensors, in the order in which they were looked at, their best values."""
        for tensor, best in zip(tensors, self.best, strict=False):
            tensor.copy_(best)
