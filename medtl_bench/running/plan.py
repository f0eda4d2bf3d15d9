"""Which trials a command line means.

Pure functions: what is known of datasets and algorithms in, trials out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from medtl_bench.contract.sampling import sampling_for
from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.errors import MedTLError, unknown
from medtl_bench.results.record import About, Trial
from medtl_bench.running.messages import AlgorithmFacts, DatasetFacts


@dataclass(frozen=True)
class Preset:
    """How much is run; `parameters` go to every algorithm that has one of that name.

    `amount`: of each scenario. `scenarios`: how many of each protocol at most. `optional`:
    whether optional ones are among them. `quick`: whether it is a check of what runs, whose
    scores boards show only where there are no others. `datasets`, `algorithms`: those that
    are run where the user names none; empty for all.
    """

    seeds: int
    amount: Amount
    scenarios: int | None = None
    optional: bool = False
    quick: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()


# ten times all methods on all datasets of `full`; to plan as many takes minutes and a gigabyte
MOST_TRIALS = 200_000
SHOTS = (1, 2, 5, 10, 20, 50)
SMALL = {"steps": "5", "adapt_steps": "3", "trees": "10", "rows": "100"}
SOME = Amount((5,), 1, sources=4, targets=2)
# one of each area, none of which is downloaded or takes minutes on its own
FOUR_AREAS = ("heart-disease", "pbmc-cell-types", "chembl-activity", "shifted-toy-images")
BOUNDS = ("chance", "target-only")
OF_EACH_FAMILY = ("logistic-regression", "fine-tune", "dann", "maml", "ewc")
PRESETS = {
    "smoke": Preset(1, SOME, scenarios=1, quick=True, parameters=SMALL),
    "quick": Preset(
        5,
        Amount((5, 50), 1, sources=8, targets=2),
        scenarios=1,
        parameters={"steps": "300"},
        datasets=FOUR_AREAS,
        algorithms=(*BOUNDS, *OF_EACH_FAMILY),
    ),
    "default": Preset(5, Amount(SHOTS, 1)),
    "published": Preset(10, Amount(SHOTS, 1)),
    "full": Preset(10, Amount(SHOTS, 5), optional=True),
}


class Planned(NamedTuple):
    """A trial, what the boards will say about it, and why it cannot run, if so.

    `group`: a number that is shared by those trials that run side by side in one process.
    `dataset`: as the user names it. `fold`: of the dataset, that it sees.
    """

    trial: Trial
    about: About
    skipped: str = ""
    group: int = -1
    dataset: str = ""
    fold: int = 0


@dataclass(frozen=True)
class Facts:
    """All that is known when trials are planned.

    `most`: trials of a kind that may run side by side in one process.
    """

    datasets: Sequence[DatasetFacts]
    algorithms: Sequence[AlgorithmFacts]
    protocols: Sequence[str]
    versions: Mapping[str, str]
    most: int = 1


def preset(name: str) -> Preset:
    """Return a preset by name; raises MedTLError with near matches."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]


def preset_of(trial: Trial, variant: str = "") -> str:
    """Return the preset that a trial was planned by, as far as it tells, or `default`.

    `variant`: the parameters that the user changed, which tell nothing of it.
    """
    changed = {part.partition("=")[0] for part in variant.split(", ")}
    given = {name: str(value) for name, value in trial.parameters.items() if name not in changed}
    for name in ("smoke", "quick"):
        if any(given.get(which) == value for which, value in PRESETS[name].parameters.items()):
            return name
    for name in ("smoke", "quick"):
        if trial.settings.get("shots") == list(PRESETS[name].amount.shots):
            return name
    full = trial.settings.get("draws") == PRESETS["full"].amount.draws
    return "full" if full else "default"


