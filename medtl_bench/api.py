"""What a notebook uses of the project, and what the command line is written on.

`medtl_bench` itself offers these functions, loaded when they are first used.
"""

# ruff: noqa: PLC0415 - boards are built without torch, which takes longer to import than they do

import os
import random
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from medtl_bench.board import paired, tables
from medtl_bench.board.build import Board, build
from medtl_bench.board.paired import Paired
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.tuned import choose, scores
from medtl_bench.catalogue import apart, discovery
from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry, ProtocolEntry
from medtl_bench.errors import IntegrityError, MedTLError, unknown
from medtl_bench.report.csv_files import write_table
from medtl_bench.report.folder import write_boards
from medtl_bench.report.pages.protocol import PlainPage, Protocol, ProtocolPage
from medtl_bench.results import predictions
from medtl_bench.results.guard import guarded
from medtl_bench.results.record import Record, Score
from medtl_bench.results.rules import LEAVE_ONE_OUT, QUASI, check_rule, of_boards
from medtl_bench.results.store import Contents, Store
from medtl_bench.running import executors, interrupts, observers, repeat, studies
from medtl_bench.running.executors import Executor, Limits
from medtl_bench.running.executors.with_datasets import with_datasets
from medtl_bench.running.observers import Audience, Observer
from medtl_bench.running.plan import Planned
from medtl_bench.running.repeat import Repeated
from medtl_bench.running.request import (
    MOST_STACKED,
    Planning,
    Request,
    check_texts,
    limits,
    make_plan,
)
from medtl_bench.running.run import Run, alone, missing, overtaken
from medtl_bench.running.tuning import CANDIDATES, Choice, Tuning, joined, make_tuning

if TYPE_CHECKING:
    import pandas as pd

    from medtl_bench.contract.dataset import Dataset
    from medtl_bench.running.rescoring import Judging

Name = str | os.PathLike[str]
Names = Name | Iterable[Name]  # one of them, or several
NAME = (str, os.PathLike)
OUT = "my-boards"
RESULTS, DATASETS = "results", ".datasets"  # folders in that of a run


def datasets(plugins: Names = ()) -> "pd.DataFrame":
    """Return the datasets that are installed or that plugin files bring, a row each by name."""
    return _table(discovery.find(_several(plugins)).datasets, ("area", "summary"))


def algorithms(plugins: Names = ()) -> "pd.DataFrame":
    """Return the algorithms that are installed or that plugin files bring, a row each by name."""
    return _table(discovery.find(_several(plugins)).algorithms, ("family", "summary", "reference"))


def _several(names: Names) -> tuple[str, ...]:
    """Return names or files as texts, also of a single one; raises MedTLError for anything else."""
    listed = (names,) if isinstance(names, NAME) else names
    if not isinstance(listed, Iterable) or not all(isinstance(one, NAME) for one in listed):
        raise MedTLError(f"A name or a list of names was expected, but got {names!r}.")
    return tuple(os.fspath(one) for one in listed)


def _table(
    entries: Mapping[str, Registered[DatasetEntry]] | Mapping[str, Registered[AlgorithmEntry]],
    columns: Sequence[str],
) -> "pd.DataFrame":
    import pandas as pd

    table = pd.DataFrame(index=pd.Index(entries, name="name"))
    for column in columns:
        table[column] = [getattr(one.entry, column) for one in entries.values()]
    table["from"] = [one.plugin.distribution for one in entries.values()]
    return table


def load(name: str, plugins: Names = ()) -> "Dataset":
    """Return a dataset, built and checked.

    Raises MedTLError, with near matches, if there is none of that name or it cannot be built.
    """
    return discovery.find(_several(plugins)).dataset(name)


