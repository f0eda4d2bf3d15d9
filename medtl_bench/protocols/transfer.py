"""The protocol `transfer`: learn on sources, be judged on targets before and after few labels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from medtl_bench import cooperative
from medtl_bench.arrays import Floats
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Amount, Scenario, Transfer
from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.metrics.formulas import AREA, END, START, UNEARNED, few_shot_area
from medtl_bench.protocols import apart, embedding, tuning
from medtl_bench.protocols.examiner import (
    Clock,
    Examiner,
    Labels,
    MakeLearner,
    defined,
    measure,
    rows,
)
from medtl_bench.protocols.protocol import Protocol
from medtl_bench.protocols.resampling import Resampling, known
from medtl_bench.protocols.support import draw_support, most_shots
from medtl_bench.randomness import generator
from medtl_bench.results.places import Place
from medtl_bench.results.record import DECIMALS, KEPT_ROWS, Score
from medtl_bench.results.rules import RULE, SOURCE_VALIDATION, TUNES, is_for_tuning


class TransferProtocol(Protocol):
    """Every transfer of a dataset is a scenario: its `sources`, `targets`, `shots` and `draws`.

    And its `unit`, where k counts groups and not rows.
    """

    def scenarios(self, dataset: Dataset, amount: Amount) -> Iterator[Scenario]:
        """Yield the transfers of a dataset, with those k that leave rows of a target undrawn."""
        yield from self._scenarios(dataset, amount)
        if amount.tuning:
            tuned, tunes = tuning.tuned_transfers(dataset)
            for scenario, name in zip(self._scenarios(tuned, amount), tunes, strict=True):
                yield tuning.of_transfer(scenario, name)
            for scenario in self._scenarios(dataset, amount):
                yield from tuning.source_validation(dataset, scenario)

    def _scenarios(self, dataset: Dataset, amount: Amount) -> Iterator[Scenario]:
        most = _most_shots(dataset)
        shots = [k for k in amount.shots if most is None or k <= most]
        for transfer in dataset.transfers:
            settings = {
                "sources": list(transfer.sources[: amount.sources]),
                "targets": list(transfer.targets[: amount.targets]),
                "shots": shots,
                "draws": amount.draws,
            }
            unit = {"unit": transfer.unit} if transfer.unit else {}
            labels = dataset.labels_of(transfer)
            yield Scenario(transfer.name, settings | unit, transfer.optional, labels)

    def run(
        self, dataset: Dataset, scenario: Scenario, make: MakeLearner, *, seed: int, clock: Clock
    ) -> Iterator[Score]:
        """Examine a learner in a transfer."""
        settings = scenario.settings
        labels = _labels(dataset, settings.get(TUNES, scenario.name))
        if settings.get(RULE) == SOURCE_VALIDATION:
            validated = tuning.validated
            yield from validated(dataset, scenario, make, labels=labels, seed=seed, clock=clock)
            return
        shots, draws = settings["shots"], settings["draws"]
        sources, targets = tuple(settings["sources"]), tuple(settings["targets"])
        unit = settings.get("unit", "")
        if is_for_tuning(settings):
            dataset = tuning.on_validation(dataset, (*sources, *targets))
        asked = Transfer(scenario.name, sources, targets, labels=labels, unit=unit)
        yield from transfer(dataset, asked, make, seed=seed, shots=shots, draws=draws, clock=clock)


TRANSFER = TransferProtocol()


def _labels(dataset: Dataset, transfer: str) -> LabelMeaning:
    """Return what labels mean in the transfer of that name."""
    of_transfers = {known.name: dataset.labels_of(known) for known in dataset.transfers}
    return of_transfers.get(transfer, dataset.labels)


def _most_shots(dataset: Dataset) -> int | None:
    """Return the largest k for which rows of every target are left undrawn in every fold.

    The scarcest target's is that of all: a board means scores over transfers, which
    therefore ask for the same k.
    """
    counted = {(name, bool(one.unit)) for one in dataset.transfers for name in one.targets}
    most = (
        most_shots(dataset.task, divided.domain(name).train, by_group=by_group)
        for divided in dataset.divisions()
        for name, by_group in counted
    )
    return min(most, default=None)


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
    """Fit once on the sources, then adapt copies to each target with few labels.

    Stages: `embedding` (measures of what `embed` makes of the rows handed to `fit`,
    where the task names some; all that there is on an integration task), `validation`
    (source validation splits, for choosing models), `fit` (test splits before any target
    label), `adapt` (the target's after k labels per class, for each draw; a label is a
    row, or a group where the scenario has a unit), `full` (after all its training
    labels), `retained` (mean over the sources, of at most `KEPT_ROWS` test rows each,
    before that as k = 0 and after it). Metrics that are details are of `fit` alone.
    Support draws depend on dataset, target, k, draw and seed, never on the algorithm.
    Of a target in `fit` answers are also told by class and by group of rows (`apart`).
    Where rows of a split are marked, metrics named `marked_...` are of those alone; the
    learner is not told. Of two classes `source_threshold_balanced_accuracy` is that of
    answers cut where it is highest on the sources' validation splits after `fit`; the usual
    one is cut at 0.5.
    The clock gets the headline measures on resamples of the test units.
    """
    task = dataset.task
    sources = [dataset.domain(name) for name in scenario.sources]
    targets = [dataset.domain(name) for name in scenario.targets]
    train = [source.train for source in sources]
    learner = make(task, generator("learn", dataset.name, scenario.name, seed))
    resampling = Resampling(dataset, targets)
    examiner = Examiner(task, learner, Labels.of(task, train), clock, resampling=resampling)
    unlabelled = torch.cat([target.train.x for target in targets])
    examiner.fit(train, unlabelled, [source.val for source in sources])
    if task.embedded:
        draw = generator("embedding", dataset.name, scenario.name)
        for n, values in embedding.measured(task, examiner.embedded, sources, targets, draw):
            yield from rows("embedding", n, defined(values))
    if task.kind != "integration":
        kept = [_some(dataset, source) for source in sources]
        yield from _before(examiner, sources, targets, kept)
        adaptation = _Adaptation(dataset, examiner, kept, seed, bool(scenario.unit))
        yield from adaptation.scores(targets, shots, draws)
        earned = dataset.labels_of(scenario) not in UNEARNED
        clock.resampled = _resampled(resampling, shots, draws, from_zero=earned)
        clock.units = resampling.units


def _resampled(
    resampling: Resampling, shots: Sequence[int], draws: int, *, from_zero: bool
) -> dict[str, Floats]:
    """Return target score before any and after all labels, and the few-shot area, by resample.

    `from_zero`: whether the score before any label can be earned, and belongs to the area.
    """
    start = resampling.mean(lambda name: [Place("fit", domain=name)])
    few = [resampling.mean(partial(_few, k=k, draws=draws)) for k in sorted(shots)]
    curve = np.stack([start, *few], axis=-1)[:, 0 if from_zero else 1 :]
    end = resampling.mean(lambda name: [Place("full", name, domain=name)])
    before = {START: start} if from_zero else {}
    area = few_shot_area(curve, sorted(shots), from_zero=from_zero)
    return known({**before, AREA: area, END: end})


def _few(name: str, *, k: int, draws: int) -> list[Place]:
    return [Place("adapt", name, k, number, name) for number in range(draws)]


class _Some(NamedTuple):
    """Some test rows of a source: its name, their positions [n], and the rows."""

    source: str
    rows: Tensor
    split: Split


def _some(dataset: Dataset, source: Domain) -> _Some:
    """Return at most `KEPT_ROWS` test rows of a source, the same for every learner and seed."""
    draw = generator("retained", dataset.name, source.name)
    rows = torch.randperm(len(source.test), generator=draw)[:KEPT_ROWS]
    return _Some(source.name, rows, source.test[rows])


def _before(
    examiner: Examiner,
    sources: Sequence[Domain],
    targets: Sequence[Domain],
    kept: Sequence[_Some],
) -> Iterator[Score]:
    """Yield what is scored before any label of a target."""
    for source in sources:
        if len(source.val):
            yield from examiner.validate(source.val, domain=source.name)
    examiner.choose_threshold()
    for target in targets:
        outputs = examiner.outputs(target.test)
        yield from examiner.scored("fit", target.test, outputs, domain=target.name)
        yield from apart.scores(examiner.task, target.test, outputs, target.name)
    for source in sources:
        yield from examiner.scores("fit", source.test, domain=source.name)
    yield from _retained(examiner, kept, {"shots": 0})


@dataclass(frozen=True)
class _Adaptation:
    """What is scored after labels of a target, each time of a copy of the learner."""

    dataset: Dataset
    examiner: Examiner
    kept: Sequence[_Some]
    seed: int
    by_group: bool

    def scores(
        self, targets: Sequence[Domain], shots: Sequence[int], draws: int
    ) -> Iterator[Score]:
        """Yield the scores of every target, k and draw, and those after all labels."""
        few = [(k, number) for k in shots for number in range(draws)]
        branches: list[Callable[[], list[Score]]] = []
        for target in targets:
            branches += [partial(self._few, target, k, number) for k, number in few]
            branches.append(partial(self._full, target))
        for scores in cooperative.together(branches):
            yield from scores

    def _few(self, target: Domain, k: int, number: int) -> list[Score]:
        """Return scores after k labels per class of a target."""
        which = (self.dataset.name, target.name, k, number, self.seed)
        branch = self.examiner.branch(generator("adapt", *which))
        random = generator("support", *which)
        task, train = self.dataset.task, target.train
        support = draw_support(task, train, k, random, by_group=self.by_group)
        branch.adapt(support)
        where = {"shots": k, "draw": number, "learned": target.name}
        return self._after("adapt", branch, target, where)

    def _full(self, target: Domain) -> list[Score]:
        """Return scores after all training labels of a target."""
        branch = self.examiner.branch(generator("full", self.dataset.name, target.name, self.seed))
        branch.adapt(target.train)
        where = {"shots": None, "draw": None, "learned": target.name}
        return self._after("full", branch, target, where)

    def _after(
        self, stage: str, branch: Examiner, target: Domain, where: dict[str, Any]
    ) -> list[Score]:
        judged = branch.scores(stage, target.test, domain=target.name, **where)
        return [*judged, *_retained(branch, self.kept, where)]


def _retained(examiner: Examiner, kept: Sequence[_Some], where: dict[str, Any]) -> Iterator[Score]:
    """Yield the mean over the sources of the primary metric of rows predicted in one call."""
    task, together = examiner.task, concatenate([some.split for some in kept])
    outputs = examiner.outputs(together).split([len(some.rows) for some in kept])
    values: list[float] = []
    for some, answers in zip(kept, outputs, strict=True):
        examiner.clock.keep("retained", answers, some.rows, **where, domain=some.source)
        values += measure(task, answers, some.split.y, [task.primary]).values()
    mean = {task.primary: round(float(np.mean(values)), DECIMALS)} if values else {}
    yield from rows("retained", len(together), mean, **where)
