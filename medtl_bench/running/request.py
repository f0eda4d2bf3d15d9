"""What a user asks to run, and the trials that this means.

Datasets and algorithms are described by the executor, for to load one may take this process
with it.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple

from medtl_bench.catalogue import apart
from medtl_bench.catalogue.entries import ARGUMENT, Catalogue
from medtl_bench.catalogue.identity import without_stamp
from medtl_bench.errors import IntegrityError, MedTLError, unknown
from medtl_bench.running import plan
from medtl_bench.running.executors import Executor, Limits
from medtl_bench.running.messages import (
    AlgorithmFacts,
    DatasetFacts,
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
)
from medtl_bench.running.plan import Facts, Planned, Preset

MOST_STACKED = 64


class Bound(NamedTuple):
    """What a number that a user gives may be, from `least` to `most`."""

    kind: str
    least: float
    most: float
    unit: str = ""


WHOLE, REAL = "a whole number", "a number"
BOUNDS = {
    # intervals over a thousand seeds are narrower than any difference worth telling
    "seeds": Bound(WHOLE, 1, 1_000),
    "stack": Bound(WHOLE, 1, 1_000),
    "draws": Bound(WHOLE, 1, 200),
    # each holds three open files, of which a process may have 1,024 on most machines
    "jobs": Bound(WHOLE, 0, 256),
    # the operating system counts the milliseconds of a wait in 31 bits: 24 days
    "timeout": Bound(REAL, 0.1, 7 * 86_400, " seconds"),
    "memory": Bound(WHOLE, 2_048, 2**24, " MiB"),
}


def check_bounds(**values: object) -> None:
    """Raise MedTLError where a number is not within the bounds of its name; None is none."""
    for name, value in values.items():
        bound = BOUNDS[name]
        if value is not None and not _within(bound, value):
            between = f"from {bound.least:,} to {bound.most:,}{bound.unit}"
            raise MedTLError(f"{name} must be {bound.kind} {between}, but got {value!r}.")


def _within(bound: Bound, value: Any) -> bool:  # noqa: ANN401 - whatever a user gives
    kind = Integral if bound.kind == WHOLE else Real
    number = isinstance(value, kind) and not isinstance(value, bool)
    return number and bound.least <= value <= bound.most


def check_texts(texts: Iterable[str]) -> None:
    """Raise MedTLError where a name or path could not be written in UTF-8, as jobs are."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            told = f"The name {text!r} is not valid UTF-8, in which jobs are written"
            raise MedTLError(f"{told}; choose another one.") from None


def limits(jobs: int, timeout: float, memory: int) -> Limits:
    """Return the limits that a user asks for; 0 jobs mean one a core.

    Raises MedTLError where one is out of its bounds.
    """
    check_bounds(jobs=jobs, timeout=timeout, memory=memory)
    cores = min(os.cpu_count() or 1, int(BOUNDS["jobs"].most))
    return Limits(jobs or cores, timeout, memory)


@dataclass(frozen=True)
class Request:
    """What the user asked to run.

    Empty `datasets`, `algorithms` or `protocols` mean all; `seeds` None means the preset's.
    `stack`: trials of a kind that may train as one program; 1: each alone.
    """

    datasets: Sequence[str] = ()
    algorithms: Sequence[str] = ()
    protocols: Sequence[str] = ()
    preset: str = "default"
    seeds: int | None = None
    parameters: Sequence[str] = ()
    plugin_files: Sequence[str] = ()
    stack: int = MOST_STACKED

    def __post_init__(self) -> None:
        """Refuse numbers that are out of their bounds, and names that cannot be sent."""
        check_bounds(seeds=self.seeds, stack=self.stack)
        named = (*self.datasets, *self.algorithms, *self.protocols)
        check_texts((*named, *self.parameters, *self.plugin_files))


