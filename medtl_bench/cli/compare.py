"""The command `compare`: what got better and worse between two runs, or two methods of one."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl_bench.cli import console, sections
from medtl_bench.cli.options import PluginFiles
from medtl_bench.cli.sections import Document, Json

if TYPE_CHECKING:
    from medtl_bench.board.paired import Difference, Paired

SHOWN = 30  # of each list, on a terminal or not; as JSON there are all
First = Annotated[str, typer.Argument(metavar="A", help="A folder; with --out a method of it.")]
Second = Annotated[str, typer.Argument(metavar="B", help="What is compared with A.")]
Of = Annotated[
    Path | None, typer.Option("--out", "-o", help="The folder of both, which are methods then.")
]
Margin = Annotated[
    float | None,
    typer.Option("--fail-if-worse", min=0.0, metavar="MARGIN", help="Exit 1 if B is that much so."),
]
READ = (
    "Gains are B less A, turned so that more is better, paired by scenario and seed; their 95% "
    "intervals are over seeds."
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

    paired = api.compare(first, second, out, plugins=plugin)
    sections.tell(lambda: _document(paired, all_=as_json), as_json=as_json)
    if not as_json:
        console.say(READ)
    if fail_if_worse is not None and _fails(paired, fail_if_worse):
        raise typer.Exit(1)


def _fails(paired: "Paired", margin: float) -> bool:
    """Say what is worse than by a margin, and return whether anything is."""
    worse = sum(one.worse_by(margin) for one in paired.differences)
    if worse or paired.broken:
        what = f"{worse} measures are worse by more than {margin:g}"
        console.complain(f"{what}, and {len(paired.broken)} trials fail that did not.")
    return bool(worse or paired.broken)


def _document(paired: "Paired", *, all_: bool) -> Document:
    """Return the differences by change, the largest first."""
    changes: dict[str, list[Difference]] = {"worse": [], "better": [], "not told apart": []}
    for one in sorted(paired.differences, key=lambda one: (-abs(one.gain), one)):
        changes[one.change].append(one)
    counts = {change.replace(" ", "_"): len(those) for change, those in changes.items()}
    shown = changes if all_ else {name: changes[name][:SHOWN] for name in ("worse", "better")}
    return {
        **{name.replace(" ", "_"): list(map(_row, those)) for name, those in shown.items()},
        "broken": [{"key": key} for key in paired.broken[: None if all_ else SHOWN]],
        "total": {"pairs_of_trials": paired.trials, **counts, "broken": len(paired.broken)},
        "without_counterpart": [{"why": w, "trials": n} for w, n in paired.alone.items()],
    }


def _row(one: "Difference") -> dict[str, object]:
    told = one._asdict()
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in told.items()}
