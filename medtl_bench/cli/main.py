"""The command line: parse, call, exit code.

Heavy modules are imported by the commands that need them.
"""

# ruff: noqa: PLC0415 - `--help` and `list` must start without torch and pandas
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from medtl_bench import __version__
from medtl_bench.catalogue import discovery, entries
from medtl_bench.cli import console
from medtl_bench.cli.data import PluginFiles, data_app
from medtl_bench.contract.vocabulary import Application
from medtl_bench.errors import IntegrityError, MedTLError, NotDownloadedError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medtl_bench.results.store import Contents
    from medtl_bench.running.executors import Executor
    from medtl_bench.running.run import Planning, Request

INTERRUPTED = 130
SHOWN_TRIALS = 40

app = typer.Typer(
    name="medtl-bench",
    help="Domain adaptation, meta-learning and continual learning on one table, on medical and biotech data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")

Datasets = Annotated[
    list[str], typer.Option("--dataset", "-d", help="A dataset; may be repeated. Default: all.")
]
Algorithms = Annotated[
    list[str],
    typer.Option("--algorithm", "-a", help="An algorithm; may be repeated. Default: all."),
]
Parameters = Annotated[
    list[str], typer.Option("--parameter", "-p", help="ALGORITHM.NAME=VALUE; may be repeated.")
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="How many seeds; default: the preset's.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The folder of results and boards.")]


class ProtocolName(StrEnum):
    """The protocols, as the command line names them."""

    transfer = "transfer"
    stream = "stream"


Protocols = Annotated[
    list[ProtocolName],
    typer.Option("--protocol", help="A protocol; may be repeated. Default: both."),
]


class PresetName(StrEnum):
    """The presets, as the command line names them."""

    smoke = "smoke"
    default = "default"
    full = "full"


Preset = Annotated[
    PresetName, typer.Option("--preset", help="How much: seeds, shots, draws and scenarios.")
]


class Kind(StrEnum):
    """What `new` can make."""

    algorithm = "algorithm"
    dataset = "dataset"


def main() -> None:
    """Run the command line; a mistake is told in one sentence, without a traceback."""
    try:
        app()
    except MedTLError as error:
        told = (
            f"This needs data that is {error}." if isinstance(error, NotDownloadedError) else error
        )
        console.complain(told)
        sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        console.say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command("list")
# typer reads defaults, it never changes them
def list_(plugin: PluginFiles = []) -> None:  # noqa: B006
    """List algorithms, datasets, the applications these cover, and plugins that are broken."""
    found = discovery.find(plugin)
    algorithms = [
        (n, r.entry.family, r.entry.summary, r.plugin.distribution)
        for n, r in found.algorithms.items()
    ]
    datasets = [
        (_shown(n), r.entry.area, r.entry.summary, r.plugin.distribution)
        for n, r in found.datasets.items()
    ]
    console.table("Algorithms", ["name", "family", "what it is", "from"], algorithms)
    console.say("")
    console.table("Datasets", ["name", "area", "what it is", "from"], datasets)
    console.say("")
    console.table("Applications", ["application", "datasets"], _applications(found))
    if found.broken:
        console.say("")
        broken = [
            (b.plugin.name, b.plugin.distribution, b.plugin.file, b.reason) for b in found.broken
        ]
        console.table("Broken plugins", ["name", "distribution", "file", "why"], broken)


def _shown(name: str) -> str:
    return f"{name}..." if name.endswith(entries.FAMILY) else name


def _applications(found: entries.Catalogue) -> "Iterator[tuple[str, str]]":
    for application in get_args(Application):
        names = [
            _shown(name)
            for name, one in found.datasets.items()
            if application in one.entry.applications
        ]
        yield application, ", ".join(names) or "none"


@app.command()
def show(name: str, plugin: PluginFiles = []) -> None:  # noqa: B006
    """Show a dataset's card, domains and sizes, or an algorithm's parameters and reference."""
    from medtl_bench.cli import show as shown

    found = discovery.find(plugin)
    if name in found.algorithms and name not in found.datasets:
        shown.algorithm(found.algorithm(name), found.algorithms[name])
    elif name in found.datasets or entries.FAMILY in name:
        shown.dataset(found.dataset(name), found.dataset_entry(name))
    else:
        raise unknown("algorithm or dataset", name, [*found.algorithms, *found.datasets])