@dataclass
class Planning:
    """The trials of a request, and the datasets and algorithms that could not be described.

    `unusable`: each with its reason. `skipped`: datasets whose files are not on this machine,
    each with how to get them. `tampered`: whether one could not be described because a file
    is not what it was when it was published.
    """

    planned: list[Planned] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    tampered: bool = False

    @property
    def possible(self) -> list[Planned]:
        """Return the trials that can run: those whose algorithm can do the task."""
        return [one for one in self.planned if not one.skipped]


@dataclass(frozen=True)
class _Named:
    """The names that a request means, all of them known."""

    datasets: list[str]
    algorithms: list[str]
    protocols: list[str]
    parameters: dict[str, dict[str, str]]


def make_plan(request: Request, catalogue: Catalogue, execute: Executor) -> Planning:
    """Describe all that a request names, through the executor, and plan its trials.

    Raises MedTLError on an unknown name, a wrong parameter or no trial at all. A dataset or
    algorithm that fails in any other way is left out.
    """
    chosen = plan.preset(request.preset)
    facts, planning = describe(request, catalogue, execute, chosen)
    planning.planned = plan.trials(facts, chosen, request.seeds)
    check_any(planning, facts, request)
    return planning


def describe(
    request: Request, catalogue: Catalogue, execute: Executor, chosen: Preset
) -> tuple[Facts, Planning]:
    """Return all that planning needs to know, and what could not be described.

    Raises MedTLError on an unknown name or a wrong parameter.
    """
    named = _named(request, catalogue, chosen)
    description = _Description(execute, tuple(request.plugin_files))
    description.try_protocols(named, catalogue)
    algorithms = description.algorithms(named, chosen)
    datasets = description.datasets(named, chosen, [a for a in algorithms if not a.missing])
    facts = Facts(datasets, algorithms, named.protocols, description.versions, request.stack)
    return facts, description.planning


def check_any(planning: Planning, facts: Facts, request: Request) -> None:
    """Raise MedTLError where nothing was planned and nothing left out."""
    if not (planning.planned or planning.unusable or planning.skipped):
        names = ", ".join(request.datasets) or "the datasets"
        which = " or ".join(facts.protocols)
        raise MedTLError(f"There is no trial to run: none of {names} has a {which}.")


def _named(request: Request, catalogue: Catalogue, chosen: Preset) -> _Named:
    datasets = list(dict.fromkeys(request.datasets))
    datasets = datasets or _usual(chosen.datasets, catalogue.single_datasets())
    for name in datasets:
        catalogue.dataset_entry(name)
    named = _chosen("algorithm", request.algorithms, catalogue.algorithms)
    algorithms = named or _usual(chosen.algorithms, list(catalogue.algorithms))
    protocols = _chosen("protocol", request.protocols, catalogue.protocols)
    protocols = protocols or list(catalogue.protocols)
    parameters = plan.split_parameters(request.parameters)
    for name in parameters:
        if name not in algorithms:
            raise unknown("algorithm of this run", name, algorithms)
    in_order = [name for name in catalogue.protocols if name in protocols]
    return _Named(datasets, algorithms, in_order, parameters)


def _chosen(what: str, names: Sequence[str], known: Iterable[str]) -> list[str]:
    for name in names:
        if name not in known:
            raise unknown(what, name, known)
    return list(dict.fromkeys(names))


