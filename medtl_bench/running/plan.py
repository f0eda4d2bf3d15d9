"""Which trials a command line means.

Pure functions: what is known of datasets and algorithms in, trials out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from medtl_bench.errors import MedTLError, unknown
from medtl_bench.results.record import About, Frozen, Protocol, Trial

PROTOCOLS: tuple[Protocol, ...] = ("transfer", "stream")


class Scenario(Frozen):
    """A transfer (sources, targets) or a stream (domains, in order) of a dataset.

    `most_shots`: the largest k that leaves rows of every target of the dataset undrawn:
    with a larger one they would be all.
    """

    name: str
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    optional: bool = False
    most_shots: int | None = None

    @property
    def protocol(self) -> Protocol:
        """Return the protocol that runs it."""
        return "stream" if self.domains else "transfer"


class DatasetFacts(Frozen):
    """What planning needs to know of a dataset, so that planning need not load it.

    `refused`: why an algorithm cannot do its task, by name of those that cannot.
    """

    name: str
    digest: str
    area: str
    provenance: str
    task: str
    metrics: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    classes: tuple[str, ...] = ()
    refused: dict[str, str] = {}


class AlgorithmFacts(Frozen):
    """What planning needs to know of an algorithm; `parameters` are all of them, `variant` names those the user changed.

    `counterpart`: the algorithm of which it is another implementation. `stacks`: whether
    its trials may run side by side in one process. `missing`: the reason, if it can do no
    task before a package is installed.
    """

    name: str
    family: str
    source: str
    parameters: dict[str, Any]
    variant: str = ""
    counterpart: str = ""
    stacks: bool = False
    missing: str = ""


@dataclass(frozen=True)
class Preset:
    """How much is run; `parameters` go to every algorithm that has one of that name.

    `scenarios` bounds those of each protocol, `sources` and `targets` those of a transfer.
    """

    seeds: int
    shots: tuple[int, ...]
    draws: int
    scenarios: int | None = None
    sources: int | None = None
    targets: int | None = None
    optional: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


SHOTS = (1, 2, 5, 10, 20, 50)
SMALL = {"steps": "5", "adapt_steps": "3", "trees": "10", "rows": "100"}
PRESETS = {
    "smoke": Preset(1, (5,), 1, scenarios=1, sources=4, targets=2, parameters=SMALL),
    "default": Preset(3, SHOTS, 1),
    "full": Preset(10, SHOTS, 5, optional=True),
}


class Planned(NamedTuple):
    """A trial, what the boards will say about it, whether it may run beside others in one process, and why it cannot run."""

    trial: Trial
    about: About
    stacks: bool = False
    skipped: str = ""


def preset(name: str) -> Preset:
    """Return a preset by name; raises MedTLError with near matches."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]


def split_parameters(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return {algorithm: {parameter: text}} from texts like "dann.weight=0.5".

    Raises MedTLError if not.
    """
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        where, equals, value = text.partition("=")
        algorithm, dot, parameter = where.rpartition(".")
        if not (equals and dot and algorithm and parameter):
            raise MedTLError(
                f"A parameter is given as ALGORITHM.NAME=VALUE, like dann.weight=0.5, but got {text!r}."
            )
        if parameter in found.setdefault(algorithm, {}):
            raise MedTLError(f"The parameter {where!r} is given twice.")
        found[algorithm][parameter] = value
    return found


def trials(
    datasets: Sequence[DatasetFacts],
    algorithms: Sequence[AlgorithmFacts],
    chosen: Preset,
    versions: dict[str, str],
    *,
    seeds: int | None = None,
    protocols: Sequence[Protocol] = PROTOCOLS,
) -> list[Planned]:
    """Return every trial of every algorithm on every scenario, seed by seed, so that a run cut short has whole seeds."""
    return [
        _planned(dataset, scenario, algorithm, seed, chosen, versions)
        for seed in range(chosen.seeds if seeds is None else seeds)
        for dataset in datasets
        for protocol in protocols
        for scenario in _scenarios(dataset, protocol, chosen)
        for algorithm in algorithms
    ]


def _scenarios(dataset: DatasetFacts, protocol: Protocol, chosen: Preset) -> Iterator[Scenario]:
    fitting = [
        s
        for s in dataset.scenarios
        if s.protocol == protocol and (chosen.optional or not s.optional)
    ]
    for scenario in fitting[: chosen.scenarios]:
        between = {
            "sources": scenario.sources[: chosen.sources],
            "targets": scenario.targets[: chosen.targets],
        }
        yield scenario.model_copy(update=between)


def _planned(
    dataset: DatasetFacts,
    scenario: Scenario,
    algorithm: AlgorithmFacts,
    seed: int,
    chosen: Preset,
    versions: dict[str, str],
) -> Planned:
    few_shot = scenario.protocol == "transfer"
    shots = tuple(
        k for k in chosen.shots if scenario.most_shots is None or k <= scenario.most_shots
    )
    trial = Trial(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        algorithm=algorithm.name,
        algorithm_source=algorithm.source,
        parameters=algorithm.parameters,
        protocol=scenario.protocol,
        scenario=scenario.name,
        sources=scenario.sources,
        targets=scenario.targets,
        domains=scenario.domains,
        shots=shots if few_shot else (),
        draws=chosen.draws if few_shot else 0,
        seed=seed,
        versions=versions,
    )
    about = About(
        area=dataset.area,
        provenance=dataset.provenance,
        task=dataset.task,
        metrics=dataset.metrics,
        family=algorithm.family,
        variant=algorithm.variant,
        counterpart=algorithm.counterpart,
        classes=dataset.classes,
    )
    return Planned(
        trial, about, algorithm.stacks, algorithm.missing or dataset.refused.get(algorithm.name, "")
    )
