"""Adam as the training loops use it: lists of tensors in, no bookkeeping per step.

That of torch's own class costs as much as a step of a small network.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from medtl_bench.training.numbers import Number, move, shrink


class Adam:
    """Adam with bias correction (Kingma and Ba 2015, ICLR, algorithm 1).

    With the paper's decay rates and torch's kernel. Weight decay is decoupled (Loshchilov
    and Hutter 2019, ICLR, algorithm 2): each step takes learning rate * weight decay of a
    weight. Either number may be a tensor [learners], for parameters with a first axis for
    the learners of a stack.
    """

    def __init__(
        self, parameters: Sequence[Tensor], learning_rate: Number, weight_decay: Number = 0.0
    ) -> None:
        """Start with moments of zero for contiguous parameters, which `step` changes in place."""
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self._first, self._second = self._zeros(), self._zeros()
        self._steps = torch.zeros(())
        self._share = learning_rate * weight_decay
        # of the kernel, which has one rate for all
        self._ways = self._zeros() if isinstance(learning_rate, Tensor) else []

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(value, requires_grad=False) for value in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], scale: float = 1.0) -> None:
        """Take one step against gradients in the order of the parameters.

        `scale`: by which the learning rate is multiplied in this step.
        """
        self._steps += 1  # one for all parameters, which torch's own functions count one by one
        shrink(self.parameters, self._share, scale)
        if not isinstance(self.learning_rate, Tensor):
            self._kernel(self.parameters, gradients, self.learning_rate * scale)
            return
        torch._foreach_zero_(self._ways)
        self._kernel(self._ways, gradients, 1.0)
        move(self.parameters, self._ways, self.learning_rate, scale)

    def _kernel(
        self, moved: list[Tensor], gradients: Sequence[Tensor], learning_rate: float
    ) -> None:
        torch._fused_adam_(
            moved, [gradient.contiguous() for gradient in gradients],
            self._first, self._second, [], [self._steps] * len(self.parameters),
            amsgrad=False, maximize=False, beta1=0.9, beta2=0.999,
            lr=learning_rate, weight_decay=0.0, eps=1e-8,
        )  # fmt: skip
