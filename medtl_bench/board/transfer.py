"""The board's half of `transfer`: learn from sources, then from few target labels."""

from collections.abc import Mapping, Set
from itertools import product

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import apart, directions
from medtl_bench.board.measures import (
    CALIBRATION,
    PLAIN,
    SECONDS,
    among,
    at,
    earned_before_labels,
    gain,
    gap_closed,
    mean_by_shots,
    mean_by_trial,
)
from medtl_bench.board.protocol import Block, ProtocolBoard, Reading, Tables
from medtl_bench.board.statistics import mean_interval
from medtl_bench.board.tables import setting
from medtl_bench.metrics.formulas import AREA, END, START, few_shot_area
from medtl_bench.metrics.registry import CONFUSION, SOURCE_THRESHOLD

TARGET, SOURCE_FORGETTING, GAP = "target", "source forgetting", "gap closed"
SOURCE_ONLY, TARGET_ONLY = "source-only", "target-only"
GAINED = (START, AREA)
FEWEST_TARGETS = 3  # for an interval over them
INTEGRATED = "mixing_and_labels"
OVER_TARGETS, SINGLE_SOURCES, EMBEDDED = "over targets", "single sources", "embedded"
WORST, GAP_BY, CUT, CONFUSED = "worst target", "gap by", "cut", "confused"
CUT_METRIC = f"{SOURCE_THRESHOLD}balanced_accuracy"


