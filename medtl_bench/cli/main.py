"""The command line: parse, call, exit code.

Heavy modules are imported by the commands that need them.
"""

# ruff: noqa: PLC0415 - `--help` and `list` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from medtl_bench import __version__
from medtl_bench.catalogue import discovery, entries
from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.cli import console, runs
from medtl_bench.cli.data import data_app
from medtl_bench.cli.options import DEFAULT_OUT, Out, PluginFiles
from medtl_bench.cli.verify import verify
from medtl_bench.contract.vocabulary import Application
from medtl_bench.errors import MedTLError, NotDownloadedError, unknown

app = typer.Typer(
    name="medtl-bench",
    help="Domain adaptation, meta-learning and continual learning on one table, on medical and "
    "biotech data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")


class Kind(StrEnum):
    """What `new` can make."""

    algorithm = "algorithm"
    dataset = "dataset"
    metric = "metric"
    protocol = "protocol"
    backbone = "backbone"


def main() -> None:
    """Run the command line; a mistake is told in one sentence, without a traceback."""
    try:
        app()
    except NotDownloadedError as error:
        console.complain(f"This needs data that is {error}.")
        sys.exit(error.exit_code)
    except MedTLError as error:
        console.complain(error)
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


app.command("plan")(runs.plan)
app.command("run")(runs.run)
app.command("verify")(verify)


@app.command("list")
def list_(plugin: PluginFiles = []) -> None:
    """List what plugins bring, the applications these cover, and plugins that are broken."""
    catalogue = discovery.find(plugin)
    rows = [
        (name, one.entry.family, one.entry.summary, one.plugin.distribution)
        for name, one in catalogue.algorithms.items()
    ]
    console.table("Algorithms", ["name", "family", "what it is", "from"], rows)
    rows = [
        (_shown(name), one.entry.area, one.entry.summary, one.plugin.distribution)
        for name, one in catalogue.datasets.items()
    ]
    console.table("\nDatasets", ["name", "area", "what it is", "from"], rows)
    console.table("\nApplications", ["application", "datasets"], _applications(catalogue))
    for kind in entries.KINDS[2:]:
        _list(kind.many, catalogue.of(kind))
    broken = [(b.plugin.name, b.plugin.distribution, b.plugin.file, b.reason)
              for b in catalogue.broken]  # fmt: skip
    if broken:
        console.table("\nBroken plugins", ["name", "distribution", "file", "why"], broken)


def _list(many: str, registered: Mapping[str, Registered[entries.AnyEntry]]) -> None:
    """List the entries of one kind, if there are any."""
    rows = [(n, one.entry.summary, one.plugin.distribution) for n, one in registered.items()]
    if rows:
        console.table(f"\n{many.capitalize()}", ["name", "what it is", "from"], rows)


def _shown(name: str) -> str:
    return f"{name}..." if name.endswith(entries.ARGUMENT) else name


def _applications(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for application in get_args(Application):
        names = [
            _shown(name)
            for name, one in catalogue.datasets.items()
            if application in one.entry.applications
        ]
        yield application, ", ".join(names) or "none"


@app.command()
def show(name: str, plugin: PluginFiles = []) -> None:
    """Show a dataset's card, domains and sizes, or an algorithm's parameters and reference."""
    from medtl_bench.cli import show as shown

    catalogue = discovery.find(plugin)
    if name in catalogue.algorithms and name not in catalogue.datasets:
        shown.algorithm(catalogue.algorithm(name), catalogue.algorithms[name])
    elif name in catalogue.datasets or entries.ARGUMENT in name:
        shown.dataset(catalogue.dataset(name), catalogue.dataset_entry(name))
    else:
        console.broken(catalogue.broken)  # one of them may be what is asked for
        names = [*catalogue.algorithms, *catalogue.datasets]
        raise unknown("algorithm or dataset", name, names)


@app.command()
def leaderboard(plugin: PluginFiles = [], out: Out = DEFAULT_OUT) -> None:
    """Rebuild the boards from the results alone."""
    from medtl_bench import api

    contents = api.rebuild(out, plugin)
    console.boards(out)
    console.damaged(contents.damaged)


@app.command()
def recommend(
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="A dataset.")],
    target: Annotated[str, typer.Option("--target", help="The domain that a model is wanted for.")],
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
) -> None:
    """Rank the other domains as sources for a target.

    It also says how well that foretold transfers that have results.
    """
    from medtl_bench.advice import recommend as advice
    from medtl_bench.cli import show as shown
    from medtl_bench.results.store import Store

    contents = Store(out / "results").read()
    data = discovery.find(plugin).dataset(dataset)
    shown.recommendation(advice.recommend(data, target, contents.records.values()), out)
    console.damaged(contents.damaged)


@app.command()
def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PLUGIN", help="The name of a plugin or of what one brings, or a plugin file."
        ),
    ],
    plugin: PluginFiles = [],
) -> None:
    """Run the conformance kit on what a plugin brings."""
    from unittest import SkipTest

    from medtl_bench import testing

    passed, failed = 0, 0
    for conformance in testing.checks_of(target, plugin):
        try:
            problem = conformance.problem()
        except SkipTest as skip:
            console.skipped(conformance, skip)
            continue
        passed, failed = passed + (problem is None), failed + (problem is not None)
        console.say(f"ok   {conformance}" if problem is None else f"FAIL {conformance}: {problem}")
    console.say(f"{passed + failed} checks ran, {failed} failed.")
    if failed:
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
    steps = f"pip install -e '{made}[test]' && pytest '{made}' && medtl-bench check {name}"
    console.say(f"Made {made}. Next: {steps}")
