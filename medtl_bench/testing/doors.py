"""What metrics, backbones, protocols, executors, observers and effects are checked for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from medtl_bench.arrays import Floats, Ints
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.catalogue.entries import Catalogue, get
from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.contract.vocabulary import InputKind
from medtl_bench.errors import MedTLError
from medtl_bench.metrics.entry import MetricEntry
from medtl_bench.metrics.registry import CONFUSION, known, plain
from medtl_bench.networks.choice import backbones
from medtl_bench.protocols import protocol
from medtl_bench.protocols.examiner import Clock
from medtl_bench.randomness import generator
from medtl_bench.results.record import Score
from medtl_bench.running import executors, observers
from medtl_bench.running.executors import Limits
from medtl_bench.running.messages import DescribeDataset, Job
from medtl_bench.testing.conformance import Conformance, words
from medtl_bench.testing.datasets import Constant
from medtl_bench.testing.tiny import Case, cases

ROWS, SIDE, WIDTH = 40, 6, 64
TOKENS = 30
SHAPES: dict[InputKind, tuple[int, ...]] = {
    "vectors": (6,),
    "sequences": (4, 41),
    "tokens": (1, 50),
    "images": (2, 16, 16),
    "masks": (2, 16, 16),
}
LITTLE = Amount((1,), 1)
MEMORY = 8192  # MiB


@dataclass(frozen=True)
class Subject:
    """Something with a name that a plugin brings, and the catalogue that it is found in."""

    name: str
    catalogue: Catalogue

    @property
    def metric(self) -> MetricEntry:
        """Return the metric of that name."""
        return self.catalogue.metrics[self.name].entry


Check = Callable[[Subject], None]


def checks(kind: str, subject: Subject) -> Iterator[Conformance]:
    """Yield the checks of one thing of a kind, such as "metric"."""
    for check in CHECKS.get(kind, ()):
        yield Conformance(subject.name, words(check), partial(check, subject))


def _answers(kind: str, classes: int, *, right: bool) -> tuple[Floats, Ints | Floats]:
    """Return answers and labels of a kind of task; answers that are sure, or not related."""
    draw = np.random.default_rng(0)
    if kind == "regression":
        values = draw.normal(size=ROWS) + 6
        return (values if right else draw.permutation(values)), values
    shape = (ROWS, SIDE, SIDE) if kind == "segmentation" else (ROWS,)
    y = draw.permutation(np.arange(np.prod(shape)) % classes).reshape(shape)
    answers = y if right else draw.permutation(y.ravel()).reshape(shape)
    sure = np.moveaxis(np.eye(classes)[answers], -1, 1)
    return 0.9 * sure + 0.1 / classes, y


def _scores(metric: MetricEntry, *, right: bool) -> Iterator[float]:
    """Yield what a metric makes of answers, for every kind of task that it fits."""
    for kind in metric.kinds:
        if kind != "integration":
            yield metric.score(*_answers(kind, max(2, metric.classes), right=right))


def _values(metric: MetricEntry) -> list[float]:
    """Return what a metric makes of right answers and of others."""
    if metric.of == "embedding":
        (probability, y), batch = _answers("classification", 2, right=True), np.arange(ROWS) % 2
        return [metric.score(probability, batch, y)]
    return [*_scores(metric, right=True), *_scores(metric, right=False)]


def gives_a_number(subject: Subject) -> None:
    """Check that it returns a number for answers and labels of every kind that it fits."""
    for value in _values(subject.metric):
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise MedTLError(f"it returned {value!r}, but a number was expected.")


def stays_in_its_range(subject: Subject) -> None:
    """Check that its values lie between the lowest and the highest that its entry names."""
    metric = subject.metric
    for value in _values(metric):
        if not np.isnan(value) and (wrong := metric.beyond(value)):
            raise MedTLError(f"it is {wrong}, as its entry says.")
        if np.isinf(value):
            raise MedTLError("it is infinite; where it is not defined it must be NaN.")


def goes_the_way_it_says(subject: Subject) -> None:
    """Check that right answers score better than others, in the direction of the entry."""
    metric = subject.metric
    if metric.of != "predictions":
        return
    pairs = zip(_scores(metric, right=True), _scores(metric, right=False), strict=True)
    for right, other in pairs:
        if np.isfinite(right) and np.isfinite(other) and (right > other) != metric.higher_is_better:
            way = "higher" if metric.higher_is_better else "lower"
            scores = f"right answers score {right:.4g} and others {other:.4g}"
            raise MedTLError(f"{scores}, but its entry says that {way} is better.")


def _inputs(kind: InputKind) -> Tensor:
    """Return inputs [n, ...] of a kind."""
    source = generator("conformance", kind)
    if kind == "tokens":
        return torch.randint(TOKENS, (ROWS, *SHAPES[kind]), generator=source).float()
    return torch.randn(ROWS, *SHAPES[kind], generator=source)


def _made(subject: Subject) -> tuple[nn.Module, Tensor, bool]:
    """Return a backbone, inputs that it takes, and whether pixels are what has labels."""
    takes = subject.catalogue.backbones[subject.name].entry.takes
    x, dense = _inputs(takes), takes == "masks"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (module,) = backbones(x, WIDTH, dense=dense, name=subject.name).values()
    return module, x, dense


def makes_features(subject: Subject) -> None:
    """Check that it makes finite features [n, width], or maps of them for masks."""
    module, x, dense = _made(subject)
    features = module(x)
    shape = list(features.shape)
    if shape[:2] != [len(x), WIDTH] or len(shape) != (4 if dense else 2):
        expected = f"[{ROWS}, {WIDTH}, height, width]" if dense else [ROWS, WIDTH]
        raise MedTLError(f"it made {shape} of {list(x.shape)}, but {expected} was expected.")
    if not features.isfinite().all():
        raise MedTLError("its features are NaN or infinite.")


def draws_weights_from_the_seed_alone(subject: Subject) -> None:
    """Check that it is the same twice where torch's global generator is."""
    first, second = (_made(subject)[0].state_dict() for _ in range(2))
    for name, weights in first.items():
        if not torch.equal(weights, second[name]):
            raise MedTLError(f"its weights {name!r} differ between two makes of one seed.")


