"""Adam as the training loops use it: lists of tensors in, no bookkeeping per step.

That of torch's own class costs as much as a step of a small network.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Adam with bias correction (Kingma and Ba 2015, ICLR, algorithm 1).

    With the paper's decay rates and torch's kernel.
    """

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float) -> None:
        """Start with moments of zero for contiguous parameters, which `step` changes in place."""
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self._first, self._second = self._zeros(), self._zeros()
        self._steps = torch.zeros(())

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(value, requires_grad=False) for value in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take one step against gradients in the order of the parameters."""
        self._steps += 1  # one for all parameters, which torch's own functions count one by one
        torch._fused_adam_(
            self.parameters, [gradient.contiguous() for gradient in gradients],
            self._first, self._second, [], [self._steps] * len(self.parameters),
            amsgrad=False, maximize=False, beta1=0.9, beta2=0.999,
            lr=self.learning_rate, weight_decay=0.0, eps=1e-8,
        )  # fmt: skip
