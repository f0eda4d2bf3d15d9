"""What a protocol brings to the pages: its part of a dataset's page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from medtl_bench.board.protocol import ProtocolBoard, Tables
from medtl_bench.board.rows import View
from medtl_bench.report.pages import titles
from medtl_bench.report.pages.row_tables import complete_rows, ranked_rows
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe

Pictures = Mapping[tuple[str, ...], Safe]


class ProtocolPage:
    """A protocol's half of the pages; a new protocol sets `heading` and may change the rest.

    `heading`: above its tables. `titles`: headings of columns by measure, where the name of
    a measure does not do. `explanation`: a list in Markdown of what its measures are.
    """

    heading: str
    titles: Mapping[str, str] = {}
    explanation: str = ""

    def title(self, measure: str) -> str:
        """Return the heading of a measure's column, without its direction."""
        return self.titles.get(measure) or titles.title(measure)

    def pictures(self, view: View, tables: Tables) -> Mapping[tuple[str, ...], str | None]:
        """Return pictures as SVG by the parts of a name; None for nothing to draw.

        tables: those of `ProtocolBoard.further`, of this dataset alone.
        """
        return {}

    def section(self, view: View, tables: Tables, pictures: Pictures) -> str:
        """Return the tables and pictures of one view as Markdown, under a heading.

        Names in it must have been made inert, by `table` or `escape_cell`. pictures: names
        of files by the parts of a name, of those that were drawn.
        """
        columns = sorted(view.columns, key=lambda measure: measure != view.headline)
        return fill(
            "protocol",
            heading=self.heading,
            scenario=view.scenario,
            scored=scored(view),
            rows=ranked_rows(view, columns, self.title),
        )

    def how_to_read(self, views: Sequence[View]) -> str:
        """Return what the measures of some views are, a list in Markdown."""
        return self.explanation

    def conditions(self, settings: Mapping[str, Any]) -> list[str]:
        """Return what is told of a trial's settings where its numbers come from."""
        return []

    def complete_rows(self, view: View, columns: Sequence[str]) -> Safe:
        """Return a table of the rows that are complete."""
        return complete_rows(view, columns, [self.title(name) for name in columns])


class Protocol(NamedTuple):
    """Both halves of a protocol: what is measured, and what is told of it."""

    board: ProtocolBoard
    page: ProtocolPage


class PlainPage(ProtocolPage):
    """The page of a protocol that brings none: a table under its name."""

    def __init__(self, name: str) -> None:
        """Make a heading of the protocol's name."""
        self.heading = name.replace("-", " ").capitalize()


def scored(view: View) -> Safe:
    """Return the sentence that says which metric the scores of a view are by."""
    metric = titles.metric(view.primary)
    return fill("scored", metric=metric, direction="higher" if view.upwards else "lower")


def only(tables: Tables, dataset: str) -> Tables:
    """Return those rows of a protocol's tables that are of one dataset."""
    return {name: table[table["dataset"] == dataset] for name, table in tables.items()}
