"""Repeats trials that have a record, to see whether they still score the same, bit by bit.

A record that was edited and given a right checksum is found so, and by nothing else.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from medtl_bench.catalogue.entries import KINDS, Catalogue
from medtl_bench.results.record import Outcome, Record, Score, Trial
from medtl_bench.running.executors import Executor
from medtl_bench.running.messages import (
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
    to_run,
)

NOT_OK = "there are no scores of theirs to compare, and `run` runs them again"
NO_GROUP = "not all trials that ran beside them in one process are there"
Records = Mapping[str, Record]
Place = tuple[object, ...]  # of a score, with its metric


class Repeated(NamedTuple):
    """A trial that was run again: its record, and in words what differs, else ""."""

    record: Record
    difference: str


class Installed:
    """What is installed here, asked of the processes that may load it."""

    def __init__(self, catalogue: Catalogue, execute: Executor, files: Sequence[str]) -> None:
        """Know nothing yet."""
        self._catalogue, self._execute, self._files = catalogue, execute, tuple(files)
        self._replies: dict[str, Reply] = {}

    def ask(self, trials: Iterable[Trial]) -> None:
        """Have what the trials name described."""
        asked: dict[str, DescribeDataset | DescribeAlgorithm] = {}
        for trial in trials:
            protocols = (trial.protocol,) if trial.protocol in self._catalogue.protocols else ()
            dataset = DescribeDataset(name=trial.dataset, protocols=protocols)
            asked[f"dataset {trial.dataset} {trial.protocol}"] = dataset
            asked[f"algorithm {trial.algorithm}"] = DescribeAlgorithm(name=trial.algorithm)
        names = {work: name for name, work in zip(asked, map(repr, asked.values()), strict=True)}
        jobs = [Job(work=work, plugin_files=self._files) for work in asked.values()]
        for job, reply in self._execute(jobs):
            for name in [n for w, n in names.items() if w == repr(job.work)]:
                self._replies[name] = reply

    def hindrance(self, trial: Trial) -> str:
        """Return why a trial cannot be repeated here, else ""."""
        of_dataset = self._replies[f"dataset {trial.dataset} {trial.protocol}"]
        of_algorithm = self._replies[f"algorithm {trial.algorithm}"]
        dataset, algorithm = of_dataset.dataset, of_algorithm.algorithm
        if dataset is None or algorithm is None:
            return "its dataset or its method cannot be loaded here"
        pairs = {
            "other data": (trial.dataset_digest, dataset.digest),
            "another version of its method": (trial.algorithm_source, algorithm.source),
            "other versions of medtl-bench, torch or numpy": (trial.versions, of_dataset.versions),
            "other versions of its method's packages": (trial.packages, algorithm.packages),
            "other plugins": (trial.plugins, self._plugins(trial.plugins)),
        }
        return next((why for why, (then, now) in pairs.items() if then != now), "")

    def _plugins(self, names: Iterable[str]) -> dict[str, str]:
        """Return the sources of what plugins bring, by kind and name."""
        kinds = {kind.one: kind for kind in KINDS}
        sources = {}
        for whole in names:
            kind, _, name = whole.partition(" ")
            entries = self._catalogue.of(kinds[kind]) if kind in kinds else {}
            if name in entries:
                weights = getattr(entries[name].entry, "weights", "")
                sources[whole] = f"{entries[name].plugin.source} {weights}".rstrip()
        return sources

    def folds(self, trial: Trial) -> int:
        """Return into how many folds the dataset of a trial is divided."""
        facts = self._replies[f"dataset {trial.dataset} {trial.protocol}"].dataset
        return facts.folds if facts else 1

    def order(self, trial: Trial) -> list[str]:
        """Return the scenarios of a trial's dataset, in the order in which they are planned."""
        facts = self._replies[f"dataset {trial.dataset} {trial.protocol}"].dataset
        scenarios = facts.scenarios.get(trial.protocol, ()) if facts else ()
        return [scenario.name for scenario in scenarios]


def groups(
    records: Records,
    catalogue: Catalogue,
    execute: Executor,
    files: Sequence[str],
    keys: Iterable[str] | None = None,
) -> tuple[list[list[Trial]], dict[str, int]]:
    """Return groups of trials that can be repeated here, and why how many others cannot.

    `keys`: of the trials whose groups are asked for, None for all.
    """
    installed, hindered = Installed(catalogue, execute, files), Counter[str]()
    sound, others = _by_status(records, records if keys is None else keys)
    hindered[NOT_OK] = 0 if keys is None else others
    installed.ask(record.trial for record in sound)
    found: dict[str, list[Trial]] = {}
    for record in sound:
        hindrance = installed.hindrance(record.trial)
        order, folds = installed.order(record.trial), installed.folds(record.trial)
        group = None if hindrance else group_of(record, records, order, folds)
        if group is None:
            hindered[hindrance or NO_GROUP] += 1
        else:
            found[group[0].key] = group
    return list(found.values()), dict(+hindered)


