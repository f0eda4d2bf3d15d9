"""Holds a stack against learners of it trained alone, on the same parameters and batches.

A learner is trained as ever but for its parameters, which are those of its place in the
stack before each step. So rounding cannot add up from step to step, and what differs is
what one step does: anything that its Python reads, draws, counts or changes beside
tensors.
"""

import copy
import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_leaves, tree_map

from medtl_bench.contract.algorithm import copied
from medtl_bench.networks.network import Parameters
from medtl_bench.training.attributes import attributes, content, differing
from medtl_bench.training.differs import Differs
from medtl_bench.training.draws import drawing_from, own_draws
from medtl_bench.training.loop import asked
from medtl_bench.training.method import Training
from medtl_bench.training.tensors import differing_numbers, held, trained

FEW = 3  # steps, for further shapes of a program that was held in each step before
# Of a gradient's norm. Rounding of float32 alone is about 1e-6 of it; where it moves one
# activation across a kink, up to a hundredth, in one step of some thousand.
TOLERANCE = 1e-3
# of the largest gradient so far, beside that of the step: a learner that has learned all
# has gradients of nothing but rounding
FLOOR = 1e-2
RARE = 32  # steps, of which one may differ


def references(trainings: Sequence[Training], steps: int) -> list["Reference"]:
    """Return the last learner of a stack, trained alone for so many steps, and few others.

    Others only where numbers differ among the learners, for the first steps: they are chosen
    so that no number is the same in all that are held. One that the objective reads in Python
    would be one learner's for all, which then cannot be right by chance.
    """
    last, *others = _chosen(trainings)
    few = min(steps, FEW)
    return [Reference(trainings, steps, last), *(Reference(trainings, few, n) for n in others)]


def _chosen(trainings: Sequence[Training]) -> list[int]:
    """Return the places of the last learner, and of those farthest from it by some number."""
    chosen = [len(trainings) - 1]
    for values in differing_numbers(trainings).values():
        if len({values[number] for number in chosen}) == 1:
            away = [abs(value - values[-1]) for value in values]
            chosen.append(away.index(max(away)))
    return chosen


class Reference:
    """A learner of a stack, trained alone.

    `net`: a copy of the first one's network, for the stack to run its Python on. Raises
    Differs where the networks of the learners hold different things beside tensors.
    """

    def __init__(self, trainings: Sequence[Training], steps: int, number: int = -1) -> None:
        """Copy the learner of a place; `steps`: how many of them to take."""
        training, self.number = trainings[number], number
        self.steps, self.taken, self.strayed, self.largest = steps, 0, 0, 0.0
        self.whole = steps == training.steps
        self.net = copy.deepcopy(trainings[0].learner.net)
        self.attributes = attributes(self.net.module)
        for other in trainings[1:]:
            self._refuse(attributes(other.learner.net.module), "differs from learner to learner")
        generator = Generator()
        generator.set_state(training.learner.generator.get_state())
        self.learner, self.draws = copied(training.learner, generator), own_draws(generator)
        objective = getattr(self.learner, training.objective.__name__)
        self.training = replace(training, learner=self.learner, objective=objective)
        self.batches = self.training.batches()
        self.random = _global_draws()
        self.before = tree_map(torch.clone, held(self.learner))
        self.learner.net.module.train()

    def hold(self, theta: Parameters, gradients: Sequence[Tensor]) -> None:
        """Take a step at these parameters of the stack, and compare the gradients.

        Raises Differs where they are others, in more than one step of 32.
        """
        if not self.taken:
            self._refuse(attributes(self.net.module), "is changed by a step")
            if _global_draws() != self.random:
                raise Differs("It draws from numpy's or Python's global generator.")
        if self.taken < self.steps:
            self.taken += 1
            own = self._gradients(theta)
            self.largest = max(self.largest, _size(own))
            ours = [gradient[self.number] for gradient in gradients]
            apart = distance(ours, own, FLOOR * self.largest)
            self._note(apart)

    def _gradients(self, theta: Parameters) -> Sequence[Tensor]:
        """Return the learner's own gradients, of its own next batch."""
        parameters = trained(self.learner.net)
        for name, parameter in parameters.items():
            parameter.data.copy_(theta[name][self.number])
        with drawing_from(self.draws):
            batch = next(self.batches)
            loss = self.training.objective(asked(self.learner.net, batch), batch)
            return torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)

    def _note(self, apart: float) -> None:
        self.strayed += apart > TOLERANCE
        if self.strayed > min(self.steps - 1, 1 + self.steps // RARE):
            raise Differs(
                f"In step {self.taken} its gradient differs from that of a learner trained alone "
                f"by {apart:.2g} of its size: the objective reads, draws or changes something "
                "beside the tensors of the network, the batch and what `state` names."
            )

    @torch.no_grad()
    def hold_changes(self, stack: object) -> None:
        """Compare what all steps have made of the other tensors of the learner.

        Raises Differs where that is something else.
        """
        leaves = map(tree_leaves, (self.before, held(self.learner), stack))
        for before, own, all_learners in zip(*leaves, strict=True):
            moved = (own.double() - before.double()).norm()
            apart = (own.double() - all_learners[self.number].double()).norm()
            if self.whole and apart > TOLERANCE * moved:
                raise Differs(
                    f"A buffer or `state` of shape {list(own.shape)} is not what a learner trained "
                    "alone makes of it."
                )

    def _refuse(self, other: dict[str, object], why: str) -> None:
        """Raise Differs where modules hold other things than those of the first network did."""
        if names := differing(self.attributes, other):
            raise Differs(f"{' and '.join(names)} of its network {why}, and is no buffer.")


def distance(some: Sequence[Tensor], others: Sequence[Tensor], floor: float = 0.0) -> float:
    """Return how far tensors lie from others, as a share of the size of these."""
    if not (_finite(some) and _finite(others)):
        return math.inf if _finite(some) or _finite(others) else 0.0
    apart = _size([one - other for one, other in zip(some, others, strict=True)])
    size = _size(others) + floor
    return apart / size if size else apart


def _global_draws() -> object:
    """Return the states of numpy's and Python's global generators, to compare them by."""
    return content([np.random.get_state(), random.getstate()])


def _size(tensors: Sequence[Tensor]) -> float:
    return float(torch.stack(torch._foreach_norm([*tensors])).double().norm())


def _finite(tensors: Sequence[Tensor]) -> bool:
    return math.isfinite(_size(tensors))
