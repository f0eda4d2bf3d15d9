"""The commands `export` and `score`, of what a folder keeps of predictions."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl_bench.cli import console, sections
from medtl_bench.cli.options import DEFAULT_OUT, Out, PluginFiles
from medtl_bench.cli.sections import Json

if TYPE_CHECKING:
    import pandas as pd

OF_LINE = ["dataset", "scenario", "algorithm", "variant", "stage", "shots", "domain"]
Metric = Annotated[str, typer.Argument(help="A metric of `medtl-bench list`.")]
Parquet = Annotated[Path, typer.Argument(metavar="FILE", help="What to write.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="A file of every score.")]


def export(file: Parquet, plugin: PluginFiles = [], out: Out = DEFAULT_OUT) -> None:
    """Write predictions kept by `run --answers`, with labels, as one parquet file."""
    from medtl_bench import api

    trials = api.export(file, out, plugins=plugin, complain=console.complain)
    console.say(f"{file} holds what was predicted in {trials} trials.")


def score(
    metric: Metric,
    csv: Csv = None,
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
    as_json: Json = False,
) -> None:
    """Score the predictions kept by `run --answers` by any metric, without a run."""
    from medtl_bench import api

    def scored() -> sections.Document:
        table = api.score(metric, out, csv=csv, plugins=plugin, complain=console.complain)
        return {"scores": _lines(table)}

    sections.tell(scored, as_json=as_json)


def _lines(table: "pd.DataFrame") -> list[dict[str, object]]:
    """Return means over seeds and draws, a line for each method, stage and domain."""
    grouped = table.groupby(OF_LINE, dropna=False)
    means = grouped.agg(value=("value", "mean"), scores=("value", "size"))
    means = means.round(6).reset_index()
    return [dict(zip(means.columns, line, strict=True)) for line in _without_nan(means)]


def _without_nan(table: "pd.DataFrame") -> list[list[object]]:
    """Return the rows of a table, None where there is nothing."""
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()
