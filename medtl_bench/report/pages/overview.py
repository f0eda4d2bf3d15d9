"""The overall page and that of one area: what was measured, and the ranks over datasets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtl_bench.board.blocks import FEWEST_BLOCKS
from medtl_bench.board.build import Board
from medtl_bench.board.comparison import SIMULATED, Comparison
from medtl_bench.board.effects import tally
from medtl_bench.board.facts import Facts
from medtl_bench.board.ranking import FEWEST_ORIGINS, RESAMPLES
from medtl_bench.board.same_method import MARGIN, VERDICTS, Agreement
from medtl_bench.report.pages import titles
from medtl_bench.report.pages.controls import left_out
from medtl_bench.report.pages.dataset import Pages
from medtl_bench.report.pages.ranks import Ranks, labels, section
from medtl_bench.report.pages.template import fill
from medtl_bench.report.pictures.critical_difference import critical_difference_picture
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, counted, number, table

MOST_DAMAGED = 10
Links = Mapping[str, str]
Place = tuple[str, str, str]
Pictures = Mapping[Place, str]


class Section(NamedTuple):
    """What the pages show of one reading, by kind of task."""

    title: str
    by_task: list[Ranks]


def overall_page(
    board: Board,
    links: Links,
    pictures: Pictures,
    damaged: Mapping[Path, str],
    pages: Pages,
) -> str:
    """Return the page over all datasets.

    links: to the pages of "area <name>" and "dataset <name>". pictures: files of diagrams.
    damaged: result files that could not be read, and why.
    """
    files = sorted((path.name, why) for path, why in damaged.items())
    statuses = board.totals.statuses.items()
    left_out = board.totals.left_out.items()
    text = fill(
        "overall",
        **_shared(board, board.facts, board.comparisons, links, pictures),
        planned=counted(board.totals.planned, "planned trial"),
        statuses=[f"{trials:,} {status}" for status, trials in statuses],
        left_out=[(Safe(why), counted(trials, "trial")) for why, trials in left_out],
        damaged=counted(len(files), "result file") if files else "",
        shown=[_file(name, why) for name, why in files[:MOST_DAMAGED]],
        more=max(len(files) - MOST_DAMAGED, 0),
        areas=[_link(area, links[f"area {area}"]) for area in board.by_area],
        effects=counted(len(board.effects), "effect") if board.effects else "",
        shown_effects=tally(board.effects)["shown"],
        experiments=counted(len(board.experiments), "dataset") if board.experiments else "",
        margin=f"{MARGIN:g}",
        agreements=_agreements(board.agreements, pages),
    )
    return f"{text}\n"


def area_page(board: Board, area: str, links: Links, pictures: Pictures) -> str:
    """Return the page over the datasets of one area."""
    members = [fact for fact in board.facts if fact.area == area]
    shared = _shared(board, members, board.by_area[area], links, pictures)
    return f"{fill('area', area=area, **shared)}\n"


def _shared(
    board: Board,
    facts: Sequence[Facts],
    compared: Sequence[Comparison],
    links: Links,
    pictures: Pictures,
) -> dict[str, object]:
    """Return what both templates show of some datasets and the readings over them."""
    names = {fact.dataset for fact in facts}
    return {
        "kinds": list(_kinds(facts)),
        "coverage": _coverage(board, facts, links),
        "uncounted": [(name, Safe(why)) for name, why in left_out(board) if name in names],
        "readings": _sections(compared, facts, pictures),
        "resamples": f"{RESAMPLES:,}",
        "fewest": FEWEST_ORIGINS,
        "fewest_blocks": FEWEST_BLOCKS,
        "units": any(view.units for view in board.views if view.dataset in names),
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


def _sections(
    compared: Sequence[Comparison], facts: Sequence[Facts], pictures: Pictures
) -> list[Section]:
    """Return the readings in their order, those of one title together."""
    simulated = {fact.dataset for fact in facts if fact.provenance == SIMULATED}
    sections: dict[str, list[Ranks]] = {}
    for comparison in compared:
        picture = pictures.get(place(comparison), "")
        only = simulated.issuperset(comparison.datasets)
        shown = section(comparison, simulated=only, picture=picture)
        sections.setdefault(comparison.reading.title, []).append(shown)
    return [Section(title, by_task) for title, by_task in sections.items()]


def place(comparison: Comparison) -> Place:
    """Return what tells a comparison from others of the same datasets."""
    return comparison.protocol, comparison.reading.measure, comparison.task


def diagrams(compared: Sequence[Comparison]) -> dict[Place, str]:
    """Return the diagrams of critical differences by `place`, where there are blocks."""
    drawn = {}
    for comparison in compared:
        if comparison.blocks:
            heading = f"{comparison.reading.title}: mean ranks, {comparison.task}"
            names = labels(comparison)
            drawn[place(comparison)] = critical_difference_picture(
                comparison.blocks, names, heading
            )
    return drawn
