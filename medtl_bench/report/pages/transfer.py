"""The pages' half of the protocol `transfer`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import transfer
from medtl_bench.board.apart import attribute
from medtl_bench.board.measures import CALIBRATION, PLAIN, SECONDS, at, gain, shots_of
from medtl_bench.board.protocol import Name, Tables
from medtl_bench.board.rows import Cell, View
from medtl_bench.board.tables import FULL
from medtl_bench.board.transfer import (
    CUT,
    CUT_METRIC,
    GAP,
    GAP_BY,
    INTEGRATED,
    SOURCE_FORGETTING,
    TARGET,
    WORST,
)
from medtl_bench.metrics.formulas import AREA, START
from medtl_bench.metrics.registry import INTEGRATION, MARKED
from medtl_bench.report.pages import titles
from medtl_bench.report.pages.protocol import Pictures, ProtocolPage, scored
from medtl_bench.report.pages.row_tables import complete_rows, ranked_rows
from medtl_bench.report.pages.template import fill
from medtl_bench.report.pictures.curves import few_shot_picture
from medtl_bench.report.pictures.matrices import Captions, matrix_picture
from medtl_bench.report.text.escape import Safe
from medtl_bench.report.text.markdown import arrow, counted, score, table
from medtl_bench.results.record import KEPT_ROWS

FEW_SHOT, SOURCES, CLASSES = ("few", "shot"), ("sources", "targets"), ("classes",)
ACCURACY = "balanced_accuracy"


class TransferPage(ProtocolPage):
    """Scores before any label, the few-shot curve, what is kept, how domains are mixed."""

    heading = "Transfer to a new domain"
    titles = {
        START: "Target score, k = 0",
        AREA: "Few-shot area",
        WORST: "Worst target, k = 0",
        GAP: "Gap closed",
        gain(START): "Gain, k = 0",
        gain(AREA): "Gain, few-shot area",
    }

    def title(self, measure: str) -> str:
        """Return the heading of a measure's column, without its direction."""
        if metric := transfer.other_metric(measure):
            return titles.other(metric)
        name, _, k = measure.rpartition(" ")
        if measure in self.titles or name not in (TARGET, SOURCE_FORGETTING):
            return super().title(measure)
        return _labels(k) if name == TARGET else f"{name.capitalize()}, {_labels(k)}"

    def pictures(self, view: View, tables: Tables) -> Mapping[tuple[str, ...], str | None]:
        """Return the few-shot curves, and scores by single source and target."""
        matrices = matrix_picture(view, *_by_source(view, tables), _captions(view))
        names = _classes(view, tables)
        confused = _confused(view, tables, len(names))
        classes = matrix_picture(view, confused, names, _of_classes(view))
        return {FEW_SHOT: few_shot_picture(view), SOURCES: matrices, CLASSES: classes}

    def section(self, view: View, tables: Tables, pictures: Pictures) -> Safe:
        """Return the tables of a transfer; where batches are integrated, of mixing."""
        if view.task == "integration":
            columns = [*_embedded(view, tables), *_among(view, [SECONDS])]
            rows = ranked_rows(view, columns, self.title)
            return fill("integration", scored=scored(view), rows=rows)
        others = _other_metrics(view)
        return fill(
            "transfer",
            dataset=view.dataset,
            scored=scored(view),
            rows=ranked_rows(view, _main_columns(view), self.title),
            others=complete_rows(view, others, _other_titles(view, others)) if others else Safe(),
            thresholds=_thresholds(view),
            groups=[_groups(view, name) for name in _attributes(view)],
            marked=any(transfer.other_metric(name).startswith(MARKED) for name in others),
            gains=self._gains(view),
            curve_picture=pictures.get(FEW_SHOT),
            curve=_curve(view, TARGET),
            over_targets=_over_targets(view, tables.get(transfer.OVER_TARGETS)),
            sources_picture=pictures.get(SOURCES),
            classes_picture=pictures.get(CLASSES),
            forgetting=_curve(view, SOURCE_FORGETTING),
            **self._embeddings(view, tables),
        )

    def how_to_read(self, views: Sequence[View]) -> str:
        """Return what the measures are, where any are shown but those of embeddings."""
        if all(view.task == "integration" for view in views):
            return ""
        return fill("read_transfer", kept_rows=KEPT_ROWS, plain=PLAIN)

    def conditions(self, settings: Mapping[str, Any]) -> list[str]:
        """Return the numbers of labels, and how often each was drawn."""
        shots = ", ".join(map(str, settings["shots"]))
        unit = f" (k counts each {settings['unit']} as one)" if "unit" in settings else ""
        return [f"k = {shots}{unit}", f"{counted(settings['draws'], 'draw')} for each k"]

    def _gains(self, view: View) -> Safe:
        """Return the table of gains over plain training, if that is among the rows."""
        columns = _among(view, map(gain, transfer.GAINED))
        others = tuple(row for row in view.methods if row.name != (PLAIN, ""))
        if not columns or not others:
            return Safe()
        return self.complete_rows(replace(view, methods=others, bounds=()), columns)

    def _embeddings(self, view: View, tables: Tables) -> dict[str, Safe]:
        """Return the table of what was taken of embeddings, and that of rare labels."""
        measured = _embedded(view, tables)
        recalls = sorted(name for name in view.columns if name.startswith(titles.RECALL))
        return {
            "embeddings": self.complete_rows(_integrated(view), measured) if measured else Safe(),
            "recalls": self.complete_rows(view, recalls) if recalls else Safe(),
        }


