"""Two runs, or two methods of one, held against each other by paired differences."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import directions, statistics, tables
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.resamples import freedom
from medtl_bench.board.tables import CELL, PLACE
from medtl_bench.results import resamples
from medtl_bench.results.record import Record

Protocols = Mapping[str, ProtocolBoard]
Change = Literal["better", "worse", "not told apart"]
OF_METHOD = ["algorithm", "variant"]
GROUP = [*PLACE, "group", *OF_METHOD, "measure"]
ONLY_FIRST, ONLY_SECOND = "only the first has them", "only the second has them"
OTHER_CONDITIONS = "they are of other data, settings or metrics"
NOT_OK = "they failed in the first"


class Difference(NamedTuple):
    """How the second of two scores a measure on a dataset, against the first.

    `scenario`: where each has a table of its own, else "". `algorithm`, `variant`: of both,
    or of the second. `n`: seeds. `first`, `second`: means. `gain`: the mean difference,
    turned so that more is better, from `low` to `high` its 95% interval, NaN for n < 2.
    `units`: whether that is of seeds and test units, crossed; else it is of seeds alone.
    """

    dataset: str
    protocol: str
    scenario: str
    algorithm: str
    variant: str
    measure: str
    n: int
    first: float
    second: float
    gain: float
    low: float
    high: float
    units: bool = False

    @property
    def change(self) -> Change:
        """Return whether the second is better or worse, so far as the interval tells."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not told apart"

    def worse_by(self, margin: float) -> bool:
        """Return whether the whole interval is worse than by a margin."""
        return self.high < -margin


class Paired(NamedTuple):
    """Two runs or methods held against each other.

    `trials`: the number of pairs that are ok on both sides. `broken`: the keys, in the
    second, of trials that are ok in the first alone. `alone`: why other trials have no
    counterpart, and how many.
    """

    differences: tuple[Difference, ...]
    trials: int
    broken: tuple[str, ...]
    alone: Mapping[str, int]


class _Side(NamedTuple):
    """The newest `trials` of cells, and `values` of what they are ranked by, by key.

    `values` also has what these are on resamples of the test units, "" where there are none.
    """

    trials: pd.DataFrame
    values: pd.DataFrame


def runs(first: Iterable[Record], second: Iterable[Record], protocols: Protocols) -> Paired:
    """Compare each method of two runs with itself, over what the runs share."""
    return _paired(_side(first, protocols), _side(second, protocols))


def methods(first: Iterable[Record], second: Iterable[Record], protocols: Protocols) -> Paired:
    """Compare two methods by the records of each, over scenarios and seeds they share."""
    one = _side(first, protocols)
    nameless = one._replace(trials=one.trials.drop(columns=OF_METHOD))
    return _paired(nameless, _side(second, protocols))


def interval(
    gains: Floats, resampled: Floats | None = None, freedom: float = math.inf
) -> tuple[float, float, float, bool]:
    """Return the mean of differences by seed [n], the ends of its 95% interval, and its kind.

    With the differences on resamples of the test units [n, resamples], which have so many
    degrees of freedom, the interval is of seeds and test units (`statistics.crossed`) and the
    last is True, else it is of seeds alone. NaN for n < 2.
    """
    told = statistics.crossed(gains, resampled, freedom)
    mean, half = float(told.mean), float(told.half)
    return mean, mean - half, mean + half, bool(np.isfinite(told.units))


def _side(records: Iterable[Record], protocols: Protocols) -> _Side:
    ordered = sorted(records, key=lambda record: record.trial.key)
    lower = directions.lower_is_better(ordered)
    table = tables.trial_table([one.trial.key for one in ordered], ordered, lower)
    ours = table[table["protocol"].isin(list(protocols))]
    trials = ours.sort_values(["finished", "key"])
    trials = trials.drop_duplicates(CELL, keep="last").reset_index(drop=True)
    trials["peers"] = range(len(trials))  # what it has, its counterpart has too
    scores = tables.tidy(trials, ordered)
    apart = {name for name, half in protocols.items() if half.by_scenario}
    trials["group"] = trials["scenario"].where(trials["protocol"].isin(apart), "")
    shared = ("dataset_digest", "metrics", "settings")
    columns = [trials[name] for name in shared]
    trials["shared"] = list(map(repr, zip(*columns, strict=True)))
    values = [
        _values(*tables.of_protocol(trials, scores, name), half, lower)
        for name, half in protocols.items()
    ]
    told = [*CELL, "group", "key", "status", "shared", "units"]
    return _Side(trials[told], pd.concat(values))


