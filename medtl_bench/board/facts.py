"""What a dataset is, under which conditions its trials ran, and how many there are."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd

from medtl_bench.board.selection import OTHER_STATE, counted, without_build_tags
from medtl_bench.board.tables import STATUSES

SCENARIO = ["protocol", "scenario"]


class Ran(NamedTuple):
    """Under what some rows ran: pairs of package and version, and threads.

    `rows`: their labels, where others ran otherwise.
    """

    versions: tuple[tuple[str, str], ...]
    threads: int
    rows: tuple[str, ...] = ()


class State(NamedTuple):
    """A row of which several states were found: the `source` of the one that it is of.

    That is the plugin with its version and digest. `left_out`: how many trials of others.
    """

    protocol: str
    label: str
    source: str
    left_out: int


class Meaning(NamedTuple):
    """What labels mean in a protocol, "" where it was not recorded.

    `scenarios`: of which that is true, where others differ.
    """

    protocol: str
    labels: str
    scenarios: tuple[str, ...]


class Conditions(NamedTuple):
    """What all trials of one dataset and protocol that count have in common.

    `digest`: of the data. `scenarios`: their number. `settings`: of the first trial.
    `ran`: under which versions its rows ran, those of most rows first.
    """

    digest: str
    scenarios: int
    seeds: tuple[int, ...]
    settings: Mapping[str, Any]
    ran: tuple[Ran, ...]


class Facts(NamedTuple):
    """What a dataset is, from its newest trial, and what is to know of its trials.

    `ok` of the `planned` trials are. `complete`: by protocol how many rows are complete,
    and how many there are. `left_out`: why trials do not count, and how many. `states`: the
    rows of which several states were found. `meanings`: of labels. `alone`: the rows whose
    trainings were done one by one though they were to be done as one, and why. `machines`: how many
    different ones the trials ran on. `untried`: the rows that have trials on other datasets
    alone, for a skipped trial leaves no record. `remarks`: what a reader of its scores must
    know. `origin`: what it shares with other datasets, "" where that is not recorded.
    """

    dataset: str
    area: str
    provenance: str
    task: str
    classes: tuple[str, ...]
    ok: int
    planned: int
    complete: Mapping[str, tuple[int, int]]
    conditions: Mapping[str, Conditions]
    left_out: tuple[tuple[str, int], ...]
    states: tuple[State, ...]
    meanings: tuple[Meaning, ...]
    alone: tuple[tuple[str, str], ...]
    machines: int
    untried: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    origin: str = ""


class Totals(NamedTuple):
    """Over all datasets: trials planned, and by status; those left out, by reason."""

    planned: int
    statuses: Mapping[str, int]
    left_out: Mapping[str, int]


def totals(rows: pd.DataFrame, left_out: pd.DataFrame) -> Totals:
    """Return how many trials there are of what."""
    statuses = {status: int(rows[status].sum()) for status in STATUSES}
    by_reason = left_out.groupby("why")["trials"].sum()
    reasons = {str(why): int(trials) for why, trials in by_reason.items()}
    return Totals(int(rows["planned"].sum()), statuses, reasons)


def facts(trials: pd.DataFrame, rows: pd.DataFrame, dropped: pd.DataFrame) -> list[Facts]:
    """Return the facts of each dataset, by name.

    dropped: the trials that do not count, with the reason in `why`.
    """
    of_rows = dict(list(rows.groupby("dataset")))
    reasons = dict(list(dropped.groupby("dataset")))
    methods = set(rows.loc[rows["variant"] == "", "label"])
    described = []
    for dataset, frame in trials.groupby("dataset"):
        there = of_rows[dataset]
        fact = _facts(str(dataset), frame, there, reasons.get(dataset, dropped[:0]))
        untried = methods - set(there["label"])
        described.append(fact._replace(untried=tuple(sorted(untried))))
    return described


def _facts(dataset: str, trials: pd.DataFrame, rows: pd.DataFrame, dropped: pd.DataFrame) -> Facts:
    left_out = counted(dropped)
    newest = trials.sort_values(["finished", "key"]).iloc[-1]
    complete = rows.groupby("protocol")["complete"].agg(["sum", "size"])
    return Facts(
        dataset,
        area=newest["area"],
        provenance=newest["provenance"],
        task=newest["task"],
        classes=newest["classes"],
        ok=int(rows["ok"].sum()),
        planned=int(rows["planned"].sum()),
        complete={str(name): (int(w), int(n)) for name, w, n in complete.itertuples()},
        conditions={str(p): _conditions(frame) for p, frame in trials.groupby("protocol")},
        left_out=tuple(zip(left_out["why"], left_out["trials"].tolist(), strict=True)),
        states=_states(trials, dropped),
        meanings=_meanings(trials),
        remarks=newest["remarks"],
        origin=newest["origin"],
        alone=_alone(trials),
        machines=int(trials.loc[trials["status"] == "ok", "machine"].nunique()),
    )


def _conditions(trials: pd.DataFrame) -> Conditions:
    first = trials.iloc[0]
    return Conditions(
        digest=first["dataset_digest"],
        scenarios=int(trials["scenario"].nunique()),
        seeds=tuple(sorted(trials["seed"].unique().tolist())),
        settings=first["settings"],
        ran=_ran(trials),
    )


def _ran(trials: pd.DataFrame) -> tuple[Ran, ...]:
    """Return under which versions rows ran, those of most rows first."""
    told = list(zip(trials["versions"], trials["threads"], strict=True))
    kinds = [without_build_tags(repr(one)) for one in told]
    kind = pd.Series(kinds, trials.index, dtype=object)
    groups = [frame for _, frame in trials.groupby(kind)]
    groups.sort(key=lambda frame: -frame["label"].nunique())
    several = len(groups) > 1
    return tuple(_ran_so(frame, several=several) for frame in groups)


def _ran_so(trials: pd.DataFrame, *, several: bool) -> Ran:
    found: dict[str, set[str]] = {}
    for package, version in set(chain.from_iterable(trials["versions"])):
        found.setdefault(package, set()).add(version)
    pairs = [(name, " or ".join(sorted(texts))) for name, texts in sorted(found.items())]
    labels = sorted(trials["label"].unique()) if several else ()
    return Ran(tuple(pairs), int(trials["threads"].iloc[0]), tuple(labels))


def _states(trials: pd.DataFrame, dropped: pd.DataFrame) -> tuple[State, ...]:
    """Return the rows of which trials were dropped for being of another state."""
    row = ["protocol", "label"]
    others = dropped[dropped["why"] == OTHER_STATE].groupby(row).size()
    sources = trials.drop_duplicates(row).set_index(row)["algorithm_source"]
    found = others.rename("left_out").reset_index().itertuples(index=False)
    return tuple(State(p, name, sources[p, name], n) for p, name, n in found)


def _meanings(trials: pd.DataFrame) -> tuple[Meaning, ...]:
    """Return what labels mean in which scenarios, as the newest trial of each says."""
    by_age = trials.sort_values(["finished", "key"])
    newest = by_age.drop_duplicates(SCENARIO, keep="last")
    named: dict[tuple[str, str], list[str]] = {}
    columns = zip(newest["protocol"], newest["labels"], newest["scenario"], strict=True)
    for protocol, labels, scenario in sorted(columns):
        named.setdefault((protocol, labels), []).append(scenario)
    protocols = [protocol for protocol, _ in named]
    return tuple(
        Meaning(protocol, labels, tuple(scenarios) if protocols.count(protocol) > 1 else ())
        for (protocol, labels), scenarios in named.items()
    )


def _alone(trials: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    pairs = zip(trials["label"], trials["why_alone"], strict=True)
    return tuple(sorted({(label, why) for label, reasons in pairs for why in reasons}))
