"""The protocol `stream`: learn the domains one after the other, be judged on all after each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from medtl_bench.arrays import Floats
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Amount, Scenario, Stream
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics.formulas import AVERAGE, FORGETTING, average_accuracy, forgetting
from medtl_bench.metrics.registry import METRICS, TASK_AGNOSTIC, TASK_AWARE
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.protocols import tuning
from medtl_bench.protocols.examiner import (
    Clock,
    Examiner,
    Labels,
    MakeLearner,
    measure,
    rows,
    shape_of_answers,
)
from medtl_bench.protocols.protocol import Protocol
from medtl_bench.protocols.resampling import Resampling, known
from medtl_bench.randomness import generator
from medtl_bench.results.places import Place
from medtl_bench.results.record import Score
from medtl_bench.results.rules import is_for_tuning


class StreamProtocol(Protocol):
    """Every stream of a dataset is a scenario; its setting is the order of `domains`."""

    def scenarios(self, dataset: Dataset, amount: Amount) -> Iterator[Scenario]:
        """Yield the streams of a dataset."""
        for scenario in dataset.streams:
            settings = {"domains": list(scenario.domains)}
            yield Scenario(scenario.name, settings, labels=dataset.labels_of(scenario))
            if amount.tuning:
                yield from tuning.another_order(dataset, scenario)

    def run(
        self, dataset: Dataset, scenario: Scenario, make: MakeLearner, *, seed: int, clock: Clock
    ) -> Iterator[Score]:
        """Examine a learner along a stream."""
        domains = scenario.settings["domains"]
        labels = tuning.labels_in(dataset, dataset.streams, scenario)
        if is_for_tuning(scenario.settings):
            dataset = tuning.on_validation(dataset, domains)
        order = Stream(scenario.name, tuple(domains), labels)
        yield from stream(dataset, order, make, seed=seed, clock=clock)


STREAM = StreamProtocol()


def stream(
    dataset: Dataset, scenario: Stream, make: MakeLearner, *, seed: int, clock: Clock
) -> Iterator[Score]:
    """Fit on the first domain, adapt to each next one, and score all after each: R[i, j].

    R stands in the stage `learn`. The stage `untrained` holds b_j, the scores of a learner
    that answers the same for every row. Where domains hold different classes, metrics named
    `task_aware_...` are of class scores masked to the domain's classes; the learner is not
    told. Where labels are each domain's own, it is told whose rows it is asked about, for
    that is part of the question (task-incremental): so R is taken. Metrics named
    `task_agnostic_...` are of its answers where it is not told.
    """
    task = replace(dataset.task, labels=dataset.labels_of(scenario))
    domains = [dataset.domain(name) for name in scenario.domains]
    resampling = Resampling(dataset, domains)
    classes = _classes(task, domains)
    for domain in domains:
        same = torch.zeros(shape_of_answers(task, domain.test))
        values = _aware(task, same, domain.test, [task.primary], classes[domain.name])
        yield from rows("untrained", len(domain.test), values, domain=domain.name)
    learner = make(task, generator("learn", dataset.name, scenario.name, seed))
    examiner = Examiner(task, learner, Labels.of(task, [domains[0].train]), clock)
    for step, learned in enumerate(domains):
        if step:
            examiner.adapt(learned.train)
        else:
            examiner.fit([learned.train], learned.train.x, [learned.val])
        for domain in domains:
            outputs = examiner.outputs(domain.test)
            values = _aware(task, outputs, domain.test, task.running, classes[domain.name])
            where = {"learned": learned.name, "domain": domain.name}
            clock.keep("learn", outputs, None, **where)
            values |= _agnostic(examiner, domain.test)
            yield from rows("learn", len(domain.test), values, **where)
            resampling.note(outputs, Place("learn", learned.name, domain=domain.name))
    clock.resampled, clock.units = _resampled(task, resampling), resampling.units


def _resampled(task: Task, resampling: Resampling) -> dict[str, Floats]:
    """Return average accuracy and forgetting by resample, over the domains that have scores."""
    names = list(resampling.domains)
    r = np.empty((RESAMPLES, len(names), len(names)))
    for (i, learned), (j, domain) in product(enumerate(names), repeat=2):
        r[:, i, j] = resampling.at(Place("learn", learned, domain=domain))
    scored = np.asarray(np.isfinite(r).any((0, 1)))
    sign = 1 if METRICS[task.primary].higher_is_better else -1
    measures = {AVERAGE: average_accuracy(r, scored)}
    if len(names) > 1:
        measures[FORGETTING] = forgetting(sign * r, scored)
    return known(measures)


def _aware(
    task: Task, outputs: Tensor, split: Split, names: Sequence[str], classes: Sequence[int] | None
) -> dict[str, float]:
    """Return metrics of outputs, and the primary one of those masked to `classes`, if given."""
    values = measure(task, outputs, split.y, names)
    if classes is not None:
        masked = measure(task, outputs, split.y, [task.primary], classes)
        values |= {TASK_AWARE + name: value for name, value in masked.items()}
    return values


def _agnostic(examiner: Examiner, split: Split) -> dict[str, float]:
    """Return the primary metric of answers to an untold question, where domains have their own."""
    task = examiner.task
    if task.labels != "own":
        return {}
    values = measure(task, examiner.untold(split), split.y, [task.primary])
    return {TASK_AGNOSTIC + name: value for name, value in values.items()}


def _classes(task: Task, domains: Sequence[Domain]) -> dict[str, list[int] | None]:
    """Return the classes of each domain, or None for all where every domain holds the same."""
    if task.kind == "regression":
        return {domain.name: None for domain in domains}
    classes = {domain.name: domain.train.y.unique().tolist() for domain in domains}
    if len(set(map(tuple, classes.values()))) == 1:
        return dict.fromkeys(classes, None)
    return dict(classes)
