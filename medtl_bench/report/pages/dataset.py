"""The page of one dataset: its tables, its pictures, where its numbers come from and how to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from medtl_bench.board import measures
from medtl_bench.board.build import Board
from medtl_bench.board.measures import at
from medtl_bench.board.summary import GAINED, PLAIN
from medtl_bench.metrics.registry import INTEGRATION, MARKED, TASK_AWARE
from medtl_bench.report.pages.explanations import READ_EQUIVALENCE, READ_OVER_TARGETS, reading
from medtl_bench.report.rows import Facts, Row, View
from medtl_bench.report.text.escape import escape_cell
from medtl_bench.report.text.markdown import (
    LEGEND,
    NOTHING,
    Cell,
    arrow,
    counted,
    number,
    page,
    rank,
    score,
    table,
)

MOST_REASON = 160
RECALL = "label_transfer "
PROVENANCE = {
    "real": "Real data",
    "semi-synthetic": "**Semi-synthetic** data (real, with a shift that was made on purpose)",
    "simulated": "**Simulated** data (what wins here need not win on patients)",
}
TITLES = {
    at(measures.TARGET, 0): "Target score, k = 0",
    measures.AREA: "Few-shot area",
    measures.GAP: "Gap closed",
    measures.gain(at(measures.TARGET, 0)): "Gain, k = 0",
    measures.gain(measures.AREA): "Gain, few-shot area",
    "ece": "ECE",
    "brier": "Brier",
    "ilisi": "iLISI",
    "clisi": "cLISI",
    "silhouette_batch": "Silhouette by batch",
    "silhouette_label": "Silhouette by label",
    "label_transfer": "Label transfer, balanced",
    "label_transfer_accuracy": "Label transfer, accuracy",
    measures.SECONDS: "Seconds",
    measures.AVERAGE: "Average accuracy",
    measures.FORGETTING: "Forgetting",
    measures.BACKWARD: "Backward transfer",
    measures.FORWARD: "Forward transfer",
}


def title(measure: str) -> str:
    """Return the heading of a measure's column, without its direction."""
    if measure.startswith(TASK_AWARE):
        return f"Task-aware {title(measure.removeprefix(TASK_AWARE)).lower()}"
    if measure.startswith(RECALL):
        return measure.removeprefix(RECALL)
    if metric := measures.other_metric(measure):
        return metric.replace("_", " ")
    if measure in TITLES:
        return TITLES[measure]
    name, _, k = measure.rpartition(" ")
    labels = "full" if k == "full" else f"k = {k}"
    return labels if name == measures.TARGET else f"{name.capitalize()}, {labels}"


def dataset_page(
    board: Board, fact: Facts, views: Sequence[View], pictures: Mapping[str, str]
) -> str:
    """Return a dataset's page; `pictures` holds file names by "few-shot", "sources" and "stream <scenario>"."""
    name = escape_cell(fact.dataset)
    trials = board.trials[board.trials["dataset"] == fact.dataset]
    targets = board.targets[board.targets["dataset"] == fact.dataset]
    asked = (
        f"Which method does best on a domain of {name} that it has not learned from, how far do a few labels there take it, "
        "and what does it forget meanwhile?"
    )
    if fact.task == "integration":
        asked = f"Which method mixes the batches of {name} best?"
    return page(
        f"# {name}",
        asked,
        f"{provenance(fact.provenance)}. Area: {escape_cell(fact.area)}. Task: {task(fact)}. "
        f"{fact.ok:,} of {counted(fact.planned, 'planned trial')} are ok.",
        *(section(view, trials, targets, pictures) for view in views),
        *same_method(board.equivalence[board.equivalence["dataset"] == fact.dataset]),
        "## Where the numbers come from",
        *(
            conditions(frame, str(protocol))
            for protocol, frame in reversed(list(trials.groupby("protocol")))
        ),
        notes(board, trials, fact.dataset),
        "## How to read this page",
        "\n".join(reading(views)),
    )


def same_method(tests: pd.DataFrame) -> list[str]:
    """Return the section of tests whether a method and its counterpart in another library score the same, if there are any."""
    if tests.empty:
        return []
    header = [
        "Method",
        "Counterpart",
        "Stream",
        "Measure",
        "n",
        "Difference",
        "90% interval",
        "p",
        "Verdict",
    ]
    lines = [
        [
            *(row[name] for name in ("algorithm", "counterpart")),
            row["scenario"] or NOTHING,
            title(row["measure"]),
            str(row["n"]),
            number(row["mean"]),
            f"{number(row['low'])} to {number(row['high'])}"
            if np.isfinite(row["low"])
            else NOTHING,
            f"{row['p']:.2g}" if np.isfinite(row["p"]) else NOTHING,
            row["verdict"],
        ]
        for row in tests.to_dict("records")
    ]
    return ["## The same method in two libraries", READ_EQUIVALENCE, table(header, lines, left=4)]


def task(fact: Facts) -> str:
    """Return what is asked, in words; of masks with the classes that columns name by number."""
    if fact.task != "segmentation" or not fact.classes:
        return escape_cell(fact.task)
    named = ", ".join(
        f"class {number} is {escape_cell(name)}"
        for number, name in enumerate(fact.classes)
        if number
    )
    return f"segmentation; {named}"


