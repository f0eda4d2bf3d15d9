"""A gradient method: one network, trained by the loop on an objective."""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import chain
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.networks import choice
from medtl_bench.networks.build import build, pooled
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch, Block, blocks
from medtl_bench.training.draws import drawing_from, own_draws
from medtl_bench.training.loop import Objective, optimise

PREDICT_ROWS = 4096


@dataclass
class Training(cooperative.Wish):
    """A wish to minimise an objective of a learner over its sources for so many steps."""

    learner: "GradientMethod"
    objective: Objective
    sources: Sequence[Split]
    unlabelled: Inputs | None
    steps: int

    def blocks(self) -> Iterator[Block]:
        """Draw the batches as the method augments them.

        Several steps at once where it takes them as drawn.
        """
        learner = self.learner
        size, most = learner.batch_size, learner.sources_per_step
        drawn = blocks(self.sources, self.unlabelled, self.steps, size, most, learner.generator)
        if type(learner).augment is GradientMethod.augment:
            yield from drawn
        else:
            unchanged = chain.from_iterable(block.batches(self.steps) for block in drawn)
            for number, batch in enumerate(unchanged):
                yield _block_of(number, learner.augment(batch))

    def alone(self) -> None:
        """Train this learner by itself."""
        with drawing_from(own_draws(self.learner.generator)):
            rate = self.learner.learning_rate
            optimise(self.learner.net, self.objective, self.batches(), rate)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of `blocks` one by one."""
        for block in self.blocks():
            yield from block.batches(self.steps)

    @property
    def program(self) -> Hashable:
        """Return whose Python a step runs: the method and the name of the objective."""
        return type(self.learner), getattr(self.objective, "__name__", "")

    @cached_property
    def key(self) -> Hashable:
        """Return all that must be equal for trainings to be one program.

        Method, options, objective, and every shape.
        """
        learner = self.learner
        size = min(learner.batch_size, max(map(len, self.sources)))
        count = min(learner.sources_per_step, len(self.sources))
        shapes = repr(self._shapes()), repr(self._row_shapes())
        return self.program, self._options(), self.steps, size, count, *shapes

    def _options(self) -> Hashable:
        """Return what says which calculations a program does."""
        options = [getattr(self.learner, name) for name in options_of(self.learner)]
        return repr(options), repr(self.learner.net.module)

    def _shapes(self) -> list[object]:
        """Return the shapes of what the learner holds."""
        net = self.learner.net
        state = [getattr(self.learner, name) for name in self.learner.state]
        return [_shapes_in(tree) for tree in (state, net.parameters, net.buffers)]

    def _row_shapes(self) -> list[object]:
        """Return the shapes of a row of what it learns from."""
        rows = [self.sources[0].x, self.sources[0].y]
        if self.unlabelled is not None:
            rows.append(self.unlabelled)
        return [(name, part.shape[1:]) for x in rows for name, part in parts(x).items()]


def _block_of(number: int, batch: Batch) -> Block:
    """Return one batch as a block of a single step."""
    unlabelled = None if batch.unlabelled is None else batch.unlabelled[None]
    extra = {name: tensor[None] for name, tensor in batch.extra.items()}
    return Block(number, batch.x[None], batch.y[None], unlabelled, extra)


def options_of(learner: "GradientMethod") -> list[str]:
    """Return the names of the task and the hyper-parameters of a learner."""
    return [option.name for option in fields(learner) if option.init and option.name != "generator"]


def _shapes_in(tree: object) -> list[object]:
    leaves, structure = tree_flatten(tree)
    return [structure, *map(_shape, leaves)]


def _shape(leaf: object) -> object:
    return (leaf.shape, leaf.dtype, leaf.requires_grad) if isinstance(leaf, Tensor) else leaf


@dataclass
class GradientMethod(Algorithm):
    """A method that trains one network by gradient steps on its `objective`.

    `adapt` fine-tunes unless overridden. Learners of equal shape are trained as one
    (`training.stacked`): their objective reads the network, the batch, the task, the
    options and what `state` names. It calculates with tensors throughout: only its first
    step is run as Python, later ones repeat what was done to tensors then
    (`training.recorder`). It may draw as torch does, and change in place the tensors of
    `state` and the network's buffers. One that does anything else is noticed
    (`training.reference`), and its learners are trained one by one.

    `steps`: in `fit`. `adapt_steps`: in each `adapt`. `batch_size`: rows of a source in a
    step. `sources_per_step`: how many sources a step draws at most. `width`: of the
    features. `state`: the names of further fields that the objective reads, which hold
    tensors. `one_by_one`: why learners must not be trained together, if so. The defaults
    are one budget for all methods and datasets, with Adam's own learning rate; none was
    chosen on a dataset of the bench. Of these the learning rate alone is searched: the others
    are the budget or the network, in which methods are to be equal.
    """

    steps: int = 200
    adapt_steps: int = 50
    batch_size: int = 32
    sources_per_step: int = 4
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3
    width: int = 64
    backbone: str = ""
    net: Network = field(init=False, repr=False)
    state: ClassVar[tuple[str, ...]] = ()
    one_by_one: ClassVar[str] = ""

    @classmethod
    def takes(cls, x: Inputs) -> str | None:
        """Return a reason for inputs that no backbone takes, such as volumes."""
        return choice.refusal(x)

    @abstractmethod
    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the loss of one step as a scalar."""

    def augment(self, batch: Batch) -> Batch:
        """Return a batch as the objective is to see it.

        Random numbers come from `self.generator`.
        """
        return batch

    def parts(self) -> dict[str, nn.Module]:
        """Return further named parts of the network, such as a domain critic."""
        return {}

    def supervised(self, net: Network, batch: Batch) -> Tensor:
        """Return the task's loss over all labelled rows of a batch."""
        x, y = batch.pooled()
        return self.task.loss(net(x), y)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Build a network, its scaling fitted on the sources, and train it on the objective."""
        self.build(sources)
        self.train(self.objective, sources, unlabelled, self.steps)

    def adapt(self, support: Split) -> None:
        """Fine-tune all parameters on the support rows."""
        self.train(self.supervised, [support], None, self.adapt_steps)

    def build(self, sources: Sequence[Split]) -> None:
        """Set `self.net` to a fresh network for inputs like the sources'.

        Its weights are drawn from `self.generator`.
        """
        pool = concatenate(sources)
        seed = int(torch.randint(2**62, (), generator=self.generator))
        with torch.random.fork_rng(devices=[]):
            # that of torch also queues calls for devices, for as long again
            torch.default_generator.manual_seed(seed)
            self.net = build(pool.x, self.task, self.width, self.parts(), self.backbone)

    def train(
        self, objective: Objective, sources: Sequence[Split], unlabelled: Inputs | None, steps: int
    ) -> None:
        """Run the loop on an objective, together with other learners that wait for the same."""
        cooperative.ask(Training(self, objective, sources, unlabelled, steps))

    @torch.no_grad()
    def predict(self, x: Inputs) -> Tensor:
        """Return the network's outputs."""
        self.net.module.eval()
        return torch.cat([self.net(rows) for rows in x.split(PREDICT_ROWS)])

    @torch.no_grad()
    def embed(self, x: Inputs) -> Tensor:
        """Return the backbone's features [n, width]."""
        self.net.module.eval()
        return torch.cat([pooled(self.net.features(rows)) for rows in x.split(PREDICT_ROWS)])
