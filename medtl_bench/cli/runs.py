"""The commands `plan` and `run`."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from medtl_bench.catalogue import discovery
from medtl_bench.cli import console
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
    PresetName,
    Protocols,
    Seeds,
    Stack,
)
from medtl_bench.errors import MedTLError
from medtl_bench.running import interrupts

if TYPE_CHECKING:
    from medtl_bench.api import Ran
    from medtl_bench.cli.progress import Lines
    from medtl_bench.running.plan import Planned

SHOWN_SCENARIOS = 40
RESUMED = "What had finished is stored; the same command goes on from there."
NOTHING_ASKED = "Say what to run: --all, or datasets with -d and algorithms with -a."

On = Annotated[
    str, typer.Option("--on", metavar="EXECUTOR[:OPTION=VALUE,...]", help="Where trials run.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Trials at a time; 0: one a core.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds a trial may take.")]
Memory = Annotated[
    int, typer.Option("--memory", min=2048, help="MiB of memory a trial's process may take.")
]
Observers = Annotated[
    list[str],
    typer.Option("--observe", metavar="OBSERVER[:OPTION=VALUE,...]", help="Who is told of trials."),
]


def plan(
    all_: All = False,
    dataset: Datasets = [],
    algorithm: Algorithms = [],
    protocol: Protocols = [],
    seeds: Seeds = None,
    preset: Preset = PresetName.default,
    parameter: Parameters = [],
    stack: Stack = MOST_STACKED,
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
) -> None:
    """Say what `run` would run with the same options, and how much of it is missing."""
    from medtl_bench.cli.progress import Lines
    from medtl_bench.results.store import Store
    from medtl_bench.running import executors
    from medtl_bench.running.request import Request, make_plan
    from medtl_bench.running.run import missing

    _ask(all_ or dataset or algorithm)
    catalogue = discovery.find(plugin)
    console.broken(catalogue.broken)
    request = Request(dataset, algorithm, protocol, preset.value, seeds, parameter, plugin, stack)
    planning = make_plan(
        request, catalogue, executors.make(catalogue, "processes", executors.Limits())
    )
    _table(planning.possible)
    _skipped(planning.planned)
    left = len(missing(planning.planned, Store(out / "results")))
    console.say(f"{len(planning.possible)} trials, of which {left} have no result in {out} yet.")
    Lines().left_out(planning.skipped, planning.unusable)


def _ask(something: object) -> None:
    """Raise MedTLError where nothing was asked for."""
    if not something:
        raise MedTLError(NOTHING_ASKED)


def _table(planned: "list[Planned]") -> None:
    trials = [one.trial for one in planned]
    counts = Counter((trial.dataset, trial.protocol, trial.scenario) for trial in trials)
    rows = [(*scenario, count) for scenario, count in counts.items()]
    console.table("Trials", ["dataset", "protocol", "scenario", "trials"], rows[:SHOWN_SCENARIOS])
    if len(rows) > SHOWN_SCENARIOS:
        console.say(f"... and {len(rows) - SHOWN_SCENARIOS} more scenarios")


def _skipped(planned: "list[Planned]") -> None:
    """Print which methods cannot do which datasets, and why."""
    datasets: dict[tuple[str, str], dict[str, None]] = {}
    for one in planned:
        if one.skipped:
            which = (one.trial.algorithm, one.skipped)
            datasets.setdefault(which, {})[one.trial.dataset] = None
    rows = [(algorithm, ", ".join(names), why) for (algorithm, why), names in datasets.items()]
    if rows:
        console.table("\nSkipped", ["algorithm", "datasets", "why"], rows)


def run(
    all_: All = False,
    dataset: Datasets = [],
    algorithm: Algorithms = [],
    protocol: Protocols = [],
    seeds: Seeds = None,
    preset: Preset = PresetName.default,
    parameter: Parameters = [],
    plugin: PluginFiles = [],
    on: On = "processes",
    jobs: Jobs = 0,
    timeout: Timeout = 900.0,
    memory: Memory = 8192,
    stack: Stack = MOST_STACKED,
    observe: Observers = [],
    out: Out = DEFAULT_OUT,
) -> None:
    """Run what has no result yet, then write the boards.

    Exit code: 0 all done, 1 some trials failed, 3 damaged files.
    """
    from medtl_bench import api

    _ask(all_ or dataset or algorithm)
    try:
        ran = api.run(
            dataset,
            algorithm,
            protocols=protocol,
            preset=preset.value,
            seeds=seeds,
            parameters=parameter,
            plugins=plugin,
            on=on,
            jobs=jobs,
            timeout=timeout,
            memory=memory,
            stack=stack,
            observe=observe,
            watch=_progress(),
            complain=console.complain,
            out=out,
        )
    except (interrupts.Interrupted, KeyboardInterrupt) as stop:
        console.interrupted(RESUMED)
        raise typer.Exit(interrupts.exit_code(stop)) from None
    console.boards(out)
    _end(ran)


def _progress() -> "Lines":
    from medtl_bench.cli import progress

    return progress.shown()


def _end(ran: "Ran") -> None:
    """Say how many trials there were, and end as they did."""
    summary = f"{ran.count('ok')} trials ran, {ran.skipped} were skipped, {ran.failed} failed."
    console.say(summary)
    console.damaged(ran.contents.damaged)
    raise typer.Exit(ran.exit_code)