@dataclass(frozen=True)
class Ran:
    """What came of a run.

    `records`: of the trials that it ran, skipped ones among them, though these are not stored.
    `planning`: all trials that were asked for, and what was left out with the reason.
    `contents`: of the folder of results, those of earlier runs too. `left_out`: how many of
    them stand on no board, by reason.
    """

    records: tuple[Record, ...]
    planning: Planning
    contents: Contents
    left_out: Mapping[str, int] = field(default_factory=dict)

    def count(self, *statuses: str) -> int:
        """Return how many trials ended so."""
        return sum(record.outcome.status in statuses for record in self.records)

    @property
    def skipped(self) -> int:
        """Return how many trials were skipped, those among them that were never begun."""
        never = len(self.planning.planned) - len(self.planning.possible)
        return never + self.count("skipped")

    @property
    def failed(self) -> int:
        """Return how many trials, datasets and algorithms failed."""
        return self.count("failed", "timeout") + len(self.planning.unusable)

    @property
    def exit_code(self) -> int:
        """Return what the command line ends with: 0 where all is well."""
        if not self.failed:
            return 0
        return IntegrityError.exit_code if self.planning.tampered else 1


def run(
    datasets: Names = (),
    algorithms: Names = (),
    *,
    protocols: Names = (),
    preset: str = "default",
    seeds: int | None = None,
    parameters: Names = (),
    plugins: Names = (),
    on: str = "processes",
    jobs: int = 0,
    timeout: float = 900.0,
    memory: int = 8192,
    stack: int = MOST_STACKED,
    observe: Names = (),
    answers: bool = False,
    watch: Observer | None = None,
    complain: Callable[[str], None] = warnings.warn,
    out: str | Path = OUT,
) -> Ran:
    """Run what has no result in the folder `out` yet, then write the boards there.

    The options are those of `medtl-bench run`: no `datasets`, `algorithms` or `protocols` mean
    all, and a single one need not be in a list; `parameters` are like "dann.weight=0.5";
    `plugins` are plugin files; `on` names an executor, which runs `jobs` at a time (0: one a
    core), each for at most `timeout` seconds with `memory` MiB; `stack` trials of a kind may
    train as one; `observe` names observers; with `answers` predictions are kept too, and
    trials without any run again. `watch`: an observer made already; `complain` is told of
    each plugin that is broken, of each observer once it breaks, and of lost answers.
    Raises MedTLError on an unknown name, a wrong parameter or number, or no trial at all.
    """
    files = _several(plugins)
    names = _several(datasets), _several(algorithms), _several(protocols)
    request = Request(*names, preset, seeds, _several(parameters), files, stack)
    check_texts(_several(out))
    bounds, catalogue = limits(jobs, timeout, memory), _installed(files, complain)
    folder, keep = Path(out), Path(out) if answers else None
    audience = _audience(catalogue, _several(observe), watch, complain)
    datasets_kept = _kept(executors.make(catalogue, on, bounds), folder)
    with alone(folder):
        with guarded(folder / RESULTS, complain) as store, datasets_kept as execute:
            planning = make_plan(request, catalogue, execute)
            lacking = missing(planning.planned, store, keep)
            audience.tell("left_out", planning.skipped, planning.unusable)
            records = tuple(Run(planning.planned, store, execute, files, lacking, audience, keep))
        contents = _asked_for(planning, store)
        left_out = _write_boards(contents, catalogue, folder)
    _tell_lost(keep, records, complain)
    return Ran(records, planning, contents, left_out)


@dataclass(frozen=True)
class Tuned(Ran):
    """What came of tuning: a run, of which `records` are those that judged and those tuned.

    `choices`: which candidate was chosen for each scenario.
    """

    choices: tuple[Choice, ...] = ()


