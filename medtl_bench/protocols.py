"""The two protocols, `transfer` and `stream`: generators of scores over a dataset and a way to make learners.

Nothing of a test split is handed to a learner but the inputs it is asked to predict, and of a target's labels nothing but a
support drawn from its training split. Values of a regression task are handed over in standard units of the sources.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medtl_bench import embedding, lockstep
from medtl_bench.algorithm import Algorithm, copied
from medtl_bench.data import Dataset, Domain, Inputs, Split, Stream, Task, Transfer, concatenate, parts
from medtl_bench.errors import InvalidOutputError
from medtl_bench.metrics import MARKED, METRICS, TASK_AWARE, Floats
from medtl_bench.results import DECIMALS, KEPT_ROWS, Score, Stage
from medtl_bench.seeds import generator

MakeLearner = Callable[[Task, torch.Generator], Algorithm]


@dataclass
class Clock:
    """Seconds spent in the verbs of a learner, call by call."""

    calls: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def time(self, verb: str) -> Iterator[None]:
        """Add the time of the block to a verb's calls."""
        start = lockstep.now()
        yield
        self.calls.setdefault(verb, []).append(lockstep.now() - start)


@dataclass(frozen=True)
class Labels:
    """How values are shifted and scaled on their way to a learner; classes pass as they are."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, task: Task, sources: Sequence[Split]) -> "Labels":
        """Fit on the labels of the sources."""
        if task.kind != "regression":
            return cls()
        y = concatenate(sources).y
        return cls(float(y.mean()), max(float(y.std(correction=0)), 1e-6))

    def standard(self, split: Split) -> Split:
        """Return the split as a learner is handed it: values in standard units, and no marks."""
        return split.unmarked() if self == Labels() else Split(split.x, (split.y - self.mean) / self.deviation, split.groups)


@dataclass
class Examiner:
    """One learner under examination: hands it splits, times its verbs, and scores what it predicts."""

    task: Task
    learner: Algorithm
    labels: Labels
    clock: Clock

    def fit(self, sources: Sequence[Split], unlabelled: Any) -> None:  # noqa: ANN401
        """Let the learner fit."""
        handed = [self.labels.standard(source) for source in sources]
        with self._asked("fit", unlabelled, *(part for split in handed for part in (split.x, split.y))):
            self.learner.fit(handed, unlabelled)

    def adapt(self, support: Split) -> None:
        """Let the learner adapt."""
        handed = self.labels.standard(support)
        with self._asked("adapt", handed.x, handed.y):
            self.learner.adapt(handed)

    @contextmanager
    def _asked(self, verb: str, *handed: Inputs) -> Iterator[None]:
        """Time a verb; raise InvalidOutputError if it changed in place what it was handed, which later verbs get too."""
        before = _changes(handed)
        with self.clock.time(verb):
            yield
        if _changes(handed) != before:
            raise InvalidOutputError(f"{verb} changed the data it was handed in place; it must work on a copy.")

    def branch(self, draw: torch.Generator) -> "Examiner":
        """Return an examiner of a copy of the learner, which draws from another generator."""
        return Examiner(self.task, copied(self.learner, draw), self.labels, self.clock)

    def outputs(self, split: Split) -> Tensor:
        """Return checked predictions for a split; raises InvalidOutputError."""
        with self._asked("predict", split.x):
            outputs = self.learner.predict(split.x)
        check_outputs(self.task, outputs, split)
        return outputs * self.labels.deviation + self.labels.mean

    def embedded(self, x: Inputs) -> Floats | None:
        """Return checked features of inputs, or None if the method has none; raises InvalidOutputError."""
        with self._asked("embed", x):
            z = self.learner.embed(x)
        if z is None:
            return None
        if z.ndim != 2 or z.shape[0] != x.shape[0] or z.requires_grad or not z.isfinite().all():
            told = f"embed returned the shape {list(z.shape)} for {x.shape[0]} rows"
            raise InvalidOutputError(f"{told}, but detached finite floats [n, width] were expected.")
        return z.double().numpy()

    def scores(self, stage: Stage, split: Split, **where: Any) -> Iterator[Score]:  # noqa: ANN401
        """Yield the metrics of the task on a split, and the primary one of its marked rows alone as `marked_...`."""
        outputs, names = self.outputs(split), self.task.metrics if stage == "fit" else self.task.running
        yield from rows(stage, len(split), measure(self.task, outputs, split.y, names), **where)
        if split.marked is not None and split.marked.any():
            values = measure(self.task, outputs[split.marked], split.y[split.marked], [self.task.primary])
            yield from rows(stage, int(split.marked.sum()), {MARKED + name: v for name, v in values.items()}, **where)


def _changes(handed: Sequence[Inputs]) -> list[int]:
    return [tensor._version for inputs in handed for tensor in parts(inputs).values()]  # every change in place adds one


def check_outputs(task: Task, outputs: object, split: Split) -> None:
    """Raise InvalidOutputError unless `outputs` are finite floats of the shape that the task asks for."""
    if not isinstance(outputs, Tensor):
        raise InvalidOutputError(f"predict returned a {type(outputs).__name__}, but a torch tensor was expected.")
    wanted = _shape(task, split)
    if list(outputs.shape) != wanted:
        raise InvalidOutputError(f"predict returned the shape {list(outputs.shape)}, but {wanted} was expected.")
    if not outputs.is_floating_point() or outputs.requires_grad:
        told = f"{outputs.dtype}{' that requires gradients' if outputs.requires_grad else ''}"
        raise InvalidOutputError(f"predict returned {told}, but detached floats were expected.")
    if not outputs.isfinite().all():
        rows = int((~outputs.isfinite()).flatten(1 if outputs.ndim > 1 else 0).sum())
        raise InvalidOutputError(f"predict returned {rows} values that are NaN or infinite.")


def measure(
    task: Task, outputs: Tensor, y: Tensor, names: Sequence[str], classes: Sequence[int] | None = None
) -> dict[str, float]:
    """Return metrics of outputs against labels, without those of embeddings and those that are undefined on these labels."""
    answers = outputs.double()
    if classes is not None:
        allowed = torch.zeros(answers.shape[1], dtype=torch.bool)
        allowed[list(classes)] = True
        answers = answers.masked_fill(~allowed.view(-1, *[1] * (answers.ndim - 2)), -torch.inf)
    if task.kind != "regression":
        answers = answers.softmax(1)
    predicted = [name for name in names if METRICS[name].of == "predictions"]
    return _defined({name: METRICS[name].function(answers.numpy(), y.numpy()) for name in predicted})


def _defined(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, DECIMALS) for name, value in values.items() if np.isfinite(value)}


def rows(stage: Stage, n: int, values: dict[str, float], **where: Any) -> Iterator[Score]:  # noqa: ANN401
    """Yield one score a metric, taken on `n` rows."""
    place = {"learned": None, "shots": None, "draw": None, "domain": None, **where}
    for name, value in values.items():
        yield Score(stage=stage, metric=name, value=value, n=n, **place)


def draw_support(task: Task, train: Split, shots: int, draw: torch.Generator) -> Split:
    """Return `shots` rows of every class of a training split, or all where a class has fewer; for other tasks `shots` rows."""
    order = torch.randperm(len(train), generator=draw)
    if task.kind != "classification":
        return train[order[:shots]]
    y = train.y[order]
    return train[torch.cat([order[y == c][:shots] for c in y.unique()])]


def most_shots(task: Task, train: Split) -> int:
    """Return the largest k for which `draw_support` leaves a row of a training split undrawn."""
    rows = int(train.y.bincount().max()) if task.kind == "classification" else len(train)
    return rows - 1


def transfer(
    dataset: Dataset, scenario: Transfer, make: MakeLearner, *, seed: int, shots: Sequence[int], draws: int, clock: Clock
) -> Iterator[Score]:
    """Fit once on the sources, then adapt copies to each target with few labels: accuracy, few-shot curve, source forgetting.

    Stages: `embedding` (measures of what `embed` makes of the rows handed to `fit`, where the task names some; all that there
    is on an integration task), `validation` (source validation splits, for choosing models), `fit` (test splits before any
    target label), `adapt` (the target's after k labels per class, for each draw), `full` (after all its training labels),
    `retained` (mean over the sources, of at most `KEPT_ROWS` test rows each, before that as k = 0 and after it). Metrics that
    are details are of `fit` alone. Support draws depend on dataset, target, k, draw and seed, never on the algorithm. Where
    rows of a split are marked, metrics named `marked_...` are of those alone; the learner is not told.
    """
    task = dataset.task
    sources = [dataset.domain(name) for name in scenario.sources]
    targets = [dataset.domain(name) for name in scenario.targets]
    train = [source.train for source in sources]
    learner = make(task, generator("learn", dataset.name, scenario.name, seed))
    examiner = Examiner(task, learner, Labels.of(task, train), clock)
    examiner.fit(train, torch.cat([target.train.x for target in targets]))
    if task.embedded:
        draw = generator("embedding", dataset.name, scenario.name)
        for n, values in embedding.measured(task, examiner.embedded, sources, targets, draw):
            yield from rows("embedding", n, _defined(values))
    if task.kind == "integration":
        return
    for source in sources:
        if len(source.val):
            yield from examiner.scores("validation", source.val, domain=source.name)
    for domain in (*targets, *sources):
        yield from examiner.scores("fit", domain.test, domain=domain.name)
    kept = [_some(source.test, generator("retained", dataset.name, source.name)) for source in sources]
    yield from _retained(examiner, kept, {"shots": 0})

    def adapted(target: Domain, k: int | None, number: int | None) -> list[Score]:
        draw = ("full",) if k is None else ("adapt", k, number)
        branch = examiner.branch(generator(draw[0], dataset.name, target.name, *draw[1:], seed))
        if k is None:
            branch.adapt(target.train)
        else:
            support = generator("support", dataset.name, target.name, k, number, seed)
            branch.adapt(draw_support(task, target.train, k, support))
        stage: Stage = "full" if k is None else "adapt"
        where = {"shots": k, "draw": number, "learned": target.name}
        return [*branch.scores(stage, target.test, domain=target.name, **where), *_retained(branch, kept, where)]

    few: list[tuple[int | None, int | None]] = [(k, number) for k in shots for number in range(draws)]
    branches = [partial(adapted, target, *labels) for target in targets for labels in [*few, (None, None)]]
    for scores in lockstep.together(branches):
        yield from scores


def _some(split: Split, draw: torch.Generator) -> Split:
    return split[torch.randperm(len(split), generator=draw)[:KEPT_ROWS]]


def _retained(examiner: Examiner, kept: Sequence[Split], where: dict[str, Any]) -> Iterator[Score]:
    """Yield the mean of the primary metric over rows of the sources, which are predicted in one call."""
    task, together, sizes = examiner.task, concatenate(kept), [len(split) for split in kept]
    pairs = zip(examiner.outputs(together).split(sizes), together.y.split(sizes), strict=True)
    values = [value for answers, y in pairs for value in measure(task, answers, y, [task.primary]).values()]
    mean = {task.primary: round(float(np.mean(values)), DECIMALS)} if values else {}
    yield from rows("retained", len(together), mean, **where)


def stream(dataset: Dataset, scenario: Stream, make: MakeLearner, *, seed: int, clock: Clock) -> Iterator[Score]:
    """Fit on the first domain, adapt to each next one, and score all after each: R[i, j] in the stage `learn`.

    The stage `untrained` holds b_j, the scores of a learner that answers the same for every row. Where domains hold different
    classes, metrics named `task_aware_...` are of class scores masked to the domain's classes; the learner is not told.
    """
    task = dataset.task
    domains = [dataset.domain(name) for name in scenario.domains]
    known = _classes(task, domains)
    for domain in domains:
        values = _aware(task, torch.zeros(_shape(task, domain.test)), domain.test, [task.primary], known[domain.name])
        yield from rows("untrained", len(domain.test), values, domain=domain.name)
    learner = make(task, generator("learn", dataset.name, scenario.name, seed))
    examiner = Examiner(task, learner, Labels.of(task, [domains[0].train]), clock)
    for step, learned in enumerate(domains):
        if step:
            examiner.adapt(learned.train)
        else:
            examiner.fit([learned.train], learned.train.x)
        for domain in domains:
            values = _aware(task, examiner.outputs(domain.test), domain.test, task.running, known[domain.name])
            yield from rows("learn", len(domain.test), values, learned=learned.name, domain=domain.name)


def _shape(task: Task, split: Split) -> list[int]:
    n, *pixels = split.y.shape
    return [n, *pixels] if task.kind == "regression" else [n, task.outputs, *pixels]


def _aware(task: Task, outputs: Tensor, split: Split, names: Sequence[str], classes: Sequence[int] | None) -> dict[str, float]:
    values = measure(task, outputs, split.y, names)
    if classes is not None:
        masked = measure(task, outputs, split.y, [task.primary], classes)
        values |= {TASK_AWARE + name: value for name, value in masked.items()}
    return values


def _classes(task: Task, domains: Sequence[Domain]) -> dict[str, list[int] | None]:
    """Return the classes of each domain, or None for all where every domain holds the same ones."""
    if task.kind == "regression":
        return dict.fromkeys((d.name for d in domains), None)
    found = {d.name: d.train.y.unique().tolist() for d in domains}
    if len({tuple(classes) for classes in found.values()}) == 1:
        return dict.fromkeys(found, None)
    return dict(found)
