"""Trains many learners of one method as one: their parameters are stacked, and `vmap` makes each step one program for all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from medtl_bench.networks.network import Parameters
from medtl_bench.training.adam import Adam
from medtl_bench.training.batches import Batch, Block
from medtl_bench.training.loop import check
from medtl_bench.training.method import GradientMethod, Training, options_of
from medtl_bench.training.recorder import Function, record

MOST = 64
TENSORS = ("x", "y", "unlabelled", "extra")
BYTES = 64 * 2**20
SHAPES = 4  # of a training whose steps are recorded


@dataclass
class Stacker:
    """Serves trainings of equal key; `alone` says why some were trained one by one, with how many they were."""

    alone: dict[str, int] = field(default_factory=dict)

    def __call__(self, trainings: Sequence[Training]) -> list[Exception | None]:
        """Train all learners; return for each None or what its training raised."""
        most = room(trainings[0])
        errors = []
        for start in range(0, len(trainings), most):
            errors += self._served(trainings[start : start + most])
        return errors

    def _served(self, trainings: Sequence[Training]) -> list[Exception | None]:
        reason = trainings[0].learner.one_by_one
        if len(trainings) > 1 and not reason:
            generators = [training.learner.generator for training in trainings]
            states = [generator.get_state() for generator in generators]
            try:
                return train(trainings)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                for generator, state in zip(generators, states, strict=True):
                    generator.set_state(state)
        if reason:
            self.alone[reason] = self.alone.get(reason, 0) + len(trainings)
        return [_attempted(training) for training in trainings]


def _attempted(training: Training) -> Exception | None:
    try:
        training.alone()
    except Exception as error:
        return error
    return None


def room(training: Training) -> int:
    """Return how many learners to stack: so many that their parameters, gradients and moments stay in the processor's cache."""
    size = sum(
        value.numel() * value.element_size() for value in training.learner.net.parameters.values()
    )
    return max(2, min(MOST, BYTES // (4 * size)))


def train(trainings: Sequence[Training]) -> list[Exception | None]:
    """Do the trainings, which have one key, as one; return for each None or a FloatingPointError if it diverged.

    Nothing but the learners' generators changes before all is done. Raises what torch
    cannot do under vmap.
    """
    learners = [training.learner for training in trainings]
    first = learners[0]
    theta = _stacked(
        [{name: p.detach() for name, p in learner.net.parameters.items()} for learner in learners]
    )
    buffers = _stacked([learner.net.buffers for learner in learners])
    state = _stacked(
        [{name: getattr(learner, name) for name in learner.state} for learner in learners]
    )
    first.net.module.train()
    step = _Step(first, trainings[0].objective.__name__, theta, buffers, state)
    optimiser, losses = Adam(list(theta.values()), first.learning_rate), torch.zeros(len(learners))
    for number, batch in enumerate(_batches(trainings), 1):
        gradients = step.gradients(batch)
        # the others' losses are not needed, and take time where gradients do without
        if number == trainings[0].steps:
            losses = step.losses(batch)
        optimiser.step(gradients)
    for number, learner in enumerate(learners):
        for name, parameter in learner.net.module.named_parameters():
            parameter.data.copy_(theta[name][number])
    return [_attempted_check(loss) for loss in losses]


class _Step:
    """The losses of all learners, and their gradients."""

    def __init__(
        self,
        learner: GradientMethod,
        objective: str,
        theta: Parameters,
        buffers: Parameters,
        state: dict[str, Any],
    ) -> None:
        self.learner, self.objective = learner, objective
        self.theta, self.buffers, self.state = theta, buffers, state
        self.recorded: dict[object, Function | None] = {}

    @torch.no_grad()
    def losses(self, batch: Batch) -> Tensor:
        """Return the losses [learners]."""
        loss = partial(self._loss, batch.progress)
        losses: Tensor = vmap(loss)(self.theta, self.buffers, self.state, _tensors(batch))
        return losses

    @torch.no_grad()
    def gradients(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the gradients by parameter; what gives them for the first batch of a shape is recorded for the others."""
        fed, structure = tree_flatten(_tensors(batch))
        inputs, shapes = (
            [batch.progress, *self.theta.values(), *fed],
            tuple(tensor.shape for tensor in fed),
        )

        def calculated(progress: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            theta = dict(zip(self.theta, tensors, strict=False))
            batch = tree_unflatten(tensors[len(theta) :], structure)
            return tuple(
                vmap(grad(partial(self._loss, progress)))(
                    theta, self.buffers, self.state, batch
                ).values()
            )

        if shapes not in self.recorded and len(self.recorded) < SHAPES:
            gradients, self.recorded[shapes] = record(calculated, *inputs)
            return gradients
        return (self.recorded.get(shapes) or calculated)(*inputs)

    def _loss(
        self,
        progress: Tensor,
        theta: Parameters,
        buffers: Parameters,
        state: dict[str, Any],
        fed: dict[str, Any],
    ) -> Tensor:
        batch = Batch(**{"unlabelled": None, **fed}, progress=progress)
        reader, net = _reader(self.learner, state), self.learner.net.with_parameters(theta, buffers)
        loss: Tensor = getattr(reader, self.objective)(net, batch)
        return loss


def _tensors(batch: Batch) -> dict[str, Any]:
    return {name: value for name in TENSORS if (value := getattr(batch, name)) is not None}


def _batches(trainings: Sequence[Training]) -> Iterator[Batch]:
    """Yield batches whose tensors have a first axis for the learners."""
    for blocks in zip(*(training.blocks() for training in trainings), strict=True):
        first = blocks[0]
        x, y = (torch.stack([getattr(block, name) for block in blocks], 1) for name in ("x", "y"))
        unlabelled = (
            None
            if first.unlabelled is None
            else torch.stack([block.unlabelled for block in blocks], 1)
        )
        extra = {
            name: torch.stack([block.extra[name] for block in blocks], 1) for name in first.extra
        }
        yield from Block(first.first, x, y, unlabelled, extra).batches(trainings[0].steps)


def _stacked(trees: Sequence[Any]) -> Any:  # noqa: ANN401
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def _reader(learner: GradientMethod, state: dict[str, Any]) -> GradientMethod:
    """Return what an objective is called on: the learner with its options and this state, and nothing else of any learner."""
    reader = object.__new__(type(learner))
    for name, value in {
        **{name: getattr(learner, name) for name in options_of(learner)},
        **state,
    }.items():
        setattr(reader, name, value)
    return reader


def _attempted_check(loss: Tensor) -> Exception | None:
    try:
        check(loss)
    except FloatingPointError as error:
        return error
    return None
