"""Avalanche's continual learning strategies (Carta et al. 2023, JMLR 24(363)).

Avalanche runs its own training loop with its own plugins; network, minibatches, optimiser
and budget are those of every gradient method of the bench. `fit` is the first experience,
with the sources pooled, and every `adapt` is the next one.
"""

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset as TorchDataset

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.networks.network import Network
from medtl_bench.training.augmentation import Augmentation
from medtl_bench.training.batches import Batch, batches
from medtl_bench.training.descent import Optimiser
from medtl_bench.training.heads import WhichHeads
from medtl_bench.training.method import GradientMethod, Training
from medtl_bench.training.schedules import Schedule
from medtl_bench.training.watch import Watch
from medtl_peers.library import Untyped, imported, missing, seeded


class Rows(TorchDataset[tuple[Inputs, Tensor]]):
    """A split as Avalanche reads data: row by row. Copies share it, for it never changes."""

    def __init__(self, split: Split) -> None:
        """Serve the rows of a split."""
        self.split = split

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.split)

    def __getitem__(self, row: int) -> tuple[Inputs, Tensor]:
        """Return inputs and label of a row."""
        return self.split.x[row], self.split.y[row]

    def __deepcopy__(self, memo: dict[int, object]) -> "Rows":
        """Return itself."""
        return self

    @staticmethod
    def collate_fn(rows: Sequence[tuple[Inputs, Tensor]]) -> list[Inputs]:
        """Return a minibatch of rows, whose inputs may be of several parts."""
        return [torch.stack(part) for part in zip(*rows, strict=True)]


@dataclass
class Feed:
    """An Avalanche plugin that hands over drawn minibatches: [inputs, labels] for each step."""

    minibatches: Iterable[list[Inputs]] = ()

    def before_training_exp(self, strategy: Untyped, **_: Untyped) -> None:
        """Replace the loader that the strategy made."""
        strategy.dataloader = self.minibatches


@dataclass
class FeedRows:
    """An Avalanche plugin that hands over drawn rows, for strategies that make their own loader."""

    dataset: Untyped = None

    def after_train_dataset_adaptation(self, strategy: Untyped, **_: Untyped) -> None:
        """Replace the rows that the strategy would go through."""
        strategy.adapted_dataset = self.dataset


@dataclass
class Ending:
    """An Avalanche plugin that ends an experience where the bench's loop would end a training.

    The weights are then the best, before other plugins look at what was learned.
    """

    watch: Watch
    net: Network
    steps: int = 0

    def after_training_iteration(self, strategy: Untyped, **_: Untyped) -> None:
        """Look at the network, if it is time."""
        self.steps += 1
        if self.watch.due(self.steps):
            self.watch.look(self.net, self.tensors())
        if self.watch.over:
            strategy.stop_training()

    def after_training_epoch(self, strategy: Untyped, **_: Untyped) -> None:
        """Give the network its best weights."""
        self.watch.restore(self.tensors())
        # the library leaves it set, and would then skip the next experience
        strategy._stop_training = False

    def tensors(self) -> list[Tensor]:
        """Return what makes the network what it is, some of which may be new at every step."""
        return [*self.net.module.parameters(), *self.net.module.buffers()]