def _values(
    trials: pd.DataFrame, scores: pd.DataFrame, half: ProtocolBoard, lower: frozenset[str]
) -> pd.DataFrame:
    """Return a row for each trial that is ok and measure that it is ranked by."""
    rows: list[tuple[str, str, bool, float, str]] = []
    if (trials["status"] == "ok").any():
        wide = half.measures(trials, scores).reindex(trials.index)
        values = {str(name): wide[name].to_numpy(float) for name in wide}
        columns = (trials[name] for name in ("key", "status", "task", "primary", "resampled"))
        for place, (key, status, task, primary, units) in enumerate(zip(*columns, strict=True)):
            asked = dict.fromkeys((half.ranked_by(task, primary), *half.tested))
            for measure in (name for name in asked if name in values and status == "ok"):
                higher = half.higher_is_better(measure, primary, lower)
                value = float(values[measure][place])
                rows.append((key, measure, higher, value, units.get(measure, "")))
    return pd.DataFrame(rows, columns=["key", "measure", "higher", "value", "resampled"])


def _paired(first: _Side, second: _Side) -> Paired:
    cell = [name for name in CELL if name in first.trials]
    both = first.trials.merge(
        second.trials, on=[*cell, "group"], how="outer", suffixes=("_1", "_2"), indicator="side"
    )
    # of no trial a column has no texts
    both = both.astype({"key_1": object, "key_2": object})
    of_both, ok = both["side"] == "both", both["status_1"] == "ok"
    alike = of_both & (both["shared_1"] == both["shared_2"])
    sound = alike & ok & (both["status_2"] == "ok")
    alone = {
        ONLY_FIRST: (both["side"] == "left_only") & ok,
        ONLY_SECOND: both["side"] == "right_only",
        OTHER_CONDITIONS: of_both & ~alike,
        NOT_OK: alike & ~ok,
    }
    pairs = both[sound].merge(first.values, left_on="key_1", right_on="key")
    of_second = second.values.rename(columns={"key": "key_2"})
    pairs = pairs.merge(of_second, on=["key_2", "measure"])
    return Paired(
        differences=tuple(_differences(pairs.dropna(subset=["value_x", "value_y"]))),
        trials=int(sound.sum()),
        broken=tuple(sorted(both.loc[alike & ok & ~sound, "key_2"])),
        alone={why: int(which.sum()) for why, which in alone.items() if which.any()},
    )


def _differences(pairs: pd.DataFrame) -> Iterator[Difference]:
    """Yield a difference for each method, dataset and measure, in their order."""
    for where, rows in pairs.groupby(GROUP):
        means = rows.groupby("seed")[["value_x", "value_y"]].mean()
        first, second = means["value_x"].to_numpy(float), means["value_y"].to_numpy(float)
        sign = 1.0 if rows["higher_x"].iloc[0] else -1.0
        dataset, protocol, scenario, algorithm, variant, measure = map(str, where)
        yield Difference(
            dataset,
            protocol,
            scenario,
            algorithm,
            variant,
            measure,
            len(means),
            float(first.mean()),
            float(second.mean()),
            *interval(sign * (second - first), *_on_resamples(rows, sign)),
        )


def _on_resamples(rows: pd.DataFrame, sign: float) -> tuple[Floats | None, float]:
    """Return gains on resamples by seed, None where a trial has none, and their freedom."""
    texts = [rows["resampled_y"].tolist(), rows["resampled_x"].tolist()]
    if not all(texts[0] + texts[1]):
        return None, math.inf
    second, first = map(resamples.decode, texts)
    gains = pd.DataFrame(sign * (second.astype(float) - first))
    units = {name: of for of_trial in rows["units_1"] for name, of in of_trial.items()}
    by_seed = gains.groupby(rows["seed"].to_numpy())
    whole = by_seed.mean().where(by_seed.count().eq(by_seed.size(), axis=0))
    return whole.to_numpy(), freedom(units)
