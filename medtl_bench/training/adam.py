"""Adam as the training loops use it: lists of tensors in, no bookkeeping per step.

That of torch's own class costs as much as a step of a small network.
"""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor


class Adam:
    """Adam with bias correction (Kingma and Ba 2015, ICLR, algorithm 1).

    With the paper's decay rates and torch's kernel.
    """

    def __init__(
        self, parameters: Sequence[Tensor], learning_rate: float | Sequence[float]
    ) -> None:
        """Start with moments of zero for contiguous parameters, which `step` changes in place.

        `learning_rate`: one, or that of each learner, for whom all parameters then have a first
        axis. Learners of one rate are best neighbours: each run of them costs a kernel a parameter.
        """
        self.parameters = list(parameters)
        self._rates, self._learners = _runs(learning_rate)
        first, second = self._zeros(), self._zeros()
        self._of_runs = list(zip(*map(self._split, (self.parameters, first, second)), strict=True))
        self._steps = torch.zeros(())

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(value, requires_grad=False) for value in self.parameters]

    def _split(self, tensors: list[Tensor]) -> list[list[Tensor]]:
        """Return by run of learners what is theirs of some tensors."""
        if not self._learners:
            return [tensors]
        each = [tensor.split(self._learners) for tensor in tensors]
        return [list(run) for run in zip(*each, strict=True)]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take one step against gradients in the order of the parameters."""
        self._steps += 1  # one for all parameters, which torch's own functions count one by one
        own = self._split([gradient.contiguous() for gradient in gradients])
        for rate, along, (parameters, first, second) in zip(
            self._rates, own, self._of_runs, strict=True
        ):
            torch._fused_adam_(
                parameters, along, first, second, [], [self._steps] * len(parameters),
                amsgrad=False, maximize=False, beta1=0.9, beta2=0.999,
                lr=rate, weight_decay=0.0, eps=1e-8,
            )  # fmt: skip


def _runs(rates: float | Sequence[float]) -> tuple[list[float], list[int]]:
    """Return the rates of runs of learners, and how many each has; none where all have one."""
    if isinstance(rates, int | float):
        return [rates], []
    runs = [(rate, len(list(same))) for rate, same in groupby(rates)]
    return [rate for rate, _ in runs], [count for _, count in runs] if len(runs) > 1 else []