PAGE = TransferPage()


def _labels(k: str) -> str:
    return "full" if k == "full" else f"k = {k}"


def _among(view: View, measures: Iterable[str]) -> list[str]:
    """Those measures that some row of the view has, in the order given."""
    return [measure for measure in measures if measure in view.columns]


def _main_columns(view: View) -> list[str]:
    kept = [at(SOURCE_FORGETTING, k) for k in shots_of(SOURCE_FORGETTING, view.columns)]
    return _among(view, [START, WORST, AREA, GAP, *kept[-1:], *CALIBRATION, SECONDS])


def _other_metrics(view: View) -> list[str]:
    """Return the measures at k = 0 by other metrics, in the order of the task's."""
    place = {transfer.other(metric): i for i, metric in enumerate(view.metrics)}
    named = {name: metric for name in view.columns if (metric := transfer.other_metric(name))}
    apart = [name for name, metric in named.items() if " " in metric or metric == CUT_METRIC]
    return sorted(set(named) - set(apart), key=lambda name: (place.get(name, len(place)), name))


def _other_titles(view: View, columns: Sequence[str]) -> list[str]:
    """Return headings of metrics, those of a class of masks by its name."""
    return [titles.of_class(transfer.other_metric(name), view.classes) for name in columns]


def _thresholds(view: View) -> Safe:
    """Return the table of balanced accuracy at 0.5 and at the sources' threshold."""
    usual = START if view.primary == ACCURACY else transfer.other(ACCURACY)
    k = shots_of(CUT, view.columns)[-1:]
    headings = {
        usual: "k = 0, at 0.5",
        transfer.other(CUT_METRIC): "k = 0, at the sources' threshold",
        transfer.other("roc_auc"): "k = 0, ROC-AUC",
    }
    for last in k if view.primary == ACCURACY else []:
        headings[at(TARGET, last)] = f"k = {last}, at 0.5"
        headings[at(CUT, last)] = f"k = {last}, at the sources' threshold"
    if transfer.other(CUT_METRIC) not in view.columns:
        return Safe()
    columns = _among(view, headings)
    return complete_rows(view, columns, [headings[name] for name in columns])


def _attributes(view: View) -> list[str]:
    """Return the attributes that scores are told by group of."""
    names = {attribute(transfer.other_metric(name)) for name in view.columns}
    return sorted(names - {""})


def _groups(view: View, of: str) -> Safe:
    """Return the table of an attribute's groups, with the gap between them."""
    metrics = {name: transfer.other_metric(name) for name in view.columns}
    groups = sorted(name for name, metric in metrics.items() if attribute(metric) == of)
    headings = [metrics[name].partition(" ")[2] for name in groups]
    gap = _among(view, [f"{GAP_BY} {of}"])
    return complete_rows(view, [*groups, *gap], [*headings, *["Gap"] * len(gap)])


def _integrated(view: View) -> View:
    """Return a view with its methods by mixing and kept labels, where measured."""
    if INTEGRATED not in view.columns:
        return view
    ranked = sorted(view.methods, key=lambda row: _rank(row.cells.get(INTEGRATED)))
    return replace(view, methods=tuple(ranked))


def _rank(cell: Cell | None) -> float:
    return cell.rank if cell is not None and math.isfinite(cell.rank) else math.inf