def provenance(kind: str) -> str:
    """Return whether data is real, in words."""
    return PROVENANCE.get(kind, f"Data of the kind {escape_cell(kind)}")


def section(
    view: View, trials: pd.DataFrame, targets: pd.DataFrame, pictures: Mapping[str, str]
) -> str:
    """Return the tables and pictures of one view; `trials` and `targets` are those of its dataset."""
    metric = escape_cell(view.primary.replace("_", " "))
    direction = "higher" if measures.higher_is_better(view.primary) else "lower"
    scored = (
        f"The score is {title(metric) if metric in INTEGRATION else metric}; {direction} is better."
    )
    if view.primary in INTEGRATION:
        columns = [name for name in (*INTEGRATION, measures.SECONDS) if name in view.columns]
        head = ["## Integration of the domains", scored, *_tables(view, columns, "methods")]
    elif view.protocol == "transfer":
        head = [
            "## Transfer to a new domain",
            scored,
            *_tables(view, _main_columns(view), "methods"),
        ]
        head += _others(view, trials["metrics"].iloc[-1])
        head += _gains(view)
        head += [
            "### Few-shot curve",
            _picture(pictures.get("few-shot"), f"few-shot curves on {view.dataset}"),
        ]
        head += [
            _curve(view, measures.TARGET),
            *_over_targets(view, targets),
            *_by_source(view, pictures.get("sources")),
            "### Source forgetting",
            _curve(view, measures.SOURCE_FORGETTING),
        ]
        head += _integration(view)
    else:
        its = trials[(trials["protocol"] == "stream") & (trials["scenario"] == view.scenario)][
            "domains"
        ].iloc[-1]
        order = " → ".join(escape_cell(domain) for domain in its)
        head = [
            f"## Stream {escape_cell(view.scenario)}",
            f"Domains in the order learned: {order}. {scored}",
        ]
        head += _tables(view, [c for c in view.columns if c not in ("ece", "brier")], "methods")
        head.append(
            _picture(
                pictures.get(f"stream {view.scenario}"), f"matrices R of the stream {view.scenario}"
            )
        )
    return page(*head).rstrip("\n")


def _picture(file: str | None, told: str) -> str:
    return f"![{escape_cell(told)}]({file})" if file else ""


def _by_source(view: View, picture: str | None) -> list[str]:
    if not picture:
        return []
    told = "Score at k = 0 of each domain (columns) after learning from one alone (lines); on the diagonal, its own test split."
    return [
        "### One source by target",
        _picture(picture, f"scores on {view.dataset} by source and target"),
        told,
    ]


def _main_columns(view: View) -> list[str]:
    most = max(measures.shots_of(measures.SOURCE_FORGETTING, view.columns), default=None)
    wanted = [at(measures.TARGET, 0), measures.AREA, measures.GAP]
    wanted += [] if most is None else [at(measures.SOURCE_FORGETTING, most)]
    return [
        name for name in (*wanted, *measures.CALIBRATION, measures.SECONDS) if name in view.columns
    ]


def _tables(view: View, columns: Sequence[str], what: str) -> list[str]:
    headings = [f"{title(name)} {arrow(measures.better(name, view.primary))}" for name in columns]
    found = [f"### {what.capitalize()}", "No row is complete yet, so none is ranked."]
    if view.methods:
        lines = [
            [
                row.label,
                row.family,
                rank(_rank(row, columns)),
                row.trials,
                str(row.n),
                *_cells(row, columns),
            ]
            for row in view.methods
        ]
        found[1:] = [
            table(["Method", "Family", "Rank", "Trials", "n", *headings], lines, left=2),
            LEGEND,
        ]
    if view.bounds:
        lines = [[row.label, row.trials, str(row.n), *_cells(row, columns)] for row in view.bounds]
        found += ["### Bounds, for reference", table(["Bound", "Trials", "n", *headings], lines)]
    if view.incomplete:
        lines = [
            [
                row.label,
                row.status,
                escape_cell(row.reason, MOST_REASON) or NOTHING,
                row.trials,
                str(row.n),
                *_cells(row, columns[:2]),
            ]
            for row in view.incomplete
        ]
        header = ["Row", "Status", "Most frequent reason", "Trials", "n", *headings[:2]]
        found += ["### Incomplete, not ranked", table(header, lines, left=3)]
    return found


def _rank(row: Row, columns: Sequence[str]) -> float:
    return row.cells.get(columns[0], Cell(0, 0, 0)).rank if columns else Cell(0, 0, 0).rank


def _cells(row: Row, columns: Sequence[str]) -> list[str]:
    return [
        score(row.cells.get(name), decimals=2 if name == measures.SECONDS else 3)
        for name in columns
    ]