def tune(
    datasets: Names = (),
    algorithms: Names = (),
    *,
    draws: int = CANDIDATES,
    rule: str = LEAVE_ONE_OUT,
    sampler: str = QUASI,
    oracle: bool = False,
    protocols: Names = (),
    preset: str = "default",
    seeds: int | None = None,
    plugins: Names = (),
    on: str = "processes",
    jobs: int = 0,
    timeout: float = 900.0,
    memory: int = 8192,
    stack: int = MOST_STACKED,
    observe: Names = (),
    watch: Observer | None = None,
    complain: Callable[[str], None] = warnings.warn,
    out: str | Path = OUT,
) -> Tuned:
    """Choose hyper-parameters among `draws` of each method, and run what was chosen.

    The choice is made without a label or test row of a target, by a `rule`:
    "leave-one-source-out" or "source-validation"; streams by another order of their domains.
    `sampler`: "quasi" draws all before any is judged; "random" and "tpe", of Optuna, one by one,
    noted in a journal in `out`. What was judged before is not run again. `oracle`: run all draws
    on the targets too, of which boards show the best, apart. Other options are those of `run`.
    Raises MedTLError as `run` does, on an unknown rule or sampler, or where Optuna is missing.
    """
    check_texts(_several(out))
    check_rule(rule)
    studies.check(sampler)
    names = _several(datasets), _several(algorithms), _several(protocols)
    files = _several(plugins)
    request = Request(*names, preset, seeds, (), files, stack)
    bounds, catalogue = limits(jobs, timeout, memory), _installed(files, complain)
    audience = _audience(catalogue, _several(observe), watch, complain)
    execute, folder = executors.make(catalogue, on, bounds), Path(out)
    with alone(folder):
        with guarded(folder / RESULTS, complain) as store, _kept(execute, folder) as kept:
            tuning = make_tuning(request, draws, catalogue, kept, sampler)
            audience.tell("left_out", tuning.planning.skipped, tuning.planning.unusable)
            run = partial(_ran, store=store, execute=kept, files=files, audience=audience)
            judged = _judged(tuning, run, catalogue, rule, folder)
            records, choices = _tuned(tuning, judged, run, catalogue, rule, oracle=oracle)
        contents = _asked_for(tuning.planning, store)
        left_out = _write_boards(contents, catalogue, folder)
    return Tuned(records, tuning.planning, contents, left_out, choices)


def _kept(execute: Executor, folder: Path) -> AbstractContextManager[Executor]:
    """Return an executor whose jobs find datasets in a folder of the run."""
    return with_datasets(execute, folder / DATASETS)


class _Finished(NamedTuple):
    """The records of planned trials that were run, and of all of them that there are."""

    records: list[Record]
    there: dict[str, Record]


Runs = Callable[[Sequence[Planned]], _Finished]


def _ran(
    planned: Sequence[Planned],
    *,
    store: Store,
    execute: Executor,
    files: Sequence[str],
    audience: Audience,
) -> _Finished:
    """Run those of some trials that have no result yet."""
    lacking = missing(planned, store)
    records = [*Run(planned, store, execute, files, lacking, audience)]
    there = store.read().records
    known = [one for one in planned if one.trial.key in there]
    return _Finished(records, {one.trial.key: _as(one, there[one.trial.key]) for one in known})


def _as(one: Planned, record: Record) -> Record:
    """Return a record with the number that its parameters have now among the candidates."""
    number = {"candidate": one.about.candidate, "sampler": one.about.sampler}
    return record.model_copy(update={"about": record.about.model_copy(update=number)})


def _tuned(
    tuning: Tuning,
    judged: _Finished,
    run: Runs,
    catalogue: Catalogue,
    rule: str,
    *,
    oracle: bool,
) -> tuple[tuple[Record, ...], tuple[Choice, ...]]:
    """Choose by what judges and by nothing else, and run what was chosen."""
    boards = _boards(catalogue, judged)
    choices = tuple(Choice(*one) for one in choose(judged.there, boards, rule))
    last = run(joined([tuning.tuned(choices), tuning.on_targets(oracle=oracle)]))
    return (*judged.records, *last.records), choices


def _boards(catalogue: Catalogue, finished: _Finished) -> dict[str, ProtocolBoard]:
    halves = _protocols(catalogue, finished.there.values())
    return {name: half.board for name, half in halves.items()}


