"""Deliberately bad algorithms, datasets and plugins, each of which a check must catch."""

import gc
import os
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from medtl_bench.cli import main
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import DatasetEntry
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Inputs, Split, concatenate, parts
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.networks.network import Network
from medtl_bench.protocols import examiner
from medtl_bench.testing import algorithms, checks_of, datasets, tiny
from medtl_bench.testing.conformance import SETTINGS, preserved
from medtl_bench.testing.subject import Subject
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod


def flat(x: Inputs) -> Tensor:
    return torch.cat([part.flatten(1) for part in parts(x).values()], 1)


@dataclass
class Good(Algorithm):
    """Score a class by minus the squared distance to its mean."""

    shrink: float = 0.0
    means: Tensor = field(init=False, repr=False)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        return None if task.kind == "classification" else "it knows classes only"

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        pool = concatenate(sources)
        self.means = torch.zeros(self.task.outputs, flat(pool.x).shape[1])
        self.adapt(pool)

    def adapt(self, support: Split) -> None:
        self.means = self.means.clone()
        for c in support.y.unique():
            self.means[c] = flat(support.x)[support.y == c].mean(0) * (1 - self.shrink)

    def predict(self, x: Inputs) -> Tensor:
        return -(flat(x)[:, None] - self.means).square().mean(2)


def problems(cls: type[Any], family: str = "baseline", name: str = "") -> dict[str, str]:
    """Return the problems that all checks find, or the one of a name."""
    checks = algorithms.checks(Subject("example", family, lambda: cls))
    asked = [check for check in checks if name in {"", check.name}]
    return {check.name: problem for check in asked if (problem := check.problem())}


def test_a_good_algorithm_passes() -> None:
    assert problems(Good) == {}


class Undocumented(Good):
    pass


class Unfinished(Algorithm):
    """Lacks the verbs."""


class Undecorated(Good):
    """Adds a field without @dataclass."""

    rate: float = 0.1


@dataclass
class NoDefault(Algorithm):
    """Has a parameter without a default."""

    rate: float


@dataclass
class WrongDefault(Good):
    """Has a default that is not of its type."""

    rate: int = 0.5  # type: ignore[assignment]


@dataclass
class Tuple(Good):
    """Has a default that JSON turns into a list."""

    sizes: tuple[int, ...] = (1, 2)


@dataclass
class Untyped(Good):
    """Has a default that the command line reads as text."""

    rate: Any = 0.5


class NoHelp(Good):
    """Answers False."""

    @classmethod
    def supports(cls, task: Task) -> str | None:
        return False  # type: ignore[return-value]


class Choosy(Good):
    """Takes nothing."""

    @classmethod
    def takes(cls, x: Inputs) -> str | None:
        return "it only takes films"


class Idle(Good):
    """Supports nothing."""

    @classmethod
    def supports(cls, task: Task) -> str | None:
        return "it is idle"


class NaN(Good):
    """Predicts NaN."""

    def predict(self, x: Inputs) -> Tensor:
        return super().predict(x) * torch.nan


class Squeezed(Good):
    """Loses the axis of rows for a single row."""

    def predict(self, x: Inputs) -> Tensor:
        return super().predict(x).squeeze()


class Attached(Good):
    """Predicts with gradients."""

    def predict(self, x: Inputs) -> Tensor:
        return super().predict(x).requires_grad_()


class Exits(Good):
    """Ends the interpreter."""

    def predict(self, x: Inputs) -> Tensor:
        sys.exit("enough")


class OnlyOnce(Good):
    """Adapts once and no more."""

    adapted = False

    def adapt(self, support: Split) -> None:
        if self.adapted:
            raise RuntimeError("adapted\nbefore")
        self.adapted = hasattr(self, "means") and bool(self.means.any())
        super().adapt(support)


class Spread(Good):
    """Takes a deviation, which one row has not."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = (
            self.means
            * torch.stack([flat(support.x)[support.y == c].std(0).mean() for c in range(3)]).sum()
        )


class NewClassUnknown(Good):
    """Drops the classes it saw last time."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = self.means[: int(support.y.max()) + 1]


