"""The part of a dataset's page on methods whose hyper-parameters were chosen."""

import math
from collections.abc import Callable, Iterator, Sequence

from medtl_bench.board.tuned_rows import TunedRow, budget
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe
from medtl_bench.report.text.markdown import NOTHING, counted, joined, number, rank, score, table

HEADER = ("Method", "Default", "Tuned", "Gain", "Oracle", "Rank by default", "Rank tuned")


def tuned_section(
    rows: Sequence[TunedRow], title: Callable[[str], str], picture: Safe | None
) -> Safe:
    """Return tables of tuned rows beside their defaults, one a rule and budget, or nothing.

    picture: the file of the trajectory, if it was drawn.
    """
    if not rows:
        return Safe()
    groups: dict[tuple[str, str, int, int], list[TunedRow]] = {}
    for row in rows:
        groups.setdefault(budget(row), []).append(row)
    return fill(
        "tuned",
        measure=title(rows[0].measure),
        groups=[_group(group) for group in groups.values()],
        picture=picture or "",
        dataset=rows[0].dataset,
        oracle=any(math.isfinite(row.oracle) for row in rows),
    )


def _group(rows: Sequence[TunedRow]) -> dict[str, object]:
    rule, sampler, draws, seeds = budget(rows[0])
    return {
        "rule": rule,
        "draws": counted(draws, "draw") + (f" by {sampler}" if sampler else ""),
        "seeds": counted(seeds, "seed"),
        "table": table(HEADER, [_line(row) for row in rows]),
        "orders": list(_orders(rows)),
    }


def _line(row: TunedRow) -> list[str]:
    gain = score(row.gain)
    oracle = Safe(f"*{number(row.oracle)}*") if math.isfinite(row.oracle) else NOTHING
    plain = [score(cell._replace(best=False, tied=False)) for cell in (row.default, row.tuned)]
    return [row.algorithm, *plain, gain, oracle, *map(rank, row.ranks)]


def _orders(rows: Sequence[TunedRow]) -> Iterator[tuple[str, Safe]]:
    """Yield the order of the ranked rows by their defaults and as tuned, if these differ."""
    ranked = [row for row in rows if all(map(math.isfinite, row.ranks))]
    if any(row.ranks[0] != row.ranks[1] for row in ranked):
        for named, place in (("By defaults", 0), ("Tuned", 1)):
            ordered = sorted(ranked, key=lambda row: (row.ranks[place], row.algorithm))
            yield named, joined([row.algorithm for row in ordered])
