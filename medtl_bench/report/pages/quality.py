"""The page of quality control: which trials to look at, and how."""

from collections.abc import Callable, Sequence

from medtl_bench.board import quality
from medtl_bench.board.build import Board
from medtl_bench.board.quality import Finding, Quality
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, number, table
from medtl_bench.results.store import SHORT

SHOWN = 50  # of each kind
LONGEST_REASON = 160  # characters
Cells = Callable[[Finding], list[str]]


def quality_page(board: Board) -> str:
    """Return the page of what quality control found in a board."""
    found = quality.quality(board.trials, board.scores, board.rows)
    text = fill(
        "quality",
        checks=_checks(found),
        shown=SHOWN,
        uncontrolled=found.uncontrolled,
        margin=f"{quality.MARGIN:g}",
        least=f"{quality.LEAST_MARGIN:g}",
        times=f"{quality.TIMES_SECONDS:g}",
        times_memory=f"{quality.TIMES_MEMORY:g}",
    )
    return f"{text}\n"


def _checks(found: Quality) -> list[dict[str, object]]:
    """Return every check, with its table and how many it found."""
    return [
        _check("Failed", found.failed, ["Why"], _why),
        _check("Diverged", found.diverged, ["Why"], _why),
        _check("Timed out", found.timeout, ["Why"], _why),
        _check("Missing", found.missing, ["Missing", "Planned"], _counts),
        _check(
            "Out of the range of the controls",
            found.out_of_range,
            ["Stage", "Mean score", "Chance", "Best bound"],
            _scores,
        ),
        _check("Slow", found.slow, ["Seconds", "Median"], _costs),
        _check("Memory", found.memory, ["MiB", "Median"], _costs),
    ]


def _check(
    title: str, found: Sequence[Finding], columns: list[str], cells: Cells
) -> dict[str, object]:
    header = ["Key", "Dataset", "Protocol", "Scenario", "Method", "Seed", *columns]
    lines = [[*_place(one), *cells(one)] for one in found[:SHOWN]]
    return {
        "title": title,
        "count": f"{len(found):,}",
        "more": max(len(found) - SHOWN, 0),
        "table": table(header, lines, left=5) if lines else Safe(),
    }


def _place(one: Finding) -> list[str]:
    """Return the beginning of a trial's key, as `show` takes it, and its place."""
    seed = NOTHING if one.seed is None else str(one.seed)
    return [
        one.key[:SHORT] or NOTHING,
        one.dataset,
        one.protocol,
        one.scenario or NOTHING,
        one.method,
        seed,
    ]


def _why(one: Finding) -> list[str]:
    return [escape_cell(one.reason, LONGEST_REASON) or NOTHING]


def _counts(one: Finding) -> list[str]:
    return [f"{one.value:g}", f"{one.high:g}"]


def _scores(one: Finding) -> list[str]:
    return [one.reason, *map(number, (one.value, one.low, one.high))]


def _costs(one: Finding) -> list[str]:
    return [number(one.value, 1), number(one.low, 1)]