class Shared(Good):
    """Keeps what it learns on the class."""

    memory: ClassVar[dict[str, Tensor]] = {}

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.memory["means"] = self.means

    def predict(self, x: Inputs) -> Tensor:
        self.means = self.memory["means"]
        return super().predict(x)


class InPlaceOnSplit(Good):
    """Keeps a split, which copies share, and writes to it."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        self.kept = Split(self.means, torch.zeros(len(self.means)))

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        if hasattr(self, "kept"):
            self.kept.x.copy_(self.means)

    def predict(self, x: Inputs) -> Tensor:
        self.means = self.kept.x
        return super().predict(x)


class Leaking(Good):
    """Hides the generator where no copy replaces it."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        source = self.generator
        self.noise = lambda: torch.randn((), generator=source)
        super().fit(sources, unlabelled)

    def predict(self, x: Inputs) -> Tensor:
        return super().predict(x) + 0 * self.noise()


class Clocked(Good):
    """Depends on the time."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = self.means + time.perf_counter_ns() % 1000 * 1e-3


class Torch(Good):
    """Draws from torch's global generator."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = self.means + 0.01 * torch.randn(self.means.shape)


class Numpy(Good):
    """Draws from numpy's global generator."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = self.means + float(np.random.rand())


class Python(Good):
    """Draws from the module random."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        self.means = self.means + random.random()


def doing(action: Callable[[], object]) -> type[Good]:
    class Meddling(Good):
        """Changes the process."""

        def predict(self, x: Inputs) -> Tensor:
            action()
            return super().predict(x).float()

    return Meddling


class Centres(Good):
    """Centres its inputs in place."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        for part in parts(sources[0].x).values():
            part.sub_(part.mean(0))


class CentresSupport(Good):
    """Centres the support in place."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        for part in parts(support.x).values():
            part.sub_(1)


class Relabels(Good):
    """Changes labels in place."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        support.y.zero_()


class CentresQuestions(Good):
    """Changes what it is asked about."""

    def predict(self, x: Inputs) -> Tensor:
        for part in parts(x).values():
            part.mul_(2)
        return super().predict(x)


class RelabelsByNumpy(Good):
    """Changes labels of the sources through numpy, once it has learned from them."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        sources[-1].y.numpy()[::2] = 0


class SortsByNumpy(Good):
    """Sorts what it is asked about, through numpy."""

    def predict(self, x: Inputs) -> Tensor:
        for part in parts(x).values():
            part.numpy().sort(0)
        return super().predict(x)


class FramePeek(Good):
    """Prefers the classes of the test split that a frame above holds."""

    def predict(self, x: Inputs) -> Tensor:
        outputs, frame = super().predict(x), sys._getframe(1)
        while frame := frame.f_back:  # type: ignore[assignment]
            for held in list(frame.f_locals.values()):
                if isinstance(held, Split) and held.x is x:
                    return outputs + torch.nn.functional.one_hot(held.y, self.task.outputs)
        return outputs


class CollectorPeek(Good):
    """Looks rows up in all splits that the garbage collector knows of."""

    def predict(self, x: Inputs) -> Tensor:
        splits = [held for held in gc.get_objects() if isinstance(held, Split)]
        rows = [(flat(s.x), s.y) for s in splits if s.y.ndim == 1 and not s.y.is_floating_point()]
        labels = {
            row.numpy().tobytes(): y for x_, y_ in rows for row, y in zip(x_, y_, strict=True)
        }
        found = [int(labels.get(row.numpy().tobytes(), 0)) for row in flat(x)]
        known = torch.tensor(found).clamp(max=self.task.outputs - 1)
        return super().predict(x) + torch.nn.functional.one_hot(known, self.task.outputs)


class Scorer(Good):
    """Replaces what scores."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        true = examiner.measure
        examiner.measure = lambda *given: dict.fromkeys(true(*given), 1.0)


class Losses(Good):
    """Replaces a function of torch, for all that runs later."""

    def adapt(self, support: Split) -> None:
        super().adapt(support)
        torch.nn.functional.cross_entropy = None  # type: ignore[assignment]


class Pops(Good):
    """Empties the list of sources."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        sources.pop()  # type: ignore[attr-defined]


