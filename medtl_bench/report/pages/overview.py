"""The overall page and the page of one area: mean ranks over datasets, the scores behind them, and what is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from medtl_bench.board import statistics
from medtl_bench.board.build import Board
from medtl_bench.board.equivalence import Verdict
from medtl_bench.board.tables import STATUSES
from medtl_bench.report.pages.dataset import provenance, title
from medtl_bench.report.pages.explanations import READ_EQUIVALENCE
from medtl_bench.report.rows import SIMULATED, Comparison, Facts, Name, View
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import (
    LEGEND,
    NOTHING,
    arrow,
    counted,
    number,
    page,
    score,
    table,
)

MOST_DAMAGED = 10
VERDICTS = get_args(Verdict)
HOW_TO_READ = f"""\
- A rank is among the methods that are complete on every dataset counted in a table; 1 is best and equal scores share a rank. \
The interval resamples the datasets ({statistics.RESAMPLES:,} bootstrap samples), so it says how far the mean rank depends on \
which datasets there are.
- Under {statistics.FEWEST_DATASETS} datasets there are too few for a test, and a mean rank is a summary, not evidence.
- Simulated datasets are marked and do not count in a mean rank, unless there are no others.
- The bounds (chance, source-only, target-only, joint) are on the pages of the datasets; they are no methods and have no rank.
- Every number is over all scenarios and seeds of its dataset. Rows that lack some are listed, not ranked; so is another \
library's version of a ranked method, which would count twice.
- † means that the 95% t interval of the paired differences to the best row, over seeds, holds 0, or that there are fewer than \
two seeds to pair. ± is half the 95% t interval over n seeds; there is none for n = 1. ↑ higher is better, ↓ lower is better.
- The measures are defined on the pages of the datasets. This is research: no number here is a reason to treat a patient."""


def overall_page(
    board: Board,
    facts: Sequence[Facts],
    views: Sequence[View],
    compared: Sequence[Comparison],
    links: Mapping[str, str],
    damaged: Mapping[Path, str],
) -> str:
    """Return the page over all datasets; `links` leads to pages by "area <name>" and "dataset <name>"."""
    areas = sorted({fact.area for fact in facts})
    to_areas = ", ".join(f"[{escape_cell(area)}]({links[f'area {area}']})" for area in areas)
    return page(
        "# MedTL-Bench leaderboard",
        "Which method transfers best to medical domains it has not seen, learns there from few labels, and forgets least?",
        "\n".join(provenance_lines(facts)),
        "## What was measured",
        completeness(board, damaged),
        coverage_table(facts, views, links),
        f"By area: {to_areas}." if areas else "",
        *readings(compared, facts),
        *libraries(board.equivalence),
        "## How to read this page",
        HOW_TO_READ,
    )


def libraries(tests: pd.DataFrame) -> list[str]:
    """Return the section that counts the verdicts on each pair of a method and its counterpart over datasets and measures."""
    if tests.empty:
        return []
    lines = [
        [
            str(pair[0]),
            str(pair[1]),
            *(str((its["verdict"] == verdict).sum()) for verdict in VERDICTS),
            _widest(its),
        ]
        for pair, its in tests.groupby(["algorithm", "counterpart"])
    ]
    header = [
        "Method",
        "Counterpart",
        *(verdict.capitalize() for verdict in VERDICTS),
        "Largest mean difference",
    ]
    told = "Over all datasets and streams; the pages of the datasets have each test."
    return [
        "## The same method in two libraries",
        f"{READ_EQUIVALENCE} {told}",
        table(header, lines, left=2),
    ]


def _widest(tests: pd.DataFrame) -> str:
    row = max(tests.to_dict("records"), key=lambda row: abs(row["mean"]))
    return f"{number(row['mean'])} ({row['dataset']}, {title(row['measure']).lower()})"


def area_page(
    area: str,
    facts: Sequence[Facts],
    views: Sequence[View],
    compared: Sequence[Comparison],
    links: Mapping[str, str],
) -> str:
    """Return the page over the datasets of one area."""
    name = escape_cell(area)
    return page(
        f"# Area: {name}",
        f"Which method transfers best to domains in {name} it has not seen, learns there from few labels, and forgets least?",
        "\n".join(provenance_lines(facts)),
        "## What was measured",
        coverage_table(facts, views, links),
        *readings(compared, facts),
        "## How to read this page",
        HOW_TO_READ,
    )


def provenance_lines(facts: Sequence[Facts]) -> list[str]:
    """Return a line for each kind of data, with the datasets of that kind."""
    kinds = {
        kind: [fact.dataset for fact in facts if fact.provenance == kind]
        for kind in sorted({f.provenance for f in facts})
    }
    return [
        f"- {provenance(kind)}: {', '.join(map(escape_cell, names))}."
        for kind, names in kinds.items()
    ]


def completeness(board: Board, damaged: Mapping[Path, str]) -> str:
    """Return how many trials count, how many are missing or left out, and which result files are damaged."""
    counts = board.rows[list(STATUSES)].sum()
    told = ", ".join(f"{int(counts[status]):,} {status}" for status in STATUSES)
    found = [f"Of {counted(int(board.rows['planned'].sum()), 'planned trial')}: {told}."]
    for why, left_out in board.left_out.groupby("why")["trials"].sum().items():
        found.append(f"Left out, for {why}: {counted(int(left_out), 'trial')}.")
    if damaged:
        files = sorted((path.name, why) for path, why in damaged.items())
        shown = "; ".join(
            f"{escape_cell(name)}: {escape_cell(why, 160)}" for name, why in files[:MOST_DAMAGED]
        )
        more = f"; and {len(files) - MOST_DAMAGED} more" if len(files) > MOST_DAMAGED else ""
        found.append(f"Left out, for damage: {counted(len(files), 'result file')} ({shown}{more}).")
    return "\n".join(f"- {sentence}" for sentence in found)


def coverage_table(facts: Sequence[Facts], views: Sequence[View], links: Mapping[str, str]) -> str:
    """Return the datasets with their kind of data and how complete their rows are."""
    if not facts:
        return "There are no results yet."
    rows = []
    for fact in facts:
        its = [view for view in views if view.dataset == fact.dataset]
        complete = {
            protocol: _complete([view for view in its if view.protocol == protocol])
            for protocol in ("transfer", "stream")
        }
        link = Safe(f"[{escape_cell(fact.dataset)}]({links[f'dataset {fact.dataset}']})")
        primary = ", ".join(dict.fromkeys(view.primary.replace("_", " ") for view in its))
        rows.append(
            [
                link,
                fact.area,
                _kind(fact),
                fact.task,
                primary,
                f"{fact.ok}/{fact.planned}",
                *complete.values(),
            ]
        )
    header = [
        "Dataset",
        "Area",
        "Data",
        "Task",
        "Score",
        "Trials ok",
        "Complete rows, transfer",
        "Complete rows, stream",
    ]
    return table(header, rows, left=5)


def _kind(fact: Facts) -> str:
    return (
        fact.provenance
        if fact.provenance == "real"
        else Safe(f"**{escape_cell(fact.provenance)}**")
    )


def _complete(views: Sequence[View]) -> str:
    if not views:
        return NOTHING
    whole = len(views[0].methods) + len(views[0].bounds)
    return f"{whole}/{whole + len(views[0].incomplete)}"


def readings(compared: Sequence[Comparison], facts: Sequence[Facts]) -> list[str]:
    """Return a section for each reading."""
    simulated = {fact.dataset for fact in facts if fact.provenance == SIMULATED}
    found: list[str] = []
    for comparison in compared:
        found += [f"## {comparison.reading.title}", *ranked_tables(comparison)]
        found += (
            ["Every dataset in this table is **simulated**."]
            if simulated.issuperset(comparison.datasets)
            else []
        )
    return found


def ranked_tables(comparison: Comparison) -> list[str]:
    """Return the table of mean ranks with the scores behind them, the methods without a rank, and what can be concluded."""
    ranks = comparison.ranks
    header, found = (
        [*_headings(comparison)],
        ["No method is complete on all datasets of this table, so none is ranked."],
    )
    if comparison.ranked:
        order = sorted(
            range(len(comparison.ranked)),
            key=lambda i: (ranks.mean[i], comparison.labels[comparison.ranked[i]]),
        )
        best = ranks.mean.min()
        lines = []
        for i in order:
            name, value = comparison.ranked[i], number(ranks.mean[i], 2)
            shown = Safe(f"**{value}**" if ranks.mean[i] <= best + statistics.TOLERANCE else value)
            interval = (
                f"{ranks.low[i]:.2f} to {ranks.high[i]:.2f}"
                if np.isfinite(ranks.low[i])
                else NOTHING
            )
            lines.append([*_who(comparison, name), shown, interval, *_scores(comparison, name)])
        found = [
            table(["Method", "Family", "Mean rank ↓", "95% interval", *header], lines, left=2),
            LEGEND,
            _verdict(comparison),
        ]
    if comparison.others:
        lines = [
            [
                *_who(comparison, name),
                f"{len(comparison.cells[name])}/{len(comparison.datasets)}",
                *_scores(comparison, name),
            ]
            for name in comparison.others
        ]
        found += ["Not ranked:", table(["Method", "Family", "Datasets", *header], lines, left=2)]
    return found


def _verdict(comparison: Comparison) -> str:
    methods, datasets = comparison.scores.shape
    told = f"Ranks of {counted(methods, 'method')} over {counted(datasets, 'dataset')}: "
    p = statistics.friedman(comparison.scores, np.array(comparison.higher, bool))
    if p is None:
        return told + "too few for a test, so read them as a summary, not as evidence."
    return told + f"the Friedman test of equal ranks gives p = {p:.2g}."


def _who(comparison: Comparison, name: Name) -> list[str]:
    return [comparison.labels[name], comparison.families[name]]


def _sizes(comparison: Comparison, dataset: str) -> list[int]:
    return sorted({cells[dataset].n for cells in comparison.cells.values() if dataset in cells})


def _headings(comparison: Comparison) -> list[Safe]:
    directions = zip(comparison.datasets, comparison.higher, strict=True)
    told = {d: ", ".join(map(str, _sizes(comparison, d))) or "0" for d in comparison.datasets}
    return [
        Safe(f"{escape_cell(dataset)} (n = {told[dataset]}) {arrow(up)}")
        for dataset, up in directions
    ]


def _scores(comparison: Comparison, name: Name) -> list[Safe]:
    found = []
    for dataset in comparison.datasets:
        cell = comparison.cells[name].get(dataset)
        several = cell is not None and len(_sizes(comparison, dataset)) > 1
        found.append(Safe(f"{score(cell)} (n = {cell.n})") if several and cell else score(cell))
    return found
