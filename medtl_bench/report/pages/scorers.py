"""The page of the experiment on scorers: what each would have chosen."""

import math
from collections.abc import Sequence

from medtl_bench.board.build import Board
from medtl_bench.board.scorers import BASELINE, Estimate, Experiment, ScorerRow, Tally, tally
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe
from medtl_bench.report.text.markdown import NOTHING, counted, interval, joined, number, table

HEADER = (
    *("Scorer", "Source", "Regret within methods", "Regret over methods"),
    *("Kendall's tau within methods", "Kendall's tau over methods"),
)
COUNTED = ("Scorer", "Datasets", "Mean regret within methods", "Less on", "More on")


def scorers_page(board: Board) -> str:
    """Return the page of all experiments: what can be told, then dataset by dataset."""
    counts = tally(board.experiments)
    judged = [one for one in counts if one.scorer != BASELINE]
    text = fill(
        "scorers",
        baseline=BASELINE,
        less=_named(judged, [one.less for one in judged]),
        more=_named(judged, [one.more for one in judged]),
        counts=table(COUNTED, [_counted(one) for one in counts]),
        experiments=[_shown(one) for one in board.experiments],
    )
    return f"{text}\n"


def _named(rows: Sequence[Tally], numbers: Sequence[int]) -> Safe:
    """Return the scorers of which a number is not 0, with it and that of their datasets."""
    pairs = zip(rows, numbers, strict=True)
    return joined([f"{one.scorer} (on {n} of {one.datasets})" for one, n in pairs if n])


def _counted(one: Tally) -> list[str]:
    counts = map(str, (one.less, one.more))
    return [one.scorer, str(one.datasets), number(one.regret), *counts]


def _shown(one: Experiment) -> dict[str, object]:
    return {
        "dataset": one.dataset,
        "metric": one.metric.replace("_", " "),
        "methods": counted(one.methods, "method"),
        "draws": counted(one.draws, "draw"),
        "seeds": counted(one.seeds, "seed"),
        "scenarios": counted(one.scenarios, "scenario"),
        "table": table(HEADER, [_line(row) for row in one.rows], left=2),
    }


def _line(row: ScorerRow) -> list[str]:
    estimates = (row.within, row.regret, row.tau_within, row.tau)
    return [row.scorer, row.reference or NOTHING, *map(_estimate, estimates)]


def _estimate(one: Estimate) -> Safe:
    if not math.isfinite(one.value):
        return NOTHING
    spread = f" ({interval(one.low, one.high)})" if math.isfinite(one.low) else ""
    return Safe(f"{number(one.value)}{spread}")