def _classes(view: View, tables: Tables) -> list[str]:
    """Return the names of the classes that are confused, numbers where older records have none."""
    confused, named = tables.get(transfer.CONFUSED), list(view.classes)
    if confused is None or confused.empty:
        return named
    highest = int(confused[["true", "answer"]].to_numpy().max())
    return [*named, *map(str, range(len(named), highest + 1))]


def _confused(view: View, tables: Tables, classes: int) -> list[tuple[str, Floats]]:
    """Return the shares of true classes by answer, for each complete row."""
    confused = tables.get(transfer.CONFUSED)
    if confused is None or confused.empty:
        return []
    matrices = {}
    for name, of_row in confused.groupby(["algorithm", "variant"]):
        matrix = np.full((classes, classes), np.nan)
        matrix[of_row["true"].unique()] = 0.0
        matrix[of_row["true"], of_row["answer"]] = of_row["value"]
        matrices[name] = matrix
    return [(row.label, matrices[row.name]) for row in view.complete if row.name in matrices]


def _of_classes(view: View) -> Captions:
    heading = f"{view.dataset}: answers by true class, k = 0, mean over targets and seeds"
    name = f"Classes confused on {view.dataset}"
    return Captions(name, heading, "true class", "answered as", "share of the class")


def _embedded(view: View, tables: Tables) -> list[str]:
    """Return the metrics of embeddings that some row has, those with a title first."""
    table = tables.get(transfer.EMBEDDED)
    metrics = [] if table is None else sorted(table["metric"])
    plain = [name for name in metrics if not name.startswith(titles.RECALL)]
    return _among(view, dict.fromkeys([*INTEGRATION, *plain]))


def _curve(view: View, measure: str) -> Safe:
    """Return the table of a measure after k labels, columns named by k alone."""
    columns = [at(measure, k) for k in shots_of(measure, view.columns)]
    columns += _among(view, [at(measure, FULL)])
    return complete_rows(view, columns, [_labels(name.rpartition(" ")[2]) for name in columns])


def _over_targets(view: View, measured: pd.DataFrame | None) -> Safe:
    """Return the table of intervals over targets, where a complete row has enough of them."""
    cells, targets = _cells_over_targets(measured)
    rows = [row for row in view.complete if row.name in cells]
    if all(targets[row.name] < transfer.FEWEST_TARGETS for row in rows):
        return Safe()
    shots = _shots([cells[row.name] for row in rows])
    headings = [f"{'full' if k == FULL else f'k = {k:g}'} {arrow(view.upwards)}" for k in shots]
    lines = []
    for row in rows:
        scores = [score(cells[row.name].get(k)) for k in shots]
        lines.append([row.label, str(targets[row.name]), *scores])
    return table(["Row", "Targets", *headings], lines)


def _cells_over_targets(
    measured: pd.DataFrame | None,
) -> tuple[dict[Name, dict[float, Cell]], dict[Name, int]]:
    """Return the cells by row and k, and the number of targets by row."""
    cells: dict[Name, dict[float, Cell]] = {}
    targets: dict[Name, int] = {}
    for line in [] if measured is None else measured.to_dict("records"):
        name = (line["algorithm"], line["variant"])
        cell = Cell(line["mean"], line["half"], line["n"])
        cells.setdefault(name, {})[line["shots"]] = cell
        targets[name] = line["targets"]
    return cells, targets


def _shots(cells: Iterable[Mapping[float, Cell]]) -> list[float]:
    """All k there are, from low to high, all labels last."""
    shots = set().union(*cells)
    return sorted(shots, key=lambda k: (k == FULL, k))


def _by_source(view: View, tables: Tables) -> tuple[list[tuple[str, Floats]], list[str]]:
    """Score at k = 0 by source and target for each complete row, and the names of the domains.

    Nothing where there are not several single sources.
    """
    alone = tables.get(transfer.SINGLE_SOURCES)
    if alone is None or len(set(alone["source"])) < 2:
        return [], []
    domains = sorted({*alone["source"], *alone["domain"]})
    matrices = {}
    for name, of_row in alone.groupby(["algorithm", "variant"]):
        values = of_row.set_index(["source", "domain"])["value"].unstack()
        matrices[name] = values.reindex(index=domains, columns=domains).to_numpy(float)
    return [
        (row.label, matrices[row.name]) for row in view.complete if row.name in matrices
    ], domains


def _captions(view: View) -> Captions:
    heading = f"{view.dataset}: one source by target, k = 0, mean over seeds"
    return Captions(f"Sources by targets of {view.dataset}", heading, "after learning only")
