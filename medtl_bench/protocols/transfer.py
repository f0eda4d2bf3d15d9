"""The protocol `transfer`: learn on sources, be judged on targets before and after few labels."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from medtl_bench import cooperative
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.protocols import embedding
from medtl_bench.protocols.examiner import (
    Clock,
    Examiner,
    Labels,
    MakeLearner,
    defined,
    measure,
    rows,
)
from medtl_bench.protocols.support import draw_support
from medtl_bench.randomness import generator
from medtl_bench.results.record import DECIMALS, KEPT_ROWS, Score, Stage


def transfer(
    dataset: Dataset,
    scenario: Transfer,
    make: MakeLearner,
    *,
    seed: int,
    shots: Sequence[int],
    draws: int,
    clock: Clock,
) -> Iterator[Score]:
    """Fit once on the sources, then adapt copies to each target with few labels: accuracy, few-shot curve, source forgetting.

    Stages: `embedding` (measures of what `embed` makes of the rows handed to `fit`, where
    the task names some; all that there is on an integration task), `validation` (source
    validation splits, for choosing models), `fit` (test splits before any target label),
    `adapt` (the target's after k labels per class, for each draw), `full` (after all its
    training labels), `retained` (mean over the sources, of at most `KEPT_ROWS` test rows
    each, before that as k = 0 and after it). Metrics that are details are of `fit` alone.
    Support draws depend on dataset, target, k, draw and seed, never on the algorithm.
    Where rows of a split are marked, metrics named `marked_...` are of those alone; the
    learner is not told.
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
            yield from rows("embedding", n, defined(values))
    if task.kind == "integration":
        return
    for source in sources:
        if len(source.val):
            yield from examiner.scores("validation", source.val, domain=source.name)
    for domain in (*targets, *sources):
        yield from examiner.scores("fit", domain.test, domain=domain.name)
    kept = [
        _some(source.test, generator("retained", dataset.name, source.name)) for source in sources
    ]
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
        return [
            *branch.scores(stage, target.test, domain=target.name, **where),
            *_retained(branch, kept, where),
        ]

    few: list[tuple[int | None, int | None]] = [
        (k, number) for k in shots for number in range(draws)
    ]
    branches = [
        partial(adapted, target, *labels) for target in targets for labels in [*few, (None, None)]
    ]
    for scores in cooperative.together(branches):
        yield from scores


def _some(split: Split, draw: torch.Generator) -> Split:
    return split[torch.randperm(len(split), generator=draw)[:KEPT_ROWS]]


def _retained(examiner: Examiner, kept: Sequence[Split], where: dict[str, Any]) -> Iterator[Score]:
    """Yield the mean of the primary metric over rows of the sources, which are predicted in one call."""
    task, together, sizes = examiner.task, concatenate(kept), [len(split) for split in kept]
    pairs = zip(examiner.outputs(together).split(sizes), together.y.split(sizes), strict=True)
    values = [
        value
        for answers, y in pairs
        for value in measure(task, answers, y, [task.primary]).values()
    ]
    mean = {task.primary: round(float(np.mean(values)), DECIMALS)} if values else {}
    yield from rows("retained", len(together), mean, **where)
