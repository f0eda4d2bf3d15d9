"""The experiment on scorers without target labels: what each would have chosen.

Every draw of hyper-parameters was judged by each scorer, by source validation and by
leave-one-source-out, before any label of the target; what it then scores on the target is
known where draws were run there. Nothing is chosen here by what is found.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import regret, tuned
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.selection import select
from medtl_bench.board.tables import PLACE
from medtl_bench.metrics.formulas import START
from medtl_bench.metrics.registry import SCORER
from medtl_bench.metrics.scorers import SCORERS
from medtl_bench.results.record import Record
from medtl_bench.results.rules import LEAVE_ONE_OUT, RULE, SOURCE_VALIDATION, TUNES

Verdict = Literal["less", "more", "cannot be told"]
Protocols = Mapping[str, ProtocolBoard]
CHANCE: Final = "a draw at random"
RULES = {SOURCE_VALIDATION: "source validation", LEAVE_ONE_OUT: "leave-one-source-out"}
BASELINE = RULES[SOURCE_VALIDATION]
ENDS = [2.5, 97.5]  # percentiles
LEAST = 1e-9  # of a difference that is one
SIGNS = {scorer.name: 1.0 if scorer.higher_is_better else -1.0 for scorer in SCORERS}
REFERENCES = {scorer.name: scorer.reference for scorer in SCORERS}
Tell = Callable[[pd.DataFrame, list[Record], ProtocolBoard], pd.DataFrame]
Quantities = Callable[[regret.Choice, Floats], Floats]
WITHIN = regret.QUANTITIES.index("regret within methods")
DRAW = ["algorithm", "candidate"]
COLUMNS = [*PLACE, "scenario", *DRAW, "seed", "scorer", "value"]


class Estimate(NamedTuple):
    """A number with the ends of its 95% interval, NaN where it is not known."""

    value: float
    low: float
    high: float


class ScorerRow(NamedTuple):
    """What a scorer would have chosen on a dataset; the means over its scenarios.

    `regret`, `within`: the best draw's score less that of the draw chosen, of all methods
    and inside each. `tau`, `tau_within`: Kendall's with the target's score, likewise.
    `verdict`: whether `within` is less or more than that of source validation, by more
    than the interval of their difference.
    """

    scorer: str
    reference: str
    regret: Estimate
    within: Estimate
    tau: Estimate
    tau_within: Estimate
    verdict: Verdict


class Experiment(NamedTuple):
    """All scorers on one dataset, over so many methods, draws of them, and seeds."""

    dataset: str
    protocol: str
    metric: str
    methods: int
    draws: int
    seeds: int
    scenarios: int
    rows: tuple[ScorerRow, ...]


class Tally(NamedTuple):
    """On how many datasets a scorer has less or more regret than the baseline."""

    scorer: str
    datasets: int
    regret: float
    less: int
    more: int


def experiments(
    judging: pd.DataFrame,
    counted: pd.DataFrame,
    records: list[Record],
    protocols: Protocols,
) -> tuple[Experiment, ...]:
    """Return the experiment of each dataset on which draws were judged and run.

    judging: trials of `tuned.divided`. counted: trials of boards that count, and those
    of draws on targets.
    """
    said = _said(judging, records, protocols)
    scored = _on_targets(counted, records, protocols).drop(columns="scorer")
    known = said["scorer"].isin(SIGNS).groupby(said["dataset"]).transform("any")
    said = said[known.astype(bool)]
    both = said.merge(scored, on=COLUMNS[:-2], suffixes=("", " on target"))
    metrics = dict(counted.groupby("dataset")["primary"].first())
    return tuple(
        _experiment(str(dataset), str(protocol), str(metrics[dataset]), ours)
        for (dataset, protocol), ours in both.groupby(PLACE)
    )


def tally(found: Iterable[Experiment]) -> list[Tally]:
    """Return the verdicts on each scorer, counted over datasets, in the order of rows."""
    rows: dict[str, list[ScorerRow]] = {}
    for one in found:
        for row in one.rows:
            if np.isfinite(row.within.value):
                rows.setdefault(row.scorer, []).append(row)
    return [_counted(scorer, of_scorer) for scorer, of_scorer in rows.items()]


def _counted(scorer: str, rows: Sequence[ScorerRow]) -> Tally:
    verdicts = [row.verdict for row in rows]
    mean = float(np.mean([row.within.value for row in rows]))
    return Tally(scorer, len(rows), mean, verdicts.count("less"), verdicts.count("more"))


def _said(judging: pd.DataFrame, records: list[Record], protocols: Protocols) -> pd.DataFrame:
    """Return what was said of each draw by seed, with columns COLUMNS; higher is better."""
    rules = judging["settings"].map(lambda of_trial: of_trial[RULE])
    tunes = judging["settings"].map(lambda of_trial: of_trial[TUNES])
    of_scenarios = judging.assign(tunes=tunes)
    return _joined(
        told
        for rule, tell in TELL.items()
        for told in _told(of_scenarios[rules == rule], records, protocols, tell)
    )


def _told(
    trials: pd.DataFrame, records: list[Record], protocols: Protocols, tell: Tell
) -> Iterator[pd.DataFrame]:
    """Yield what trials of one rule tell, protocol by protocol."""
    conditions = {name: half.conditions for name, half in protocols.items()}
    counted = select(trials, conditions).trials
    for name, half in protocols.items():
        if len(ours := counted[counted["protocol"] == name]):
            told = tell(ours, records, half)
            yield _means(told.assign(scenario=told["tunes"]))


def _on_targets(counted: pd.DataFrame, records: list[Record], protocols: Protocols) -> pd.DataFrame:
    """Return what draws score on targets before any label of these, likewise."""
    tried = tuned.with_defaults(counted)
    parts = {name: tried[tried["protocol"] == name] for name in protocols}
    return _joined(
        _means(_before_labels(ours, records, protocols[name]))
        for name, ours in parts.items()
        if len(ours)
    )


def _by_sources(trials: pd.DataFrame, records: list[Record], half: ProtocolBoard) -> pd.DataFrame:
    """Return what scorers say, and source validation."""
    there, scores = tuned.with_scores(trials, records, half)
    value = tuned.on_validation(scores).reindex(there.index) * there["sign"]
    said = scores[scores["stage"] == "unlabelled"]
    names = said["metric"].astype(object).str.removeprefix(f"{SCORER} ")
    signed = (said["value"] * names.map(SIGNS)).to_numpy(float)
    of_scorers = there.loc[said["trial"]].assign(scorer=names.to_numpy(), value=signed)
    return _joined([there.assign(scorer=BASELINE, value=value), of_scorers])


def _before_labels(
    trials: pd.DataFrame, records: list[Record], half: ProtocolBoard
) -> pd.DataFrame:
    """Return the score before any label of the domain that is, or plays, the target."""
    there, scores = tuned.with_scores(trials, records, half)
    measured = half.measures(there, scores).reindex(there.index)
    value = measured[START] * there["sign"] if START in measured else np.nan
    return there.assign(scorer=RULES[LEAVE_ONE_OUT], value=value)


def _means(told: pd.DataFrame) -> pd.DataFrame:
    """Return means over trials of a draw, scenario and seed, if all of them have a value."""
    names = told["sampler"] + told["candidate"].astype(str)
    grouped = told.assign(candidate=names).groupby(COLUMNS[:-1])["value"]
    whole = grouped.count() == grouped.size()
    return grouped.mean().where(whole).dropna().reset_index()


def _joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    nothing = pd.DataFrame(columns=COLUMNS)
    return pd.concat(filled, ignore_index=True) if filled else nothing


TELL: dict[str, Tell] = {SOURCE_VALIDATION: _by_sources, LEAVE_ONE_OUT: _before_labels}


class _Axes(NamedTuple):
    """What the arrays [methods, draws, seeds] of a dataset have along their axes."""

    algorithm: pd.Index
    candidate: pd.Index
    seed: pd.Index

    def array(self, table: pd.DataFrame, column: str) -> Floats:
        values = np.full([len(axis) for axis in self], np.nan)
        places = [axis.get_indexer(table[name]) for name, axis in self._asdict().items()]
        values[tuple(places)] = table[column].to_numpy(float)
        return values


def _experiment(dataset: str, protocol: str, metric: str, both: pd.DataFrame) -> Experiment:
    """Return the experiment of one dataset: columns COLUMNS and `value on target`."""
    axes = _Axes(*(pd.Index(sorted(both[name].unique())) for name in _Axes._fields))
    names = [BASELINE, RULES[LEAVE_ONE_OUT], *(scorer.name for scorer in SCORERS)]
    tables = {name: both[both["scorer"] == name] for name in names}
    found = {CHANCE: _resampled(tables[BASELINE], axes, regret.by_chance)}
    for name, table in tables.items():
        if len(table):
            found[name] = _resampled(table, axes, regret.quantities)
    several = len(axes.algorithm) * len(axes.seed) > 1
    base = found[BASELINE]
    rows = [_row(name, values, base, several) for name, values in found.items()]
    draws = len(both.drop_duplicates(DRAW))
    counts = len(axes.algorithm), draws, len(axes.seed), both["scenario"].nunique()
    return Experiment(dataset, protocol, metric, *counts, tuple(rows))


def _resampled(table: pd.DataFrame, axes: _Axes, tell: Quantities) -> Floats:
    """Return QUANTITIES [1 + resamples, 4] of one scorer, the means over scenarios."""
    drawn = regret.resamples(len(axes.algorithm), len(axes.seed))
    found = []
    for _, ours in table.groupby("scenario"):
        said, scored = axes.array(ours, "value"), axes.array(ours, "value on target")
        told = [
            tell(regret.choice(_over(said, one.seeds), _over(scored, one.seeds)), one.weight)
            for one in drawn
        ]
        found.append(np.concatenate(told))
    nothing = np.full((1, len(regret.QUANTITIES)), np.nan)
    return _mean(np.array(found)) if found else nothing


def _over(values: Floats, seeds: Sequence[int]) -> Floats:
    """Return the mean over some seeds, NaN where one of them lacks."""
    return np.asarray(values[..., seeds].mean(-1))


def _mean(values: Floats) -> Floats:
    """Return the mean over the first axis of what is known."""
    known = np.isfinite(values)
    count = np.where(known.any(0), known.sum(0), np.nan)
    return np.asarray(np.where(known, values, 0.0).sum(0) / count)


def _row(scorer: str, values: Floats, baseline: Floats, several: bool) -> ScorerRow:
    """Return a row of QUANTITIES [1 + resamples, 4]; `several`: if any resample differs."""
    resampled = values[1:] if several else values[:0]
    pairs = zip(values[0], resampled.T, strict=True)
    estimates = [Estimate(float(value), *_ends(drawn)) for value, drawn in pairs]
    paired = several and len(baseline) == len(values)
    low, high = _ends((values - baseline)[1:, WITHIN]) if paired else (np.nan, np.nan)
    pooled, within, tau, tau_within = estimates
    reference = REFERENCES.get(scorer, "")
    verdict = _verdict(low, high)
    return ScorerRow(scorer, reference, pooled, within, tau, tau_within, verdict)


def _verdict(low: float, high: float) -> Verdict:
    if high < -LEAST:
        return "less"
    return "more" if low > LEAST else "cannot be told"


def _ends(values: Floats) -> tuple[float, float]:
    """Return the ends of the 95% percentile interval of resamples, NaN of none."""
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, ENDS) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
