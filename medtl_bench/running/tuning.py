"""What is run to choose hyper-parameters: candidates, trials that judge them, then the chosen one.

A candidate is one setting of a method's hyper-parameters. All methods have the same
number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.scenario import Scenario
from medtl_bench.hashing import hashed
from medtl_bench.results.rules import QUASI, TUNES, is_for_tuning
from medtl_bench.running import plan
from medtl_bench.running.executors import Executor
from medtl_bench.running.messages import AlgorithmFacts, DatasetFacts
from medtl_bench.running.plan import Facts, Planned, Preset
from medtl_bench.running.request import Planning, Request, check_any, check_bounds, describe

CANDIDATES = 20  # as DomainBed has it (Gulrajani and Lopez-Paz 2021, ICLR)


def candidates(algorithm: AlgorithmFacts, dataset: str, number: int) -> list[AlgorithmFacts]:
    """Return a method with its default, then with parameters drawn from its ranges.

    Points of the Halton sequence, shifted at random (Cranley and Patterson 1976): they
    fill the ranges evenly, and the first of many are those of few. They depend on
    method and dataset. One without ranges has its default alone; what is drawn twice
    stands there once.
    """
    names = sorted(algorithm.spaces)
    if not names:
        return [algorithm]
    points = _points(len(names), number, dataset, algorithm.name)
    drawn = [at_shares(algorithm, dict(zip(names, point, strict=True))) for point in points]
    found: dict[str, AlgorithmFacts] = {}
    for one in [algorithm, *drawn]:
        found.setdefault(repr(one.parameters), one)
    return [numbered(one, place) for place, one in enumerate(found.values())]


def numbered(algorithm: AlgorithmFacts, candidate: int) -> AlgorithmFacts:
    """Return a method with the number of its parameters among those to choose from."""
    return algorithm.model_copy(update={"candidate": candidate})


def _points(width: int, number: int, *identity: str) -> list[list[float]]:
    """Return one point fewer than `number` in the unit cube, which depend on an identity."""
    # both take longer to import than the boards to be built, which import this module
    import torch  # noqa: PLC0415
    from scipy.stats import qmc  # noqa: PLC0415

    from medtl_bench.randomness import generator  # noqa: PLC0415

    draw = generator("candidates", *identity)
    shift = torch.rand(width, generator=draw, dtype=torch.float64).numpy()
    points = qmc.Halton(width, scramble=False).random(number)[1:] + shift
    listed: list[list[float]] = (points % 1).tolist()
    return listed


def at_shares(algorithm: AlgorithmFacts, shares: Mapping[str, float]) -> AlgorithmFacts:
    """Return a method with parameters at some shares of their ranges."""
    values: dict[str, Any] = {}
    for name, share in shares.items():
        whole = type(algorithm.parameters[name]) is int
        values[name] = algorithm.spaces[name].at(share, whole=whole)
    variant = ", ".join(f"{name}={value}" for name, value in values.items())
    update = {"parameters": algorithm.parameters | values, "variant": variant}
    return algorithm.model_copy(update=update)


class Choice(NamedTuple):
    """Which candidate was chosen for a scenario, by a rule, and how it and the default were judged.

    `variant`: its parameters, "" for the default.
    """

    dataset: str
    protocol: str
    algorithm: str
    scenario: str
    rule: str
    candidate: int
    variant: str
    score: float
    default: float


@dataclass(frozen=True)
class Tuning:
    """All that is known when hyper-parameters are chosen.

    `number`: of candidates a method. `planning`: its `planned` are the trials that
    judge them. `in_turn`: by dataset and method the candidates so far, where a `sampler`
    draws one after another.
    """

    facts: Facts
    preset: Preset
    seeds: int
    number: int
    planning: Planning
    sampler: str = QUASI
    in_turn: dict[tuple[str, str], list[AlgorithmFacts]] = field(default_factory=dict)

    def drawn(self, algorithm: AlgorithmFacts, dataset: str) -> list[AlgorithmFacts]:
        """Return the candidates of a method that are known: all, or those drawn so far."""
        if self.sampler == QUASI:
            return candidates(algorithm, dataset, self.number)
        return self.in_turn.setdefault((dataset, algorithm.name), [algorithm])

    def judging(self) -> list[Planned]:
        """Return the trials that judge candidates, in which targets have no part."""
        return joined(
            self._marked(asked, self.drawn(algorithm, asked.name))
            for asked in self._datasets(for_tuning=True)
            for algorithm in self.facts.algorithms
        )

    def judging_last(self, drawn: Iterable[tuple[str, AlgorithmFacts]]) -> list[Planned]:
        """Return the trials that judge what was drawn last of some datasets and methods."""
        datasets = {asked.name: asked for asked in self._datasets(for_tuning=True)}
        return joined(self._marked(datasets[name], [method]) for name, method in drawn)

    def on_targets(self, *, oracle: bool) -> list[Planned]:
        """Return the trials of defaults on targets, as `run` has them; for the oracle, of all."""
        lots = []
        for asked in self._datasets(for_tuning=False):
            for algorithm in self.facts.algorithms:
                lots.append(self._planned(asked, [algorithm]))
                if oracle:
                    drawn = self.drawn(algorithm, asked.name)
                    lots.append(self._marked(asked, drawn[1:]))
        return joined(lots)

    def _datasets(self, *, for_tuning: bool) -> Iterator[DatasetFacts]:
        """Yield datasets with the scenarios that are asked for, or those that tune for these."""
        for dataset in self.facts.datasets:
            yield only(dataset, self._asked(dataset, for_tuning=for_tuning))

    def _marked(
        self,
        dataset: DatasetFacts,
        drawn: Sequence[AlgorithmFacts],
        chosen: Mapping[str, Any] | None = None,
    ) -> list[Planned]:
        """Return the trials of candidates, which say what drew them and how they were chosen."""
        return _noted([self._mark(one, chosen) for one in self._planned(dataset, drawn)])

    def _mark(self, one: Planned, chosen: Mapping[str, Any] | None) -> Planned:
        trial = one.trial.model_copy(update={"chosen": dict(chosen)}) if chosen else one.trial
        sampler = self.sampler if one.about.candidate and self.sampler != QUASI else ""
        about = one.about.model_copy(update={"sampler": sampler})
        return one._replace(trial=trial, about=about)

    def _asked(self, dataset: DatasetFacts, *, for_tuning: bool) -> set[tuple[str, str]]:
        """Return protocol and name of those scenarios that are asked for."""
        asked: set[tuple[str, str]] = set()
        for protocol, scenarios in dataset.scenarios.items():
            core = [one for one in scenarios if self.preset.optional or not one.optional]
            real = [one.name for one in core if not is_for_tuning(one.settings)]
            real = real[: self.preset.scenarios]
            asked |= {(protocol, one.name) for one in _of(core, real, for_tuning=for_tuning)}
        return asked

    def _planned(
        self, dataset: DatasetFacts, algorithms: Sequence[AlgorithmFacts]
    ) -> list[Planned]:
        facts = replace(self.facts, datasets=[dataset], algorithms=algorithms)
        return plan.trials(facts, replace(self.preset, scenarios=None), self.seeds)

    def tuned(self, choices: Iterable[Choice]) -> list[Planned]:
        """Return the trials of what was chosen, which say how it was."""
        lots = []
        for key, scenarios in _together(choices).items():
            lots.append(self._of_choice(key, scenarios))
        return joined(lots)

    def _of_choice(self, key: Choice, scenarios: Sequence[str]) -> list[Planned]:
        dataset = next(one for one in self.facts.datasets if one.name == key.dataset)
        method = next(one for one in self.facts.algorithms if one.name == key.algorithm)
        drawn = self.drawn(method, dataset.name)
        asked = only(dataset, {(key.protocol, name) for name in scenarios})
        chosen = {"rule": key.rule, "draws": self.number, "seeds": self.seeds}
        chosen |= {"sampler": self.sampler} if self.sampler != QUASI else {}
        named = drawn[key.candidate].model_copy(update={"variant": named_by(chosen)})
        return self._marked(asked, [named], chosen)


def named_by(chosen: Mapping[str, Any]) -> str:
    """Return how a row is called whose parameters were chosen, by rule and budget."""
    draws = chosen["draws"]
    by = f" by {chosen['sampler']}" if "sampler" in chosen else ""
    return f"tuned by {chosen['rule']}, {draws} draw{'s' * (draws != 1)}{by}"


def _together(choices: Iterable[Choice]) -> dict[Choice, list[str]]:
    """Return the scenarios of those choices that differ in nothing else."""
    found: dict[Choice, list[str]] = {}
    for one in choices:
        key = one._replace(scenario="", score=0.0, default=0.0)
        found.setdefault(key, []).append(one.scenario)
    return found


def _of(scenarios: Sequence[Scenario], real: Sequence[str], *, for_tuning: bool) -> list[Scenario]:
    """Return those of the names, or those by which parameters are chosen for them."""
    if for_tuning:
        return [one for one in scenarios if one.settings.get(TUNES) in real]
    return [one for one in scenarios if one.name in real]


def only(dataset: DatasetFacts, asked: set[tuple[str, str]]) -> DatasetFacts:
    """Return a dataset with those scenarios alone, of which protocol and name are asked for."""
    scenarios: dict[str, tuple[Scenario, ...]] = {}
    for protocol, there in dataset.scenarios.items():
        scenarios[protocol] = tuple(one for one in there if (protocol, one.name) in asked)
    return dataset.model_copy(update={"scenarios": scenarios})


def _noted(planned: Sequence[Planned]) -> list[Planned]:
    """Note in each trial which group it runs in and where, for no other field tells it."""
    groups: dict[int, list[Planned]] = {}
    for one in planned:
        groups.setdefault(one.group, []).append(one)
    return [one for group in groups.values() for one in _beside(group)]


def _beside(group: Sequence[Planned]) -> Sequence[Planned]:
    if len(group) == 1:
        return group
    name = hashed("".join(one.trial.key for one in group))
    told = [{"beside": f"{name} {place}"} for place in range(len(group))]
    return [
        one._replace(about=one.about.model_copy(update=note))
        for one, note in zip(group, told, strict=True)
    ]


def joined(lots: Iterable[Sequence[Planned]]) -> list[Planned]:
    """Return trials planned apart as one plan: no two lots share a group."""
    return list(_joined(lots))


def _joined(lots: Iterable[Sequence[Planned]]) -> Iterator[Planned]:
    first = 0
    for planned in lots:
        yield from (one._replace(group=one.group + first) for one in planned)
        first += 1 + max((one.group for one in planned), default=-1)


def make_tuning(
    request: Request,
    number: int,
    catalogue: Catalogue,
    execute: Executor,
    sampler: str = QUASI,
) -> Tuning:
    """Describe all that a request names, through the executor, and plan the judging of candidates.

    Raises MedTLError as `make_plan` does, or where the number of candidates is out of
    bounds.
    """
    check_bounds(draws=number)
    chosen = plan.preset(request.preset)
    chosen = replace(chosen, amount=replace(chosen.amount, tuning=True))
    facts, planning = describe(request, catalogue, execute, chosen)
    seeds = request.seeds or chosen.seeds
    tuning = Tuning(facts, chosen, seeds, number, planning, sampler)
    planning.planned = tuning.judging()
    check_any(planning, facts, request)
    return tuning
