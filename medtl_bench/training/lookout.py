"""Watches the learners of a stack, each until its own training is over."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.descent import Descent
from medtl_bench.training.method import Training
from medtl_bench.training.step import Step


class Lookout:
    """The watches of a stack's learners; none where trainings take all their steps.

    A learner that is over keeps its best weights, while the others go on.
    """

    def __init__(self, step: Step, descent: Descent, trainings: Sequence[Training]) -> None:
        """Watch the learners of a step, whose weights are those of the descent."""
        self.step, self.descent = step, descent
        self.watches = [watch for training in trainings if (watch := training.watch())]

    def over(self, number: int) -> bool:
        """Look after that step, if it is time; return whether all trainings are over."""
        if not self.watches or not self.watches[0].due(number):
            return False
        for place, watch in enumerate(self.watches):
            watch.look(self._net(place), self._tensors(place))
        return all(watch.over for watch in self.watches)

    def restore(self, losses: Tensor) -> Tensor:
        """Give all learners their best weights; return their least losses, or those given."""
        for place, watch in enumerate(self.watches):
            watch.restore(self._tensors(place))
        return torch.tensor([w.least for w in self.watches]) if self.watches else losses

    def _net(self, place: int) -> Network:
        """Return the network of the learner in a place of the stack."""
        held, weights = self.step.held, self.descent.weights
        theta = dict(zip(self.step.theta, weights, strict=True)) | held["untrained"]
        buffers = _of_learner(held["buffers"], place)
        return self.step.net.with_parameters(_of_learner(theta, place), buffers)

    def _tensors(self, place: int) -> list[Tensor]:
        """Return all tensors of a learner, as views of the stack's."""
        return [value[place] for value in [*self.descent.weights, *tree_leaves(self.step.held)]]


def _of_learner(stack: Parameters, place: int) -> Parameters:
    return {name: value[place] for name, value in stack.items()}
