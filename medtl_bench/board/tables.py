"""The tables of trials and scores: which count, and how complete each row is."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from medtl_bench.board import directions
from medtl_bench.metrics.registry import TASK_AWARE
from medtl_bench.results.record import Record, Score, Trial

PLACE = ["dataset", "protocol"]
ROW = [*PLACE, "algorithm", "variant"]
CELL = [*ROW, "scenario", "seed"]
STATUSES = ("ok", "failed", "timeout", "missing")
BOUND = "bound"
FULL = -1.0  # stands for the number of labels, where all are used or none are counted
OTHER_CONDITIONS = (
    "other conditions than most (data, shots, draws, metrics, threads or package versions)"
)
OLDER = "a newer trial of the same row, scenario and seed"
NO_PROTOCOL = "a protocol that no plugin here brings"
_FIELDS = (
    *("trial.dataset", "trial.dataset_digest", "trial.algorithm", "trial.algorithm_source"),
    *("trial.protocol", "trial.scenario", "trial.seed", "trial.threads"),
    *("about.area", "about.provenance", "about.task", "about.metrics", "about.classes"),
    *("about.family", "about.variant", "about.counterpart", "about.remarks"),
    *("outcome.status", "outcome.reason", "outcome.why_alone"),
    *("outcome.resampled", "outcome.units"),
)
_SHARED = ("dataset_digest", "threads", "versions", "metrics")


def settings(trial: Trial) -> dict[str, Any]:
    """Return what its protocol says of a trial beside its scenario; no list in it."""
    values = trial.settings.items()
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values}


def setting(trials: pd.DataFrame, name: str, default: object = ()) -> pd.Series:
    """Return one of the settings of each trial, `default` where it has no such."""
    values = [of_trial.get(name, default) for of_trial in trials["settings"]]
    return pd.Series(values, trials.index, dtype=object)


def trial_table(keys: list[str], records: list[Record], lower: Set[str]) -> pd.DataFrame:
    """Return one row a record: what was tried, under which conditions, what became of it.

    `record` is its position, `settings` those of its protocol, `sign` -1 where a lower
    score is better and else 1. lower: the metrics for which lower is better.
    """
    columns: dict[str, Collection[object]] = {"record": range(len(records)), "key": keys}
    for field in _FIELDS:
        columns[field.rpartition(".")[2]] = list(map(attrgetter(field), records))
    columns["finished"] = [record.latest for record in records]
    columns["settings"] = [settings(record.trial) for record in records]
    columns["versions"] = [tuple(sorted(record.trial.versions.items())) for record in records]
    columns["machine"] = [tuple(sorted(record.machine.items())) for record in records]
    columns["seconds"] = [record.outcome.seconds.get("total", np.nan) for record in records]
    table = pd.DataFrame(columns)
    table["primary"] = [metrics[0] if metrics else "" for metrics in table["metrics"]]
    table["sign"] = [_sign(metric, lower) for metric in table["primary"]]
    table["label"] = list(map(_label, table["algorithm"], table["variant"]))
    return table


def _label(algorithm: str, variant: str) -> str:
    return f"{algorithm} ({variant})" if variant else algorithm


def _sign(metric: str, lower: Set[str]) -> float:
    return 1.0 if directions.higher_is_better(metric, lower) else -1.0


def select(
    table: pd.DataFrame, conditions: Mapping[str, Collection[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials that count, and dataset, reason and number of those that do not.

    conditions: by protocol the settings that all its trials of a dataset must share; a
    trial of another protocol does not count. Within a dataset and protocol only those
    conditions count under which most trials are ok, the newest of equals, and within a
    scenario only those of its other settings. Of several trials of one row, scenario and
    seed the newest counts.
    """
    ours = table[table["protocol"].isin(list(conditions))]
    shared = [ours[name] for name in _SHARED]
    alike = ours[_most_usual(ours, PLACE, [*shared, _split(ours, conditions, inside=True)])]
    rest = _split(alike, conditions, inside=False)
    alike = alike[_most_usual(alike, [*PLACE, "scenario"], [rest])]
    newest = alike.sort_values(["finished", "key"])
    older = newest.duplicated(CELL, keep="last")
    reasons = {
        OTHER_CONDITIONS: ours.drop(alike.index),
        OLDER: newest[older],
        NO_PROTOCOL: table.drop(ours.index),
    }
    counted = [_left_out(trials, why) for why, trials in reasons.items()]
    return newest[~older], pd.concat(counted, ignore_index=True)


def _split(
    table: pd.DataFrame, conditions: Mapping[str, Collection[str]], *, inside: bool
) -> pd.Series:
    """Which settings of each trial are conditions of its protocol, or which are not."""
    pairs = zip(table["protocol"], table["settings"], strict=True)
    parts = [_part(of_trial, conditions[name], inside=inside) for name, of_trial in pairs]
    return pd.Series(parts, table.index, dtype=object)


def _part(
    of_trial: Mapping[str, object], names: Collection[str], *, inside: bool
) -> list[tuple[str, object]]:
    return sorted(item for item in of_trial.items() if (item[0] in names) == inside)


def _left_out(trials: pd.DataFrame, why: str) -> pd.DataFrame:
    counts = trials.groupby("dataset", sort=True).size().rename("trials").reset_index()
    return counts.assign(why=why)[["dataset", "why", "trials"]]