def _by_status(records: Records, keys: Iterable[str]) -> tuple[list[Record], int]:
    """Return the records that are ok of some keys, in order, and how many others there are."""
    asked = [records[key] for key in sorted(keys)]
    sound = [record for record in asked if record.outcome.status == "ok"]
    return sound, len(asked) - len(sound)


def group_of(
    record: Record, records: Records, order: Sequence[str], folds: int = 1
) -> list[Trial] | None:
    """Return the trials that ran beside one another in a process, in order.

    None where the records do not tell them: others of the group are not there. They
    share all but scenario and seed, are of one fold, and come seed by seed, as
    `running.plan` has them; or they say themselves who ran beside them.
    """
    if record.outcome.stacked == 1:
        return [record.trial]
    if record.about.beside:
        return _noted(record, records)
    alike = _alike(record, records, folds)
    if len(alike) != record.outcome.stacked or any(r.trial.scenario not in order for r in alike):
        return None
    place = {name: number for number, name in enumerate(order)}
    trials = [other.trial for other in alike]
    return sorted(trials, key=lambda trial: (trial.seed, place[trial.scenario]))


def _alike(record: Record, records: Records, folds: int) -> list[Record]:
    shared = _shared(record, folds)
    others = [other for other in records.values() if not other.about.beside]
    return [other for other in others if _shared(other, folds) == shared]


def _noted(record: Record, records: Records) -> list[Trial] | None:
    """Return the trials whose records name the same group, in their places, if all are there."""
    group = record.about.beside.partition(" ")[0]
    named = [(one.about.beside.split(" "), one.trial) for one in records.values()]
    trials = {int(place[1]): trial for place, trial in named if place[0] == group}
    whole = sorted(trials) == list(range(record.outcome.stacked))
    return [trials[place] for place in sorted(trials)] if whole else None


def _shared(record: Record, folds: int) -> object:
    apart = {"scenario", "seed", "settings"}
    trial = record.trial.model_dump_json(exclude=apart)
    fold = record.trial.seed % folds
    return trial, fold, record.about.variant, record.outcome.stacked


def sample(groups: Sequence[list[Trial]], count: int, seed: int) -> list[list[Trial]]:
    """Return groups, drawn, that hold at least so many trials."""
    drawn: list[list[Trial]] = []
    for group in random.Random(seed).sample(groups, len(groups)):  # noqa: S311 - not a secret
        if sum(map(len, drawn)) >= count:
            break
        drawn.append(group)
    return drawn


def repeat(
    groups: Iterable[list[Trial]], records: Records, execute: Executor, files: Sequence[str]
) -> Iterator[Repeated]:
    """Run groups of trials again, and yield each trial with what differs."""
    jobs = [Job(work=to_run(group), plugin_files=tuple(files)) for group in groups]
    for job, reply in execute(jobs):
        outcomes = reply.outcomes or (reply.outcome,) * len(job.trials)
        for trial, outcome in zip(job.trials, outcomes, strict=True):
            record = records[trial.key]
            difference = _difference(record.outcome, outcome)
            if difference and record.machine != reply.machine:
                difference += "; its record is of another machine, which may round differently"
            yield Repeated(record, difference)


def _difference(then: Outcome, now: Outcome | None) -> str:
    """Return in words how two outcomes of one trial differ, else ""."""
    if now is None or now.status != "ok":
        return f"it now fails: {now.reason if now else 'its process sent no outcome'}"
    if then.scores == now.scores:
        return ""
    before, after = _by_place(then.scores), _by_place(now.scores)
    if before.keys() != after.keys():
        return f"{len(before.keys() ^ after.keys())} scores are only in one of both"
    return _largest(before, after)


def _largest(before: Mapping[Place, float], after: Mapping[Place, float]) -> str:
    """Return in words how many scores differ, and the one that differs most."""
    differences = {place: abs(value - after[place]) for place, value in before.items()}
    count = sum(map(bool, differences.values()))
    if not count:
        return "its scores stand in another order, or count other rows"
    most = max(differences, key=lambda place: differences[place])
    where = " ".join(str(part) for part in most if part is not None)
    size = f"at most by {differences[most]:g}"
    values = f"{where}: {before[most]:g} in the record, {after[most]:g} now"
    return f"{count} of {len(before)} scores differ, {size} ({values})"


def _by_place(scores: Iterable[Score]) -> dict[Place, float]:
    return {score[:6]: score.value for score in scores}
