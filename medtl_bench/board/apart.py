"""The worst target, groups of patients, and which class is taken for which.

Of scores at k = 0 on targets: `rows` are those, with the columns of `board.tables`.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from medtl_bench.board.tables import setting
from medtl_bench.metrics.registry import CONFUSION

SEED_OF_ROW = ["dataset", "algorithm", "variant", "seed"]
OF_ROW = SEED_OF_ROW[:3]
EQUALS = " = "  # in the metric of a group: "balanced_accuracy sex = female"


def worst_target(trials: pd.DataFrame, rows: pd.DataFrame, start: pd.Series) -> pd.Series:
    """Return by trial the score of the worst target of its row and seed, over all transfers.

    NaN where a dataset has one target alone, and where `start`, the mean over the
    targets of a trial, is NaN: then a target is missing.
    """
    several = setting(trials, "targets").explode().groupby(trials["dataset"]).nunique() > 1
    signed = rows["value"] * trials["sign"].to_numpy()[rows["trial"]]
    of_trial = signed[rows["primary"]].groupby(rows["trial"]).min().reindex(trials.index)
    asked = start.notna() & trials["dataset"].map(several).fillna(False).astype(bool)
    seeds = [trials[name] for name in SEED_OF_ROW]
    worst = of_trial.where(asked).groupby(seeds).transform("min") * trials["sign"]
    return pd.Series(worst.where(asked))


def gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the gap between the best and the worst group of an attribute, on each target.

    A row for each trial, domain and attribute of two groups or more, as MEDFAIR's (Zong
    et al. 2023): `value` is the largest score less the smallest.
    """
    of_groups = _of_metrics(rows, lambda name: EQUALS in name)
    names = of_groups["metric"].astype(object).map(attribute)
    keys = ["trial", "shots", "domain", "attribute"]
    grouped = of_groups.assign(attribute=names).groupby(keys, observed=True)["value"]
    spread = grouped.agg(["min", "max", "count"]).reset_index()
    spread = spread[spread["count"] > 1]
    return spread.assign(value=spread["max"] - spread["min"])[[*keys, "value"]]


def attribute(metric: str) -> str:
    """Return the attribute of a group's metric: "sex" of "roc_auc sex = female"."""
    return metric.partition(EQUALS)[0].partition(" ")[2]


def _of_metrics(rows: pd.DataFrame, chosen: Callable[[str], bool]) -> pd.DataFrame:
    """Return the rows of the metrics that are chosen by name."""
    return rows[
        rows["metric"].isin([name for name in rows["metric"].cat.categories if chosen(name)])
    ]


def confused(trials: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the rows of a class that were answered as another, by row.

    `value` is the mean over the seeds and targets that have rows of the class `true`;
    pairs that are nowhere are left out, their share is 0. `true` and `answer` are
    classes by number.
    """
    ours = _of_metrics(rows, lambda name: name.startswith(f"{CONFUSION} "))
    columns = [*OF_ROW, "label"]
    table = trials.loc[ours["trial"], columns].reset_index(drop=True)
    pairs = [name.split(" ") for name in ours["metric"]]
    table["true"] = np.array([true for _, true, _ in pairs], int)
    table["answer"] = np.array([answer for *_, answer in pairs], int)
    table["value"] = ours["value"].to_numpy()
    domain = ours["domain"].cat.codes.to_numpy()
    table["place"] = ours["trial"].to_numpy() * 2**20 + domain
    places = table.groupby([*columns, "true"])["place"].nunique().rename("places")
    total = table.groupby([*columns, "true", "answer"])["value"].sum().reset_index()
    joined = total.merge(places.reset_index(), on=[*columns, "true"])
    joined["value"] /= np.maximum(joined["places"], 1)
    return joined.drop(columns="places")