class FreshWeights:
    """An Avalanche plugin that moves the weights to new memory before each optimiser step."""

    def before_update(self, strategy: Untyped, **_: Untyped) -> None:
        """Leave the old memory, and the old values, to whoever kept a view of it."""
        for parameter in strategy.model.parameters():
            parameter.data = parameter.data.clone()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Avalanche from saying at every experience that it calls deprecated functions.

    It also says that it has no logger.
    """
    with warnings.catch_warnings(record=True):
        yield


@dataclass
class AvalancheMethod(GradientMethod):
    """Train with Adam on the task's loss and what a plugin adds to it or makes of its gradient.

    Of the options of the bench's loop Avalanche's has `patience`, and `frozen` and
    `sampling`, which say what it is handed; the others are none of these methods' parameters.
    There is one head for all domains.
    """

    one_by_one: ClassVar[str] = "Avalanche runs its own training loop"
    optimiser: Optimiser = field(init=False, default="adam")
    momentum: float = field(init=False, default=0.0)
    schedule: Schedule = field(init=False, default="constant")
    weight_decay: float = field(init=False, default=0.0)
    clip_norm: float = field(init=False, default=0.0)
    average: float = field(init=False, default=0.0)
    augmentation: Augmentation = field(init=False, default="")
    heads: WhichHeads = field(init=False, default="one")
    strategy: Untyped = field(init=False, repr=False)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason when Avalanche or torchvision, which it imports, is missing."""
        return missing("avalanche", "torchvision")

    @abstractmethod
    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's plugins for the method; `library` is `avalanche.training.plugins`."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the task's loss, to which Avalanche's loop adds its own."""
        return self.supervised(net, batch)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Make network and strategy, and train on the first experience."""
        self.build(sources)
        model = nn.Sequential(self.net.module["features"], self.net.module["head"])
        adam = torch.optim.Adam(model.parameters(), lr=self.learning_rate, fused=True)
        with quiet():
            self.strategy = imported("avalanche.training").Naive(
                model=model,
                optimizer=adam,
                criterion=self.task.loss,
                plugins=[Feed(), *self.plugins(imported("avalanche.training.plugins"))],
                evaluator=None,
            )
        self.experience(sources, unlabelled, self.steps)

    def adapt(self, support: Split) -> None:
        """Train on the next experience."""
        self.experience([support], None, self.adapt_steps)

    def experience(self, sources: Sequence[Split], unlabelled: Inputs | None, steps: int) -> None:
        """Let the strategy train for so many steps; raises FloatingPointError when it diverges."""
        pool = concatenate(sources)
        drawn = self.drawn(sources, unlabelled, steps)
        dataset = self.dataset(self.kept(pool))
        benchmarks = imported("avalanche.benchmarks")
        experience = benchmarks.DatasetExperience(dataset=dataset, current_experience=0)
        self.strategy.train_mb_size = self.rows_at_once(drawn.shape[1])
        # the first plugin replaces Avalanche's own draw of minibatches by the bench's
        of_strategy = self.strategy.plugins[1:]
        self.strategy.plugins = [self.feed(pool, drawn), *self.ending(sources, steps), *of_strategy]
        with seeded(self.generator), quiet():
            self.strategy.train(experience, eval_streams=[], reset_optimizer_state=True)
        self.strategy.plugins = [Feed(), *of_strategy]
        if not all(weights.isfinite().all() for weights in self.net.module.parameters()):
            raise FloatingPointError("Training diverged: a weight is NaN or infinite.")

    def ending(self, sources: Sequence[Split], steps: int) -> list[Ending]:
        """Return the plugin that may end an experience early, if there are rows to end it by."""
        watch = Training(self, self.objective, sources, None, steps).watch()
        return [] if watch is None else [Ending(watch, self.net)]

    def drawn(self, sources: Sequence[Split], unlabelled: Inputs | None, steps: int) -> Tensor:
        """Return which rows of the pooled sources each step takes [steps, rows].

        They are drawn as for every gradient method.
        """
        # the same draw, of numbers in place of rows
        numbers = torch.arange(sum(map(len, sources))).split([len(s) for s in sources])
        numbered = [Split(rows, s.y) for rows, s in zip(numbers, sources, strict=True)]
        target = None if unlabelled is None else torch.arange(unlabelled.shape[0])
        size, most = self.batch_size, self.sources_per_step
        asked = numbered, target, steps, size, most, self.generator
        made = batches(*asked, balanced=self.balanced)
        return torch.stack([batch.pooled()[0] for batch in made])

    def feed(self, pool: Split, drawn: Tensor) -> Feed | FeedRows:
        """Return the plugin that hands over the rows drawn for an experience."""
        return Feed([pool.x[rows], pool.y[rows]] for rows in drawn)

    def kept(self, pool: Split) -> Split:
        """Return the rows that a plugin may look at when the training is over."""
        return pool

    def rows_at_once(self, drawn: int) -> int:
        """Return how many rows a plugin takes at once; `drawn` is how many a step takes."""
        return drawn

    def dataset(self, split: Split) -> Untyped:
        """Return a split as Avalanche's dataset, with one task label if it has classes."""
        utils = imported("avalanche.benchmarks.utils")
        if self.task.kind != "classification":
            return utils.AvalancheDataset([Rows(split)])
        attributes = [
            utils.DataAttribute(split.y.tolist(), "targets"),
            utils.DataAttribute([0] * len(split), "targets_task_labels"),
        ]
        return utils.TaskAwareClassificationDataset([Rows(split)], data_attributes=attributes)


@dataclass
class Importance(AvalancheMethod):
    """A method that weighs parameters after each experience, on some rows of it.

    `importance_rows`: how many at most. `importance_batch`: rows whose gradient is taken
    at once. Avalanche squares (EWC) or takes the magnitude (MAS) of the mean gradient of
    a minibatch of the training's size; of single rows, as here, it is the expectation of
    the papers.
    """

    importance_rows: int = 512
    importance_batch: int = 1

    def kept(self, pool: Split) -> Split:
        """Return the rows that importance is measured on."""
        rows = torch.randperm(len(pool), generator=self.generator)[: self.importance_rows]
        return pool[rows]

    def rows_at_once(self, drawn: int) -> int:
        """Return `importance_batch`."""
        return self.importance_batch