def _judged(tuning: Tuning, run: Runs, catalogue: Catalogue, rule: str, folder: Path) -> _Finished:
    """Run what judges candidates: all at once, or each drawn in view of the earlier ones."""
    judged = run(tuning.planning.planned)
    if tuning.sampler == QUASI:
        return judged
    of_methods = studies.opened(tuning, tuning.sampler, rule, folder)
    for _ in range(1, tuning.number):
        planned = tuning.judging_last(studies.draw(of_methods))
        tuning.planning.planned += planned
        more = run(planned)
        judged = _Finished(judged.records + more.records, judged.there | more.there)
        found = scores(judged.there, _boards(catalogue, judged), rule)
        for place, study in of_methods.items():
            study.tell(found.get(place, {}))
    return judged


def _audience(
    catalogue: Catalogue,
    names: Sequence[str],
    watch: Observer | None,
    complain: Callable[[str], None],
) -> Audience:
    made = {} if watch is None else {"watch": watch}
    return Audience(observers.make(catalogue, names) | made, complain)


def _installed(files: Sequence[str], complain: Callable[[str], None]) -> Catalogue:
    """Return what plugins bring, and complain of those that are broken."""
    catalogue = discovery.find(files)
    for broken in catalogue.broken:
        complain(f"Left out: {broken}")
    return catalogue


def _tell_lost(
    out: Path | None, records: Sequence[Record], complain: Callable[[str], None]
) -> None:
    """Complain where what was predicted was to be kept in a folder, and is not."""
    if out is None:
        return
    keys = [record.trial.key for record in records if record.outcome.status == "ok"]
    if lost := [key for key in keys if not predictions.path(out, key).is_file()]:
        folder = out / predictions.FOLDER
        complain(
            f"What was predicted in {len(lost)} trials is not kept in {folder}: there is no "
            "room, or the executor runs them elsewhere. They run again when asked for."
        )


def _write_boards(contents: Contents, catalogue: Catalogue, folder: Path) -> dict[str, int]:
    """Write the boards of what a folder holds, if anything, all of them also where a signal comes.

    Return how many trials stand on none, by reason.
    """
    if not (contents.records or contents.damaged):
        return {}
    halves = _protocols(catalogue, contents.records.values())
    with interrupts.held():
        made = _built(contents.records, halves, catalogue)
        write_boards(made, contents.damaged, folder, halves)
    return dict(made.totals.left_out)


def _asked_for(planning: Planning, store: Store) -> Contents:
    """Return what a store holds, where the records just asked for count before newer ones."""
    contents = store.read()
    for record in overtaken(planning.planned, contents.records):
        store.write(record)
        contents.records[record.trial.key] = record
    return contents


@dataclass(frozen=True)
class Verified:
    """What came of a verification: what the folder holds, and what became of repeated trials.

    `seed`: by which they were drawn. `hindered`: how many cannot be repeated here, by reason.
    """

    contents: Contents
    seed: int = 0
    repeated: tuple[Repeated, ...] = ()
    hindered: Mapping[str, int] = field(default_factory=dict)

    @property
    def different(self) -> list[Repeated]:
        """Return those that came out otherwise than their record says."""
        return [one for one in self.repeated if one.difference]


def verify(
    out: str | Path = OUT,
    *,
    rerun: int = 0,
    trial: str = "",
    seed: int | None = None,
    plugins: Names = (),
    jobs: int = 0,
) -> Verified:
    """Check every record of a folder, and repeat at least `rerun` of the trials that are ok.

    Which ones is drawn from `seed`, or it is the one `trial`, named by its key or the
    beginning of it; with each come those that ran beside it in one process. Only those are
    repeated of which data, method and versions are those installed here.
    Raises MedTLError where there are no results.
    """
    contents = _contents(out)
    drawn = random.randrange(2**32) if seed is None else seed  # noqa: S311 - not a secret
    keys = [find(trial, out).trial.key] if trial else None
    if not (rerun or keys):
        return Verified(contents, drawn)
    files = _several(plugins)
    catalogue = discovery.find(files)
    processes = executors.make(catalogue, "processes", Limits(jobs or os.cpu_count() or 1))
    with TemporaryDirectory() as kept, with_datasets(processes, Path(kept)) as execute:
        groups, hindered = repeat.groups(contents.records, catalogue, execute, files, keys)
        chosen = groups if keys else repeat.sample(groups, rerun, drawn)
        repeated = tuple(repeat.repeat(chosen, contents.records, execute, files))
    return Verified(contents, drawn, repeated, hindered)