class Transductive(Good):
    """Centres the rows it is asked about by their own mean."""

    def predict(self, x: Inputs) -> Tensor:
        scores = super().predict(x)
        return scores - scores.mean(0)


class FlatEmbedding(Good):
    """Embeds to no matrix."""

    def embed(self, x: Inputs) -> Tensor:
        return flat(x)[:, 0]


class NaNEmbedding(Good):
    """Embeds to NaN."""

    def embed(self, x: Inputs) -> Tensor:
        return flat(x) * torch.nan


class Boaster(Good):
    """Says that it needs no labels, but embeds nothing."""

    needs_labels = False

    def embed(self, x: Inputs) -> None:
        return None


class Constant(Good):
    """Learns nothing."""

    def predict(self, x: Inputs) -> Tensor:
        return torch.zeros(x.shape[0], self.task.outputs)


class Copyless(Good):
    """Holds what no copy can be made of."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        super().fit(sources, unlabelled)
        self.rows = (row for row in sources)


class Plain(GradientMethod):
    """Train on the task's loss."""

    @classmethod
    def supports(cls, task: Task) -> str | None:
        return None if task.kind == "classification" else "it knows classes only"

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch)


class Counting(Plain):
    """Climbs in every other step, which it counts in Python."""

    calls: ClassVar[list[int]] = []

    def objective(self, net: Network, batch: Batch) -> Tensor:
        self.calls.append(1)
        return self.supervised(net, batch) * (-1) ** len(self.calls)


class CountingItself(Plain):
    """Climbs from its hundredth step on."""

    count = 0

    def objective(self, net: Network, batch: Batch) -> Tensor:
        self.count += 1
        return self.supervised(net, batch) * (1 if self.count < 100 else -1)


class CountingLate(Plain):
    """Climbs after a hundred steps of all learners, counted where nobody looks."""

    calls: ClassVar[list[int]] = []

    def objective(self, net: Network, batch: Batch) -> Tensor:
        self.calls.append(1)
        return self.supervised(net, batch) * (1 if len(self.calls) % 200 < 100 else -1)


class DrawingByNumpy(Plain):
    """Scales its loss by what numpy draws."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch) * float(np.random.uniform(-1, 3))


class DrawingByPython(Plain):
    """Scales its loss by what Python draws."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch) * random.uniform(-1, 3)


class Freezing(Plain):
    """Takes a number out of each batch."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch) * batch.y.flatten().tolist()[0]


class Slope(nn.Module):
    """Multiplies by a number of its own."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, z: Tensor) -> Tensor:
        return self.slope * z


class Between(Plain):
    """Has a further part between features and head."""

    def supervised(self, net: Network, batch: Batch) -> Tensor:
        x, y = batch.pooled()
        return self.task.loss(net.head(net.between(net.features(x))), y)

    @torch.no_grad()
    def predict(self, x: Inputs) -> Tensor:
        self.net.module.eval()
        return self.net.head(self.net.between(self.net.features(x)))


class Constants(Between):
    """Draws a number of its own with its weights."""

    def parts(self) -> dict[str, nn.Module]:
        return {"between": Slope(1 + float(torch.rand(())))}


class Normalised(Between):
    """Keeps running statistics, and drops features at random."""

    def parts(self) -> dict[str, nn.Module]:
        return {"between": nn.Sequential(nn.BatchNorm1d(self.width), nn.Dropout(0.1))}


class Tied(Between):
    """Has two layers of one weight."""

    def parts(self) -> dict[str, nn.Module]:
        first, second = nn.Linear(self.width, self.width), nn.Linear(self.width, self.width)
        second.weight = first.weight
        return {"between": nn.Sequential(first, nn.Tanh(), second)}


