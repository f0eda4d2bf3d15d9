"""The pages' half of the protocol `stream`."""

from collections.abc import Mapping, Sequence

from medtl_bench.arrays import Floats
from medtl_bench.board import stream
from medtl_bench.board.protocol import Tables
from medtl_bench.board.rows import View
from medtl_bench.report.pages.protocol import Pictures, ProtocolPage, scored
from medtl_bench.report.pages.row_tables import ranked_rows
from medtl_bench.report.pages.template import fill
from medtl_bench.report.pictures.matrices import Captions, matrix_picture
from medtl_bench.report.text.escape import Safe


class StreamPage(ProtocolPage):
    """What is known at the end of each stream, what was forgotten, and the matrices R."""

    heading = "Stream"

    def pictures(self, view: View, tables: Tables) -> Mapping[tuple[str, ...], str | None]:
        """Return the matrices R of a stream."""
        domains = view.settings["domains"]
        picture = matrix_picture(view, _matrices(view, tables), domains, _captions(view))
        return {(view.scenario,): picture}

    def section(self, view: View, tables: Tables, pictures: Pictures) -> Safe:
        """Return the rows of one stream and its picture."""
        return fill(
            "stream",
            scenario=view.scenario,
            domains=view.settings["domains"],
            scored=scored(view),
            rows=ranked_rows(view, view.columns, self.title),
            picture=pictures.get((view.scenario,)),
        )

    def how_to_read(self, views: Sequence[View]) -> str:
        """Return what the measures are."""
        return fill("read_stream")


PAGE = StreamPage()


def _matrices(view: View, tables: Tables) -> list[tuple[str, Floats]]:
    """Return the matrix R of each complete row, methods first."""
    table = tables.get(stream.MATRICES)
    if table is None:
        return []
    lines = table[table["scenario"] == view.scenario].to_dict("records")
    matrices = {(line["algorithm"], line["variant"]): line["matrix"] for line in lines}
    return [(row.label, matrices[row.name]) for row in view.complete]


def _captions(view: View) -> Captions:
    heading = f"{view.dataset}, stream {view.scenario}: R, mean over seeds"
    return Captions(f"Stream {view.scenario} of {view.dataset}", heading, "after learning domain")