class Rebuilt(NamedTuple):
    """What boards were made of: records by key, damaged files with the reason.

    `left_out`: how many of the records stand on no board, by reason.
    """

    records: Mapping[str, Record]
    damaged: Mapping[Path, str]
    left_out: Mapping[str, int]


def find(key: str, out: str | Path = OUT) -> Record:
    """Return the record in a folder whose key begins so.

    Raises MedTLError where none or several do, IntegrityError where its file is damaged.
    """
    return Store(Path(out) / RESULTS).find(key)


def rebuild(out: str | Path = OUT, plugins: Names = ()) -> Rebuilt:
    """Write the boards of a folder anew from its results alone, and return what these hold.

    Raises MedTLError where there are none.
    """
    contents = _contents(out)
    left_out = _write_boards(contents, discovery.find(_several(plugins)), Path(out))
    return Rebuilt(*contents, left_out)


def results(out: str | Path = OUT) -> "pd.DataFrame":
    """Return all scores in a folder, a row each, with the trial that each is of.

    Records that are damaged are left out. Raises MedTLError where there are no results.
    """
    import pandas as pd

    rows = [_place(record) + score for record in _records(out) for score in record.outcome.scores]
    return pd.DataFrame(rows, columns=[*_OF_TRIAL, *Score._fields])


def score(
    metric: str,
    out: str | Path = OUT,
    *,
    csv: str | Path | None = None,
    plugins: Names = (),
    complain: Callable[[str], None] = warnings.warn,
) -> "pd.DataFrame":
    """Return scores by any metric of what a folder keeps of predictions, without a run.

    The columns are those of `results`. A task that the metric does not fit has none;
    `complain` is told how many trials could not be scored, and why. `csv`: a file to
    write them to. Raises MedTLError on an unknown metric or one of embeddings, or where
    there are no results.
    """
    import pandas as pd

    from medtl_bench.running import rescoring

    judging = _judging(out, plugins)
    rescoring.check(metric)
    rows: list[tuple[object, ...]] = []
    for one in judging:
        if rescoring.fits(one.task, metric):
            rows += [_place(one.record) + score for score in rescoring.scores(one, metric)]
    _tell_left_out(judging, complain)
    table = pd.DataFrame(rows, columns=[*_OF_TRIAL, *Score._fields])
    if csv is not None:
        write_table(table, Path(csv))
    return table


def export(
    file: str | Path,
    out: str | Path = OUT,
    *,
    plugins: Names = (),
    complain: Callable[[str], None] = warnings.warn,
) -> int:
    """Write what a folder keeps of predictions, with labels and groups, as one parquet.

    Returns the number of trials in it; `complain` is told how many are not, and why.
    Raises MedTLError where there are no results or pyarrow is missing.
    """
    from medtl_bench.running import parquet

    judging = _judging(out, plugins)
    trials = parquet.write(judging, Path(file))
    _tell_left_out(judging, complain)
    return trials


def _judging(out: str | Path, plugins: Names) -> "Judging":
    from medtl_bench.running.rescoring import Judging

    return Judging(Path(out), _contents(out).records, discovery.find(_several(plugins)))


def _tell_left_out(judging: "Judging", complain: Callable[[str], None]) -> None:
    for why, trials in judging.left_out.items():
        complain(f"{trials} trials are left out: {why}.")