@app.command()
def plan(
    all_: Annotated[bool, typer.Option("--all", help="Every algorithm on every dataset.")] = False,
    dataset: Datasets = [],  # noqa: B006
    algorithm: Algorithms = [],  # noqa: B006
    protocol: Protocols = [],  # noqa: B006
    seeds: Seeds = None,
    preset: Preset = PresetName.default,
    parameter: Parameters = [],  # noqa: B006
    plugin: PluginFiles = [],  # noqa: B006
    out: Out = Path("leaderboards"),
) -> None:
    """Say what `run` would run with the same options, and how much of it is missing."""
    from medtl_bench.results.store import Store
    from medtl_bench.running import run as running
    from medtl_bench.running.executors.processes import Processes

    request = _request(all_, dataset, algorithm, protocol, seeds, preset, parameter, plugin)
    found = discovery.find(plugin)
    _tell_broken(found)
    planning = running.make_plan(request, found, Processes())
    counts: dict[tuple[str, str, str], int] = {}
    for planned in planning.planned:
        where = (planned.trial.dataset, planned.trial.protocol, planned.trial.scenario)
        counts[where] = counts.get(where, 0) + 1
    shown = [(*where, count) for where, count in counts.items()]
    console.table("Trials", ["dataset", "protocol", "scenario", "trials"], shown[:SHOWN_TRIALS])
    if len(shown) > SHOWN_TRIALS:
        console.say(f"... and {len(shown) - SHOWN_TRIALS} more scenarios")
    left = len(running.missing(planning.planned, Store(out / "results")))
    console.say(f"{len(planning.planned)} trials, of which {left} have no result in {out} yet.")
    _tell_left_out(planning)


@app.command()
def run(
    all_: Annotated[bool, typer.Option("--all", help="Every algorithm on every dataset.")] = False,
    dataset: Datasets = [],  # noqa: B006
    algorithm: Algorithms = [],  # noqa: B006
    protocol: Protocols = [],  # noqa: B006
    seeds: Seeds = None,
    preset: Preset = PresetName.default,
    parameter: Parameters = [],  # noqa: B006
    plugin: PluginFiles = [],  # noqa: B006
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, help="Processes at a time; 0: one a core.")
    ] = 0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds a trial may take.")
    ] = 900.0,
    memory: Annotated[
        int, typer.Option("--memory", min=2048, help="MiB of memory a trial's process may take.")
    ] = 8192,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run in this process, without limits: to debug.")
    ] = False,
    stack: Annotated[
        int,
        typer.Option(
            "--stack", min=1, help="Trials of a kind that may train as one; 1: each alone."
        ),
    ] = 64,
    out: Out = Path("leaderboards"),
) -> None:
    """Run what has no result yet, then write the boards.

    Exit code: 0 all done, 1 some trials failed, 3 damaged files.
    """
    import os

    from medtl_bench.results.store import Store
    from medtl_bench.running import run as running
    from medtl_bench.running.executors import inprocess
    from medtl_bench.running.executors.processes import Processes
    from medtl_bench.running.executors.with_datasets import keeping

    request = _request(all_, dataset, algorithm, protocol, seeds, preset, parameter, plugin)
    found = discovery.find(plugin)
    _tell_broken(found)
    executor: Executor = (
        inprocess.run if in_process else Processes(jobs or os.cpu_count() or 1, timeout, memory)
    )
    store = Store(out / "results")
    try:
        with running.alone(out), keeping(executor, out / ".datasets") as execute:
            planning = running.make_plan(request, found, execute)
            missing = running.missing(planning.planned, store)
            console.say(
                f"{len(planning.planned)} trials, {len(planning.planned) - len(missing)} of them done before."
            )
            _tell_left_out(planning)
            followed = running.run(planning.planned, store, execute, plugin, stack, wanted=missing)
            with console.followed(followed, len(missing)) as records:
                outcomes = [record.outcome.status for record in records]
            contents = store.read()
            _write_boards(contents, out)
    except KeyboardInterrupt:
        console.complain(
            "Interrupted. What had finished is stored; the same command goes on from there."
        )
        raise typer.Exit(INTERRUPTED) from None
    failed = sum(status in {"failed", "timeout"} for status in outcomes) + len(planning.unusable)
    console.say(
        f"{outcomes.count('ok')} trials ran, {outcomes.count('skipped')} were skipped, {failed} failed."
    )
    _tell_damaged(contents)
    if failed:
        raise typer.Exit(IntegrityError.exit_code if planning.tampered else 1)