@dataclass
class EWC(Importance):
    """Avalanche's EWC: the penalty is weight/2 sum F_i (theta_i - theta*_i)^2.

    That is the notation of this bench. Avalanche's own lambda is weight/2. `online` keeps
    one spring, whose F decays by `decay`. Defaults are those of this bench's EWC.
    """

    weight: Annotated[float, Range(1, 100_000, log=True)] = 300.0
    online: bool = False
    decay: float = 0.95

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's EWC."""
        strength = self.weight / 2
        if self.online:
            return [library.EWCPlugin(strength, mode="online", decay_factor=self.decay)]
        return [library.EWCPlugin(strength)]


@dataclass
class MemoryAwareSynapses(Importance):
    """Avalanche's MAS: the penalty is weight sum Omega_i (theta_i - theta*_i)^2.

    Omega_i is the mean of |d ||f(x)||^2 / d theta_i|. `share` of the old Omega is
    kept when a new one is measured. Both defaults are the library's; `weight` also had
    the best average accuracy of 0.1, 1, 10 and 100 on a simulated stream.
    """

    weight: Annotated[float, Range(0.01, 1000, log=True)] = 1.0
    share: float = 0.5

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for regression."""
        if task.kind != "regression":
            return super().supports(task)
        return "Avalanche's MAS takes the norm of a row's outputs over classes, and there are none"

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's MAS."""
        return [library.MASPlugin(lambda_reg=self.weight, alpha=self.share)]


@dataclass
class SynapticIntelligence(AvalancheMethod):
    """Avalanche's SI: the penalty is weight/2 sum Omega_i (theta_i - theta*_i)^2.

    Omega_i is at most 0.001. Avalanche 0.6.0 keeps views of weights that lie in the
    processor's memory, so that the path it measures has length zero and SI is plain
    fine-tuning there; `fresh_weights` moves the weights to new memory at each step, which
    gives what it does on a GPU. The default `weight` had the best average accuracy of 1,
    100, 1000, ... 10^6 on a simulated stream.
    """

    weight: Annotated[float, Range(1, 1_000_000, log=True)] = 1000.0
    fresh_weights: bool = True

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's SI, and what makes it work on a processor."""
        return [
            library.SynapticIntelligencePlugin(si_lambda=self.weight),
            *[FreshWeights()] * self.fresh_weights,
        ]


@dataclass
class LearningWithoutForgetting(AvalancheMethod):
    """Avalanche's LwF: adds weight * KL between the old and the present class distribution.

    Both are taken at a temperature. It is taken on the new inputs, over the classes seen
    before. Defaults are the library's.
    """

    weight: Annotated[float, Range(0.01, 100, log=True)] = 1.0
    temperature: float = 2.0

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for all tasks but classification."""
        if task.kind != "classification":
            return (
                "Avalanche's LwF distils one class distribution a row, which a "
                f"{task.kind} task has not"
            )
        return super().supports(task)

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's LwF."""
        return [library.LwFPlugin(self.weight, self.temperature)]


@dataclass
class Replay(AvalancheMethod):
    """Avalanche's replay: each step takes as many rows again from a memory of `memory` rows.

    The domains so far share it. The default size is the library's.
    """

    memory: int = 200

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's replay."""
        return [library.ReplayPlugin(mem_size=self.memory)]

    def feed(self, pool: Split, drawn: Tensor) -> FeedRows:
        """Return the plugin that hands over the rows, of which the library makes minibatches."""
        return FeedRows(self.dataset(pool).subset(drawn.flatten().tolist()))


@dataclass
class GradientEpisodicMemory(AvalancheMethod):
    """Avalanche's GEM: no gradient may raise the loss on an earlier domain's `memory` rows.

    Each is projected so. `strength`: the margin gamma of the paper, with the paper's
    default; `memory` is the paper's 256.
    """

    memory: int = 256
    strength: Annotated[float, Range(0, 1)] = 0.5

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason when the solver of quadratic programs is missing, too."""
        return missing("avalanche", "torchvision", "quadprog")

    def plugins(self, library: Untyped) -> list[Untyped]:
        """Return Avalanche's GEM."""
        return [library.GEMPlugin(self.memory, self.strength)]
