"""The command `compare`: what is better and worse of two runs, or two methods of one."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl_bench.cli import console, sections
from medtl_bench.cli.options import PluginFiles
from medtl_bench.cli.sections import Document, Json

if TYPE_CHECKING:
    from medtl_bench.api import Compared

CHANGES = {"worse": "worse", "better": "better", "not told apart": "not_told_apart"}
SHOWN = 30  # of each list, on a terminal or not; as JSON there are all
First = Annotated[str, typer.Argument(metavar="A", help="A folder; with --out a method.")]
Second = Annotated[str, typer.Argument(metavar="B", help="What is compared with A.")]
Of = Annotated[Path | None, typer.Option("--out", "-o", help="The folder of two methods.")]
Margin = Annotated[
    float | None,
    typer.Option("--fail-if-worse", min=0.0, metavar="MARGIN", help="Exit 1 if B is."),
]
READ = (
    "Gains are B less A, turned so that more is better, paired by scenario and seed; their 95% "
    "intervals are over seeds and, where `units` says so, over patients or other test units too."
)


def compare(
    first: First,
    second: Second,
    out: Of = None,
    fail_if_worse: Margin = None,
    plugin: PluginFiles = [],
    as_json: Json = False,
) -> None:
    """Compare two folders of results, or two methods of one, by dataset and measure.

    Exit code: 1 where --fail-if-worse is given and B is worse by more than it, beyond the
    interval, in anything that is ranked by, or where a trial fails in B alone; else 0.
    """
    from medtl_bench import api

    compared = api.compare(first, second, out, plugins=plugin)
    sections.tell(lambda: _document(compared, all_=as_json), as_json=as_json)
    if not as_json:
        console.say(READ)
    if fail_if_worse is not None and _fails(compared, fail_if_worse):
        raise typer.Exit(1)


def _fails(compared: "Compared", margin: float) -> bool:
    """Say what is worse than by a margin, and return whether anything is."""
    worse = sum(one.worse_by(margin) for one in compared.differences)
    broken = len(compared.broken)
    if worse or broken:
        what = f"{worse} measures are worse by more than {margin:g}"
        console.complain(f"{what}, and {broken} trials fail that did not.")
    return bool(worse or broken)


def _document(compared: "Compared", *, all_: bool) -> Document:
    """Return the differences by change, the largest first."""
    changes: dict[str, list[dict[str, object]]] = {name: [] for name in CHANGES.values()}
    for one in sorted(compared.differences, key=lambda one: (-abs(one.gain), one)):
        changes[CHANGES[one.change]].append(_rounded(one._asdict()))
    counts = {change: len(rows) for change, rows in changes.items()}
    shown = list(changes) if all_ else ["worse", "better"]
    most = None if all_ else SHOWN
    total = {"pairs_of_trials": compared.trials, **counts, "broken": len(compared.broken)}
    alone = [{"why": why, "trials": trials} for why, trials in compared.alone.items()]
    return {
        **{change: changes[change][:most] for change in shown},
        "broken": [{"key": key} for key in compared.broken[:most]],
        "total": total,
        "without_counterpart": alone,
    }


def _rounded(row: dict[str, object]) -> dict[str, object]:
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}
