"""What a dataset can tell: the room between its controls, and the differences it can show."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.rows import Cell, View
from medtl_bench.board.standings import Values
from medtl_bench.board.statistics import mean_interval

# the first of these that is complete: labels that tell nothing, else no training at all
LOWER = ("shuffled-labels", "chance")
UPPER = ("converged-target", "target-only")
NOTHING = np.array([math.nan])
Lines = Mapping[str, Floats]
Verdict = Literal["room", "no headroom", "out of order", "unknown"]
WHY = {
    "no headroom": "no headroom: its upper control cannot be told from its lower one",
    "out of order": "its controls are out of order: the upper one scores worse than the lower one",
}


class Estimate(NamedTuple):
    """A mean, half its 95% interval over seeds, and their number n."""

    mean: float
    half: float
    n: int


class Control(NamedTuple):
    """The controls of a dataset by a protocol, and what they leave room for.

    `lower`, `upper`: names of the controls, "" for none that is complete; `low`, `high`: their
    scores in `measure`; `room`: the upper less the lower, paired by seed and turned so that
    more is better. `steps`: what four times the steps add to a model of the target, None
    where that is not known. `smallest`: by measure that is read, the median over pairs of
    methods of half the 95% interval of their paired difference, the smallest difference that
    seeds can show. `scaled`: by label of a method and those measures, its score, and the same
    from 0 at the lower control to 1 at the upper.
    """

    dataset: str
    protocol: str
    measure: str
    lower: str
    upper: str
    low: Estimate
    high: Estimate
    room: Estimate
    verdict: Verdict
    steps: Estimate | None
    smallest: Mapping[str, float]
    scaled: Mapping[str, Mapping[str, tuple[float, float]]]


def controls(
    by_seed: pd.DataFrame,
    views: Sequence[View],
    protocols: Mapping[str, ProtocolBoard],
    values: Values,
) -> tuple[Control, ...]:
    """Return the controls of every dataset by each protocol that says where they differ.

    by_seed: measures by the columns of `summary.BY_SEED`. values: of `standings.by_dataset`.
    """
    found = []
    for view in views:
        half = protocols[view.protocol]
        if half.controlled in view.columns:
            read = [reading.measure for reading in half.readings]
            lines = _lines(by_seed[half.controlled], view)
            found.append(_control(view, half.controlled, lines, read, values))
    return tuple(found)


def _lines(scores: pd.Series, view: View) -> dict[str, Floats]:
    """Return the scores [seeds] of the complete bounds of a view, by name."""
    ours = scores.xs((view.dataset, view.protocol), level=("dataset", "protocol"))
    wide = pd.DataFrame(ours.unstack("seed"))
    names = [(view.scenario, *row.name) for row in view.bounds if row.name[1] == ""]
    lines = wide.reindex(pd.MultiIndex.from_tuples(names)) if names else wide[:0]
    there = zip(names, lines.to_numpy(float), strict=True)
    return {name[1]: line for name, line in there if np.isfinite(line).any()}


def uncounted(found: Sequence[Control]) -> dict[str, str]:
    """Return why datasets count in no rank, by name of those that do not."""
    return {one.dataset: WHY[one.verdict] for one in found if one.verdict in WHY}


def _control(
    view: View, measure: str, lines: Lines, read: Sequence[str], values: Values
) -> Control:
    sign = 1.0 if view.higher[measure] else -1.0
    lower, upper = (_first(lines, names) for names in (LOWER, UPPER))
    below, above = lines.get(lower, NOTHING), lines.get(upper, NOTHING)
    room = _estimate(sign * (above - below))
    here = [name for name in read if name in view.columns]
    low, high = _estimate(below), _estimate(above)
    verdict = _verdict(room)
    return Control(
        view.dataset,
        view.protocol,
        measure,
        lower,
        upper,
        low,
        high,
        room,
        verdict,
        steps=_steps(lines, sign),
        smallest={n: _smallest(values[view.protocol, n, view.dataset], view) for n in here},
        scaled=_scaled(view, here, low.mean, high.mean) if verdict == "room" else {},
    )


def _first(lines: Lines, names: Sequence[str]) -> str:
    """Return the first of some names that is there, or nothing."""
    return next((name for name in names if name in lines), "")


def _estimate(values: Floats) -> Estimate:
    told = mean_interval(values)
    return Estimate(float(told.mean), float(told.half), int(told.n))


def _verdict(room: Estimate) -> Verdict:
    """Return whether the interval of the room is above 0, below, or holds it."""
    if not math.isfinite(room.half):
        return "unknown"
    if abs(room.mean) <= room.half:
        return "no headroom"
    return "room" if room.mean > 0 else "out of order"


def _steps(lines: Lines, sign: float) -> Estimate | None:
    """Return what converged training gains over that of the usual steps."""
    if not lines.keys() >= set(UPPER):
        return None
    converged, usual = (lines[name] for name in UPPER)
    return _estimate(sign * (converged - usual))


def _smallest(scores: pd.DataFrame, view: View) -> float:
    """Return the median half of the intervals of differences between methods, NaN for none."""
    names = [row.name for row in view.methods]
    ours = scores[scores.index.isin(names)].to_numpy(float)
    first, second = np.triu_indices(len(ours), 1)
    halves = mean_interval(ours[first] - ours[second]).half
    known = halves[np.isfinite(halves)]
    return float(np.median(known)) if len(known) else math.nan


def _scaled(
    view: View, measures: Sequence[str], low: float, high: float
) -> dict[str, dict[str, tuple[float, float]]]:
    return {row.label: dict(_of_row(row.cells, measures, low, high)) for row in view.methods}


def _of_row(
    cells: Mapping[str, Cell], measures: Sequence[str], low: float, high: float
) -> Iterator[tuple[str, tuple[float, float]]]:
    for name in measures:
        mean = cells[name].mean if name in cells else math.nan
        if math.isfinite(mean):
            yield name, (mean, (mean - low) / (high - low))