class Looking(Plain):
    """Asks in Python how large the loss is."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        loss = self.supervised(net, batch)
        return loss if float(loss.detach()) < 10 else 0.1 * loss


class Excused(Looking):
    """Says so."""

    one_by_one: ClassVar[str] = "it asks in Python how large the loss is"


@pytest.mark.parametrize("cls", [Plain, Excused, Normalised, Tied])
def test_a_good_gradient_method_passes(cls: type[GradientMethod]) -> None:
    assert problems(cls) == {}


class Outsider:
    """Is no algorithm."""


BAD = [
    (Undocumented, "is a documented dataclass", "Undocumented has no docstring"),
    (Unfinished, "is a documented dataclass", "Unfinished does not implement adapt, fit, predict"),
    (Undecorated, "is a documented dataclass", "Undecorated.rate is no field"),
    (
        NoDefault,
        "has parameters that can be given and recorded",
        "'rate' of NoDefault has no default",
    ),
    (WrongDefault, "has parameters that can be given and recorded", "is not of type int"),
    (Tuple, "has parameters that can be given and recorded", "sizes, .* cannot be stored"),
    (
        Untyped,
        "has parameters that can be given and recorded",
        "read back from the command line as '0.5'",
    ),
    (NoHelp, "says which tasks it supports", "supports returned False"),
    (Choosy, "says which tasks it supports", "supports none of the tasks .* it only takes films"),
    (Idle, "says which tasks it supports", "supports none of the tasks .* it is idle"),
    (NaN, "runs through the transfer protocol", "on tiny vectors: predict returned .* NaN"),
    (NaN, "learns an easy task", "NaN"),
    (Exits, "runs through the stream protocol", "SystemExit: enough"),
    (Squeezed, "answers one row or many", r"the shape \[3\], but \[1, 3\]"),
    (Attached, "answers one row or many", "requires gradients"),
    (
        OnlyOnce,
        "adapts to one row a class twice in a row",
        "on tiny vectors: it raised RuntimeError: adapted before$",
    ),
    (Spread, "adapts to one row a class twice in a row", "NaN"),
    (
        NewClassUnknown,
        "runs through the stream protocol",
        "on tiny new classes: predict returned the shape",
    ),
    (Shared, "stays as it is when a copy adapts", "changed the original's answers"),
    (InPlaceOnSplit, "stays as it is when a copy adapts", "changed the original's answers"),
    (Leaking, "stays as it is when a copy adapts", "drew from the original's generator"),
    (Copyless, "stays as it is when a copy adapts", "cannot pickle"),
    (Clocked, "repeats itself with the same seed", "differ from run to run"),
    (Torch, "draws from its own generator only", "global random state"),
    (Numpy, "draws from its own generator only", "global random state"),
    (Python, "draws from its own generator only", "global random state"),
    (Torch, "leaves the process as it was", "torch's global random state"),
    (Numpy, "leaves the process as it was", "numpy's global random state"),
    (Python, "leaves the process as it was", "module random"),
    (
        doing(lambda: torch.set_default_dtype(torch.float64)),
        "leaves the process as it was",
        "default dtype",
    ),
    (doing(lambda: torch.set_num_threads(2)), "leaves the process as it was", "number of threads"),
    (
        doing(lambda: torch.set_grad_enabled(False)),
        "leaves the process as it was",
        "records gradients",
    ),
    (
        doing(lambda: torch.manual_seed(0)),
        "leaves the process as it was",
        "torch's global random state",
    ),
    (doing(lambda: os.chdir("/")), "leaves the process as it was", "the working directory"),
    (
        doing(lambda: os.environ.update(SEEN=str(time.time()))),
        "leaves the process as it was",
        "the environment variables",
    ),
    (Centres, "changes nothing it is handed", "changed the sources"),
    (CentresSupport, "changes nothing it is handed", "changed the support"),
    (Relabels, "changes nothing it is handed", "changed the support"),
    (CentresQuestions, "changes nothing it is handed", "changed the inputs it was asked about"),
    (RelabelsByNumpy, "changes nothing it is handed", "changed the sources"),
    (SortsByNumpy, "changes nothing it is handed", "changed the inputs it was asked about"),
    (FramePeek, "answers the same whatever labels it is judged by", "was not handed"),
    (CollectorPeek, "answers the same whatever labels it is judged by", "was not handed"),
    (Scorer, "leaves the process as it was", "functions of torch or those that score"),
    (Losses, "leaves the process as it was", "functions of torch or those that score"),
    (Pops, "changes nothing it is handed", "changed the list of sources"),
    (Counting, "trains beside others as alone", "could not be done as one; .*: In step"),
    (CountingItself, "trains beside others as alone", "Its objective sets 'count'"),
    (CountingLate, "trains beside others as alone", "could not be done as one; .*: In step"),
    (DrawingByNumpy, "trains beside others as alone", "draws from numpy's"),
    (DrawingByPython, "trains beside others as alone", "draws from numpy's or Python's"),
    (DrawingByNumpy, "draws from its own generator only", "global random state"),
    (Freezing, "trains beside others as alone", "could not be done as one"),
    (Constants, "trains beside others as alone", "between.slope of its network differs"),
    (
        Looking,
        "trains beside others as alone",
        "could not be done as one; say why not in one_by_one, .*item",
    ),
    (Transductive, "answers a row alone as in company", "when it is asked about alone"),
    (FlatEmbedding, "embeds rows as vectors", r"the shape \[18\]"),
    (NaNEmbedding, "embeds rows as vectors", "finite"),
    (Boaster, "embeds without labels if it says so", "gives no ilisi"),
    (Constant, "learns an easy task", "balanced_accuracy is 0.333"),
]


@pytest.mark.parametrize(
    ("cls", "name", "sentence"), BAD, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_bad_algorithm_is_caught(cls: type[Any], name: str, sentence: str) -> None:
    with preserved():
        found = problems(cls, name=name)
    assert "\n" not in found[name]
    assert re.search(sentence, found[name]), found[name]


def test_a_check_leaves_the_process_as_it_was_whatever_the_algorithm_does() -> None:
    before = {name: repr(setting.read()) for name, setting in SETTINGS.items()}
    for cls in (
        Torch,
        Numpy,
        Python,
        doing(lambda: os.environ.update(SEEN="1")),
        doing(lambda: os.chdir("/")),
    ):
        problems(cls, name="repeats itself with the same seed")
    assert {name: repr(setting.read()) for name, setting in SETTINGS.items()} == before


def test_bounds_are_let_off_learning_and_answering_alike() -> None:
    left = {"learns an easy task", "answers a row alone as in company"}
    subject = Subject("example", "bound", lambda: Constant)
    assert not left & {check.name for check in algorithms.checks(subject)}
    assert problems(Constant, "bound") == {}


def test_what_the_plugin_raised_is_the_cause() -> None:
    subject = Subject("example", "baseline", lambda: OnlyOnce)
    check = next(c for c in algorithms.checks(subject) if c.name.startswith("adapts"))
    with pytest.raises(AssertionError) as caught:
        check()
    assert isinstance(caught.value.__cause__, RuntimeError)


ENTRY = DatasetEntry("tiny", "elsewhere:build", "A tiny dataset.", "simulated")


def made(**changed: object) -> Dataset:
    return replace(tiny.cases()[0].dataset, **changed)  # type: ignore[arg-type]


def card(**lines: object) -> Dataset:
    return made(card=replace(tiny.CARD, **lines))  # type: ignore[arg-type]


def first_domain(change: Callable[[Domain], Domain], **fields: object) -> Dataset:
    first, *others = made().domains
    return made(domains=(change(first), *others), **fields)


def connecting() -> Dataset:
    socket.create_connection(("127.0.0.1", 9))
    return made()


def shuffled() -> Dataset:
    return first_domain(lambda d: replace(d, train=d.train[torch.randperm(len(d.train))]))


def seeding() -> Dataset:
    torch.manual_seed(0)
    return made()


def one_class_untrained() -> Dataset:
    return first_domain(lambda d: replace(d, train=d.train[d.train.y != 2]), streams=())


def with_gradients() -> Dataset:
    return first_domain(
        lambda d: replace(d, train=Split(d.train.x.clone().requires_grad_(), d.train.y))
    )


def volumes() -> Dataset:
    def five_axes(split: Split) -> Split:
        return Split(split.x[:, None, None, None], split.y)

    changed = (Domain(d.name, *map(five_axes, d.splits().values())) for d in made().domains)
    return made(domains=tuple(changed))


def undefined_score() -> Dataset:
    task = Task("classification", ("a", "b"), ("roc_auc",))

    def two_classes(split: Split, keep: int) -> Split:
        return split[split.y <= keep]

    changed = (
        Domain(
            d.name,
            two_classes(d.train, 1),
            two_classes(d.val, 1),
            two_classes(d.test, int(d.name != "site-c")),
        )
        for d in made().domains
    )
    names = tuple(tiny.SIZES)
    return made(
        task=task,
        domains=tuple(changed),
        transfers=(Transfer("all", names[:2], names[2:]),),
        streams=(Stream("s", names),),
    )


def mistaken() -> Dataset:
    """Return a dataset that was not checked when it was made, and says what is not so."""
    return made(labels="new classes", checked=True)


def unmixed() -> Dataset:
    """Return a dataset that asks for silhouettes by batch, with each class in one batch."""
    good = tiny.cases()[0].whole()
    domains = []
    for c, domain in enumerate(good.domains):
        parts = (split[split.y == c] for split in domain.splits().values())
        domains.append(Domain(domain.name, *parts))
    return made(domains=tuple(domains), streams=(), labels="new classes")


def shared(rows: int) -> Dataset:
    """Return a dataset whose target is tested by so many training rows of a source."""
    good = tiny.cases()[0].whole()
    source, other, target = good.domains
    x = torch.cat([source.train.x[:rows], target.test.x[rows:]])
    target = replace(target, test=Split(x, target.test.y))
    return made(domains=(source, other, target))


def masks(change: Callable[[torch.Tensor], torch.Tensor]) -> Dataset:
    """Return a dataset of masks that went through a function."""
    good = next(case for case in tiny.cases() if case.name == "tiny masks").whole()
    changed = (
        Domain(d.name, *(Split(s.x, change(s.y)) for s in d.splits().values()))
        for d in good.domains
    )
    return made(task=good.task, domains=tuple(changed))


BAD_DATASETS: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: None, "builds and passes its own checks", "returned a NoneType"),
    (lambda: made(name="tiny", domains=()), "builds and passes its own checks", "Dataset 'tiny', "),
    (lambda: card(licence=" "), "has a full card", "'licence' of its card is empty"),
    (lambda: card(area="clinical"), "has a full card", "'clinical', but its entry 'simulated'"),
    (lambda: card(area="astronomy"), "has a full card", "unknown"),
    (connecting, "builds offline and quickly", "opened a network connection|Connection refused"),
    (shuffled, "holds the same data each time", "two builds hold different data"),
    (seeding, "leaves the process as it was", "torch's global random state"),
    (lambda: shared(3), "says which rows its domains share", "17% of the test rows of 'site-c'"),
    (lambda: shared(15), "builds and passes its own checks", "83% of the test rows of 'site-c'"),
    (lambda: masks(lambda y: 255 * y), "builds and passes its own checks", "0, 255: y // 255 is"),
    (lambda: masks(lambda y: y.byte()), "builds and passes its own checks", r"by y\.long\(\)"),
    (
        lambda: made(transfers=(Transfer("t", ("site-a"), ("site-c",)),)),
        "builds and passes its own checks",
        "sources must be a tuple of names, but got the text 'site-a'",
    ),
    (
        lambda: made(streams=(Stream("s", (None, "site-a")),)),
        "builds and passes its own checks",
        "must be a text, but got None",
    ),
    (with_gradients, "builds and passes its own checks", "requires grad"),
    (mistaken, "says what its labels mean", "transfer 'to-c': labels are said to be 'new classes'"),
    (one_class_untrained, "trains on every class it tests", "domain 'site-a' tests 'c'"),
    (volumes, "has inputs that a network takes", "no backbone for .* x has the shape"),
    (
        undefined_score,
        "scores every domain in its transfers",
        "transfer 'all' gives no roc_auc on domain 'site-c'",
    ),
    (
        unmixed,
        "scores every domain in its transfers",
        "transfer 'to-c' gives no mixing_and_labels, silhouette_batch, with its inputs",
    ),
    (
        undefined_score,
        "scores every domain in its streams",
        "stream 's' gives no roc_auc on domain 'site-c'",
    ),
]


@pytest.mark.parametrize(
    ("build", "name", "sentence"), BAD_DATASETS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_bad_dataset_is_caught(build: Callable[[], Any], name: str, sentence: str) -> None:
    check = next(c for c in datasets.checks(datasets.Subject(ENTRY, build)) if c.name == name)
    problem = check.problem()
    assert problem is not None
    assert re.search(sentence, problem), problem


def test_the_network_is_refused_once_the_files_are_there() -> None:
    calls = []

    def build() -> Dataset:
        calls.append(1)
        return connecting() if len(calls) > 1 else made()

    check = next(
        c
        for c in datasets.checks(datasets.Subject(ENTRY, build))
        if c.name.startswith("builds offline")
    )
    assert "opened a network connection" in str(check.problem())


def test_a_slow_build_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "BUILD_SECONDS", -1)
    check = next(
        c
        for c in datasets.checks(datasets.Subject(ENTRY, made))
        if c.name.startswith("builds offline")
    )
    assert "building it takes" in str(check.problem())


PLUGIN = """
import os
from dataclasses import replace
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry, hookimpl
from medtl_bench.testing import tiny

