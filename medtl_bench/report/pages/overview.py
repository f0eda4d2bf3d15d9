"""The overall page and that of one area: mean ranks, and the scores behind them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtl_bench.board import statistics
from medtl_bench.board.build import Board
from medtl_bench.board.comparison import SIMULATED, Comparison, Standing
from medtl_bench.board.facts import Facts
from medtl_bench.board.protocol import Name
from medtl_bench.board.same_method import MARGIN, VERDICTS, Agreement
from medtl_bench.report.pages import titles
from medtl_bench.report.pages.dataset import Pages
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import (
    NOTHING,
    arrow,
    counted,
    interval,
    number,
    score,
    table,
)

MOST_DAMAGED = 10
Links = Mapping[str, str]


class Section(NamedTuple):
    """What the pages show of one reading: its tables, and what can be concluded."""

    title: str
    ranked: Safe
    methods: str
    datasets: str
    p: str
    others: Safe
    simulated: bool


def overall_page(board: Board, links: Links, damaged: Mapping[Path, str], pages: Pages) -> str:
    """Return the page over all datasets.

    links: to the pages of "area <name>" and "dataset <name>". damaged: result files that
    could not be read, and why.
    """
    files = sorted((path.name, why) for path, why in damaged.items())
    statuses = board.totals.statuses.items()
    left_out = board.totals.left_out.items()
    text = fill(
        "overall",
        **_shared(board, board.facts, board.comparisons, links),
        planned=counted(board.totals.planned, "planned trial"),
        statuses=[f"{trials:,} {status}" for status, trials in statuses],
        left_out=[(Safe(why), counted(trials, "trial")) for why, trials in left_out],
        damaged=counted(len(files), "result file") if files else "",
        shown=[_file(name, why) for name, why in files[:MOST_DAMAGED]],
        more=max(len(files) - MOST_DAMAGED, 0),
        areas=[_link(area, links[f"area {area}"]) for area in board.by_area],
        margin=f"{MARGIN:g}",
        agreements=_agreements(board.agreements, pages),
    )
    return f"{text}\n"


def area_page(board: Board, area: str, links: Links) -> str:
    """Return the page over the datasets of one area."""
    members = [fact for fact in board.facts if fact.area == area]
    return f"{fill('area', area=area, **_shared(board, members, board.by_area[area], links))}\n"


def _shared(
    board: Board, facts: Sequence[Facts], compared: Sequence[Comparison], links: Links
) -> dict[str, object]:
    """Return what both templates show of some datasets and the readings over them."""
    return {
        "kinds": list(_kinds(facts)),
        "coverage": _coverage(board, facts, links),
        "readings": [_section(comparison, facts) for comparison in compared],
        "resamples": f"{statistics.RESAMPLES:,}",
        "fewest": statistics.FEWEST_DATASETS,
    }


def _link(name: str, file: str) -> Safe:
    return Safe(f"[{escape_cell(name)}]({file})")


def _file(name: str, why: str) -> Safe:
    return Safe(f"{escape_cell(name)}: {escape_cell(why, 160)}")


def _kinds(facts: Sequence[Facts]) -> Iterator[tuple[Safe, list[str]]]:
    """Each kind of data in words, with the datasets of that kind."""
    for kind in sorted({fact.provenance for fact in facts}):
        names = [fact.dataset for fact in facts if fact.provenance == kind]
        yield titles.provenance(kind), names


def _agreements(agreements: Sequence[Agreement], pages: Pages) -> Safe:
    """Return the verdicts on each pair of a method and its counterpart, counted."""
    header = [
        *("Method", "Counterpart"),
        *(verdict.capitalize() for verdict in VERDICTS),
        "Largest mean difference",
    ]
    lines = [_agreement(agreement, pages) for agreement in agreements]
    return table(header, lines, left=2) if lines else Safe()


def _agreement(agreement: Agreement, pages: Pages) -> list[str]:
    measure = pages[agreement.protocol].title(agreement.measure).lower()
    widest = f"{number(agreement.mean)} ({agreement.dataset}, {measure})"
    counts = [str(agreement.verdicts[verdict]) for verdict in VERDICTS]
    return [agreement.algorithm, agreement.counterpart, *counts, widest]


def _coverage(board: Board, facts: Sequence[Facts], links: Links) -> Safe:
    """Return the datasets with their kind of data and how complete their rows are."""
    header = [
        *("Dataset", "Area", "Data", "Task", "Score", "Trials ok"),
        *(f"Complete rows, {protocol}" for protocol in board.protocols),
    ]
    lines = [_covered(board, fact, links[f"dataset {fact.dataset}"]) for fact in facts]
    return table(header, lines, left=5) if lines else Safe()


def _covered(board: Board, fact: Facts, link: str) -> list[str]:
    primaries = [view.primary for view in board.views if view.dataset == fact.dataset]
    return [
        _link(fact.dataset, link),
        fact.area,
        _kind(fact.provenance),
        fact.task,
        ", ".join(name.replace("_", " ") for name in dict.fromkeys(primaries)),
        f"{fact.ok}/{fact.planned}",
        *(_complete(fact, protocol) for protocol in board.protocols),
    ]


def _kind(provenance: str) -> str:
    return provenance if provenance == "real" else Safe(f"**{escape_cell(provenance)}**")


def _complete(fact: Facts, protocol: str) -> str:
    whole = fact.complete.get(protocol)
    return f"{whole[0]}/{whole[1]}" if whole else NOTHING


def _section(comparison: Comparison, facts: Sequence[Facts]) -> Section:
    simulated = {fact.dataset for fact in facts if fact.provenance == SIMULATED}
    return Section(
        title=comparison.reading.title,
        ranked=_ranked(comparison),
        methods=counted(len(comparison.ranked), "method"),
        datasets=counted(len(comparison.datasets), "dataset"),
        p="" if comparison.p is None else f"{comparison.p:.2g}",
        others=_others(comparison),
        simulated=simulated.issuperset(comparison.datasets),
    )


def _ranked(comparison: Comparison) -> Safe:
    """Return the table of mean ranks with the scores behind them."""
    header = ["Method", "Family", "Mean rank ↓", "95% interval", *_headings(comparison)]
    order = sorted(comparison.ranked, key=lambda s: (s.mean, comparison.rows[s.name].label))
    lines = [_standing(comparison, standing) for standing in order]
    return table(header, lines, left=2) if lines else Safe()


def _standing(comparison: Comparison, standing: Standing) -> list[str]:
    mean = number(standing.mean, 2)
    shown = Safe(f"**{mean}**" if standing.best else mean)
    ends = interval(standing.low, standing.high, 2)
    return [*_who(comparison, standing.name), shown, ends, *_scores(comparison, standing.name)]


def _others(comparison: Comparison) -> Safe:
    """Return the table of methods without a mean rank, with their datasets counted."""
    header = ["Method", "Family", "Datasets", *_headings(comparison)]
    lines = [_other(comparison, name) for name in comparison.others]
    return table(header, lines, left=2) if lines else Safe()


def _other(comparison: Comparison, name: Name) -> list[str]:
    datasets = f"{len(comparison.cells[name])}/{len(comparison.datasets)}"
    return [*_who(comparison, name), datasets, *_scores(comparison, name)]


def _who(comparison: Comparison, name: Name) -> list[str]:
    return [comparison.rows[name].label, comparison.rows[name].family]


def _headings(comparison: Comparison) -> list[Safe]:
    headings = []
    for dataset, higher in zip(comparison.datasets, comparison.higher, strict=True):
        sizes = ", ".join(map(str, comparison.sizes[dataset])) or "0"
        headings.append(Safe(f"{escape_cell(dataset)} (n = {sizes}) {arrow(higher)}"))
    return headings


def _scores(comparison: Comparison, name: Name) -> list[Safe]:
    """Return a method's scores, with n where a dataset's scores differ in it."""
    scores = []
    for dataset in comparison.datasets:
        cell = comparison.cells[name].get(dataset)
        told = cell is not None and len(comparison.sizes[dataset]) > 1
        scores.append(Safe(f"{score(cell)} (n = {cell.n})") if told and cell else score(cell))
    return scores
