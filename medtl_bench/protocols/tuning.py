"""Scenarios by which hyper-parameters are chosen: of a target they need no label and no test row.

Each scenario of a dataset has some. In those named after a source it plays the target,
and the others are learned from (leave-one-source-out, which Gulrajani and Lopez-Paz
2021, ICLR, call leave-one-domain-out); its validation split is what is scored. In that
of source validation all sources are learned from, and their validation splits are
scored. A stream has another order of its domains, scored on their validation splits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Scenario, Stream, Transfer
from medtl_bench.contract.split import Domain, Inputs
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.metrics.formulas import UNEARNED
from medtl_bench.protocols import scorers
from medtl_bench.protocols.examiner import Clock, Examiner, Labels, MakeLearner
from medtl_bench.protocols.withheld import withhold
from medtl_bench.randomness import generator
from medtl_bench.results.record import Score
from medtl_bench.results.rules import ANOTHER_ORDER, LEAVE_ONE_OUT, RULE, SOURCE_VALIDATION, TUNES

MOST_HELD_OUT = 4  # sources of a transfer that play the target; of more some are drawn


def labels_in(
    dataset: Dataset, known: Sequence[Transfer | Stream], scenario: Scenario
) -> LabelMeaning:
    """Return what labels mean in a scenario: as in the known one of its name, or that it tunes."""
    meanings = {one.name: dataset.labels_of(one) for one in known}
    return meanings.get(scenario.settings.get(TUNES, scenario.name), dataset.labels)


def on_validation(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Return a dataset of those domains alone whose test splits are their validation splits.

    Nothing else is left of it: no other domain, no test row. Of one without validation
    rows, which is a source in what follows, training rows stand in their place, for
    something must.
    """
    domains = [_judged_by_validation(dataset.domain(name)) for name in names]
    return replace(
        dataset, domains=tuple(domains), transfers=(), streams=(), folds=(), checked=True
    )


def _judged_by_validation(domain: Domain) -> Domain:
    judged = domain.val if len(domain.val) else domain.train
    return Domain(domain.name, domain.train, domain.val, judged)


def left_out(dataset: Dataset) -> list[tuple[Transfer, Transfer]]:
    """Return each transfer with those in which one of its sources plays the target.

    That source is one of at most MOST_HELD_OUT, drawn; those of a single source have
    none.
    """
    return [
        (one, _without(dataset, one, source))
        for one in dataset.transfers
        if len(one.sources) > 1
        for source in _some(dataset, one)
    ]


def _without(dataset: Dataset, one: Transfer, source: str) -> Transfer:
    others = tuple(name for name in one.sources if name != source)
    labels = dataset.labels_of(one)
    name = f"{one.name} without {source}"
    return Transfer(name, others, (source,), one.optional, labels, one.unit)


def _some(dataset: Dataset, one: Transfer) -> list[str]:
    """Return the sources of a transfer that play the target: those that can be scored."""
    able = [name for name in one.sources if _can_be_scored(dataset, name)]
    draw = generator("held out", dataset.name, one.name)
    chosen = torch.randperm(len(able), generator=draw)[:MOST_HELD_OUT].sort().values
    return [able[number] for number in chosen.tolist()]


def _can_be_scored(dataset: Dataset, name: str) -> bool:
    """Return whether a domain has validation rows in every fold, or needs none."""
    divided = [one.domain(name) for one in dataset.divisions()]
    return dataset.task.kind == "integration" or all(len(one.val) for one in divided)


def tuned_transfers(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return a dataset whose transfers are those of `left_out`, and of which each is one.

    It is asked for the settings of its transfers, not examined.
    """
    pairs = left_out(dataset)
    transfers = tuple(inner for _, inner in pairs)
    return replace(dataset, transfers=transfers, checked=True), [one.name for one, _ in pairs]


def of_transfer(scenario: Scenario, tunes: str) -> Scenario:
    """Return a scenario with one source left out, of the transfer that it tunes."""
    settings = {**scenario.settings, RULE: LEAVE_ONE_OUT, TUNES: tunes}
    return replace(scenario, settings=settings)


def source_validation(dataset: Dataset, scenario: Scenario) -> Iterator[Scenario]:
    """Yield the scenario of source validation of a transfer, if its sources have such rows."""
    sources = scenario.settings["sources"]
    if dataset.task.kind != "integration" and any(_can_be_scored(dataset, n) for n in sources):
        none = {"shots": [], RULE: SOURCE_VALIDATION, TUNES: scenario.name}
        name = f"{scenario.name} by its sources"
        yield replace(scenario, name=name, settings=scenario.settings | none)


def validated(
    dataset: Dataset,
    scenario: Scenario,
    make: MakeLearner,
    *,
    labels: LabelMeaning,
    seed: int,
    clock: Clock,
) -> Iterator[Score]:
    """Yield scores on the sources' validation splits after `fit`, and nothing else.

    And, where classes are predicted whose labels are shared, what scorers without target
    labels say (`protocols.scorers`). Of the targets there are the inputs of training rows
    alone. `labels`: what they mean.
    """
    sources = [dataset.domain(name) for name in scenario.settings["sources"]]
    train = [source.train for source in sources]
    unlabelled = _unlabelled(dataset, scenario)
    task = replace(dataset.task, labels=labels)
    learner = make(task, generator("learn", dataset.name, scenario.name, seed))
    examiner = Examiner(task, learner, Labels.of(task, train), clock)
    examiner.fit(train, unlabelled, [source.val for source in sources])
    judged = {source.name: source.val for source in sources if len(source.val)}
    for name, validation in judged.items():
        yield from examiner.validate(validation, domain=name)
    if task.kind == "classification" and labels not in UNEARNED:
        draw = generator("scorers", dataset.name, scenario.name)
        yield from scorers.scored(examiner, unlabelled, [*judged.values()], draw)


def _unlabelled(dataset: Dataset, scenario: Scenario) -> Inputs:
    """Return inputs of the training rows of all targets."""
    names = scenario.settings["targets"]
    return torch.cat([withhold(dataset.domain(name).train).x for name in names])


def another_order(dataset: Dataset, one: Stream) -> Iterator[Scenario]:
    """Yield a stream of the same domains in another order, drawn, if each can be scored."""
    if not all(_can_be_scored(dataset, name) for name in one.domains) or len(one.domains) < 2:
        return
    draw = generator("another order", dataset.name, one.name)
    order = list(range(len(one.domains)))
    while order == sorted(order):
        order = torch.randperm(len(order), generator=draw).tolist()
    domains = [one.domains[number] for number in order]
    settings = {"domains": domains, RULE: ANOTHER_ORDER, TUNES: one.name}
    yield Scenario(f"{one.name} in another order", settings, labels=dataset.labels_of(one))