def build():
    return replace(tiny.cases()[0].dataset, name="by-process", {change})

@hookimpl
def medtl_datasets():
    return [DatasetEntry("by-process", build, {summary!r}, "simulated")]
"""


@pytest.mark.parametrize(
    ("change", "summary", "failing"),
    [
        ("", "One line.", {}),
        (
            "task=replace(tiny.cases()[0].task, classes=('a', 'b', str(os.getpid())))",
            "One line.",
            {"by-process holds the same data each time": "it holds different data in another"},
        ),
        (
            "",
            "Two\nlines.",
            {"plugin example tells what it brings in one line each": "the summary of 'by-process'"},
        ),
    ],
)
def test_a_plugin_file_is_checked_with_what_it_brings(
    change: str, summary: str, failing: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "example.py"
    file.write_text(PLUGIN.format(change=change, summary=summary))
    found = {str(check): problem for check in checks_of(str(file)) if (problem := check.problem())}
    assert set(found) == set(failing)
    assert all(found[name].startswith(sentence) for name, sentence in failing.items())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("raise RuntimeError('broken')", "it is broken: importing it raised RuntimeError: broken"),
        (
            (
                "from medtl_bench.contract.hooks import hookimpl\n"
                "@hookimpl\ndef medtl_datasets():\n    return []"
            ),
            "its hooks return nothing",
        ),
    ],
)
def test_a_plugin_that_brings_nothing_is_caught(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(text)
    check = next(check for check in checks_of(str(file)) if check.name == "loads")
    assert str(check.problem()).startswith(sentence)
    assert CliRunner().invoke(main.app, ["check", str(file)]).exit_code == 1


def test_an_installed_plugin_that_imports_torch_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "medtl_heavy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: medtl-heavy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[medtl_bench]\nheavy = medtl_heavy\n")
    (tmp_path / "medtl_heavy.py").write_text(
        f"import torch\n{PLUGIN.format(change='', summary='One line.')}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = next(check for check in checks_of("heavy") if check.name == "imports nothing heavy")
    assert "importing it imports" in str(check.problem())
    assert "torch" in str(check.problem())


def test_a_target_is_a_plugin_an_algorithm_a_dataset_or_a_file() -> None:
    everything = [str(check) for check in checks_of("baselines")]
    assert any(name.startswith("plugin baselines") for name in everything)
    assert [str(check) for check in checks_of("chance")] == [
        name for name in everything if name.startswith("chance")
    ]
    assert {check.subject for check in checks_of("shifted-toy")} == {"shifted-toy"}


@pytest.mark.parametrize(
    ("target", "sentence"), [("chanse", "did you mean 'chance'"), ("no/such.py", "no plugin file")]
)
def test_an_unknown_target_is_refused(target: str, sentence: str) -> None:
    with pytest.raises(MedTLError, match=sentence):
        checks_of(target)


def test_every_check_is_told_in_words_and_once() -> None:
    names = [str(check) for check in checks_of("toy")]
    assert len(set(names)) == len(names)
    assert not any("_" in name for name in names)
