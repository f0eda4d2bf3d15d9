"""Measures derived from the scores of single trials: few-shot curve and area, source forgetting, and those of streams.

`trials` is a table with one row a trial (index 0, 1, ...), `scores` one with a row a
score, its column `trial` pointing there (both from leaderboard.py). A measure is NaN
where a trial lacks a score that its peers, the trials of the same scenario, have: nothing
is averaged over what happens to be there.

R [..., T, T] holds R[i, j], the score on domain j after learning domain i; b [..., T] the
scores of an untrained learner. Differences are turned so that higher is better before
they are taken, so a positive forgetting is a loss for any metric.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from medtl_bench.arrays import Floats
from medtl_bench.board.statistics import mean_interval
from medtl_bench.metrics.registry import INTEGRATION, TASK_AWARE, known

FULL = -1.0
CALIBRATION = ("ece", "brier")
TARGET, AREA, SOURCE_FORGETTING, GAP = "target", "few-shot area", "source forgetting", "gap closed"
AVERAGE, FORGETTING, BACKWARD, FORWARD = (
    "average accuracy",
    "forgetting",
    "backward transfer",
    "forward transfer",
)
SECONDS = "seconds"


def higher_is_better(metric: str) -> bool:
    """Return the direction of a metric, or of one derived from it, such as the task-aware one; an unknown one goes up."""
    found = known(metric)
    return found is None or found.higher_is_better


def better(measure: str, primary: str) -> bool:
    """Return whether a higher value of a measure is better, on a task whose primary metric is `primary`."""
    if metric := other_metric(measure):
        return higher_is_better(metric)
    name = measure.removeprefix(TASK_AWARE)
    if name in INTEGRATION:
        return higher_is_better(name)
    if name in (*CALIBRATION, SECONDS, FORGETTING) or name.startswith(SOURCE_FORGETTING):
        return False
    return higher_is_better(primary) if name.startswith((TARGET, AREA, AVERAGE)) else True


def at(measure: str, shots: float) -> str:
    """Return the name of a measure after k labels per class, as "target 5", or "target full" after all labels."""
    return f"{measure} {'full' if shots == FULL else int(shots)}"


def gain(measure: str) -> str:
    """Return the name of the measure that is what a method gains in another over plain training with the same seed."""
    return f"gain in {measure}"


def other(metric: str) -> str:
    """Return the name of the measure that is the target's score at k = 0 by a metric that is not the primary one."""
    return metric if metric in CALIBRATION else f"{at(TARGET, 0)} {metric}"


def other_metric(measure: str) -> str:
    """Return the metric of a measure named by `other`, calibration left out, or ""."""
    before, start, metric = measure.partition(f"{at(TARGET, 0)} ")
    return metric if start and not before else ""


def shots_of(measure: str, columns: Sequence[str]) -> list[int]:
    """Return the k, from low to high, for which a measure stands among `columns`."""
    tails = [
        column.removeprefix(measure + " ") for column in columns if column.startswith(measure + " ")
    ]
    return sorted(int(tail) for tail in tails if tail.isdigit())


def few_shot_area(score: Floats, shots: Sequence[int]) -> Floats:
    """Return the area under score [..., 1 + len(shots)] against log2(1 + k), divided by the width; k = 0 comes first."""
    x = np.log2(1.0 + np.array([0, *shots]))
    return (
        np.asarray(trapezoid(score, x) / (x[-1] - x[0]))
        if len(shots)
        else np.full(score.shape[:-1], np.nan)
    )


def average_accuracy(r: Floats) -> Floats:
    """Return mean_j R[T, j] (Lopez-Paz and Ranzato 2017)."""
    return np.asarray(r[..., -1, :].mean(-1))


def forgetting(r: Floats) -> Floats:
    """Return mean_{j<T} max_{i<T} (R[i, j] - R[T, j]) (Chaudhry et al.

    2018); negative where later domains helped.
    """
    return np.asarray((r[..., :-1, :-1].max(-2) - r[..., -1, :-1]).mean(-1))


def backward_transfer(r: Floats) -> Floats:
    """Return mean_{j<T} (R[T, j] - R[j, j]) (Lopez-Paz and Ranzato 2017)."""
    return np.asarray((r[..., -1, :-1] - r.diagonal(axis1=-2, axis2=-1)[..., :-1]).mean(-1))


def forward_transfer(r: Floats, b: Floats) -> Floats:
    """Return mean_{j>1} (R[j-1, j] - b_j) (Lopez-Paz and Ranzato 2017)."""
    return np.asarray((r.diagonal(1, axis1=-2, axis2=-1) - b[..., 1:]).mean(-1))