def _scenarios(subject: Subject) -> Iterator[tuple[Case, Scenario]]:
    """Yield the scenarios that a protocol makes of tiny datasets."""
    examined = protocol.load(subject.catalogue, subject.name)
    for case in cases():
        for scenario in examined.scenarios(case.whole(), LITTLE):
            yield case, scenario


def has_scenarios_of_plain_settings(subject: Subject) -> None:
    """Check that it makes scenarios of some tiny dataset, with settings that JSON can hold."""
    count = 0
    for _, scenario in _scenarios(subject):
        count += 1
        if json.loads(json.dumps(scenario.settings)) != scenario.settings:
            raise MedTLError(
                f"the settings of {scenario.name!r} change when they are stored; use texts, "
                "numbers, lists and dictionaries of these alone."
            )
    if not count:
        raise MedTLError("it makes no scenario of any tiny dataset.")


def _run(subject: Subject, case: Case, scenario: Scenario) -> list[Score]:
    examined = protocol.load(subject.catalogue, subject.name)
    return list(examined.run(case.whole(), scenario, Constant, seed=0, clock=Clock()))


def _known(metric: str) -> bool:
    return bool(known(metric)) or plain(metric) == CONFUSION


def gives_the_same_scores_each_time(subject: Subject) -> None:
    """Check that every scenario gives scores of known metrics, the same for the same seed."""
    for case, scenario in _scenarios(subject):
        scores = _run(subject, case, scenario)
        if not scores:
            raise MedTLError(f"the scenario {scenario.name!r} gives no score.")
        if scores != _run(subject, case, scenario):
            raise MedTLError(f"the scenario {scenario.name!r} gives other scores the second time.")
        for score in scores:
            if not score.stage or not (_known(score.metric) or case.task.embedded):
                raise MedTLError(f"{score} is of no stage or of no metric that is known.")


def measures_what_it_scores(subject: Subject) -> None:
    """Check that its half of a board can be loaded and names the measure that ranks."""
    registered = subject.catalogue.protocols[subject.name]
    board = registered.load(registered.entry.board)
    if not isinstance(board, ProtocolBoard) or not getattr(board, "headline", ""):
        raise MedTLError(
            f"its board is {board!r}, but a ProtocolBoard with a headline was expected."
        )


def does_jobs(subject: Subject) -> None:
    """Check that it answers every job, also one that must fail, and then ends."""
    execute = executors.make(subject.catalogue, subject.name, Limits(1, 120.0, MEMORY))
    jobs = [Job(work=DescribeDataset(name=name)) for name in ("not-there", "nor-this")]
    replies = list(execute(jobs))
    answered = {job.work.name for job, _ in replies if isinstance(job.work, DescribeDataset)}
    if answered != {"not-there", "nor-this"} or len(replies) != len(jobs):
        raise MedTLError(f"of two jobs it answered {len(replies)}: {sorted(answered)}.")
    for _, reply in replies:
        if reply.outcome is None or reply.outcome.status != "failed":
            raise MedTLError(f"it answered {reply!r} for a dataset that there is not.")


def hears_of_everything(subject: Subject) -> None:
    """Check that it can be made without options and told of a run that does nothing."""
    (observer,) = observers.make(subject.catalogue, [subject.name]).values()
    observer.left_out({}, {})
    observer.planned([], 0)
    observer.ended()


def names_what_there_is(subject: Subject) -> None:
    """Check that a dataset, a protocol and algorithms that are registered can show it."""
    effect = subject.catalogue.effects[subject.name].entry
    if effect.missing:
        return
    subject.catalogue.dataset_entry(effect.dataset)
    get(subject.catalogue.protocols, "protocol", effect.protocol)
    if not (effect.higher and effect.lower):
        raise MedTLError("one of its sides names no algorithm.")
    for term in effect.terms((*effect.higher, *effect.lower)):
        get(subject.catalogue.algorithms, "algorithm", term.algorithm)


CHECKS: dict[str, tuple[Check, ...]] = {
    "metric": (gives_a_number, stays_in_its_range, goes_the_way_it_says),
    "backbone": (makes_features, draws_weights_from_the_seed_alone),
    "protocol": (
        has_scenarios_of_plain_settings,
        gives_the_same_scores_each_time,
        measures_what_it_scores,
    ),
    "executor": (does_jobs,),
    "observer": (hears_of_everything,),
    "effect": (names_what_there_is,),
}
