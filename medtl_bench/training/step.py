"""One step of a stack: the gradients of all its learners, recorded once and played back."""

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_map, tree_unflatten

from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.batches import Batch
from medtl_bench.training.differs import Differs
from medtl_bench.training.draws import Draws
from medtl_bench.training.loop import asked
from medtl_bench.training.method import GradientMethod, Training, options_of
from medtl_bench.training.recorder import Function, record
from medtl_bench.training.reference import distance
from medtl_bench.training.tensors import differing_numbers, held, stacked, trained

TENSORS = ("x", "y", "unlabelled", "extra", "domains")
# of batches that get a recorded step: recording pays only where a shape comes again
SHAPES = 4
PLAYED_BACK = 1e-3  # by which a step played back may differ: both call the same kernels


class Step:
    """The gradients of all learners, and their losses.

    `theta`: the parameters that are trained, each with a first axis for the learners.
    `held`: what else each learner has of tensors, which a step may change in place:
    parameters that are not trained, buffers, and what `state` names. `numbers`: the
    hyper-parameters that differ, each [learners], in the precision of Python's own.
    """

    def __init__(self, net: Network, trainings: Sequence[Training]) -> None:
        """Stack what the learners have; `net` stands for the network of each."""
        learners = [training.learner for training in trainings]
        self.net, self.objective = net, trainings[0].objective.__name__
        self.reader = _Reader(learners[0])
        self.theta: Parameters = stacked([trained(learner.net) for learner in learners])
        self.held: dict[str, Any] = stacked([held(learner) for learner in learners])
        numbers = differing_numbers(trainings).items()
        self.numbers = {name: torch.tensor(each, dtype=torch.float64) for name, each in numbers}
        self.draws = Draws([learner.generator for learner in learners])
        self.recorded: dict[object, Function | None] = {}

    @torch.no_grad()
    def gradients(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the gradients by parameter.

        What gives them for the first batch of a shape is recorded for the others, whose
        steps are then only the kernels: without it most of a step is Python. A step that
        changes what the learners hold is not.
        """
        inputs, structure = self._inputs(batch)
        calculated, shapes = partial(self._gradients, structure), _shapes(inputs)
        if shapes not in self.recorded and len(self.recorded) < SHAPES:
            before = tree_map(torch.clone, self.held)
            gradients, function = record(calculated, *inputs, draws=self.draws)
            self.recorded[shapes] = function if _equal(before, self.held) else None
            return gradients
        if function := self.recorded.get(shapes):
            return function(*inputs)
        with self.draws.again():
            return calculated(*inputs)

    @torch.no_grad()
    def last(self, batch: Batch) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the gradients of the last step and its losses [learners].

        Raises Differs where a recorded step gives other gradients than its Python does now.
        """
        inputs, structure = self._inputs(batch)
        played = None
        if function := self.recorded.get(_shapes(inputs)):
            with self.draws.kept():
                played = function(*inputs)
        with self.draws:
            gradients, losses = self._calculated(structure, *inputs)
        if played and not distance(played, gradients) <= PLAYED_BACK:
            raise Differs(
                "Its last step is not its first one on other tensors: something that the objective "
                "reads or draws is no tensor, and changes."
            )
        return gradients, losses

    def _inputs(self, batch: Batch) -> tuple[list[Tensor], TreeSpec]:
        """Return what changes from step to step as a list, and how it is a batch again."""
        tensors, structure = tree_flatten(_tensors(batch))
        return [batch.progress, *self.theta.values(), *tensors], structure

    def _gradients(self, structure: TreeSpec, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self._calculated(structure, *inputs)[0]

    def _calculated(
        self, structure: TreeSpec, progress: Tensor, *tensors: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return gradients and losses for tensors: the parameters, then those of a batch."""
        theta = dict(zip(self.theta, tensors, strict=False))
        batch = tree_unflatten(tensors[len(theta) :], structure)
        each = vmap(grad_and_value(partial(self._loss, progress)), randomness="different")
        # a number in Python stays what it is also where one says `number *= 2`
        numbers = tree_map(torch.clone, self.numbers)
        gradients, losses = each(theta, self.held, numbers, batch)
        return tuple(gradients.values()), losses

    def _loss(
        self,
        progress: Tensor,
        theta: Parameters,
        held: dict[str, Any],
        numbers: dict[str, Tensor],
        tensors: dict[str, Any],
    ) -> Tensor:
        """Return the loss of one learner, which `vmap` sees in place of all."""
        batch = Batch(**{"unlabelled": None, **tensors}, progress=progress)
        net = asked(self.net, batch).with_parameters(
            {**theta, **held["untrained"]}, held["buffers"]
        )
        learner = self.reader.with_state(numbers | held["state"])
        objective = getattr(learner, self.objective)
        loss: Tensor = objective(net, batch)
        return loss

    @torch.no_grad()
    def write_back(self, learner: GradientMethod, number: int) -> None:
        """Give a learner what its place in the stack holds."""
        for name, parameter in trained(learner.net).items():
            parameter.copy_(self.theta[name][number])
        for own, ours in zip(tree_leaves(held(learner)), tree_leaves(self.held), strict=True):
            # a write bumps a version that others compare, so what is the same is left
            if not torch.equal(own, ours[number]):
                own.copy_(ours[number])


class _Reader:
    """What an objective is called on: a learner with its options and some state, and no more.

    An objective that reads another field fails, instead of reading one learner's for all;
    so does one that writes to a field, which would be lost.
    """

    def __init__(self, learner: GradientMethod) -> None:
        cls, names = type(learner), options_of(learner)
        named = {*names, *cls.state, "generator"}
        unnamed = {field.name: _unnamed(field.name) for field in fields(cls)}
        refused = {name: value for name, value in unnamed.items() if name not in named}
        self.type = type(cls.__name__, (cls,), {**refused, "__setattr__": _refuse})
        self.options = {name: getattr(learner, name) for name in (*names, "generator")}

    def with_state(self, state: dict[str, Any]) -> GradientMethod:
        """Return the learner that an objective sees."""
        learner: GradientMethod = object.__new__(self.type)
        vars(learner).update(self.options, **state)
        return learner


def _unnamed(name: str) -> property:
    def refuse(_: GradientMethod) -> NoReturn:
        raise Differs(
            f"Its objective reads {name!r}, which is no option, and not named in `state`."
        )

    return property(refuse)


def _refuse(_: GradientMethod, name: str, __: object) -> NoReturn:
    raise Differs(f"Its objective sets {name!r} of the learner, whose steps are played back.")


def _tensors(batch: Batch) -> dict[str, Any]:
    """Return what of a batch is each learner's own: all but the progress."""
    return {name: value for name in TENSORS if (value := getattr(batch, name)) is not None}


def _shapes(inputs: Sequence[Tensor]) -> tuple[torch.Size, ...]:
    return tuple(tensor.shape for tensor in inputs)


def _equal(ours: object, theirs: object) -> bool:
    pairs = zip(tree_leaves(ours), tree_leaves(theirs), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)
