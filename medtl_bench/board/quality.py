"""Quality control: the trials that somebody should look at before believing a board."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medtl_bench.board.tables import BOUND, CELL, PLACE, ROW

CHANCE = "chance"
# in the reasons of learners that left the numbers
DIVERGED = re.compile("FloatingPointError|NaN or infinite")
MARGIN = 0.5  # of the distance between the controls
LEAST_MARGIN = 0.05
TIMES_SECONDS, TIMES_MEMORY = 5.0, 2.0  # of the median of a dataset and protocol
OF_TRIAL = ["dataset", "protocol", "label", "scenario", "seed", "key"]
OF_PLACE = ["stage", "learned", "shots", "draw", "domain"]


class Finding(NamedTuple):
    """A trial to look at; where it is missing, `key` is "".

    `seed`: None of several. `reason`: why it is not ok, or the stage that is out of
    range. `value`: its score, seconds, MiB or number, beside what is usual: from `low` to
    `high`.
    """

    dataset: str
    protocol: str
    method: str
    scenario: str
    seed: int | None
    key: str
    reason: str = ""
    value: float = np.nan
    low: float = np.nan
    high: float = np.nan


Findings = tuple[Finding, ...]


class Quality(NamedTuple):
    """What was found, by kind; `uncontrolled`: datasets without both controls."""

    failed: Findings
    diverged: Findings
    timeout: Findings
    missing: Findings
    out_of_range: Findings
    slow: Findings
    memory: Findings
    uncontrolled: tuple[str, ...]


def quality(trials: pd.DataFrame, scores: pd.DataFrame, rows: pd.DataFrame) -> Quality:
    """Return what is odd about the trials of a board, by its tables of those names."""
    left = [DIVERGED.search(reason) is not None for reason in trials["reason"]]
    diverged = pd.Series(left, trials.index, dtype=bool)
    status = trials["status"]
    ranges = _ranges(trials, scores)
    controlled = set(ranges["dataset"])
    return Quality(
        failed=_not_ok(trials[(status == "failed") & ~diverged]),
        diverged=_not_ok(trials[(status == "failed") & diverged]),
        timeout=_not_ok(trials[status == "timeout"]),
        missing=_missing(rows),
        out_of_range=_out_of_range(trials, ranges),
        slow=_over(trials, "seconds", TIMES_SECONDS),
        memory=_over(trials, "peak_memory", TIMES_MEMORY),
        uncontrolled=tuple(sorted(set(trials["dataset"]) - controlled)),
    )


def _finding(trial: Mapping[Any, Any], reason: str = "", *numbers: float) -> Finding:
    where = (trial["dataset"], trial["protocol"], trial["label"], trial["scenario"])
    return Finding(*where, int(trial["seed"]), trial["key"], reason, *map(float, numbers))


def _not_ok(trials: pd.DataFrame) -> Findings:
    ordered = trials.sort_values([*CELL, "key"]).to_dict("records")
    return tuple(_finding(trial, trial["reason"]) for trial in ordered)


def _missing(rows: pd.DataFrame) -> Findings:
    """Return the rows that lack trials which others have there, and how many."""
    lacking = rows[rows["missing"] > 0].sort_values(ROW).to_dict("records")
    return tuple(
        Finding(
            *(row["dataset"], row["protocol"], row["label"], "", None, ""),
            value=float(row["missing"]),
            high=float(row["planned"]),
        )
        for row in lacking
    )


def _over(trials: pd.DataFrame, column: str, times: float) -> Findings:
    """Return the trials that took more than so many times the median, most first."""
    ok = trials[trials["status"] == "ok"]
    usual = ok.groupby(PLACE)[column].transform("median")
    named = ok[OF_TRIAL].assign(value=ok[column], usual=usual)
    odd = named[ok[column] > times * usual]
    ordered = odd.assign(share=odd["value"] / odd["usual"])
    ordered = ordered.sort_values(["share", "key"], ascending=[False, True])
    found = ordered.to_dict("records")
    return tuple(_finding(trial, "", trial["value"], trial["usual"]) for trial in found)


def _ranges(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the primary metric of every trial by stage, beside that of both controls.

    Of chance and the best bound, means over seeds. All are turned so that higher is better,
    and of the places where both were scored.
    """
    table = _primary(trials, scores)
    controls = _controls(table, trials)
    bound = (trials["family"] == BOUND).to_numpy()
    joined = table[~bound[table["trial"]]].merge(controls, on=["peers", *OF_PLACE])
    grouped = joined.groupby(["trial", "stage"])[["value", "low", "high"]]
    means = grouped.mean().reset_index()
    names = scores["stage"].cat.categories.to_numpy()
    return means.assign(stage=names[means["stage"]], dataset=_of(trials, "dataset", means))


def _primary(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the primary scores, turned so that higher is better, places as numbers."""
    primary = scores[scores["primary"]]
    columns = {name: primary[name] for name in OF_PLACE}
    coded = {n: c.cat.codes if c.dtype == "category" else c for n, c in columns.items()}
    table = pd.DataFrame({"trial": primary["trial"], **coded}).reset_index(drop=True)
    table["peers"] = trials["peers"].to_numpy()[table["trial"]]
    return table.assign(value=primary["value"].to_numpy() * _of(trials, "sign", table))


def _of(trials: pd.DataFrame, column: str, table: pd.DataFrame) -> NDArray[Any]:
    """Return what the trial of each score has in a column."""
    return trials[column].to_numpy()[table["trial"]]


def _controls(table: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the means of chance and of the best bound, where there are both."""
    bounds = table[_of(trials, "family", table) == BOUND]
    named = bounds.assign(algorithm=_of(trials, "algorithm", bounds))
    means = named.groupby(["peers", *OF_PLACE, "algorithm"])["value"].mean()
    means = means.unstack("algorithm")
    low = means.get(CHANCE, pd.Series(np.nan, means.index))
    high = means.drop(columns=CHANCE, errors="ignore").max(axis=1)
    return pd.DataFrame({"low": low, "high": high}).dropna().reset_index()


def _out_of_range(trials: pd.DataFrame, ranges: pd.DataFrame) -> Findings:
    """Return what is out of the range of its controls, farthest first."""
    margin = (MARGIN * (ranges["high"] - ranges["low"])).clip(lower=LEAST_MARGIN)
    low, value, high = (ranges[name] for name in ("low", "value", "high"))
    beyond = np.maximum(low - value, value - high) / margin
    odd = ranges.drop(columns="dataset").assign(beyond=beyond)[beyond > 1]
    odd = odd.join(trials[[*OF_TRIAL, "sign"]], on="trial")
    ordered = odd.sort_values(["beyond", "key", "stage"], ascending=[False, True, True])
    return tuple(map(_out, ordered.to_dict("records")))


def _out(one: Mapping[Any, Any]) -> Finding:
    """Return a finding in the units of the metric, whichever way it goes."""
    low, high = sorted((one["sign"] * one["low"], one["sign"] * one["high"]))
    return _finding(one, one["stage"], one["sign"] * one["value"], low, high)