def _others(view: View, metrics: Sequence[str]) -> list[str]:
    """Return the table of the target's score at k = 0 by every other metric, in the order of the task's."""
    found = {name: metric for name in view.columns if (metric := measures.other_metric(name))}
    place = {metric: i for i, metric in enumerate(metrics)}
    columns = sorted(found, key=lambda name: place.get(found[name], len(place)))
    if not columns:
        return []
    marked = any(metric.startswith(MARKED) for metric in found.values())
    told = (
        "Marked: of those rows alone that the dataset marks, as its card tells." if marked else ""
    )
    return [
        "### Other measures, k = 0",
        told,
        _rows(view, columns, [title(name) for name in columns]),
    ]


def _gains(view: View) -> list[str]:
    """Return the table of what methods gain over plain training, if that is among them."""
    columns = [name for name in map(measures.gain, GAINED) if name in view.columns]
    others = tuple(row for row in view.methods if row.name != (PLAIN, ""))
    if not columns or not others:
        return []
    told = _rows(
        replace(view, methods=others, bounds=()), columns, [title(name) for name in columns]
    )
    return ["### Gain over plain training", told]


def _curve(view: View, measure: str) -> str:
    columns = [at(measure, k) for k in measures.shots_of(measure, view.columns)]
    columns += [full for full in (at(measure, measures.FULL),) if full in view.columns]
    return _rows(view, columns, [title(name).split(", ")[-1] for name in columns])


def _over_targets(view: View, targets: pd.DataFrame) -> list[str]:
    """Return the table of scores with intervals over targets, where a complete row has several."""
    cells: dict[tuple[str, str], dict[float, Cell]] = {}
    for row in targets.to_dict("records"):
        cells.setdefault((row["algorithm"], row["variant"]), {})[row["shots"]] = Cell(
            row["mean"], row["half"], row["n"]
        )
    rows = [row for row in (*view.methods, *view.bounds) if row.name in cells]
    most = {row.name: max(cell.n for cell in cells[row.name].values()) for row in rows}
    if max(most.values(), default=0) < 2:
        return []
    shots = sorted(
        {k for row in rows for k in cells[row.name]}, key=lambda k: (k == measures.FULL, k)
    )
    direction = arrow(measures.higher_is_better(view.primary))
    headings = [
        f"full {direction}" if k == measures.FULL else f"k = {k:g} {direction}" for k in shots
    ]
    lines = [
        [row.label, str(most[row.name]), *(score(cells[row.name].get(k)) for k in shots)]
        for row in rows
    ]
    return ["### Over targets", READ_OVER_TARGETS, table(["Row", "Targets", *headings], lines)]


def _rows(view: View, columns: Sequence[str], titles: Sequence[str]) -> str:
    rows = [*view.methods, *view.bounds]
    if not columns or not rows:
        return "No complete row has these scores."
    headings = [
        f"{told} {arrow(measures.better(name, view.primary))}"
        for name, told in zip(columns, titles, strict=True)
    ]
    return (
        table(
            ["Row", "n", *headings],
            [[row.label, str(row.n), *_cells(row, columns)] for row in rows],
        )
        + f"\n\n{LEGEND}"
    )


def _integration(view: View) -> list[str]:
    """Return the table of what embeddings were measured by, and that of label transfer to rare labels, where there are any."""
    measured = [name for name in INTEGRATION if name in view.columns]
    recalls = sorted(name for name in view.columns if name.startswith(RECALL))
    found = (
        ["### Integration", _rows(view, measured, [title(name) for name in measured])]
        if measured
        else []
    )
    if recalls:
        told = [escape_cell(title(name)) for name in recalls]
        found += ["Recall of rare labels in label transfer:", _rows(view, recalls, told)]
    return found


def conditions(trials: pd.DataFrame, protocol: str) -> str:
    """Return under which conditions the trials of one protocol ran, which are the same for all that count."""
    one = trials.iloc[0]
    told = [
        f"data {one['dataset_digest'][:12]}",
        f"seeds {', '.join(map(str, sorted(trials['seed'].unique())))}",
    ]
    if protocol == "transfer":
        told += [
            f"k = {', '.join(map(str, one['shots']))}",
            counted(one["draws"], "draw") + " for each k",
        ]
    told += [counted(one["threads"], "thread"), *(" ".join(pair) for pair in one["versions"])]
    scenarios = trials["scenario"].nunique()
    return f"The {counted(scenarios, f'{protocol} scenario')}: {'; '.join(escape_cell(t) for t in told)}."


def notes(board: Board, trials: pd.DataFrame, dataset: str) -> str:
    """Return what was left out and what is mixed, a sentence each."""
    left_out = board.left_out[board.left_out["dataset"] == dataset]
    found = [
        f"Left out, for {row['why']}: {counted(row['trials'], 'trial')}."
        for row in left_out.to_dict("records")
    ]
    sources = trials.groupby(["protocol", "label"])["algorithm_source"].nunique()
    mixed = sorted(set(sources[sources > 1].index.get_level_values("label")))
    if mixed:
        found.append(
            f"Rows whose trials come from several versions of their plugin: {', '.join(map(escape_cell, mixed))}."
        )
    machines = trials.loc[trials["status"] == "ok", "machine"].nunique()
    if machines > 1:
        found.append(
            f"The trials ran on {number(machines, 0)} different machines, so the seconds cannot be compared."
        )
    return "\n".join(f"- {sentence}" for sentence in found)
