"""Adam as the training loops use it: lists of tensors in, no bookkeeping per step.

That of torch's own class costs as much as a step of a small network.
"""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

_Run = tuple[float, slice | None]


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
        self._first, self._second = self._zeros(), self._zeros()
        self._runs = _runs(learning_rate)
        self._steps = torch.zeros(())

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(value, requires_grad=False) for value in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take one step against gradients in the order of the parameters."""
        self._steps += 1  # one for all parameters, which torch's own functions count one by one
        own = [gradient.contiguous() for gradient in gradients]
        for rate, learners in self._runs:
            torch._fused_adam_(
                _of(learners, self.parameters), _of(learners, own),
                _of(learners, self._first), _of(learners, self._second),
                [], [self._steps] * len(self.parameters),
                amsgrad=False, maximize=False, beta1=0.9, beta2=0.999,
                lr=rate, weight_decay=0.0, eps=1e-8,
            )  # fmt: skip


def _runs(rates: float | Sequence[float]) -> list[_Run]:
    """Return each rate with the learners in a row that have it, or with None for all."""
    if isinstance(rates, int | float):
        return [(rates, None)]
    runs, end = list[_Run](), 0
    for rate, same in groupby(rates):
        first, end = end, end + len(list(same))
        runs.append((rate, slice(first, end)))
    return runs if len(runs) > 1 else [(rates[0], None)]


def _of(learners: slice | None, tensors: list[Tensor]) -> list[Tensor]:
    return tensors if learners is None else [tensor[learners] for tensor in tensors]
