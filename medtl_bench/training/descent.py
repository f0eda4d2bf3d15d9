"""What happens to weights once their gradients are there: the options of the one loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medtl_bench.training.adam import Adam
from medtl_bench.training.numbers import Number, along
from medtl_bench.training.schedules import SCHEDULES, Schedule
from medtl_bench.training.sgd import SGD

SMALL = 1e-6  # beside a norm that is divided by, as in torch's own clipping
Optimiser = Literal["adam", "sgd"]


@dataclass(frozen=True)
class Options:
    """How weights descend.

    Numbers are one for all learners of a stack, or one each [learners]. `momentum`: of
    `sgd`. `clip_norm`: the largest norm of a learner's gradient, of all its parameters
    together; longer ones are shortened to it; 0 for none. `average`: the decay of the
    exponential average of weights that predicts, 0 for the last weights.
    """

    learning_rate: Number
    optimiser: Optimiser = "adam"
    momentum: Number = 0.9
    schedule: Schedule = "constant"
    weight_decay: Number = 0.0
    clip_norm: Number = 0.0
    average: Number = 0.0


class Descent:
    """Parameters on their way down.

    `weights`: what predicts: the parameters themselves, or their average over the steps,
    sum_t d^(T-t) theta_t divided by the sum of its weights, which starts at no step before
    the first (as Adam's moments are corrected, Kingma and Ba 2015, section 3).
    """

    def __init__(self, parameters: Sequence[Tensor], options: Options, learners: int = 0) -> None:
        """Start; `learners`: how many the first axis of each parameter holds, 0 for no such axis.

        Parameters are contiguous, and `step` changes them in place.
        """
        self.parameters, self.options, self.learners = list(parameters), options, learners
        self._optimiser = _optimiser(self.parameters, options)
        self._scale = SCHEDULES.get(options.schedule)
        averaged = _any(options.average)
        self.weights = [p.detach().clone() for p in parameters] if averaged else self.parameters
        self._steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: Tensor) -> None:
        """Take a step against gradients in the order of the parameters, at progress in [0, 1)."""
        if _any(self.options.clip_norm):
            gradients = clipped(gradients, self.options.clip_norm, self.learners)
        self._optimiser.step(gradients, self._scale(float(progress)) if self._scale else 1.0)
        self._steps += 1
        if self.weights is not self.parameters:
            self._average()

    def _average(self) -> None:
        decay = self.options.average
        share = (1 - decay) / (1 - decay**self._steps)
        for mean, value in zip(self.weights, self.parameters, strict=True):
            mean.add_((value - mean) * along(share, value))

    @torch.no_grad()
    def end(self) -> None:
        """Give the parameters what predicts."""
        if self.weights is not self.parameters:
            torch._foreach_copy_(self.parameters, self.weights)


def _optimiser(parameters: Sequence[Tensor], options: Options) -> Adam | SGD:
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimiser == "adam":
        return Adam(parameters, rate, decay)
    return SGD(parameters, rate, options.momentum, decay)


def _any(number: Number) -> bool:
    """Return whether a number is not 0 for every learner."""
    return bool(torch.as_tensor(number).any()) if isinstance(number, Tensor) else bool(number)


def clipped(gradients: Sequence[Tensor], most: Number, learners: int = 0) -> list[Tensor]:
    """Return gradients, shortened to a norm where they are longer (Pascanu et al. 2013, ICML).

    The norm is over all parameters, of each of the `learners` by itself; 0 is no limit.
    """
    squares = [gradient.reshape(learners or 1, -1).square().sum(1) for gradient in gradients]
    norms = torch.stack(squares).sum(0).sqrt()
    limits = torch.as_tensor(most, dtype=norms.dtype)
    factors = (limits / (norms + SMALL)).clamp(max=1.0).where(limits > 0, torch.ones(()))
    factor = factors if learners else factors[0]
    return [gradient * along(factor, gradient) for gradient in gradients]
