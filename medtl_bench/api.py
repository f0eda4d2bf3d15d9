"""What a notebook uses of the project, and what the command line is written on.

`medtl_bench` itself offers these functions, loaded when they are first used.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medtl_bench.board.build import Board, build
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry, ProtocolEntry
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.report.folder import write_boards
from medtl_bench.report.pages.protocol import PlainPage, Protocol, ProtocolPage
from medtl_bench.results.record import Record, Score
from medtl_bench.results.store import Contents, Store
from medtl_bench.running import executors, observers
from medtl_bench.running.executors.with_datasets import with_datasets
from medtl_bench.running.observers import Audience, Observer
from medtl_bench.running.request import (
    MOST_STACKED,
    Planning,
    Request,
    check_texts,
    limits,
    make_plan,
)
from medtl_bench.running.run import Run, alone, missing, overtaken

if TYPE_CHECKING:
    import pandas as pd

    from medtl_bench.contract.dataset import Dataset

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
    import pandas as pd  # noqa: PLC0415 - most of what this module does needs none

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
    `contents`: of the folder of results, those of earlier runs too.
    """

    records: tuple[Record, ...]
    planning: Planning
    contents: Contents

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
    watch: Observer | None = None,
    complain: Callable[[str], None] = warnings.warn,
    out: str | Path = OUT,
) -> Ran:
    """Run what has no result in the folder `out` yet, then write the boards there.

    The options are those of `medtl-bench run`: no `datasets`, `algorithms` or `protocols` mean
    all, and a single one need not be in a list; `parameters` are like "dann.weight=0.5";
    `plugins` are plugin files; `on` names an executor, which runs `jobs` at a time (0: one a
    core), each for at most `timeout` seconds with `memory` MiB; `stack` trials of a kind may
    train as one; `observe` names observers. `watch`: an observer made already; `complain` is
    told once of each that breaks.
    Raises MedTLError on an unknown name, a wrong parameter or number, or no trial at all.
    """
    files = _several(plugins)
    names = _several(datasets), _several(algorithms), _several(protocols)
    request = Request(*names, preset, seeds, _several(parameters), files, stack)
    check_texts(_several(out))
    bounds = limits(jobs, timeout, memory)
    catalogue = discovery.find(files)
    executor = executors.make(catalogue, on, bounds)
    named = observers.make(catalogue, _several(observe))
    audience = Audience(named if watch is None else {**named, "watch": watch}, complain)
    folder = Path(out)
    store = Store(folder / RESULTS)
    with alone(folder), with_datasets(executor, folder / DATASETS) as execute:
        planning = make_plan(request, catalogue, execute)
        lacking = missing(planning.planned, store)
        audience.tell("left_out", planning.skipped, planning.unusable)
        running = Run(planning.planned, store, execute, files, lacking, audience)
        records = tuple(running)
        contents = _asked_for(planning, store)
        if contents.records or contents.damaged:
            write_boards(contents.records, contents.damaged, folder, _protocols(catalogue))
    return Ran(records, planning, contents)


def _asked_for(planning: Planning, store: Store) -> Contents:
    """Return what a store holds, where the records just asked for count before newer ones."""
    contents = store.read()
    for record in overtaken(planning.planned, contents.records):
        store.write(record)
        contents.records[record.trial.key] = record
    return contents


def rebuild(out: str | Path = OUT, plugins: Names = ()) -> Contents:
    """Write the boards of a folder anew from its results alone, and return what these hold.

    Raises MedTLError where there are none.
    """
    contents = _contents(out)
    protocols = _protocols(discovery.find(_several(plugins)))
    write_boards(contents.records, contents.damaged, Path(out), protocols)
    return contents


def results(out: str | Path = OUT) -> "pd.DataFrame":
    """Return all scores in a folder, a row each, with the trial that each is of.

    Records that are damaged are left out. Raises MedTLError where there are no results.
    """
    import pandas as pd  # noqa: PLC0415

    rows = [_place(record) + score for record in _records(out) for score in record.outcome.scores]
    return pd.DataFrame(rows, columns=[*_OF_TRIAL, *Score._fields])


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
    halves = _protocols(discovery.find(_several(plugins)))
    return build(_contents(out).records, {name: half.board for name, half in halves.items()})


def _records(out: str | Path) -> list[Record]:
    return list(_contents(out).records.values())


def _contents(out: str | Path) -> Contents:
    folder = Path(out) / RESULTS
    if not folder.is_dir():
        raise MedTLError(
            f"There are no results in {out}; a folder named `{RESULTS}` was expected there."
        )
    return Store(folder).read()


def _protocols(catalogue: Catalogue) -> dict[str, Protocol]:
    """Return both halves of all protocols that plugins bring, by name.

    Raises MedTLError where one cannot be loaded.
    """
    return {name: _halves(registered) for name, registered in catalogue.protocols.items()}


def _halves(registered: Registered[ProtocolEntry]) -> Protocol:
    entry = registered.entry
    board = registered.load(entry.board)
    page = registered.load(entry.page) if entry.page else PlainPage(entry.name)
    for half, kind in ((board, ProtocolBoard), (page, ProtocolPage)):
        if not isinstance(half, kind):
            what = f"The protocol {entry.name!r} of {registered.plugin}"
            raise MedTLError(f"{what} names {half!r}, which is no {kind.__name__}.")
    return Protocol(board, page)