class TransferBoard(ProtocolBoard):
    """Scores on a target before and after a few labels of it, and what is then kept."""

    headline = START
    readings = (
        Reading("Accuracy on a new domain, before any label of it", START),
        Reading("Few-shot area: how fast a few labels help", AREA),
        Reading("Integration: batches mixed and labels kept", INTEGRATED),
    )
    conditions = ("shots", "draws")
    controlled = END

    def measures(self, trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
        """Return target score by k, few-shot area, source forgetting, other metrics.

        What is told of a target before its first label is blank where it cannot be earned.
        """
        earned = earned_before_labels(trials)
        wide = _curve(trials, scores)
        wide[START] = wide[START].where(earned)
        wide[AREA] = _areas(wide, setting(trials, "shots"), earned)
        worst = apart.worst_target(trials, _of_targets(trials, scores), wide[START])
        wide[WORST] = worst.where(earned)
        for before_labels in (_other_metrics, _gaps):
            for name, values in before_labels(trials, scores).items():
                wide[name] = values.reindex(trials.index).where(earned)
        for further in (_kept, _cut, _of_embeddings):
            for name, values in further(trials, scores).items():
                wide[name] = values
        return wide

    def relative(self, block: Block) -> Mapping[str, Floats]:
        """Return gains over plain training, and which part of the gap is closed."""
        return {**_gains(block), **_gap(block)}

    def further(self, trials: pd.DataFrame, scores: pd.DataFrame) -> Tables:
        """Return intervals over targets, scores by single source, metrics of embeddings."""
        return {
            OVER_TARGETS: over_targets(trials, scores),
            SINGLE_SOURCES: single_sources(trials, scores),
            EMBEDDED: _embedded(trials, scores),
            CONFUSED: apart.confused(trials, _of_targets(trials, scores)),
        }

    def ranked_by(self, task: str, primary: str) -> str:
        """Return the target score at k = 0; where batches are integrated, the primary metric."""
        return primary if task == "integration" else START

    def tuned_by(self, task: str, primary: str) -> tuple[str, ...]:
        """Return the few-shot area, which all readings are part of, or else what ranks."""
        ranked = self.ranked_by(task, primary)
        return (ranked,) if task == "integration" else (AREA, ranked)

    def higher_is_better(self, measure: str, primary: str, lower: Set[str]) -> bool:
        """Return the direction of a measure; gains and the gap closed are turned upwards."""
        if metric := other_metric(measure):
            return directions.higher_is_better(metric.partition(" ")[0], lower)
        if measure.startswith((TARGET, AREA, WORST)):
            return directions.higher_is_better(primary, lower)
        if measure in (*CALIBRATION, SECONDS) or measure.startswith((SOURCE_FORGETTING, GAP_BY)):
            return False
        return directions.higher_is_better(measure, lower)

    def bounds(self, measure: str, primary: str) -> tuple[float, float]:
        """Return the lowest and highest that a measure can be; the gap closed may be anything."""
        if measure.startswith((gain(TARGET), gain(AREA), SOURCE_FORGETTING)):
            return directions.difference_bounds(primary)
        if metric := other_metric(measure):
            return directions.bounds(metric)
        if measure.startswith((TARGET, AREA)):
            return directions.bounds(primary)
        return super().bounds(measure, primary)


BOARD = TransferBoard()


def other(metric: str) -> str:
    """Return the name of the target's score at k = 0 by a metric not the primary one."""
    return metric if metric in CALIBRATION else f"{START} {metric}"


def other_metric(measure: str) -> str:
    """Return the metric of a measure named by `other`, calibration left out, or ""."""
    before, start, metric = measure.partition(f"{START} ")
    return metric if start and not before else ""


def single_sources(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what learning from one source alone gives on each domain.

    Before any label there: a row for each dataset, row of the board, source and domain,
    the source's own test split too, with `value`, the mean of the primary metric over
    trials, and their number `n`. Trials that are not ok or learn from several sources do
    not count, nor those in which nothing can be earned before labels.
    """
    sources = setting(trials, "sources")
    ok = (trials["status"] == "ok") & earned_before_labels(trials)
    alone = trials[ok & (sources.map(len) == 1)]
    before = scores["primary"] & (scores["stage"] == "fit")
    rows = scores[before & scores["trial"].isin(alone.index)]
    columns = ["dataset", "algorithm", "variant", "label"]
    table = alone.loc[rows["trial"], columns].reset_index(drop=True)
    table["source"] = [names[0] for names in sources[rows["trial"]]]
    table["domain"] = rows["domain"].astype(object).to_numpy()
    table["value"] = rows["value"].to_numpy()
    grouped = table.groupby([*columns, "source", "domain"])["value"]
    return grouped.agg(value="mean", n="count").reset_index()


def over_targets(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over n targets of the score after k labels, with a 95% interval.

    A row for each dataset, row of the board and k in `shots`, 0 before any label and FULL
    after all; `half` is half the width of the interval, NaN under FEWEST_TARGETS,
    `targets` the most n of the row. A
    target's score is its mean over seeds, draws and transfers first, so the interval tells
    how targets differ, not seeds. Optional transfers do not count, nor scores before labels
    where they cannot be earned.
    """
    ok = scores["trial"].isin(trials.index[(trials["status"] == "ok") & trials["core"]])
    rows = scores[scores["primary"] & ok]
    rows = rows[(rows["stage"] != "fit") | earned_before_labels(trials)[rows["trial"]]]
    rows = rows[(rows["stage"] == "fit") | _after_labels(rows)]
    rows = rows[among(rows, setting(trials, "targets"))]
    row = ["dataset", "algorithm", "variant"]
    table = trials.loc[rows["trial"], row].reset_index(drop=True)
    table["shots"] = np.where(rows["stage"] == "fit", 0.0, rows["shots"])
    table["domain"] = rows["domain"].astype(object).to_numpy()
    table["value"] = rows["value"].to_numpy()
    by_domain = table.groupby([*row, "shots", "domain"])["value"].mean().unstack("domain")
    mean, half, n = mean_interval(by_domain.to_numpy(float))
    half = np.where(n >= FEWEST_TARGETS, half, np.nan)
    means = by_domain.index.to_frame(index=False).assign(mean=mean, half=half, n=n)
    return means.assign(targets=means.groupby(row)["n"].transform("max"))


def _after_labels(rows: pd.DataFrame) -> pd.Series:
    """Which scores are of a target just adapted to."""
    return rows["stage"].isin(["adapt", "full"]) & (rows["learned"] == rows["domain"])


def _of_targets(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Those scores at k = 0 that are of a target, not a source."""
    fit = scores[scores["stage"] == "fit"]
    return fit[among(fit, setting(trials, "targets"))]


def _curve(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    primary = scores[scores["primary"]]
    start = mean_by_trial(_of_targets(trials, primary), trials)
    after = mean_by_shots(primary[_after_labels(primary)], trials)
    named = after.set_axis([at(TARGET, k) for k in after.columns.to_numpy(float)], axis=1)
    return pd.DataFrame({START: start}, index=trials.index).join(named)


def _areas(wide: pd.DataFrame, shots: pd.Series, earned: Bools) -> Floats:
    """Return few-shot areas, from k = 0 where a score can be `earned` there."""
    area = np.full(len(wide), np.nan)
    for several, from_zero in product(shots.unique(), (True, False)):
        ks = sorted(several)
        columns = [at(TARGET, k) for k in ((0, *ks) if from_zero else ks)]
        same = (shots == several).to_numpy() & (earned == from_zero)
        if set(columns) <= set(wide.columns):
            values = wide.loc[same, columns].to_numpy(float)
            area[same] = few_shot_area(values, ks, from_zero=from_zero)
    return area


def _kept(trials: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.Series]:
    """Source forgetting by k: the score of the sources before any label, less that after k."""
    kept = mean_by_shots(scores[scores["primary"] & (scores["stage"] == "retained")], trials)
    before = kept.get(0, np.nan)
    after = {k: kept[k] for k in kept.columns.to_numpy(float) if k}
    return {at(SOURCE_FORGETTING, k): (before - s) * trials["sign"] for k, s in after.items()}


def _other_metrics(trials: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.Series]:
    rows = _of_targets(trials, scores[~scores["primary"]])
    there = [name for name in sorted(rows["metric"].unique()) if not name.startswith(CONFUSION)]
    metrics = dict.fromkeys((*CALIBRATION, *there))
    return {other(m): mean_by_trial(rows[rows["metric"] == m], trials) for m in metrics}


def _cut(trials: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.Series]:
    """Balanced accuracy after k labels, at the threshold chosen on the sources before them."""
    rows = scores[scores["metric"] == CUT_METRIC]
    after = mean_by_shots(rows[_after_labels(rows)], trials)
    return {at(CUT, k): after[k] for k in after.columns.to_numpy(float)}


def _gaps(trials: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.Series]:
    """Gap between the groups of an attribute, the mean over a trial's targets."""
    gaps = apart.gaps(_of_targets(trials, scores))
    of_attributes = {str(name): rows for name, rows in gaps.groupby("attribute")}
    return {f"{GAP_BY} {name}": mean_by_trial(rows, trials) for name, rows in of_attributes.items()}


def _of_embeddings(trials: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.Series]:
    rows = scores[scores["stage"] == "embedding"]
    metrics = sorted(rows["metric"].unique())
    return {m: mean_by_trial(rows[rows["metric"] == m], trials) for m in metrics}


def _embedded(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Which metrics were taken of embeddings, by dataset."""
    rows = scores[scores["stage"] == "embedding"]
    dataset = trials["dataset"].to_numpy()[rows["trial"]]
    table = pd.DataFrame({"dataset": dataset, "metric": rows["metric"].astype(object).to_numpy()})
    return table.drop_duplicates(ignore_index=True)


def _gains(block: Block) -> dict[str, Floats]:
    """Return what methods gain over plain training, turned so that positive is better."""
    plain = block.place(PLAIN)
    if plain is None:
        return {}
    gains = {}
    for measure in GAINED:
        values = block.of(measure)
        if values is not None:
            gains[gain(measure)] = (values - values[plain]) * block.sign
            gains[gain(measure)][block.bounds] = np.nan
            gains[gain(measure)][plain] = np.nan
    return gains


def _gap(block: Block) -> dict[str, Floats]:
    low, high = block.place(SOURCE_ONLY), block.place(TARGET_ONLY)
    start, end = block.of(START), block.of(END)
    if low is None or high is None or start is None or end is None:
        return {}
    first, last = block.sign * start, block.sign * end
    gap = None
    if START in block.resampled and END in block.resampled:
        gap = block.sign * (block.resampled[END][high] - block.resampled[START][low])
    closed = gap_closed(first, first[low], last[high], gap, block.freedom)
    closed[block.bounds] = np.nan
    return {GAP: closed}
