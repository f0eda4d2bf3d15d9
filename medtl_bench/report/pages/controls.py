"""What a dataset can tell: its controls, and methods scaled between them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from medtl_bench.board.build import Board
from medtl_bench.board.controls import WHY, Control, Estimate, uncounted
from medtl_bench.report.pages.protocol import ProtocolPage
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe
from medtl_bench.report.text.markdown import NOTHING, number, table


def what_it_can_tell(board: Board, dataset: str, pages: Mapping[str, ProtocolPage]) -> Safe:
    """Return the part of a dataset's page that says what its controls leave room for."""
    ours = [one for one in board.controls if one.dataset == dataset]
    return Safe("\n\n".join(_told(one, pages[one.protocol].title) for one in ours))


def between_controls(board: Board, dataset: str, pages: Mapping[str, ProtocolPage]) -> list[Safe]:
    """Return the tables of raw and scaled scores of a dataset, where it has headroom."""
    ours = [one for one in board.controls if one.dataset == dataset and one.scaled]
    return [_scaled(one, pages[one.protocol].title) for one in ours]


def left_out(board: Board) -> list[tuple[str, str]]:
    """Return the datasets that count in no rank, and why."""
    return sorted(uncounted(board.controls).items())


def _told(one: Control, title: Callable[[str], str]) -> Safe:
    return fill(
        "controls",
        measure=one.measure,
        lower=one.lower,
        upper=one.upper,
        low=shown(one.low),
        high=shown(one.high),
        room=shown(one.room),
        seeds=one.room.n,
        units=one.room.units,
        verdict=one.verdict,
        why=Safe(WHY.get(one.verdict, "")),
        steps=shown(one.steps) if one.steps else "",
        converged=one.steps is not None and abs(one.steps.mean) <= one.steps.half,
        steps_units=one.steps is not None and one.steps.units,
        smallest=[
            (title(name).lower(), number(smallest.half), smallest.units)
            for name, smallest in one.smallest.items()
            if math.isfinite(smallest.half)
        ],
    )


def shown(one: Estimate) -> str:
    """Return a mean with half its interval, where there is one."""
    if not math.isfinite(one.mean):
        return NOTHING
    half = f" ± {number(one.half)}" if math.isfinite(one.half) else ""
    return f"{number(one.mean)}{half}"


def _scaled(one: Control, title: Callable[[str], str]) -> Safe:
    """Return the scores of methods and the same scaled, in the order of the tables."""
    measures = list(one.smallest)
    headings = [heading for name in measures for heading in (title(name), "scaled")]
    lines = [[label, *_cells(of_row, measures)] for label, of_row in one.scaled.items()]
    return table(["Method", *headings], lines)


def _cells(of_row: Mapping[str, tuple[float, float]], measures: Sequence[str]) -> Iterator[str]:
    for name in measures:
        raw, scaled = of_row.get(name, (math.nan, math.nan))
        known = math.isfinite(raw)
        yield from (number(raw), number(scaled, 2)) if known else (NOTHING, NOTHING)
