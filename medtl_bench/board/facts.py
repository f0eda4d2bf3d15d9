"""What a dataset is, under which conditions its trials ran, and how many there are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from medtl_bench.board.tables import STATUSES


class Conditions(NamedTuple):
    """What all trials of one dataset and protocol that count have in common.

    `digest`: of the data. `scenarios`: their number. `settings`: of the first trial.
    `versions`: pairs of package and version.
    """

    digest: str
    scenarios: int
    seeds: tuple[int, ...]
    settings: Mapping[str, Any]
    threads: int
    versions: tuple[tuple[str, str], ...]


class Facts(NamedTuple):
    """What a dataset is, from its newest trial, and what is to know of its trials.

    `ok` of the `planned` trials are. `complete`: by protocol how many rows are complete,
    and how many there are. `left_out`: why trials do not count, and how many. `mixed`: the
    rows whose trials come from several versions of their plugin. `alone`: the rows whose
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
    mixed: tuple[str, ...]
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


def facts(trials: pd.DataFrame, rows: pd.DataFrame, left_out: pd.DataFrame) -> list[Facts]:
    """Return the facts of each dataset, by name."""
    of_rows = dict(list(rows.groupby("dataset")))
    reasons = dict(list(left_out.groupby("dataset")))
    methods = set(rows.loc[rows["variant"] == "", "label"])
    described = []
    for dataset, frame in trials.groupby("dataset"):
        there = of_rows[dataset]
        fact = _facts(str(dataset), frame, there, reasons.get(dataset, left_out[:0]))
        untried = methods - set(there["label"])
        described.append(fact._replace(untried=tuple(sorted(untried))))
    return described


def _facts(dataset: str, trials: pd.DataFrame, rows: pd.DataFrame, left_out: pd.DataFrame) -> Facts:
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
        mixed=_mixed(trials),
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
        threads=int(first["threads"]),
        versions=first["versions"],
    )


def _alone(trials: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    pairs = zip(trials["label"], trials["why_alone"], strict=True)
    return tuple(sorted({(label, why) for label, reasons in pairs for why in reasons}))


def _mixed(trials: pd.DataFrame) -> tuple[str, ...]:
    sources = trials.groupby(["protocol", "label"])["algorithm_source"].nunique()
    return tuple(sorted(set(sources[sources > 1].index.get_level_values("label"))))
