"""The tables of trials and scores: which count, and how complete each row is."""

from itertools import chain

import numpy as np
import pandas as pd

from medtl_bench.board import measures
from medtl_bench.metrics.registry import TASK_AWARE
from medtl_bench.results.record import Record, Score

PLACE = ["dataset", "protocol"]
ROW = [*PLACE, "algorithm", "variant"]
CELL = [*ROW, "scenario", "seed"]
STATUSES = ("ok", "failed", "timeout", "skipped", "missing")
BOUND = "bound"


def trial_table(keys: list[str], records: list[Record]) -> pd.DataFrame:
    """Return one row a record: what was tried, under which conditions, what became of it; `record` is its position."""
    columns = {
        "record": range(len(records)),
        "key": keys,
        **{name: [getattr(r.trial, name) for r in records] for name in _OF_TRIAL},
        **{name: [_setting(r, name) for r in records] for name in _SETTINGS},
        **{
            name: [getattr(r.about, name) for r in records]
            for name in ("area", "provenance", "task", "family", "variant", "counterpart")
        },
        "versions": [tuple(sorted(r.trial.versions.items())) for r in records],
        "metrics": [r.about.metrics for r in records],
        "classes": [r.about.classes for r in records],
        "primary": [r.about.metrics[0] if r.about.metrics else "" for r in records],
        "status": [r.outcome.status for r in records],
        "reason": [r.outcome.reason for r in records],
        "seconds": [r.outcome.seconds.get("total", np.nan) for r in records],
        "machine": [tuple(sorted(r.machine.items())) for r in records],
        "finished": [r.finished for r in records],
    }
    table = pd.DataFrame(columns)
    table["sign"] = [
        1.0 if measures.higher_is_better(metric) else -1.0 for metric in table["primary"]
    ]
    table["label"] = [
        f"{a} ({v})" if v else a for a, v in zip(table["algorithm"], table["variant"], strict=True)
    ]
    return table


_OF_TRIAL = (
    *(
        "dataset",
        "dataset_digest",
        "algorithm",
        "algorithm_source",
        "protocol",
        "scenario",
    ),
    *("seed", "threads"),
)
_SETTINGS = {"sources": (), "targets": (), "domains": (), "shots": (), "draws": 0}


def _setting(record: Record, name: str) -> object:
    value = record.trial.settings.get(name, _SETTINGS[name])
    return tuple(value) if isinstance(value, list) else value


_CONDITIONS = ["dataset_digest", "shots", "draws", "threads", "versions", "metrics"]


