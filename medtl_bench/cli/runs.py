"""The commands `plan` and `run`."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl_bench.cli import console, sections
from medtl_bench.cli.options import (
    DEFAULT_OUT,
    MOST_STACKED,
    Algorithms,
    All,
    Datasets,
    Out,
    Parameters,
    PluginFiles,
    Preset,
    Protocols,
    Seeds,
    Stack,
)
from medtl_bench.cli.sections import Json
from medtl_bench.errors import MedTLError
from medtl_bench.running import interrupts

if TYPE_CHECKING:
    from medtl_bench.api import Ran
    from medtl_bench.cli.progress import Lines
    from medtl_bench.results.record import Record

SHOWN_FAILURES = 20
RESUMED = "What had finished is stored; the same command goes on from there."
NOTHING_ASKED = "Say what to run: --all, or datasets with -d and algorithms with -a."

On = Annotated[
    str, typer.Option("--on", metavar="EXECUTOR[:OPTION=VALUE,...]", help="Where trials run.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Trials at a time; 0: one a core.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds a trial may take.")]
Memory = Annotated[int, typer.Option("--memory", help="MiB of memory a trial's process may take.")]
Observers = Annotated[
    list[str],
    typer.Option("--observe", metavar="OBSERVER[:OPTION=VALUE,...]", help="Who is told of trials."),
]

Answers = Annotated[
    bool,
    typer.Option(
        "--answers",
        help="Keep predictions by row; trials without any run again.",
    ),
]


def plan(
    all_: All = False,
    dataset: Datasets = [],
    algorithm: Algorithms = [],
    protocol: Protocols = [],
    seeds: Seeds = None,
    preset: Preset = "default",
    parameter: Parameters = [],
    stack: Stack = MOST_STACKED,
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
    as_json: Json = False,
) -> None:
    """Say what `run` would run with the same options, and how much of it is missing."""
    ask(all_ or dataset or algorithm, seeds=seeds, stack=stack)
    from medtl_bench.cli.planned import Plan
    from medtl_bench.running.request import Request

    request = Request(dataset, algorithm, protocol, preset, seeds, parameter, plugin, stack)
    plan = Plan(request, out)
    if as_json:
        sections.tell(plan.document, as_json=True)
    else:
        plan.show()


def ask(something: object, **numbers: float | None) -> None:
    """Raise MedTLError where nothing was asked for, or a number is out of its bounds."""
    from medtl_bench.running.request import check_bounds  # what runs trials takes longer to load

    check_bounds(**numbers)
    if not something:
        raise MedTLError(NOTHING_ASKED)


def run(
    all_: All = False,
    dataset: Datasets = [],
    algorithm: Algorithms = [],
    protocol: Protocols = [],
    seeds: Seeds = None,
    preset: Preset = "default",
    parameter: Parameters = [],
    plugin: PluginFiles = [],
    on: On = "processes",
    jobs: Jobs = 0,
    timeout: Timeout = 900.0,
    memory: Memory = 8192,
    stack: Stack = MOST_STACKED,
    observe: Observers = [],
    answers: Answers = False,
    out: Out = DEFAULT_OUT,
) -> None:
    """Run what has no result yet, then write the boards.

    Exit code: 0 all done, 1 some trials failed, 3 damaged files.
    """
    limits = {"jobs": jobs, "timeout": timeout, "memory": memory}
    ask(all_ or dataset or algorithm, seeds=seeds, stack=stack, **limits)
    from medtl_bench import api

    with resumable():
        ran = api.run(
            dataset,
            algorithm,
            protocols=protocol,
            preset=preset,
            seeds=seeds,
            parameters=parameter,
            plugins=plugin,
            on=on,
            jobs=jobs,
            timeout=timeout,
            memory=memory,
            stack=stack,
            observe=observe,
            answers=answers,
            watch=progress(),
            complain=console.complain,
            out=out,
        )
    end(ran, out)


@contextmanager
def resumable() -> Iterator[None]:
    """Say, where a signal ends what runs inside, that the same command goes on from there."""
    try:
        yield
    except (interrupts.Interrupted, KeyboardInterrupt) as stop:
        console.interrupted(RESUMED)
        raise typer.Exit(interrupts.exit_code(stop)) from None


def progress() -> "Lines":
    """Return the observer that shows how far a run is."""
    from medtl_bench.cli import progress as shown

    return shown.shown()


def end(ran: "Ran", out: Path) -> None:
    """Say how many trials there were and which failed, and end as they did."""
    _failures(ran.records, out)
    if ran.contents.records:
        console.boards(out, ran.left_out)
    summary = f"{ran.count('ok')} trials ran, {ran.skipped} were skipped, {ran.failed} failed."
    console.say(summary)
    console.damaged(ran.contents.damaged)
    raise typer.Exit(ran.exit_code)


def _failures(records: "Sequence[Record]", out: Path) -> None:
    """Print which trials failed and why, and how to see more of each."""
    from medtl_bench.cli.log import FAILED, label
    from medtl_bench.results.store import SHORT

    failed = [record for record in records if record.outcome.status in FAILED]
    if not failed:
        return
    keys = [record.trial.key[:SHORT] for record in failed]
    rows = [(k, label(r), r.outcome.reason) for k, r in zip(keys, failed, strict=True)]
    console.table("Failed", ["key", "trial", "why"], rows[:SHOWN_FAILURES])
    if len(rows) > SHOWN_FAILURES:
        console.say(f"... and {len(rows) - SHOWN_FAILURES} more")
    where = "" if out == DEFAULT_OUT else f" --out {shlex.quote(str(out))}"
    console.say(f"The traceback of the first: medtl-bench log {keys[0]}{where}")