def _most_usual(table: pd.DataFrame, place: list[str], conditions: list[pd.Series]) -> pd.Series:
    """Which rows have the conditions that most ok trials of their place have."""
    texts = [repr(values) for values in zip(*conditions, strict=True)]
    kind = pd.Series(texts, table.index, dtype=object)
    judged = table[[*place, "finished"]].assign(kind=kind, ok=table["status"] == "ok")
    grouped = judged.groupby([*place, "kind"], as_index=False)
    counted = grouped.agg(ok=("ok", "sum"), newest=("finished", "max"))
    counted = counted.sort_values([*place, "ok", "newest", "kind"])
    chosen = counted.drop_duplicates(place, keep="last").set_index(place)["kind"]
    usual = chosen.reindex(pd.MultiIndex.from_frame(table[place])).to_numpy()
    return pd.Series(kind.to_numpy() == usual, table.index, dtype=bool)


def tidy(trials: pd.DataFrame, records: list[Record]) -> pd.DataFrame:
    """Return one row a score, `trial` being its row in `trials`.

    `shots` is FULL and `draw` -1 where there is none. `primary` and `task_aware` mark the
    scores by the primary metric of their task, plain and masked to a domain's classes.
    """
    of_trials = [records[position].outcome.scores for position in trials["record"]]
    named = _columns(of_trials)
    counts = [len(of_trial) for of_trial in of_trials]
    scores = pd.DataFrame({"trial": np.repeat(np.arange(len(trials)), counts)})
    for name in ("shots", "draw"):
        column = np.array(named[name], dtype=float)
        scores[name] = np.where(np.isnan(column), FULL, column)
    scores["value"] = np.array(named["value"], dtype=float)
    scores["n"] = np.array(named["n"], dtype=np.int64)
    for together in (("stage",), ("metric",), ("learned", "domain")):
        categoricals = _categoricals([named[name] for name in together])
        for name, categorical in zip(together, categoricals, strict=True):
            scores[name] = categorical
    for name, prefix in (("primary", ""), ("task_aware", TASK_AWARE)):
        scores[name] = _is_metric(scores, [prefix + primary for primary in trials["primary"]])
    return scores


def _columns(of_trials: Iterable[Sequence[Score]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in Score._fields}
    # trial by trial: what all at once would be taken apart with is larger than the columns
    for scores in of_trials:
        for column, values in zip(columns.values(), zip(*scores, strict=True), strict=False):
            column.extend(values)
    return columns


def _is_metric(scores: pd.DataFrame, metrics: list[str]) -> Any:  # noqa: ANN401
    """Which scores are by the metric that `metrics` has at the place of their trial."""
    column = scores["metric"].cat
    codes = column.categories.get_indexer(pd.Index(metrics, dtype=object))
    return column.codes.to_numpy() == codes[scores["trial"]]


def _categoricals(columns: list[list[str | None]]) -> list[pd.Categorical]:
    """Make columns of names into categoricals that can be compared."""
    together = set(chain.from_iterable(columns))
    seen = sorted(name for name in together if name is not None)
    place: dict[str | None, int] = {None: -1, **{name: code for code, name in enumerate(seen)}}
    names = pd.Index(seen, dtype=object)
    codes = [np.fromiter(map(place.__getitem__, c), np.int32, len(c)) for c in columns]
    return [pd.Categorical.from_codes(of_column, names) for of_column in codes]


def coverage(trials: pd.DataFrame) -> pd.DataFrame:
    """Return for each row how many trials there are by status, and if it is `complete`.

    What was `planned` is not known from results: it is taken to be every (scenario, seed)
    that any row of the dataset and protocol has. `reason` is the most frequent one of the
    trials that are not ok.
    """
    statuses = pd.crosstab([trials[name] for name in ROW], trials["status"])
    rows = statuses.reindex(columns=STATUSES, fill_value=0).reset_index()
    rows = rows.rename_axis(columns=None)
    planned = trials.drop_duplicates([*PLACE, "scenario", "seed"]).groupby(PLACE).size()
    rows["planned"] = planned.reindex(pd.MultiIndex.from_frame(rows[PLACE])).to_numpy(int)
    rows["missing"] = rows["planned"] - rows[list(STATUSES[:3])].sum(axis=1)
    rows["complete"] = rows["ok"] == rows["planned"]
    newest = trials.sort_values(["finished", "key"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(newest[[*ROW, "label", "family", "primary", "counterpart"]], on=ROW)
    rows = rows.merge(_reasons(trials), on=ROW, how="left").fillna({"reason": ""})
    return rows.assign(ranked=rows["complete"] & (rows["family"] != BOUND))


def _reasons(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the most frequent reason of each row that has trials which are not ok."""
    unfit = trials[trials["status"] != "ok"]
    counts = unfit.groupby([*ROW, "reason"]).size().rename("times").reset_index()
    ordered = counts.sort_values([*ROW, "times", "reason"])
    return ordered.drop_duplicates(ROW, keep="last")[[*ROW, "reason"]]


def of_protocol(
    trials: pd.DataFrame, scores: pd.DataFrame, protocol: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials and scores of one protocol, `trial` pointing to the new rows."""
    ours = (trials["protocol"] == protocol).to_numpy()
    place = np.cumsum(ours) - 1
    kept = scores[ours[scores["trial"]]]
    kept = kept.assign(trial=place[kept["trial"]]).reset_index(drop=True)
    return trials[ours].reset_index(drop=True), kept
