"""Minibatches: what an objective sees of one step, drawn and gathered several steps at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from medtl_bench.contract.split import Inputs, Split, parts

# of one learner: a few small rows at a time cost more in calls than in copying
GATHERED_BYTES = 2**20


@dataclass(frozen=True)
class Batch:
    """What an objective sees of one step.

    `x`: [sources, n, ...] and `y`: [sources, n, ...], one labelled minibatch for each
    source drawn; `unlabelled`: [m, ...] inputs of the target, or None; `progress`: how
    much of the training is done, a scalar in [0, 1). `extra`: tensors that the method's
    own `augment` added. `domains`: [sources], the number of the domain of each source
    drawn (`domain_numbers`); None in a batch that was not drawn.
    """

    x: Inputs
    y: Tensor
    unlabelled: Inputs | None
    progress: Tensor
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    domains: Tensor | None = None

    def pooled(self) -> tuple[Inputs, Tensor]:
        """Return the rows of all sources as one: x [sources * n, ...], y [sources * n, ...]."""
        return self.x.flatten(0, 1), self.y.flatten(0, 1)


@dataclass(frozen=True)
class Block:
    """Some steps in a row: what a Batch holds, each with a first axis for the steps.

    `first`: the number of the first of these steps in the training.
    """

    first: int
    x: Inputs
    y: Tensor
    unlabelled: Inputs | None
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    domains: Tensor | None = None

    def batches(self, steps: int) -> Iterator[Batch]:
        """Yield the batches of a training of so many steps."""
        done = torch.arange(self.first, self.first + len(self.y), dtype=torch.float64) / steps
        for step, progress in enumerate(done):
            unlabelled = None if self.unlabelled is None else self.unlabelled[step]
            extra = {name: tensor[step] for name, tensor in self.extra.items()}
            domains = None if self.domains is None else self.domains[step]
            yield Batch(self.x[step], self.y[step], unlabelled, progress, extra, domains)


def blocks(
    sources: Sequence[Split],
    unlabelled: Inputs | None,
    steps: int,
    size: int,
    most: int,
    generator: torch.Generator,
    *,
    balanced: bool = False,
    with_last: bool = False,
) -> Iterator[Block]:
    """Yield `steps` batches of `size` rows of every source, and of as many target rows.

    Drawn with replacement, but a source of just that size is shuffled for each step. Where
    every source has fewer rows, so many as the largest has, which is taken whole. Of more
    than `most` sources, each step draws that many. So many steps are gathered at once as fit
    GATHERED_BYTES. `balanced`: as many rows of each class that a source holds. `with_last`:
    the last source is among those of each step.
    """
    counts, asked = [len(source) for source in sources], size
    size = min(size, max(counts))
    if balanced:
        each = [balanced_rows(source.y, steps, size, asked, generator) for source in sources]
    else:
        each = [_of_source(count, steps, size, asked, generator) for count in counts]
    rows = torch.stack(each, 1)
    chosen = _chosen(len(sources), steps, most, generator, with_last=with_last)
    in_a_step = size * min(most, len(sources))
    target_rows = None
    if unlabelled is not None:
        target_rows = _drawn(unlabelled.shape[0], steps, in_a_step, generator)
    together = _steps_together(in_a_step, sources[0].x)
    domains = _domains(sources, steps, chosen)
    for first in range(0, steps, together):
        now = slice(first, first + together)
        which = None if chosen is None else chosen[now]
        x = _of_sources([source.x for source in sources], rows[now], which)
        y = _of_sources([source.y for source in sources], rows[now], which)
        target = _of_target(unlabelled, target_rows, now)
        yield Block(first, x, y, target, domains=domains[now])


def _domains(sources: Sequence[Split], steps: int, chosen: Tensor | None) -> Tensor:
    """Return the number of the domain of each source that a step draws [steps, sources]."""
    numbers = domain_numbers(sources)
    return numbers.expand(steps, -1) if chosen is None else numbers[chosen]


def domain_numbers(sources: Sequence[Split]) -> Tensor:
    """Return the number of the domain of each source, in the order in which they come."""
    names = [source.domain for source in sources]
    order = list(dict.fromkeys(names))
    return torch.tensor([order.index(name) for name in names])


def batches(
    sources: Sequence[Split],
    unlabelled: Inputs | None,
    steps: int,
    size: int,
    most: int,
    generator: torch.Generator,
    *,
    balanced: bool = False,
) -> Iterator[Batch]:
    """Yield the batches of `blocks` one by one."""
    drawn = blocks(sources, unlabelled, steps, size, most, generator, balanced=balanced)
    for block in drawn:
        yield from block.batches(steps)


def _chosen(
    sources: int, steps: int, most: int, generator: torch.Generator, *, with_last: bool
) -> Tensor | None:
    """Return which sources each step draws [steps, most], or None where it draws all."""
    if sources <= most:
        return None
    place = torch.rand(steps, sources, generator=generator)
    if with_last:
        place[:, -1] = -1
    return place.argsort(1)[:, :most]


def _steps_together(rows: int, x: Inputs) -> int:
    """Return how many steps of so many rows like those of `x` fit GATHERED_BYTES, at least 1."""
    size = sum(part[:1].nbytes for part in parts(x).values())
    return max(1, GATHERED_BYTES // (rows * size))


def _of_target(unlabelled: Inputs | None, rows: Tensor | None, now: slice) -> Inputs | None:
    return None if unlabelled is None or rows is None else _gathered(unlabelled, rows[now])


def _of_sources(values: Sequence[Inputs], rows: Tensor, chosen: Tensor | None) -> Inputs:
    """Return rows [steps, sources, n] of every source, or of those `chosen` [steps, most].

    The sources are never joined, for that would copy all of their rows.
    """
    if chosen is not None:
        return _of_chosen(values, rows, chosen)
    each = [_gathered(part, rows[:, number]) for number, part in enumerate(values)]
    # of one a stack would be a copy
    x: Inputs = each[0].unsqueeze(1) if len(each) == 1 else torch.stack(each, 1)
    return x


def _of_chosen(values: Sequence[Inputs], rows: Tensor, chosen: Tensor) -> Inputs:
    """Gather once from each source, for all steps that chose it, and put that back in order."""
    rows = rows.gather(1, chosen[:, :, None].expand(-1, -1, rows.shape[2]))
    order = chosen.flatten().argsort()
    counts = chosen.flatten().bincount(minlength=len(values)).tolist()
    by_source = zip(values, rows.flatten(0, 1)[order].split(counts), strict=True)
    gathered = torch.cat([_gathered(part, index) for part, index in by_source if len(index)])
    return gathered[order.argsort()].view(*chosen.shape, *gathered.shape[1:])


def _gathered(values: Inputs, rows: Tensor) -> Inputs:
    """Return the rows of several steps, gathered at once.

    One small gather a step would cost more than it moves.
    """
    index = rows.flatten()
    taken = values.index_select(0, index) if isinstance(values, Tensor) else values[index]
    return taken.view(*rows.shape, *values.shape[1:])


def _of_source(rows: int, steps: int, size: int, asked: int, generator: torch.Generator) -> Tensor:
    """Return numbers of rows [steps, size] of a source; one of the size asked for is shuffled.

    In the order of its file, a half of a batch could be of one class.
    """
    if rows == asked:
        return torch.rand(steps, rows, generator=generator).argsort(1)
    return _drawn(rows, steps, size, generator)


def balanced_rows(
    y: Tensor, steps: int, size: int, asked: int, generator: torch.Generator
) -> Tensor:
    """Return numbers of rows [steps, size] of a source, as many of each class that it holds.

    They differ by one at most where the classes do not divide the size, and take turns, so
    that each part of a batch is balanced too. Within a class drawn with replacement. A
    source with as many of each class that fills a batch is taken whole.
    """
    order, counts = y.argsort(stable=True), y.unique(return_counts=True)[1]
    classes = len(counts)
    if classes == 1 or (len(y) == size and bool((counts == counts[0]).all())):
        return _of_source(len(y), steps, size, asked, generator)
    first = torch.randint(classes, (steps, 1), generator=generator)
    turn = (torch.arange(size) + first) % classes
    share = torch.rand(steps, size, generator=generator, dtype=torch.float64)
    within = (share * counts[turn]).long()
    starts = counts.cumsum(0) - counts
    return order[starts[turn] + within]


def _drawn(rows: int, steps: int, size: int, generator: torch.Generator) -> Tensor:
    """Return numbers of rows [steps, size] with replacement; all in order where size fits."""
    if rows == size:
        return torch.arange(rows).expand(steps, rows)
    return torch.randint(rows, (steps, size), generator=generator)
