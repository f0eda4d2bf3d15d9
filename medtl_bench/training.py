"""The one optimisation loop. A gradient method supplies its objective; the loop, the batches and the network are here."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from medtl_bench import networks
from medtl_bench.algorithm import Algorithm
from medtl_bench.data import Inputs, Split, concatenate
from medtl_bench.networks import Network

PREDICT_ROWS = 4096
GATHERED_STEPS = 16


@dataclass(frozen=True)
class Batch:
    """What an objective sees of one step.

    `x`: [sources, n, ...] and `y`: [sources, n, ...], one labelled minibatch for each source drawn; `unlabelled`: [m, ...]
    inputs of the target, or None; `progress`: how much of the training is done, in [0, 1).
    """

    x: Inputs
    y: Tensor
    unlabelled: Inputs | None
    progress: float

    def pooled(self) -> tuple[Inputs, Tensor]:
        """Return the rows of all sources as one batch: x [sources * n, ...] and y [sources * n, ...]."""
        return self.x.flatten(0, 1), self.y.flatten(0, 1)


Objective = Callable[[Network, Batch], Tensor]


def batches(
    sources: Sequence[Split], unlabelled: Inputs | None, steps: int, size: int, most: int, generator: torch.Generator
) -> Iterator[Batch]:
    """Yield `steps` batches of `size` rows of every source, and of as many target rows, drawn with replacement.

    Where every source has fewer than `size` rows, so many as the largest has; a source of just that size is taken whole each
    time. Of more than `most` sources, each step draws that many.
    """
    pool = concatenate(sources)
    size = min(size, max(len(source) for source in sources))
    starts = torch.tensor([0, *(len(source) for source in sources)]).cumsum(0)
    drawn = [_drawn(len(source), steps, size, generator) for source in sources]
    rows = torch.stack([start + d for start, d in zip(starts, drawn, strict=False)], 1)
    if len(sources) > most:
        chosen = torch.rand(steps, len(sources), generator=generator).argsort(1)[:, :most]
        rows = rows.gather(1, chosen[:, :, None].expand(-1, -1, size))
    shape = rows.shape[1:]
    target = None if unlabelled is None else _drawn(unlabelled.shape[0], steps, shape.numel(), generator)
    for start in range(0, steps, GATHERED_STEPS):
        now = slice(start, start + GATHERED_STEPS)
        x, y = (_gathered(part, rows[now]) for part in (pool.x, pool.y))
        u = [None] * len(y) if unlabelled is None or target is None else _gathered(unlabelled, target[now])
        for number, parts in enumerate(zip(x, y, u, strict=True), start):
            yield Batch(*parts, progress=number / steps)


def _gathered(values: Inputs, rows: Tensor) -> Sequence[Inputs]:
    """Return the rows of several steps, gathered at once: one small gather a step would cost more than it moves."""
    return values[rows.flatten()].view(*rows.shape, *values.shape[1:]).unbind(0)


def _drawn(rows: int, steps: int, size: int, generator: torch.Generator) -> Tensor:
    if rows == size:
        return torch.arange(rows).expand(steps, rows)
    return torch.randint(rows, (steps, size), generator=generator)


def optimise(net: Network, objective: Objective, steps: Iterator[Batch], learning_rate: float) -> None:
    """Minimise an objective over batches with Adam (Kingma and Ba 2015); raises FloatingPointError when it diverges."""
    net.module.train()
    optimiser = torch.optim.Adam(net.module.parameters(), lr=learning_rate, fused=True)
    loss = torch.zeros(())
    for batch in steps:
        optimiser.zero_grad()
        loss = objective(net, batch)
        loss.backward()
        optimiser.step()
    if not loss.isfinite():
        raise FloatingPointError(f"Training diverged: the last loss is {float(loss.detach())}.")


@dataclass
class GradientMethod(Algorithm):
    """A method that trains one network by gradient steps on its `objective`; `adapt` fine-tunes unless overridden.

    `steps`: in `fit`. `adapt_steps`: in each `adapt`. `batch_size`: rows of a source in a step. `sources_per_step`: how
    many sources a step draws at most. `width`: of the features. The defaults are one budget for all methods and datasets, with
    Adam's own learning rate; none was chosen on a dataset of the bench.
    """

    steps: int = 300
    adapt_steps: int = 50
    batch_size: int = 32
    sources_per_step: int = 4
    learning_rate: float = 1e-3
    width: int = 64
    net: Network = field(init=False, repr=False)

    @abstractmethod
    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the loss of one step as a scalar."""

    def parts(self) -> dict[str, nn.Module]:
        """Return further named parts of the network, such as a domain critic."""
        return {}

    def supervised(self, net: Network, batch: Batch) -> Tensor:
        """Return the task's loss over all labelled rows of a batch."""
        x, y = batch.pooled()
        return self.task.loss(net(x), y)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Build a network, its input scaling fitted on the sources, and train it on the objective."""
        self.build(sources)
        self.train(self.objective, sources, unlabelled, self.steps)

    def adapt(self, support: Split) -> None:
        """Fine-tune all parameters on the support rows."""
        self.train(self.supervised, [support], None, self.adapt_steps)

    def build(self, sources: Sequence[Split]) -> None:
        """Set `self.net` to a fresh network for inputs like the sources', with weights drawn from `self.generator`."""
        pool = concatenate(sources)
        seed = int(torch.randint(2**62, (), generator=self.generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = networks.build(pool.x, self.task, self.width, self.parts())

    def train(self, objective: Objective, sources: Sequence[Split], unlabelled: Inputs | None, steps: int) -> None:
        """Run the loop on an objective for so many steps."""
        drawn = batches(sources, unlabelled, steps, self.batch_size, self.sources_per_step, self.generator)
        optimise(self.net, objective, drawn, self.learning_rate)

    @torch.no_grad()
    def predict(self, x: Inputs) -> Tensor:
        """Return the network's outputs."""
        self.net.module.eval()
        return torch.cat([self.net(rows) for rows in x.split(PREDICT_ROWS)])

    @torch.no_grad()
    def embed(self, x: Inputs) -> Tensor:
        """Return the backbone's features [n, width]."""
        self.net.module.eval()
        return torch.cat([networks.pooled(self.net.features(rows)) for rows in x.split(PREDICT_ROWS)])
