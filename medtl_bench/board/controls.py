"""What a dataset can tell: the room between its controls, and the differences it can show."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.rows import Cell, View
from medtl_bench.board.scored import Scored, scored
from medtl_bench.board.standings import Values
from medtl_bench.board.statistics import Crossed
from medtl_bench.board.summary import Derived, by_place

# the first of these that is complete: labels that tell nothing, else no training at all
LOWER = ("shuffled-labels", "chance")
UPPER = ("converged-target", "target-only")
NOTHING = np.array([math.nan])
Verdict = Literal["room", "no headroom", "out of order", "unknown"]
WHY = {
    "no headroom": "no headroom: its upper control cannot be told from its lower one",
    "out of order": "its controls are out of order: the upper one scores worse than the lower one",
}


class Estimate(NamedTuple):
    """A mean, half its 95% interval, and its number n of seeds.

    `units`: whether the interval is of test units too, else it is of seeds alone.
    """

    mean: float
    half: float
    n: int
    units: bool = False


class Smallest(NamedTuple):
    """The smallest difference that seeds, and with `units` test units, can show; NaN for none."""

    half: float
    units: bool = False


class Control(NamedTuple):
    """The controls of a dataset by a protocol, and what they leave room for.

    `lower`, `upper`: names of the controls, "" for none that is complete; `low`, `high`: their
    scores in `measure`; `room`: the upper less the lower, paired by seed and turned so that
    more is better. `steps`: what four times the steps add to a model of the target, None
    where that is not known. `smallest`: by measure that is read, the median over pairs of
    methods of half the 95% interval of their paired difference, the smallest that can be
    shown. `scaled`: by label of a method and those measures, its score, and the same
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
    smallest: Mapping[str, Smallest]
    scaled: Mapping[str, Mapping[str, tuple[float, float]]]


def controls(
    derived: Sequence[Derived],
    views: Sequence[View],
    protocols: Mapping[str, ProtocolBoard],
    values: Values,
) -> tuple[Control, ...]:
    """Return the controls of every dataset by each protocol that says where they differ.

    values: of `standings.by_dataset`.
    """
    tables, found = dict(by_place(derived)), []
    for view in views:
        half = protocols[view.protocol]
        if half.controlled in view.columns:
            read = [reading.measure for reading in half.readings]
            part = tables[view.dataset, view.protocol, view.scenario]
            lines = _bounds(scored(part, half.controlled), view)
            found.append(_control(view, half.controlled, lines, read, values))
    return tuple(found)


def _bounds(scores: Scored, view: View) -> Scored:
    """Return what the complete bounds of a view scored that have no changed parameters."""
    names = {row.name for row in view.bounds if row.name[1] == ""}
    known = np.isfinite(scores.values).any(1)
    return scores.only(known & scores.table.index.isin(list(names)))


def uncounted(found: Sequence[Control]) -> dict[str, str]:
    """Return why datasets count in no rank, by name of those that do not."""
    return {one.dataset: WHY[one.verdict] for one in found if one.verdict in WHY}


def _control(
    view: View, measure: str, bounds: Scored, read: Sequence[str], values: Values
) -> Control:
    sign = 1.0 if view.higher[measure] else -1.0
    lower, upper = (_first(bounds, names) for names in (LOWER, UPPER))
    low, high = (_estimate(bounds.of([(name, "")]).crossed()) for name in (lower, upper))
    room = _apart(bounds, upper, lower, sign)
    here = [name for name in read if name in view.columns]
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
        steps=_steps(bounds, sign),
        smallest={n: _smallest(values[view.protocol, n, view.dataset], view) for n in here},
        scaled=_scaled(view, here, low.mean, high.mean) if verdict == "room" else {},
    )


def _first(bounds: Scored, names: Sequence[str]) -> str:
    """Return the first of some names that is there, or nothing."""
    return next((name for name in names if (name, "") in bounds.table.index), "")


def _apart(bounds: Scored, first: str, second: str, sign: float) -> Estimate:
    """Return how much better the first scores than the second, inside a seed and a resample."""
    both = bounds.of([(first, ""), (second, "")])
    told = _estimate(both.less(1, slice(1)))
    return told._replace(mean=sign * told.mean)


def _estimate(told: Crossed) -> Estimate:
    """Return what is told of one row."""
    half, units = float(told.half.item()), bool(np.isfinite(told.units).item())
    return Estimate(float(told.mean.item()), half, int(told.n.item()), units)


def _verdict(room: Estimate) -> Verdict:
    """Return whether the interval of the room is above 0, below, or holds it."""
    if not math.isfinite(room.half):
        return "unknown"
    if abs(room.mean) <= room.half:
        return "no headroom"
    return "room" if room.mean > 0 else "out of order"


def _steps(bounds: Scored, sign: float) -> Estimate | None:
    """Return what converged training gains over that of the usual steps."""
    if not all((name, "") in bounds.table.index for name in UPPER):
        return None
    return _apart(bounds, *UPPER, sign)


def _smallest(scores: Scored, view: View) -> Smallest:
    """Return the median half of the intervals of differences between methods, NaN for none."""
    names = [row.name for row in view.methods]
    ours = scores.only(scores.table.index.isin(names))
    pairs = [ours.less(row, slice(row + 1, None)) for row in range(len(ours.table))]
    halves = np.concatenate([NOTHING, *(told.half for told in pairs)])
    known = halves[np.isfinite(halves)]
    units = any(np.isfinite(told.units).any() for told in pairs)
    return Smallest(float(np.median(known)), units) if len(known) else Smallest(math.nan)


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