def split_parameters(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return {algorithm: {parameter: text}} from texts like "dann.weight=0.5".

    Raises MedTLError if one is not like that, or a parameter is given twice.
    """
    values: dict[str, dict[str, str]] = {}
    for text in texts:
        where, equals, value = text.partition("=")
        algorithm, dot, parameter = where.rpartition(".")
        if not (equals and dot and algorithm and parameter):
            raise MedTLError(
                "A parameter is given as ALGORITHM.NAME=VALUE, like dann.weight=0.5, but got "
                f"{text!r}."
            )
        if parameter in values.setdefault(algorithm, {}):
            raise MedTLError(f"The parameter {where!r} is given twice.")
        values[algorithm][parameter] = value
    return values


def trials(facts: Facts, chosen: Preset, seeds: int | None = None) -> list[Planned]:
    """Return every trial of every algorithm on every scenario.

    They come seed by seed, so that a run cut short has whole seeds. Raises MedTLError where
    they are too many.
    """
    scenarios, numbers = list(_scenarios(facts, chosen)), range(seeds or chosen.seeds)
    _check_number(len(numbers) * len(scenarios) * len(facts.algorithms))
    planned = [
        _planned(dataset, protocol, scenario, algorithm, seed, facts.versions, chosen.quick)
        for seed in numbers
        for dataset, protocol, scenario in scenarios
        for algorithm in facts.algorithms
    ]
    stacking = {algorithm.name for algorithm in facts.algorithms if algorithm.stacks}
    return _grouped(planned, stacking, facts.most)


def _check_number(number: int) -> None:
    if number > MOST_TRIALS:
        raise MedTLError(
            f"This asks for {number:,} trials, and one run may have {MOST_TRIALS:,}: ask for fewer "
            "seeds, datasets or algorithms."
        )


def _scenarios(facts: Facts, chosen: Preset) -> Iterator[tuple[DatasetFacts, str, Scenario]]:
    for dataset in facts.datasets:
        for protocol in facts.protocols:
            there = dataset.scenarios.get(protocol, ())
            fitting = [one for one in there if chosen.optional or not one.optional]
            for scenario in fitting[: chosen.scenarios]:
                yield dataset, protocol, scenario


def _planned(
    dataset: DatasetFacts,
    protocol: str,
    scenario: Scenario,
    algorithm: AlgorithmFacts,
    seed: int,
    versions: Mapping[str, str],
    quick: bool,
) -> Planned:
    of_others = {name for name in dataset.plugins if name.startswith("protocol ")}
    of_others.discard(f"protocol {protocol}")
    plugins = {name: src for name, src in dataset.plugins.items() if name not in of_others}
    trial = Trial(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        algorithm=algorithm.name,
        algorithm_source=algorithm.source,
        parameters=_parameters(algorithm, dataset, scenario.labels),
        protocol=protocol,
        scenario=scenario.name,
        settings=scenario.settings,
        seed=seed,
        versions=dict(versions),
        packages=algorithm.packages,
        plugins=plugins | algorithm.plugins,
    )
    skipped = algorithm.missing or dataset.refused.get(algorithm.name, "")
    about, fold = _about(dataset, algorithm, scenario, quick), seed % dataset.folds
    return Planned(trial, about, skipped, dataset=dataset.asked, fold=fold)


def _parameters(algorithm: AlgorithmFacts, dataset: DatasetFacts, labels: str) -> dict[str, Any]:
    """Return the parameters of trials, with what fits the task where some were left open.

    `labels`: what they mean in the scenario. One head for all domains is not told.
    """
    parameters = dict(algorithm.parameters)
    if parameters.get("sampling") == "":
        parameters["sampling"] = sampling_for(dataset.task, dataset.metrics[0])
    if parameters.get("heads") == "":
        parameters.pop("heads")
        parameters |= {"heads": "own"} if labels == "own" else {}
    return parameters


def _about(
    dataset: DatasetFacts, algorithm: AlgorithmFacts, scenario: Scenario, quick: bool
) -> About:
    return About(
        area=dataset.area,
        provenance=dataset.provenance,
        task=dataset.task,
        metrics=dataset.metrics,
        lower_is_better=dataset.lower_is_better,
        family=algorithm.family,
        variant=algorithm.variant,
        counterpart=algorithm.counterpart,
        classes=dataset.classes,
        remarks=dataset.remarks,
        labels=scenario.labels,
        optional=scenario.optional,
        acts_from=algorithm.acts_from,
        quick=quick,
        origin=dataset.origin,
        keeps_data=algorithm.keeps_data,
        folds=dataset.folds if dataset.folds > 1 else 0,
        candidate=algorithm.candidate,
    )


def _grouped(planned: Sequence[Planned], stacking: set[str], most: int) -> list[Planned]:
    """Say of each trial in which group it runs, and in its key whether that may be beside others.

    How many others there are is not in the key, or it would change with what else is asked for.
    """
    grouped: list[Planned] = []
    sizes: list[int] = []
    open_groups: dict[object, int] = {}  # the group that is being filled, by what it shares
    for one in planned:
        able = most > 1 and one.trial.algorithm in stacking and not one.skipped
        shared = _shared(one) if able else id(one)
        if shared not in open_groups or sizes[open_groups[shared]] == most:
            open_groups[shared] = len(sizes)
            sizes.append(0)
        group = open_groups[shared]
        sizes[group] += 1
        grouped.append(_in_group(one, group, stacked=able))
    return grouped


def _shared(one: Planned) -> object:
    """Return what trials that run side by side have in common.

    Those of other folds learn from what is judged in one, and so run apart. Parameters may
    differ in real numbers, which say how much and not what is calculated.
    """
    trial = one.trial
    numbers = {name for name, value in trial.parameters.items() if isinstance(value, float)}
    rest = {name: value for name, value in trial.parameters.items() if name not in numbers}
    shared = trial.dataset, one.fold, trial.protocol, trial.algorithm, trial.algorithm_source
    return *shared, repr(rest)


def _in_group(one: Planned, number: int, *, stacked: bool) -> Planned:
    trial = one.trial.model_copy(update={"stacked": True}) if stacked else one.trial
    return one._replace(trial=trial, group=number)