@app.command()
def leaderboard(out: Out = Path("leaderboards")) -> None:
    """Rebuild the boards from the results alone."""
    from medtl_bench.results.store import Store

    folder = out / "results"
    if not folder.is_dir():
        raise MedTLError(
            f"There are no results in {out}; a folder named `results` was expected there."
        )
    contents = Store(folder).read()
    _write_boards(contents, out)
    _tell_damaged(contents)


@app.command()
def recommend(
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="A dataset.")],
    target: Annotated[str, typer.Option("--target", help="The domain that a model is wanted for.")],
    plugin: PluginFiles = [],  # noqa: B006
    out: Out = Path("leaderboards"),
) -> None:
    """Rank the other domains as sources for a target, and say how well that foretold transfers that have results."""
    from medtl_bench.advice import recommend as recommending
    from medtl_bench.cli import show as shown
    from medtl_bench.results.store import Store

    contents = Store(out / "results").read()
    found = recommending.recommend(
        discovery.find(plugin).dataset(dataset), target, contents.records.values()
    )
    shown.recommendation(found, out)
    _tell_damaged(contents)


@app.command()
def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PLUGIN", help="A plugin, algorithm or dataset name, or a plugin file."
        ),
    ],
    plugin: PluginFiles = [],  # noqa: B006
) -> None:
    """Run the conformance kit on what a plugin brings."""
    from unittest import SkipTest

    from medtl_bench import testing

    failures = 0
    count = 0
    for conformance in testing.checks_of(target, plugin):
        try:
            problem = conformance.problem()
        except SkipTest as skip:
            console.skipped(conformance, skip)
            continue
        count += 1
        failures += problem is not None
        console.say(
            f"{'ok  ' if problem is None else 'FAIL'} {conformance}{f': {problem}' if problem else ''}"
        )
    console.say(f"{count} checks ran, {failures} failed.")
    if failures:
        raise typer.Exit(1)


@app.command()
def new(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="The name it is to be listed by, such as my-method.")],
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the package's folder is to be made.")
    ] = Path(),
) -> None:
    """Make a complete plugin package from a template; its tests pass as they are."""
    from medtl_bench.cli import scaffold

    made = scaffold.make(kind.value, name, folder)
    console.say(
        f"Made {made}. Next: pip install -e '{made}[test]' && pytest '{made}' && medtl-bench check {name}"
    )


def _request(
    all_: bool,
    dataset: list[str],
    algorithm: list[str],
    protocol: list[ProtocolName],
    seeds: int | None,
    preset: PresetName,
    parameter: list[str],
    plugin: list[str],
) -> "Request":
    from medtl_bench.running import plan as planning
    from medtl_bench.running import run as running

    if not (all_ or dataset or algorithm):
        raise MedTLError("Say what to run: --all, or datasets with -d and algorithms with -a.")
    chosen = [
        p for p in planning.PROTOCOLS if p in {q.value for q in protocol}
    ] or planning.PROTOCOLS
    return running.Request(dataset, algorithm, chosen, preset.value, seeds, parameter, plugin)


def _write_boards(contents: "Contents", out: Path) -> None:
    from medtl_bench.board import stream, transfer
    from medtl_bench.report.folder import write_boards
    from medtl_bench.report.pages import stream as stream_page
    from medtl_bench.report.pages import transfer as transfer_page
    from medtl_bench.report.pages.protocol import Protocol

    protocols = {
        "transfer": Protocol(transfer.BOARD, transfer_page.PAGE),
        "stream": Protocol(stream.BOARD, stream_page.PAGE),
    }
    write_boards(contents.records, contents.damaged, out, protocols)
    console.say(f"The boards are in {out}; start with {out / 'README.md'}.")


def _tell_broken(found: entries.Catalogue) -> None:
    for broken in found.broken:
        console.complain(f"Left out: {broken.plugin}: {broken.reason}")


def _tell_left_out(planning: "Planning") -> None:
    for name, why in planning.skipped.items():
        console.skipped(name, why)
    for name, why in planning.unusable.items():
        console.complain(f"Left out: {name}: {why}")


def _tell_damaged(contents: "Contents") -> None:
    if contents.damaged:
        told = "; ".join(f"{path}: {why}" for path, why in contents.damaged.items())
        raise IntegrityError(
            f"{len(contents.damaged)} result files were left out of the boards: {told}."
        )
