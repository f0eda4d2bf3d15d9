"""Tiny simulated datasets, one for each kind of task and input: easy and quick to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, cast

import torch
from torch import Generator, Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Inputs, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.metrics.registry import INTEGRATION, defaults
from medtl_bench.protocols.support import draw_support
from medtl_bench.randomness import generator

if TYPE_CHECKING:
    from tensordict import TensorDict

SIZES = {
    "site-a": (30, 6, 12),
    "site-b": (18, 0, 12),
    "site-c": (24, 6, 18),
}  # rows of train, val and test; the last is the target
SIDE = 8
NEW = (2, 3)  # of four classes, those that only the target has
CARD = Card(
    "simulated",
    "CC0 1.0",
    "the kit",
    "none",
    "a small displacement",
    "simulated",
    "No person's data.",
    "Testing.",
)

# classes or values [n], a domain's displacement -> inputs [n, ...]
Draw = Callable[[Tensor, float, Generator], Inputs]


def cloned(split: Split) -> Split:
    """Return a split that shares no memory with another."""
    groups = None if split.groups is None else split.groups.clone()
    return Split(split.x.clone(), split.y.clone(), groups, domain=split.domain)


def content(split: Split) -> list[tuple[str, list[object]]]:
    """Return everything a split holds, to compare it by."""
    return [(name, part.tolist()) for name, part in {**parts(split.x), " y": split.y}.items()]


def _double(split: Split) -> Split:
    """Return a split with float64 in place of float32."""
    x = _float64(split.x) if isinstance(split.x, Tensor) else split.x.apply(_float64)
    return Split(cast("Inputs", x), _float64(split.y), split.groups, domain=split.domain)


def _float64(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


@dataclass(frozen=True)
class Case:
    """A tiny dataset, handed out in copies, and how its inputs are drawn.

    `new_classes`: no source has the target's.
    """

    name: str
    dataset: Dataset
    draw: Draw
    new_classes: bool = False

    @property
    def task(self) -> Task:
        """Return what is asked."""
        return self.dataset.task

    def double(self) -> "Case":
        """Return the same in float64, which the suite's own data never is."""
        dataset = replace(self.dataset, domains=self._domains(_double), checked=True)
        return replace(self, dataset=dataset)

    def whole(self) -> Dataset:
        """Return the dataset, for a protocol."""
        return replace(self.dataset, domains=self._domains(cloned))

    def drawn_anew(self) -> Dataset:
        """Return a dataset of the same kind with other rows, which nothing else holds."""
        classes = NEW if self.new_classes else ()
        return _dataset(self.task, self.draw, target_classes=classes, which="anew")

    def _domains(self, change: Callable[[Split], Split]) -> tuple[Domain, ...]:
        """Return the domains with a function applied to every split."""
        domains = self.dataset.domains
        return tuple(Domain(d.name, *map(change, d.splits().values())) for d in domains)

    def sources(self) -> list[Split]:
        """Return training splits of the sources, of unequal size."""
        return [cloned(domain.train) for domain in self.dataset.domains[:-1]]

    def target(self) -> Split:
        """Return the target's training split."""
        return cloned(self.dataset.domains[-1].train)

    def support(self, number: int = 0) -> Split:
        """Return one row of every class of the target, or one row."""
        return draw_support(self.task, self.target(), 1, generator("support", number))

    def test(self) -> Split:
        """Return the target's test split."""
        return cloned(self.dataset.domains[-1].test)


@cache
def cases() -> tuple[Case, ...]:
    """Return all tiny datasets."""
    three = Task("classification", ("a", "b", "c"))
    four = Task("classification", ("a", "b", "c", "d"))
    embedded = replace(three, metrics=(*defaults("classification"), *INTEGRATION))
    new, masks = "tiny new classes", Task("segmentation", ("background", "blob"))
    return (
        Case("tiny vectors", _dataset(embedded, _vectors), _vectors),
        Case("tiny images", _dataset(three, _images), _images),
        Case("tiny sequences", _dataset(three, _sequences), _sequences),
        Case("tiny two parts", _dataset(three, _two_parts), _two_parts),
        Case("tiny values", _dataset(Task("regression"), _vectors), _vectors),
        Case("tiny masks", _dataset(masks, _images), _images),
        Case(new, _dataset(four, _vectors, target_classes=NEW), _vectors, new_classes=True),
    )


