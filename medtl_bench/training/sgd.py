"""Stochastic gradient descent with momentum, as the training loops use it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from medtl_bench.training.numbers import Number, along, move, shrink


class SGD:
    """Gradient descent with momentum: v <- momentum * v + g, theta <- theta - rate * v.

    Polyak 1964, as torch writes it. Weight decay is decoupled (Loshchilov and Hutter 2019,
    ICLR, algorithm 1). Each number may be a tensor [learners], for parameters with a first
    axis for the learners of a stack.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        learning_rate: Number,
        momentum: Number = 0.0,
        weight_decay: Number = 0.0,
    ) -> None:
        """Start with velocities of zero for parameters, which `step` changes in place."""
        self.parameters = list(parameters)
        self.learning_rate, self.momentum = learning_rate, momentum
        self._share = learning_rate * weight_decay
        self._velocities = [torch.zeros_like(value, requires_grad=False) for value in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], scale: float = 1.0) -> None:
        """Take one step against gradients in the order of the parameters.

        `scale`: by which the learning rate is multiplied in this step.
        """
        shrink(self.parameters, self._share, scale)
        for velocity in self._velocities:
            velocity.mul_(along(self.momentum, velocity))
        torch._foreach_add_(self._velocities, list(gradients))
        move(self.parameters, self._velocities, self.learning_rate, -scale)