def gap_closed(method: Floats, source_only: Floats, target_only: Floats) -> Floats:
    """Return (method - source-only) / (target-only - source-only), with the gap's mean over seeds below the line.

    All NaN where that mean is under its own standard error sd / sqrt(n), or n < 2. method
    [rows, seeds] and source_only [seeds] at k = 0, target_only [seeds] after all target
    labels, turned so that higher is better.
    """
    gaps = (target_only - source_only)[np.isfinite(target_only - source_only)]
    if len(gaps) < 2 or gaps.mean() <= max(gaps.std(ddof=1) / np.sqrt(len(gaps)), 0.0):
        return np.full(method.shape, np.nan)
    return np.asarray(
        np.where(np.isfinite(target_only), method - source_only, np.nan) / gaps.mean()
    )


def transfer_measures(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return for each trial: target score at k = 0, k and full, few-shot area, source forgetting, other metrics at k = 0."""
    primary = scores[scores["primary"]]
    fit = primary[primary["stage"] == "fit"]
    after = primary[
        primary["stage"].isin(["adapt", "full"]) & (primary["learned"] == primary["domain"])
    ]
    curve = _mean(after, trials)
    wide = pd.DataFrame(
        {at(TARGET, 0): _single(fit[_among(fit, trials["targets"])], trials)}, index=trials.index
    )
    wide = wide.join(curve.set_axis([at(TARGET, k) for k in curve.columns.to_numpy(float)], axis=1))
    wide[AREA] = _areas(wide, trials["shots"])
    kept = _mean(primary[primary["stage"] == "retained"], trials)
    for k in filter(None, kept.columns.to_numpy(float)):
        wide[at(SOURCE_FORGETTING, k)] = (kept.get(0, np.nan) - kept[k]) * trials["sign"]
    others = scores[(scores["stage"] == "fit") & ~scores["primary"]]
    others = others[_among(others, trials["targets"])]
    for metric in dict.fromkeys((*CALIBRATION, *sorted(others["metric"].unique()))):
        wide[other(metric)] = _single(others[others["metric"] == metric], trials)
    embedding = scores[scores["stage"] == "embedding"]
    for metric in sorted(embedding["metric"].unique()):
        wide[metric] = _single(embedding[embedding["metric"] == metric], trials)
    return wide


def single_source(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what learning from one source alone gives on each domain, the source's own test split too, before any label there.

    A row for each dataset, row of the board, source and domain, with `value`, the mean of
    the primary metric over trials, and their number `n`. Trials that are not ok or learn
    from several sources do not count.
    """
    alone = trials[
        (trials["protocol"] == "transfer")
        & (trials["status"] == "ok")
        & (trials["sources"].map(len) == 1)
    ]
    rows = scores[
        scores["primary"] & (scores["stage"] == "fit") & scores["trial"].isin(alone.index)
    ]
    told = alone.loc[
        rows["trial"], ["dataset", "algorithm", "variant", "label", "sources"]
    ].reset_index(drop=True)
    told["source"] = [sources[0] for sources in told.pop("sources")]
    told["domain"], told["value"] = (
        rows["domain"].astype(object).to_numpy(),
        rows["value"].to_numpy(),
    )
    grouped = told.groupby(list(told.columns.drop("value")))["value"]
    return grouped.agg(value="mean", n="count").reset_index()


def over_targets(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over targets of the score there after k labels, `half` the width of its 95% interval over n targets.

    A row for each dataset, row of the board and k in `shots`, 0 before any label and FULL
    after all. A target's score is its mean over seeds, draws and transfers first, so the
    interval tells how targets differ, not seeds.
    """
    ok = trials[(trials["protocol"] == "transfer") & (trials["status"] == "ok")]
    rows = scores[scores["primary"] & scores["trial"].isin(ok.index)]
    before = rows["stage"] == "fit"
    rows = rows[
        before | (rows["stage"].isin(["adapt", "full"]) & (rows["learned"] == rows["domain"]))
    ]
    rows = rows[_among(rows, trials["targets"])]
    told = trials.loc[rows["trial"], ["dataset", "algorithm", "variant"]].reset_index(drop=True)
    told["shots"] = np.where(rows["stage"] == "fit", 0.0, rows["shots"])
    told["domain"] = rows["domain"].astype(object).to_numpy()
    keys = list(told.columns)
    wide = (
        told.assign(value=rows["value"].to_numpy()).groupby(keys)["value"].mean().unstack("domain")
    )
    mean, half, n = mean_interval(wide.to_numpy(float))
    return wide.index.to_frame(index=False).assign(mean=mean, half=half, n=n)


def matrices(trials: pd.DataFrame, scores: pd.DataFrame, prefix: str = "") -> tuple[Floats, Floats]:
    """Return R [trials, T, T] and b [trials, T] of the primary metric, or of the one with a prefix, T the longest stream."""
    place = _places(trials["domains"], scores["domain"].cat.categories)
    t = int(trials["domains"].map(len).max()) if len(trials) else 0
    r, b = np.full((len(trials), t, t), np.nan), np.full((len(trials), t), np.nan)
    chosen = scores[scores["task_aware"] if prefix else scores["primary"]]
    for stage, into in (("learn", r), ("untrained", b)):
        rows = chosen[chosen["stage"] == stage]
        trial, j = rows["trial"].to_numpy(), place.reindex(_keys(rows, "domain")).to_numpy()
        known = np.isfinite(j)
        where = [trial, j]
        if stage == "learn":
            i = place.reindex(_keys(rows, "learned")).to_numpy()
            known &= np.isfinite(i)
            where = [trial, i, j]
        into[tuple(index[known].astype(int) for index in where)] = rows["value"].to_numpy()[known]
    return r, b


def stream_measures(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return for each trial: average accuracy, forgetting, backward and forward transfer, and task-aware ones where scored."""
    lengths, signs = trials["domains"].map(len).to_numpy(), trials["sign"].to_numpy()
    wide: dict[str, Floats] = {}
    for prefix in ("", TASK_AWARE) if scores["task_aware"].any() else ("",):
        r, b = matrices(trials, scores, prefix)
        for name in (AVERAGE, FORGETTING, BACKWARD, FORWARD):
            wide[prefix + name] = np.full(len(trials), np.nan)
        for t in np.unique(lengths[lengths > 0]):
            its = lengths == t
            sign = signs[its][:, None, None]
            square, untrained = r[its, :t, :t], b[its, :t]
            wide[prefix + AVERAGE][its] = average_accuracy(square)
            if t > 1:
                wide[prefix + FORGETTING][its] = forgetting(sign * square)
                wide[prefix + BACKWARD][its] = backward_transfer(sign * square)
                wide[prefix + FORWARD][its] = forward_transfer(
                    sign * square, sign[:, 0] * untrained
                )
    return pd.DataFrame(wide, index=trials.index)


def _mean(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Mean of `value` by trial and k, a column each.

    NaN where there are fewer scores than a peer of the trial has.
    """
    grouped = rows.groupby(["trial", "shots"])["value"]
    mean, count = grouped.mean(), grouped.count()
    index = mean.index.to_frame(index=False)
    most = count.groupby(
        [trials["peers"].to_numpy()[index["trial"]], index["shots"].to_numpy()]
    ).transform("max")
    return pd.DataFrame(mean.where(count == most).unstack("shots"))


def _single(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.Series:
    """Mean of `value` by trial, of rows that know no k."""
    return _mean(rows, trials).get(FULL, pd.Series(np.nan, index=trials.index, dtype=float))


def _areas(wide: pd.DataFrame, shots: pd.Series) -> Floats:
    area = np.full(len(wide), np.nan)
    for several in shots.unique():
        columns, its = [at(TARGET, k) for k in (0, *sorted(several))], (shots == several).to_numpy()
        if set(columns) <= set(wide.columns):
            area[its] = few_shot_area(wide.loc[its, columns].to_numpy(float), sorted(several))
    return area


def _keys(rows: pd.DataFrame, column: str) -> Floats:
    codes = rows[column].cat
    return rows["trial"].to_numpy() * len(codes.categories) + np.where(
        codes.codes < 0, np.nan, codes.codes
    )


def _places(names: pd.Series, categories: pd.Index) -> pd.Series:
    """Position of each name in its trial's tuple, by trial * len(categories) + the name's code."""
    exploded = names.explode().dropna()
    codes = categories.get_indexer(pd.Index(exploded))
    key = exploded.index.to_numpy() * len(categories) + np.where(codes < 0, np.nan, codes)
    place = pd.Series(exploded.groupby(level=0).cumcount().to_numpy(float), index=key)
    return place[place.index.notna() & ~place.index.duplicated(keep="last")]


def _among(rows: pd.DataFrame, names: pd.Series) -> pd.Series:
    """Which rows are scores of a domain that is among its trial's `names`."""
    return pd.Series(
        np.isin(_keys(rows, "domain"), _places(names, rows["domain"].cat.categories).index),
        index=rows.index,
    )