def unlabelled() -> Dataset:
    """Return the tiny vectors as an integration task."""
    vectors = cases()[0].whole()
    domains = tuple(map(_without_labels, vectors.domains))
    return replace(vectors, task=Task("integration"), domains=domains, streams=())


def _without_labels(domain: Domain) -> Domain:
    splits = (Split(s.x, torch.zeros_like(s.y)) for s in domain.splits().values())
    return Domain(domain.name, *splits)


def _dataset(
    task: Task, draw: Draw, target_classes: Sequence[int] = (), which: str = ""
) -> Dataset:
    *before, target = SIZES
    every = range(len(task.classes))
    source_classes = [c for c in every if c not in target_classes]
    classes = dict.fromkeys(before, source_classes) | {target: list(target_classes or every)}
    sources = {name: generator("tiny", task.kind, name, *filter(None, [which])) for name in SIZES}
    domains = tuple(_domain(n, task, draw, classes[n], source) for n, source in sources.items())
    transfers = (Transfer("to-c", tuple(before), (target,)),)
    streams = (Stream("all", tuple(SIZES)),)
    labels: LabelMeaning = "new classes" if target_classes else "shared"
    return Dataset("tiny", CARD, task, domains, transfers, streams, labels)


def _domain(name: str, task: Task, draw: Draw, classes: list[int], source: Generator) -> Domain:
    shift = 0.3 * float(torch.randn((), generator=source))
    splits = (_split(task, draw, classes, rows, shift, source) for rows in SIZES[name])
    return Domain(name, *splits)


def _split(
    task: Task, draw: Draw, classes: list[int], rows: int, shift: float, source: Generator
) -> Split:
    if task.kind == "regression":
        values = torch.randn(rows, generator=source)
        return Split(draw(values, shift, source), values)
    if task.kind == "segmentation":
        kinds = torch.arange(rows) % 3
        x = cast("Tensor", draw(kinds, shift, source))
        return Split(x, (_stamps()[kinds] > 0).long())
    y = torch.tensor(classes)[torch.arange(rows) % len(classes)]
    return Split(draw(y, shift, source), y)


def _vectors(y: Tensor, shift: float, source: Generator) -> Tensor:
    angle = y.float()[:, None] * torch.tensor([0.5, 1.0, 1.5])
    noise = 0.1 * torch.randn(len(y), 6, generator=source)
    return torch.cat([angle.cos(), angle.sin()], 1) + shift / 2 + noise


def _images(y: Tensor, shift: float, source: Generator) -> Tensor:
    noise = 0.1 * torch.randn(len(y), SIDE, SIDE, generator=source)
    return (_stamps()[y] + shift + noise)[:, None]


def _stamps() -> Tensor:
    """Return a bar across, a bar down and a block as [3, side, side]."""
    stamps = torch.zeros(3, SIDE, SIDE)
    stamps[0, 3:5, :] = stamps[1, :, 3:5] = stamps[2, 2:6, 2:6] = 1
    return stamps


def _sequences(y: Tensor, shift: float, source: Generator) -> Tensor:
    """Return one-hot random letters [n, 4, 2 side], the class's letter in the middle.

    Each domain has a mix of letters of its own.
    """
    letters = torch.randint(4, (len(y), 2 * SIDE), generator=source)
    letters[torch.rand(letters.shape, generator=source) < abs(shift)] = 3
    letters[:, SIDE - 2 : SIDE + 2] = y[:, None] % 4
    return torch.nn.functional.one_hot(letters, 4).transpose(1, 2).float()


def _two_parts(y: Tensor, shift: float, source: Generator) -> "TensorDict":
    from tensordict import TensorDict  # noqa: PLC0415 - takes a second to import

    return TensorDict(
        {"record": _vectors(y, shift, source), "scan": _images(y, shift, source)},
        batch_size=[len(y)],
    )
