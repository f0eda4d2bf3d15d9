"""Trains many learners of one method as one.

Their parameters are stacked along a first axis, and `vmap` makes each step one program
for all: a small network's step is mostly the cost of calling kernels, which all then
share.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from medtl_bench import cooperative
from medtl_bench.training import arithmetic
from medtl_bench.training.batches import Batch, Block
from medtl_bench.training.descent import Descent
from medtl_bench.training.differs import Differs
from medtl_bench.training.lookout import Lookout
from medtl_bench.training.loop import refuse_divergence
from medtl_bench.training.method import Training, descent_options
from medtl_bench.training.reference import FEW, Reference, references
from medtl_bench.training.step import Step
from medtl_bench.training.tensors import differing_numbers

MOST = 64
BYTES = 64 * 2**20  # that a stack may hold, to stay in a processor's cache
# the place of a training among others, and what it raised
_Served = tuple[int, Exception | None]


@dataclass
class Stacker:
    """Serves trainings of equal key.

    The first stack of each key is held against learners of it trained alone: in each step
    where the program is new, else in a few; so is the first in which a number differs.
    `alone`: why some were trained one by one, and how many. `held`: programs and keys, with
    numbers that differed, that were found to train as alone; `refused`: programs that were
    not, with the reason; `apart`: those that were not where numbers differ. `sparing`: whether
    what takes longer as one is left to itself (`training.arithmetic`).
    """

    alone: dict[str, int] = field(default_factory=dict)
    held: set[Hashable] = field(default_factory=set)
    refused: dict[Hashable, str] = field(default_factory=dict)
    apart: dict[Hashable, str] = field(default_factory=dict)
    sparing: bool = True

    def __call__(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train all learners; return for each None or what its training raised."""
        most, served = room(trainings[0]), list[_Served]()
        # those of equal numbers beside each other
        order = sorted(enumerate(trainings), key=lambda pair: _numbers(pair[1]))
        for start in range(0, len(order), most):
            places, stack = zip(*order[start : start + most], strict=True)
            served += zip(places, self._served(stack), strict=True)
        return [error for _, error in sorted(served, key=itemgetter(0))]

    def _served(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, or where its numbers differ in stacks of equal ones."""
        if not differing_numbers(trainings):
            return self._equals_served(trainings)
        if errors := self._tried(trainings, self.apart):
            return errors
        equals = [list(stack) for _, stack in groupby(trainings, _numbers)]
        return [error for stack in equals for error in self._equals_served(stack)]

    def _equals_served(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, or leave each to itself where that cannot be done."""
        if errors := self._tried(trainings, self.refused):
            return errors
        if reason := self._refusal(trainings[0], self.apart | self.refused):
            self.alone[reason] = self.alone.get(reason, 0) + len(trainings)
        return [cooperative.Alone() for _ in trainings]

    def _tried(
        self, trainings: Sequence[Training], refused: dict[Hashable, str]
    ) -> list[Exception | None]:
        """Train a stack as one, or note why that cannot be done, and return nothing."""
        first = trainings[0]
        if len(trainings) > 1 and not self._refusal(first, refused):
            try:
                return self._trained(trainings)
            except Exception as error:
                refused[first.program] = _reason(error)
        return []

    def _refusal(self, training: Training, refused: Mapping[Hashable, str]) -> str:
        known = training.learner.one_by_one or refused.get(training.program, "")
        return known or (arithmetic.refusal(training) if self.sparing else "")

    def _trained(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, held against learners alone where that was not done before."""
        first = trainings[0]
        names = ("", *differing_numbers(trainings))
        keys = {(first.key, name) for name in names}
        programs = {(first.program, name) for name in names}
        unheld = 0 if keys <= self.held else FEW
        with _generators_kept(trainings):
            errors = train(trainings, unheld if programs <= self.held else first.steps)
        self.held |= keys | programs
        return errors


def _numbers(training: Training) -> tuple[float, ...]:
    return tuple(training.numbers.values())


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
    """Do the trainings, which have one key, as one, and hold the first steps against some alone.

    Returns for each None, or a FloatingPointError if it diverged. Nothing but the
    learners' generators changes before all is done. Raises what torch cannot do under
    vmap, and Differs where a learner alone gets other gradients in the first `held`
    steps.
    """
    with ExitStack() as generators:
        for training in trainings:
            generators.enter_context(training.leaving())
        alone = references(trainings, min(held, trainings[0].steps)) if held else []
        net = alone[0].net if alone else trainings[0].learner.net
        net.module.train()
        step = Step(net, trainings)
        losses = _descend(step, trainings, alone)
    for number, training in enumerate(trainings):
        training.learner.net.module.train()
        step.write_back(training.learner, number)
    return [_divergence(loss) for loss in losses]


def _descend(step: Step, trainings: Sequence[Training], alone: Sequence[Reference]) -> Tensor:
    """Take all steps, or until every learner's training is over; return their losses."""
    options = descent_options([training.learner for training in trainings])
    descent = Descent(list(step.theta.values()), options, len(trainings))
    lookout, losses = Lookout(step, descent, trainings), torch.zeros(len(trainings))
    for number, (batch, last) in enumerate(_batches(trainings), 1):
        if last:
            gradients, losses = step.last(batch)
        else:
            gradients = step.gradients(batch)
        for reference in alone:
            reference.hold(step.theta, gradients)
        descent.step(gradients, batch.progress)
        if lookout.over(number):
            if not last:
                step.last(batch)  # as ever, to see that steps were played back truly
            break
    for reference in alone:
        reference.hold_changes(step.held)
    losses = lookout.restore(losses)
    descent.end()
    return losses


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
    domains = None if first.domains is None else _joined_part(blocks, "domains")
    return Block(first.first, x, y, unlabelled, extra, domains)


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
