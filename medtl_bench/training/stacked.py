"""Trains many learners of one method as one.

Their parameters are stacked along a first axis, and `vmap` makes each step one program
for all: a small network's step is mostly the cost of calling kernels, which all then
share.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils._pytree import TreeSpec, tree_flatten, tree_map, tree_unflatten

from medtl_bench.networks.network import Parameters
from medtl_bench.training.adam import Adam
from medtl_bench.training.batches import Batch, Block
from medtl_bench.training.loop import refuse_divergence
from medtl_bench.training.method import GradientMethod, Training, options_of
from medtl_bench.training.recorder import Function, record

MOST = 64
TENSORS = ("x", "y", "unlabelled", "extra")
BYTES = 64 * 2**20  # that a stack may hold, to stay in a processor's cache
# of batches that get a recorded step: recording pays only where a shape comes again
SHAPES = 4


@dataclass
class Stacker:
    """Serves trainings of equal key.

    `alone`: why some were trained one by one, and how many.
    """

    alone: dict[str, int] = field(default_factory=dict)

    def __call__(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train all learners; return for each None or what its training raised."""
        most = room(trainings[0])
        errors = []
        for start in range(0, len(trainings), most):
            errors += self._served(trainings[start : start + most])
        return errors

    def _served(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train a stack as one, or one by one where that cannot be done."""
        reason = trainings[0].learner.one_by_one
        if len(trainings) > 1 and not reason:
            try:
                with _generators_kept(trainings):
                    return train(trainings)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
        if reason:
            self.alone[reason] = self.alone.get(reason, 0) + len(trainings)
        return [_attempted(training) for training in trainings]


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


def _attempted(training: Training) -> Exception | None:
    try:
        training.alone()
    except Exception as error:
        return error
    return None


def room(training: Training) -> int:
    """Return how many learners to stack: so many as stay in the processor's cache."""
    size = sum(value.nbytes for value in training.learner.net.parameters.values())
    # parameters, gradients and Adam's two moments
    return max(2, min(MOST, BYTES // (4 * size)))


def train(trainings: Sequence[Training]) -> list[Exception | None]:
    """Do the trainings, which have one key, as one.

    Returns for each None, or a FloatingPointError if it diverged. Nothing but the
    learners' generators changes before all is done. Raises what torch cannot do under
    vmap.
    """
    learners, steps = [training.learner for training in trainings], trainings[0].steps
    first = learners[0]
    first.net.module.train()
    step = _Step(learners, trainings[0].objective.__name__)
    optimiser = Adam(list(step.theta.values()), first.learning_rate)
    losses = torch.zeros(len(learners))
    for number, batch in enumerate(_batches(trainings), 1):
        gradients = step.gradients(batch)
        # those of other steps are not needed, and take time where gradients do without
        if number == steps:
            losses = step.losses(batch)
        optimiser.step(gradients)
    for number, learner in enumerate(learners):
        _write_back(learner, step.theta, number)
    return [_divergence(loss) for loss in losses]


def _write_back(learner: GradientMethod, theta: Parameters, number: int) -> None:
    """Set a learner's parameters to those of its place in the stack."""
    for name, parameter in learner.net.module.named_parameters():
        parameter.data.copy_(theta[name][number])


class _Step:
    """The losses of all learners, and their gradients.

    `theta`, `buffers`, `state`: of all learners, each tensor with a first axis for them.
    """

    def __init__(self, learners: Sequence[GradientMethod], objective: str) -> None:
        self.learner, self.objective = learners[0], objective
        self.theta: Parameters = _stacked([_detached(learner) for learner in learners])
        self.buffers: Parameters = _stacked([learner.net.buffers for learner in learners])
        self.state: dict[str, Any] = _stacked([_state(learner) for learner in learners])
        self.recorded: dict[object, Function | None] = {}

    @torch.no_grad()
    def losses(self, batch: Batch) -> Tensor:
        """Return the losses [learners]."""
        loss = partial(self._loss, batch.progress)
        losses: Tensor = vmap(loss)(self.theta, self.buffers, self.state, _tensors(batch))
        return losses

    @torch.no_grad()
    def gradients(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the gradients by parameter.

        What gives them for the first batch of a shape is recorded for the others, whose
        steps are then only the kernels: without it most of a step is Python.
        """
        tensors, structure = tree_flatten(_tensors(batch))
        inputs = [batch.progress, *self.theta.values(), *tensors]
        shapes = tuple(tensor.shape for tensor in tensors)
        calculated = partial(self._calculated, structure)
        if shapes not in self.recorded and len(self.recorded) < SHAPES:
            gradients, self.recorded[shapes] = record(calculated, *inputs)
            return gradients
        return (self.recorded.get(shapes) or calculated)(*inputs)

    def _calculated(
        self, structure: TreeSpec, progress: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the gradients for tensors that are the parameters, then those of a batch."""
        theta = dict(zip(self.theta, tensors, strict=False))
        batch = tree_unflatten(tensors[len(theta) :], structure)
        gradient = vmap(grad(partial(self._loss, progress)))
        return tuple(gradient(theta, self.buffers, self.state, batch).values())

    def _loss(
        self,
        progress: Tensor,
        theta: Parameters,
        buffers: Parameters,
        state: dict[str, Any],
        tensors: dict[str, Any],
    ) -> Tensor:
        """Return the loss of one learner, which `vmap` sees in place of all."""
        batch = Batch(**{"unlabelled": None, **tensors}, progress=progress)
        reader = _reader(self.learner, state)
        net = self.learner.net.with_parameters(theta, buffers)
        loss: Tensor = getattr(reader, self.objective)(net, batch)
        return loss


def _tensors(batch: Batch) -> dict[str, Any]:
    """Return what of a batch is each learner's own: all but the progress."""
    return {name: value for name in TENSORS if (value := getattr(batch, name)) is not None}


def _batches(trainings: Sequence[Training]) -> Iterator[Batch]:
    """Yield batches whose tensors have a first axis for the learners."""
    for blocks in zip(*(training.blocks() for training in trainings), strict=True):
        yield from _joined(blocks).batches(trainings[0].steps)


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


def _detached(learner: GradientMethod) -> Parameters:
    return {name: value.detach() for name, value in learner.net.parameters.items()}


def _state(learner: GradientMethod) -> dict[str, Any]:
    return {name: getattr(learner, name) for name in learner.state}


def _stacked(trees: Sequence[Any]) -> Any:  # noqa: ANN401
    """Return a tree of tensors like those of each learner, with a first axis for the learners."""
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def _reader(learner: GradientMethod, state: dict[str, Any]) -> GradientMethod:
    """Return what an objective is called on: the learner with its options and this state.

    It has nothing else of any learner: an objective that reads a field which `state`
    does not name fails, instead of reading the first learner's for all.
    """
    reader = object.__new__(type(learner))
    options = {name: getattr(learner, name) for name in options_of(learner)}
    for name, value in {**options, **state}.items():
        setattr(reader, name, value)
    return reader


def _divergence(loss: Tensor) -> Exception | None:
    try:
        refuse_divergence(loss)
    except FloatingPointError as error:
        return error
    return None