def _usual(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return which of those known a preset runs: those it names, or all where it names none."""
    return [name for name in known if name in names or not names]


def _identity(facts: DatasetFacts) -> object:
    """Return what makes a dataset another one: its name, or of a file its family and its data."""
    family, _, argument = facts.name.partition(ARGUMENT)
    stamp = without_stamp(argument)[1]
    return (family, facts.digest) if stamp else facts.name


class _Description:
    """Asks an executor for facts; what it cannot have is told in `planning`."""

    def __init__(self, execute: Executor, files: tuple[str, ...]) -> None:
        self.execute, self.files = execute, files
        self.planning = Planning()
        self.versions: dict[str, str] = {}

    def try_protocols(self, named: _Named, catalogue: Catalogue) -> None:
        """Leave out protocols that end the process that loads them, or else all datasets fail."""
        for name in list(named.protocols):
            registered = catalogue.protocols[name]
            load = partial(registered.load, registered.entry.examination)
            try:
                apart.rehearse(registered.plugin, f"loading {name!r}", load)
            except MedTLError as error:
                named.protocols.remove(name)
                self.planning.unusable[f"the protocol {name}"] = str(error)

    def algorithms(self, named: _Named, chosen: Preset) -> list[AlgorithmFacts]:
        """Return the facts of algorithms, in the order of the names."""
        preset = dict(chosen.parameters)
        asked = [
            DescribeAlgorithm(name=name, given=named.parameters.get(name, {}), preset=preset)
            for name in named.algorithms
        ]
        facts = {r.algorithm.name: r.algorithm for r in self._replies(asked) if r.algorithm}
        return [facts[name] for name in named.algorithms if name in facts]

    def datasets(
        self, named: _Named, chosen: Preset, able: Sequence[AlgorithmFacts]
    ) -> list[DatasetFacts]:
        """Return the facts of datasets, in the order of the names; two names may mean one.

        An algorithm may end the process that asks it whether it can do a task: a dataset that
        could not be described is asked for again without algorithms.
        """
        names = tuple(facts.name for facts in able)
        facts = self._described(named.datasets, names, named, chosen)
        failed = [n for n in named.datasets if n not in facts and self.planning.unusable.pop(n, "")]
        facts |= self._described(failed, (), named, chosen)
        for one in facts.values():
            for protocol, why in one.failed.items():
                self.planning.unusable[f"the {protocol} scenarios of {one.name}"] = why
        return self._each_once([facts[name] for name in named.datasets if name in facts])

    def _each_once(self, facts: Sequence[DatasetFacts]) -> list[DatasetFacts]:
        """Return the datasets without files that hold the same data as an earlier one.

        They would count twice on the boards.
        """
        first: dict[object, DatasetFacts] = {}
        for one in facts:
            earlier = first.setdefault(_identity(one), one)
            if earlier.name != one.name:
                self.planning.skipped[one.asked] = f"it holds the same data as {earlier.name}"
        return list(first.values())

    def _described(
        self, datasets: Sequence[str], algorithms: tuple[str, ...], named: _Named, chosen: Preset
    ) -> dict[str, DatasetFacts]:
        asked = [
            DescribeDataset(
                name=name,
                algorithms=algorithms,
                protocols=tuple(named.protocols),
                amount=chosen.amount,
            )
            for name in datasets
        ]
        return {r.dataset.asked: r.dataset for r in self._replies(asked) if r.dataset}

    def _replies(self, asked: Sequence[DescribeDataset | DescribeAlgorithm]) -> list[Reply]:
        """Return the replies that hold facts."""
        replies = []
        for job, reply in self.execute([Job(work=one, plugin_files=self.files) for one in asked]):
            self.versions = self.versions or reply.versions
            if reply.dataset or reply.algorithm:
                replies.append(reply)
            elif isinstance(job.work, DescribeDataset | DescribeAlgorithm):
                self._leave_out(job.work, reply)
        return replies

    def _leave_out(self, asked: DescribeDataset | DescribeAlgorithm, reply: Reply) -> None:
        """Tell why something could not be described; raises MedTLError on a wrong parameter."""
        if reply.outcome is None:
            return
        mistaken = reply.exit_code == MedTLError.exit_code
        if isinstance(asked, DescribeAlgorithm) and asked.given and mistaken:
            raise MedTLError(reply.outcome.reason)
        skipped = reply.outcome.status == "skipped"
        reasons = self.planning.skipped if skipped else self.planning.unusable
        reasons[asked.name] = reply.outcome.reason
        self.planning.tampered |= reply.exit_code == IntegrityError.exit_code
