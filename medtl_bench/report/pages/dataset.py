"""The page of one dataset: its tables, and where its numbers come from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from medtl_bench.board.build import Board
from medtl_bench.board.facts import Conditions, Facts, Meaning, Ran, State
from medtl_bench.board.protocol import Tables
from medtl_bench.board.rows import View
from medtl_bench.board.same_method import MARGIN
from medtl_bench.board.tuned_rows import TunedRow
from medtl_bench.metrics.registry import INTEGRATION
from medtl_bench.report.pages import effects, titles
from medtl_bench.report.pages.controls import between_controls, what_it_can_tell
from medtl_bench.report.pages.limits import limits
from medtl_bench.report.pages.protocol import Pictures, ProtocolPage, only
from medtl_bench.report.pages.template import fill
from medtl_bench.report.pages.tuned import tuned_section
from medtl_bench.report.pictures.trajectory import trajectory_picture
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, counted, interval, number, table

SENTENCE = 500  # characters of a remark
LONGEST_WHY = 240  # characters
DRAWS = "draws"  # in the name of the picture of them
MEANINGS = {
    "": Safe("what labels mean was not recorded; they are taken to be shared"),
    "shared": Safe("labels are shared: one question in all domains"),
    "own": Safe(
        "each domain asks a question of its own, so nothing is told of one before its first label"
    ),
    "new classes": Safe(
        "domains hold new classes, so nothing is told of one before its first label"
    ),
}
Pages = Mapping[str, ProtocolPage]


class Part(NamedTuple):
    """One view on a dataset's page, with its protocol's half, its tables and its tuned rows."""

    view: View
    page: ProtocolPage
    tables: Tables
    tuned: tuple[TunedRow, ...] = ()

    @property
    def pictures(self) -> dict[tuple[str, ...], str | None]:
        """Return its pictures as SVG by the parts of a name; None for nothing to draw."""
        drawn = dict(self.page.pictures(self.view, self.tables))
        return {**drawn, self._draws: trajectory_picture(self.tuned)}

    @property
    def _draws(self) -> tuple[str, ...]:
        return (self.view.scenario, DRAWS) if self.view.scenario else (DRAWS,)

    def section(self, pictures: Pictures) -> Safe:
        """Return it as Markdown. pictures: file names by parts of the name."""
        section = self.page.section(self.view, self.tables, pictures)
        tuned = tuned_section(self.tuned, self.page.title, pictures.get(self._draws))
        parts = (section, tuned, limits(self.view, self.page.title))
        return Safe("\n\n".join(part for part in parts if part))


def parts_of(board: Board, dataset: str, pages: Pages) -> list[Part]:
    """Return the parts of a dataset's page in the order they are shown."""
    views = [view for view in board.views if view.dataset == dataset]
    protocols = dict.fromkeys(view.protocol for view in views)
    tables = {name: only(board.further[name], dataset) for name in protocols}
    return [
        Part(view, pages[view.protocol], tables[view.protocol], _tuned(board, view))
        for view in views
    ]


def _tuned(board: Board, view: View) -> tuple[TunedRow, ...]:
    place = (view.dataset, view.protocol, view.scenario)
    return tuple(row for row in board.tuned if row[:3] == place)


