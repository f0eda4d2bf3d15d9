"""Trains many learners of one method as one.

Their parameters are stacked along a first axis, and `vmap` makes each step one program
for all: a small network's step is mostly the cost of calling kernels, which all then
share.
"""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from medtl_bench import cooperative
from medtl_bench.training import arithmetic
from medtl_bench.training.adam import Adam
from medtl_bench.training.batches import Batch, Block
from medtl_bench.training.differs import Differs
from medtl_bench.training.loop import refuse_divergence
from medtl_bench.training.method import Training
from medtl_bench.training.reference import FEW, Reference
from medtl_bench.training.step import Step

MOST = 64
BYTES = 64 * 2**20  # that a stack may hold, to stay in a processor's cache


@dataclass
class Stacker:
    """Serves trainings of equal key.

    The first stack of each key is held against one of its learners trained alone: in each
    step where the program is new, else in a few. `alone`: why some were trained one by
    one, and how many. `held`: programs and keys that were found to train as alone;
    `refused`: programs that were not, with the reason.
    """

    alone: dict[str, int] = field(default_factory=dict)
    held: set[Hashable] = field(default_factory=set)
    refused: dict[Hashable, str] = field(default_factory=dict)

    def __call__(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train all learners; return for each None or what its training raised."""
        most = room(trainings[0])
        errors = []
        for start in range(0, len(trainings), most):
            errors += self._served(trainings[start : start + most])
        return errors

    def _served(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, or leave each to itself where that cannot be done."""
        first = trainings[0]
        if len(trainings) > 1 and not self._refusal(first):
            try:
                return self._trained(trainings)
            except Exception as error:
                self.refused[first.program] = _reason(error)
        if reason := self._refusal(first):
            self.alone[reason] = self.alone.get(reason, 0) + len(trainings)
        return [cooperative.Alone() for _ in trainings]

    def _refusal(self, training: Training) -> str:
        known = training.learner.one_by_one or self.refused.get(training.program, "")
        return known or arithmetic.refusal(training)

    def _trained(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, held against a learner alone where that was not done before."""
        first = trainings[0]
        unheld = 0 if first.key in self.held else FEW
        with _generators_kept(trainings):
            errors = train(trainings, unheld if first.program in self.held else first.steps)
        self.held.update((first.key, first.program))
        return errors


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Differs) else f"{type(error).__name__}: {error}"


@contextmanager
def _generators_kept(trainings: Sequence[Training]) -> Iterator[None]:
    """Put the learners' generators back where the block raises, as if nothing had been drawn."""
    generators = [training.learner.generator for training in trainings]
    states = [generator.get_state() for generator in generators]
    try:
        yield
    except Exception:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
        raise


def room(training: Training) -> int:
    """Return how many learners to stack: so many as stay in the processor's cache."""
    size = sum(value.nbytes for value in training.learner.net.parameters.values())
    # parameters, gradients and Adam's two moments
    return max(2, min(MOST, BYTES // (4 * size)))


def train(trainings: Sequence[Training], held: int = 0) -> list[Exception | None]:
    """Do the trainings, which have one key, as one, and hold the first steps against one alone.

    Returns for each None, or a FloatingPointError if it diverged. Nothing but the
    learners' generators changes before all is done. Raises what torch cannot do under
    vmap, and Differs where the learner alone gets other gradients in the first `held`
    steps.
    """
    reference = Reference(trainings, min(held, trainings[0].steps)) if held else None
    net = reference.net if reference else trainings[0].learner.net
    net.module.train()
    step = Step(net, trainings)
    optimiser = Adam(list(step.theta.values()), trainings[0].learner.learning_rate)
    losses = torch.zeros(len(trainings))
    for batch, last in _batches(trainings):
        if last:
            gradients, losses = step.last(batch)
        else:
            gradients = step.gradients(batch)
        if reference:
            reference.hold(step.theta, gradients)
        optimiser.step(gradients)
    if reference:
        reference.hold_changes(step.held)
    for number, training in enumerate(trainings):
        training.learner.net.module.train()
        step.write_back(training.learner, number)
    return [_divergence(loss) for loss in losses]


def _batches(trainings: Sequence[Training]) -> Iterator[tuple[Batch, bool]]:
    """Yield batches whose tensors have a first axis for the learners, and which is the last."""
    steps = trainings[0].steps
    for blocks in zip(*(training.blocks() for training in trainings), strict=True):
        block = _joined(blocks)
        for number, batch in enumerate(block.batches(steps), block.first + 1):
            yield batch, number == steps


def _joined(blocks: Sequence[Block]) -> Block:
    """Return the same steps of several learners as one block [steps, learners, ...]."""
    first = blocks[0]
    x, y = _joined_part(blocks, "x"), _joined_part(blocks, "y")
    unlabelled = None if first.unlabelled is None else _joined_part(blocks, "unlabelled")
    extra = {name: _joined_extra(blocks, name) for name in first.extra}
    return Block(first.first, x, y, unlabelled, extra)


def _joined_part(blocks: Sequence[Block], name: str) -> Any:  # noqa: ANN401
    return torch.stack([getattr(block, name) for block in blocks], 1)


def _joined_extra(blocks: Sequence[Block], name: str) -> Tensor:
    return torch.stack([block.extra[name] for block in blocks], 1)


def _divergence(loss: Tensor) -> Exception | None:
    try:
        refuse_divergence(loss)
    except FloatingPointError as error:
        return error
    return None