_OF_TRIAL = ("key", "dataset", "algorithm", "variant", "protocol", "scenario", "seed")


def _place(record: Record) -> tuple[object, ...]:
    """Return what is told of a score's trial."""
    trial = record.trial
    what = (trial.key, trial.dataset, trial.algorithm, record.about.variant)
    return (*what, trial.protocol, trial.scenario, trial.seed)


def board(out: str | Path = OUT, plugins: Names = ()) -> Board:
    """Return the board of the results in a folder: every number that its pages print.

    Raises MedTLError where there are no results.
    """
    records = _contents(out).records
    catalogue = discovery.find(_several(plugins))
    return _built(records, _protocols(catalogue, records.values()), catalogue)


class Compared(Paired):
    """Two folders, or two methods of one, held against each other."""


def compare(
    first: str | Path,
    second: str | Path,
    out: str | Path | None = None,
    plugins: Names = (),
) -> Compared:
    """Compare two folders of results, or with `out` two methods whose results are there.

    A method with changed parameters is named as on the boards: "dann (weight=0.5)".
    Raises MedTLError where there are no results, none of a method, or none that both share.
    """
    if out is None:
        one, two = of_boards(_records(first)), of_boards(_records(second))
    else:
        one, two = _of_methods(of_boards(_records(out)), str(first), str(second))
    protocols = _protocols(discovery.find(_several(plugins)), [*one, *two])
    halves = {name: protocol.board for name, protocol in protocols.items()}
    found = (paired.runs if out is None else paired.methods)(one, two, halves)
    if not (found.trials or found.broken):
        whys = "; ".join(f"{trials} trials: {why}" for why, trials in found.alone.items())
        raise MedTLError(f"There is no trial that {first} and {second} share ({whys}).")
    return Compared(*found)


def _of_methods(records: list[Record], *names: str) -> list[list[Record]]:
    """Return the records of each of some methods."""
    by_label: dict[str, list[Record]] = {}
    for record in records:
        label = tables.label(record.trial.algorithm, record.about.variant)
        by_label.setdefault(label, []).append(record)
    for name in names:
        if name not in by_label:
            raise unknown("method of these results", name, sorted(by_label))
    return [by_label[name] for name in names]


def _records(out: str | Path) -> list[Record]:
    return list(_contents(out).records.values())


def _contents(out: str | Path) -> Contents:
    folder = Path(out) / RESULTS
    if not folder.is_dir():
        raise MedTLError(
            f"There are no results in {out}; a folder named `{RESULTS}` was expected there."
        )
    return Store(folder).read()


def _built(
    records: Mapping[str, Record], halves: Mapping[str, Protocol], catalogue: Catalogue
) -> Board:
    """Return the board of records, held against the effects that plugins know."""
    known = [registered.entry for registered in catalogue.effects.values()]
    return build(records, {name: half.board for name, half in halves.items()}, known)


def _protocols(catalogue: Catalogue, records: Iterable[Record]) -> dict[str, Protocol]:
    """Return both halves of the protocols that there are records of, by name.

    Raises MedTLError where one cannot be loaded.
    """
    used = {record.trial.protocol for record in records}
    return {name: _halves(one) for name, one in catalogue.protocols.items() if name in used}


def _halves(registered: Registered[ProtocolEntry]) -> Protocol:
    entry = registered.entry

    def load() -> tuple[object, object]:
        page = registered.load(entry.page) if entry.page else PlainPage(entry.name)
        return registered.load(entry.board), page

    apart.rehearse(registered.plugin, f"loading {entry.name!r}", load)
    board, page = load()
    what = f"The protocol {entry.name!r} of {registered.plugin}"
    if not isinstance(board, ProtocolBoard):
        raise MedTLError(f"{what} names {board!r}, which is no ProtocolBoard.")
    if not isinstance(page, ProtocolPage):
        raise MedTLError(f"{what} names {page!r}, which is no ProtocolPage.")
    return Protocol(board, page)