def dataset_page(
    board: Board,
    fact: Facts,
    parts: Sequence[Part],
    pictures: Mapping[str, Pictures],
    pages: Pages,
) -> str:
    """Return a dataset's page. pictures: file names by protocol and parts of the name."""
    tests = board.equivalence[board.equivalence["dataset"] == fact.dataset]
    text = fill(
        "dataset",
        name=fact.dataset,
        provenance=titles.provenance(fact.provenance),
        area=fact.area,
        task=fact.task,
        classes=_classes(fact),
        ok=f"{fact.ok:,}",
        planned=counted(fact.planned, "planned trial"),
        can_tell=what_it_can_tell(board, fact.dataset, pages),
        effects=effects.of_dataset(board, fact.dataset),
        scaled=between_controls(board, fact.dataset, pages),
        sections=[part.section(pictures.get(part.view.protocol, {})) for part in parts],
        margin=f"{MARGIN:g}",
        tests=_tests(tests, pages),
        conditions=[_conditions(p, fact.conditions[p], pages[p]) for p in _protocols(parts)],
        left_out=[(Safe(why), counted(n, "trial")) for why, n in fact.left_out],
        states=[_state(state) for state in fact.states],
        meanings=[_meaning(one) for one in fact.meanings],
        alone=[(label, escape_cell(why, LONGEST_WHY)) for label, why in fact.alone],
        machines=fact.machines,
        untried=fact.untried,
        remarks=[escape_cell(remark, SENTENCE) for remark in fact.remarks],
        explanations=list(_explanations(parts)),
    )
    return f"{text}\n"


def _classes(fact: Facts) -> list[Safe]:
    """Which classes of masks the columns name by number; class 0 is the background."""
    if fact.task != "segmentation":
        return []
    names = list(enumerate(fact.classes))[1:]
    return [Safe(f"class {number} is {escape_cell(name)}") for number, name in names]


def _tests(tests: pd.DataFrame, pages: Pages) -> Safe:
    """Return the tests whether methods score as their counterparts do."""
    header = [
        *("Method", "Counterpart", "Stream", "Measure", "n"),
        *("Difference", "90% interval", "p", "Verdict"),
    ]
    lines = [_test(row, pages[row["protocol"]]) for row in tests.to_dict("records")]
    return table(header, lines, left=4) if lines else Safe()


def _test(row: dict[Any, Any], page: ProtocolPage) -> list[str]:
    return [
        row["algorithm"],
        row["counterpart"],
        row["scenario"] or NOTHING,
        page.title(row["measure"]),
        str(row["n"]),
        number(row["mean"]),
        interval(row["low"], row["high"]),
        f"{row['p']:.2g}" if math.isfinite(row["p"]) else NOTHING,
        row["verdict"],
    ]


def _protocols(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.view.protocol for part in parts))


def _conditions(protocol: str, conditions: Conditions, page: ProtocolPage) -> tuple[str, list[str]]:
    """How many scenarios there are, and under which conditions all their trials ran."""
    pieces = [
        f"data {conditions.digest[:12]}",
        f"seeds {', '.join(map(str, conditions.seeds))}",
        *page.conditions(conditions.settings),
        *(piece for ran in conditions.ran for piece in _ran(ran)),
    ]
    return counted(conditions.scenarios, f"{protocol} scenario"), pieces


def _ran(ran: Ran) -> list[str]:
    """Return under what rows ran; where some ran otherwise, with their names."""
    pieces = [counted(ran.threads, "thread"), *(" ".join(pair) for pair in ran.versions)]
    return [f"{', '.join(pieces)} of {', '.join(ran.rows)}"] if ran.rows else pieces


def _state(state: State) -> list[str]:
    return [state.label, state.protocol, state.source, counted(state.left_out, "trial")]


def _meaning(one: Meaning) -> list[str]:
    """Return of which protocol or scenarios, and what labels mean there."""
    scenarios = f" ({', '.join(one.scenarios)})" if one.scenarios else ""
    where = f"{one.protocol}{scenarios}"
    return [where, MEANINGS.get(one.labels) or one.labels]


def _explanations(parts: Sequence[Part]) -> Iterator[Safe]:
    """Return the lists that explain the tables: of protocols, then of embeddings."""
    for protocol in _protocols(parts):
        ours = [part for part in parts if part.view.protocol == protocol]
        explanation = ours[0].page.how_to_read([part.view for part in ours])
        if explanation:
            yield Safe(explanation)
    if any(set(part.view.columns) & set(INTEGRATION) for part in parts):
        yield fill("read_embeddings")