def select(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials that count, and dataset, reason and number of those that do not.

    Within a dataset and protocol only those conditions count under which most trials are
    ok, the newest of equals. Of several trials of one row, scenario and seed the newest
    counts.
    """
    alike = table[_most_usual(table, PLACE, _CONDITIONS)]
    alike = alike[_most_usual(alike, [*PLACE, "scenario"], ["sources", "targets", "domains"])]
    kept = alike.sort_values(["finished", "key"])
    older = kept.duplicated(CELL, keep="last")
    reasons = {
        "other conditions than most (data, shots, draws, metrics, threads or package versions)": table.drop(
            alike.index
        ),
        "a newer trial of the same row, scenario and seed": kept[older],
    }
    counted = [
        t.groupby("dataset", sort=True).size().rename("trials").reset_index().assign(why=w)
        for w, t in reasons.items()
    ]
    return kept[~older], pd.concat(counted, ignore_index=True)[["dataset", "why", "trials"]]


def _most_usual(table: pd.DataFrame, place: list[str], conditions: list[str]) -> pd.Series:
    """Which rows have the conditions that most ok trials of their place have."""
    kind = pd.Series(
        [repr(row) for row in zip(*(table[name] for name in conditions), strict=True)],
        table.index,
        dtype=object,
    )
    found = table.assign(kind=kind, ok=table["status"] == "ok").groupby(
        [*place, "kind"], as_index=False
    )
    counted = found.agg(ok=("ok", "sum"), newest=("finished", "max")).sort_values(
        [*place, "ok", "newest", "kind"]
    )
    chosen = counted.drop_duplicates(place, keep="last").set_index(place)["kind"]
    wanted = chosen.reindex(pd.MultiIndex.from_frame(table[place])).to_numpy()
    return pd.Series(kind.to_numpy() == wanted, table.index, dtype=bool)


def tidy(trials: pd.DataFrame, records: list[Record]) -> pd.DataFrame:
    """Return one row a score, `trial` being its row in `trials`; `shots` is measures.FULL and `draw` -1 where there is none."""
    of_trials = [records[position].outcome.scores for position in trials["record"]]
    columns = list(zip(*chain.from_iterable(of_trials), strict=True)) or [()] * len(Score._fields)
    scores = pd.DataFrame(
        {"trial": np.repeat(np.arange(len(trials)), [len(scores) for scores in of_trials])}
    )
    named = dict(zip(Score._fields, columns, strict=True))
    for name in ("shots", "draw", "value"):
        column = np.array(named[name], dtype=float)
        scores[name] = (
            column if name == "value" else np.where(np.isnan(column), measures.FULL, column)
        )
    scores["n"] = np.array(named["n"], dtype=np.int64)
    for together in (("stage",), ("metric",), ("learned", "domain")):
        for name, categorical in zip(
            together, _categoricals([named[name] for name in together]), strict=True
        ):
            scores[name] = categorical
    metric, categories = scores["metric"].cat.codes.to_numpy(), scores["metric"].cat.categories
    for name, prefix in (("primary", ""), ("task_aware", TASK_AWARE)):
        wanted = pd.Index([prefix + primary for primary in trials["primary"]], dtype=object)
        scores[name] = metric == categories.get_indexer(wanted)[scores["trial"]]
    return scores


def _categoricals(columns: list[tuple[str | None, ...]]) -> list[pd.Categorical]:
    """Make columns of names into categoricals with the same categories, so that they can be compared."""
    seen = sorted({value for values in columns for value in set(values) if value is not None})
    place: dict[str | None, int] = {None: -1, **{value: code for code, value in enumerate(seen)}}
    names = pd.Index(seen, dtype=object)
    codes = (
        np.fromiter(map(place.__getitem__, values), np.int32, len(values)) for values in columns
    )
    return [pd.Categorical.from_codes(its, names) for its in codes]


def coverage(trials: pd.DataFrame) -> pd.DataFrame:
    """Return for each row how many trials there are of each status, `planned` and whether it is `complete`.

    What was planned is not known from results: it is taken to be every (scenario, seed)
    that any row of the dataset and protocol has. `reason` is the most frequent one of the
    trials that are not ok.
    """
    statuses = pd.crosstab([trials[name] for name in ROW], trials["status"]).reindex(
        columns=STATUSES, fill_value=0
    )
    rows = statuses.reset_index().rename_axis(columns=None)
    planned = trials.drop_duplicates([*PLACE, "scenario", "seed"]).groupby(PLACE).size()
    rows["planned"] = planned.reindex(pd.MultiIndex.from_frame(rows[PLACE])).to_numpy(int)
    rows["missing"] = rows["planned"] - rows[list(STATUSES[:4])].sum(axis=1)
    rows["complete"] = rows["ok"] == rows["planned"]
    newest = trials.sort_values(["finished", "key"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(newest[[*ROW, "label", "family", "primary", "counterpart"]], on=ROW)
    unfit = (
        trials[trials["status"] != "ok"]
        .groupby([*ROW, "reason"])
        .size()
        .rename("times")
        .reset_index()
    )
    unfit = unfit.sort_values([*ROW, "times", "reason"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(unfit[[*ROW, "reason"]], on=ROW, how="left").fillna({"reason": ""})
    return rows.assign(ranked=rows["complete"] & (rows["family"] != BOUND))
