"""A gradient method: one network, trained by the loop on an objective."""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from itertools import chain
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.sampling import Sampling, sampling_for
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.networks import choice
from medtl_bench.networks.build import build, pooled
from medtl_bench.networks.frozen import freeze
from medtl_bench.networks.network import Network, Parameters, without_head
from medtl_bench.training.augmentation import Augmentation, augmented
from medtl_bench.training.batches import Batch, Block, blocks, domain_numbers
from medtl_bench.training.descent import Optimiser, Options
from medtl_bench.training.draws import drawing_from, own_draws, seeding_torch
from medtl_bench.training.heads import DomainHeads, WhichHeads
from medtl_bench.training.loop import Objective, optimise
from medtl_bench.training.numbers import Number
from medtl_bench.training.schedules import Schedule
from medtl_bench.training.watch import Watch, pool

PREDICT_ROWS = 4096
# of the descent, each of which the loop takes for each learner
DESCENT_NUMBERS = ("learning_rate", "momentum", "weight_decay", "clip_norm", "average")
VALIDATION_ROWS = 128  # of images at once


@dataclass
class Training(cooperative.Wish):
    """A wish to minimise an objective of a learner over its sources for so many steps.

    `with_last`: whether each step draws from the last source, where it draws from some.
    """

    learner: "GradientMethod"
    objective: Objective
    sources: Sequence[Split]
    unlabelled: Inputs | None
    steps: int
    with_last: bool = False

    def blocks(self) -> Iterator[Block]:
        """Draw the batches as the method augments them.

        Several steps at once where it takes them as drawn.
        """
        learner = self.learner
        size, most = learner.batch_size, learner.sources_per_step
        drawn = blocks(
            *(self.sources, self.unlabelled, self.steps, size, most, learner.generator),
            balanced=learner.balanced,
            with_last=self.with_last,
        )
        if learner.augmentation and learner.of_images(self.sources[0].x):
            allowed, generator = learner.task.allowed, learner.generator
            drawn = (augmented(block, allowed, generator) for block in drawn)
        if type(learner).augment is GradientMethod.augment:
            yield from drawn
        else:
            unchanged = chain.from_iterable(block.batches(self.steps) for block in drawn)
            for number, batch in enumerate(unchanged):
                yield _block_of(number, learner.augment(batch))

    def alone(self) -> None:
        """Train this learner by itself."""
        learner, options = self.learner, descent_options([self.learner])
        with self.leaving(), drawing_from(own_draws(learner.generator)):
            watched = self.watch(), self._beside()
            optimise(learner.net, self.objective, self.batches(), options, *watched)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of `blocks` one by one."""
        for block in self.blocks():
            yield from block.batches(self.steps)

    @cached_property
    def validation(self) -> list[Split] | None:
        """Return the rows by which it may end early, or None where it takes all its steps."""
        rows = pool(self.sources) if self.learner.patience > 0 else None
        return None if rows is None else self.learner.by_question(rows)

    def watch(self) -> Watch | None:
        """Return what ends it early, if anything does."""
        learner, rows = self.learner, self.validation
        if rows is None:
            return None
        return Watch(partial(learner.validation_loss, splits=rows), learner.patience, self.steps)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Leave the learner's generator in one state, however many steps are taken.

        Others of a stack may go on after the one that has ended early.
        """
        if self.validation is None:
            yield
            return
        generator = self.learner.generator
        seed = int(torch.randint(2**62, (), generator=generator))
        yield
        generator.manual_seed(seed)

    def _beside(self) -> list[Tensor]:
        """Return the tensors beside parameters that a step may change."""
        state = [getattr(self.learner, name) for name in self.learner.state]
        return tree_leaves([self.learner.net.buffers, state])

    @property
    def program(self) -> Hashable:
        """Return whose Python a step runs: the method and the name of the objective."""
        return type(self.learner), getattr(self.objective, "__name__", "")

    @cached_property
    def key(self) -> Hashable:
        """Return all that must be equal for trainings to be one program.

        Method, options but for their numbers, objective, and every shape.
        """
        learner = self.learner
        size = min(learner.batch_size, max(map(len, self.sources)))
        count = min(learner.sources_per_step, len(self.sources))
        shapes = repr(self._shapes()), repr(self._row_shapes())
        drawn = self.steps, size, count, self.with_last, self.validation is None
        return self.program, self._options(), *drawn, *shapes

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Return by name what may differ from learner to learner of one program."""
        return numbers_of(self.learner)

    def _options(self) -> Hashable:
        """Return what says which calculations a program does."""
        names = [name for name in options_of(self.learner) if name not in self.numbers]
        options = {name: getattr(self.learner, name) for name in names}
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


def _outputs(net: Network, x: Inputs) -> Tensor:
    return torch.cat([net(rows) for rows in x.split(VALIDATION_ROWS)])


def _block_of(number: int, batch: Batch) -> Block:
    """Return one batch as a block of a single step."""
    unlabelled = None if batch.unlabelled is None else batch.unlabelled[None]
    extra = {name: tensor[None] for name, tensor in batch.extra.items()}
    domains = None if batch.domains is None else batch.domains[None]
    return Block(number, batch.x[None], batch.y[None], unlabelled, extra, domains)


def options_of(learner: "GradientMethod") -> list[str]:
    """Return the names of the task and the hyper-parameters of a learner."""
    return [option.name for option in fields(learner) if option.init and option.name != "generator"]


def descent_options(learners: Sequence["GradientMethod"]) -> Options:
    """Return how the weights of learners of one stack descend."""
    first, each = learners[0], {name: _number(learners, name) for name in DESCENT_NUMBERS}
    return Options(optimiser=first.optimiser, schedule=first.schedule, **each)


def _number(learners: Sequence["GradientMethod"], name: str) -> Number:
    """Return a number of all learners: one where it is the same for all, else [learners]."""
    values = [getattr(learner, name) for learner in learners]
    return values[0] if len(set(values)) == 1 else torch.tensor(values)


def numbers_of(learner: "GradientMethod") -> dict[str, float]:
    """Return the hyper-parameters that say how much, not which calculations are done.

    They are the real numbers that a method declares, and those that the loop takes for each
    learner.
    """
    of_the_loop = {option.name for option in fields(GradientMethod)} - set(DESCENT_NUMBERS)
    names = [name for name in options_of(learner) if name not in of_the_loop]
    options = {name: getattr(learner, name) for name in names}
    return {name: value for name, value in options.items() if type(value) is float}


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

    `steps`: in `fit`, at most. `adapt_steps`: in each `adapt`. `batch_size`: rows of a
    source in a step. `sources_per_step`: how many sources a step draws at most. `width`: of the
    features. `optimiser`, `momentum`, `schedule`, `weight_decay`, `clip_norm`, `average`:
    how weights descend (`training.descent`). `frozen`: names of parts of the network that
    are not trained, with commas between, as `features`. `sampling`: `balanced` for as many
    rows of each class in a batch, `natural` for as they come, empty for what fits the
    task's primary metric (`contract.sampling`). `patience`: how many looks at the sources'
    validation rows, one each 25 steps, may find no smaller loss before a `fit` ends with
    its best weights; 0 for all `steps` (`training.watch`). `augmentation`: `plain` for
    images that are changed a little at random, as far as the task allows
    (`training.augmentation`). `heads`: `own` for a head a domain on shared features, where
    `adapt` begins a new one, `one` for the same head for all, empty for what labels mean
    (`training.heads`). `state`: the names of further fields that the objective
    reads, which hold tensors. `one_by_one`: why learners must not be trained together, if
    so. The defaults are one budget for all methods and datasets, with Adam's own learning
    rate; the ceiling of `steps` is where four times as many change little.
    Of these the learning rate alone is searched: the others are the budget or the
    network, in which methods are to be equal.
    """

    steps: int = 1000
    adapt_steps: int = 200
    batch_size: int = 32
    sources_per_step: int = 4
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3
    width: int = 64
    backbone: str = ""
    optimiser: Optimiser = "adam"
    momentum: float = 0.9
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    average: float = 0.0
    frozen: str = ""
    sampling: Sampling = ""
    patience: int = 8
    augmentation: Augmentation = ""
    heads: WhichHeads = ""
    net: Network = field(init=False, repr=False)
    domain_heads: DomainHeads = field(init=False, repr=False, default_factory=DomainHeads)
    state: ClassVar[tuple[str, ...]] = ()
    one_by_one: ClassVar[str] = ""
    unsaid: ClassVar[Mapping[str, Any]] = {
        "optimiser": "adam",
        "momentum": 0.9,
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip_norm": 0.0,
        "average": 0.0,
        "frozen": "",
        "sampling": "natural",
        "patience": 0,
        "augmentation": "",
        "heads": "one",
    }

    @property
    def balanced(self) -> bool:
        """Return whether a batch holds as many rows of each class."""
        sampling = self.sampling or sampling_for(self.task.kind, self.task.primary)
        return sampling == "balanced" and self.task.kind == "classification"

    @property
    def own_heads(self) -> bool:
        """Return whether each domain has a head of its own."""
        return self.heads == "own" or (not self.heads and self.task.labels == "own")

    def by_question(self, splits: Sequence[Split]) -> list[Split]:
        """Return splits as they are where each domain has its own head, else as one."""
        return [*splits] if self.own_heads else [concatenate(splits)]

    def shared(self, named: Parameters) -> Parameters:
        """Return those parameters that all domains share: not the heads of their own."""
        return without_head(named) if self.own_heads else named

    def of_images(self, x: Inputs) -> bool:
        """Return whether inputs are images [n, channels, height, width] with classes or masks."""
        images = isinstance(x, Tensor) and x.ndim == 4
        return images and self.task.kind in {"classification", "segmentation"}

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

    def validation_loss(self, net: Network, splits: Sequence[Split]) -> Tensor:
        """Return what is least where a training with `patience` ends: the task's loss.

        It is the mean over classes where batches are balanced. `splits`: one a source
        where each domain has a head of its own, else all as one.
        """
        numbered = zip(domain_numbers(splits), splits, strict=True)
        asked = [(net.of_blocks(number[None]), split.x) for number, split in numbered]
        each = [_outputs(own, x) for own, x in asked if len(x)]
        outputs, y = torch.cat(each), torch.cat([split.y for split in splits])
        if not self.balanced:
            return self.task.loss(outputs, y)
        classes = [y == number for number in y.unique()]
        return torch.stack([self.task.loss(outputs[c], y[c]) for c in classes]).mean()

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
        self.domain_heads = DomainHeads()
        with seeding_torch(self.generator):
            self.net = build(pool.x, self.task, self.width, self.parts(), self.backbone)
        if self.frozen:
            freeze(self.net, [part.strip() for part in self.frozen.split(",")])

    def train(
        self,
        objective: Objective,
        sources: Sequence[Split],
        unlabelled: Inputs | None,
        steps: int,
        *,
        with_last: bool = False,
    ) -> None:
        """Run the loop on an objective, together with other learners that wait for the same.

        `with_last`: let each step draw from the last source, where it draws from some.
        Where each domain has a head of its own, those of the sources are trained.
        """
        training = Training(self, objective, sources, unlabelled, steps, with_last)
        if not self.own_heads:
            cooperative.ask(training)
            return
        with self.domain_heads.in_training(self.net, sources, self.generator):
            cooperative.ask(training)

    @torch.no_grad()
    def predict(self, x: Inputs) -> Tensor:
        """Return the network's outputs.

        Where each domain has a head of its own, they are those of the latest domain, and
        before any adaptation the mean over those of all sources.
        """
        self.net.module.eval()
        return torch.cat([self._answers(rows) for rows in x.split(PREDICT_ROWS)])

    def _answers(self, x: Inputs) -> Tensor:
        heads = self.domain_heads
        return heads.answers(self.net, x) if heads.latest else self.net(x)

    def predict_for(self, domain: str, x: Inputs) -> Tensor:
        """Return the outputs of a domain's own head, or without one those of `predict`."""
        with self.domain_heads.asked(domain):
            return self.predict(x)

    @torch.no_grad()
    def embed(self, x: Inputs) -> Tensor:
        """Return the backbone's features [n, width]."""
        self.net.module.eval()
        return torch.cat([pooled(self.net.features(rows)) for rows in x.split(PREDICT_ROWS)])
