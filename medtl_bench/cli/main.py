"""The command line: parse, call, exit code.

Heavy modules are imported by the commands that need them.
"""

# ruff: noqa: PLC0415 - `--help` and `list` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
import re
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from medtl_bench import __version__
from medtl_bench.catalogue import discovery, entries
from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.cli import answers, console, runs, sections, streams
from medtl_bench.cli.compare import compare
from medtl_bench.cli.data import data_app
from medtl_bench.cli.options import DEFAULT_OUT, Out, PluginFiles
from medtl_bench.cli.sections import Json
from medtl_bench.cli.tune import tune
from medtl_bench.cli.verify import verify
from medtl_bench.contract.vocabulary import Application
from medtl_bench.errors import IntegrityError, MedTLError, NotDownloadedError, unknown
from medtl_bench.running import interrupts

KEY = re.compile(r"[0-9a-fA-F]{4,24}")  # or its beginning
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
    streams.endure()
    with interrupts.raised():
        code = _code()
        if why := streams.lost():
            console.complain(f"Not all output could be written: {why}.")
            code = code or IntegrityError.exit_code
        sys.exit(code)


def _code() -> int:
    """Run a command and return its exit code."""
    app.rich_markup_mode = "rich" if console.on_terminal() else None  # no boxes in a pipe
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except NotDownloadedError as error:
        console.complain(f"This needs data that is {error}.")
        return error.exit_code
    except MedTLError as error:
        console.complain(error)
        return error.exit_code
    except interrupts.Interrupted as stop:
        console.interrupted()
        return interrupts.exit_code(stop)
    return 0


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
app.command("tune")(tune)
app.command("verify")(verify)
app.command("compare")(compare)
app.command("export")(answers.export)
app.command("score")(answers.score)


@app.command("list")
def list_(plugin: PluginFiles = [], as_json: Json = False) -> None:
    """List what plugins bring, the applications these cover, and plugins that are broken."""
    sections.tell(lambda: _listed(discovery.find(plugin)), as_json=as_json)


def _listed(catalogue: Catalogue) -> sections.Document:
    parts = {kind.many: _rows(catalogue.of(kind)) for kind in entries.KINDS}
    first = {many: parts.pop(many) for many in ("algorithms", "datasets")}
    applications = list(_applications(catalogue))
    return {**first, "applications": applications, **parts, **sections.broken(catalogue)}


def _rows(
    registered: Mapping[str, Registered[entries.AnyEntry]],
) -> list[dict[str, object]]:
    """Return a row an entry: its name, its family or area, what it is, and whose it is."""
    return [
        {"name": _shown(name), **_sort(one.entry), "summary": one.entry.summary,
         "from": one.plugin.distribution}
        for name, one in registered.items()
    ]  # fmt: skip


def _sort(entry: entries.AnyEntry) -> dict[str, object]:
    told = ("family", "area")
    return {name: getattr(entry, name) for name in told if hasattr(entry, name)}


def _shown(name: str) -> str:
    return f"{name}..." if name.endswith(entries.ARGUMENT) else name


def _applications(catalogue: Catalogue) -> Iterator[dict[str, object]]:
    for application in get_args(Application):
        names = [
            _shown(name)
            for name, one in catalogue.datasets.items()
            if application in one.entry.applications
        ]
        yield {"application": application, "datasets": names}


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A dataset, an algorithm, or a trial's key.")],
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
    as_json: Json = False,
) -> None:
    """Show a dataset's card and domains, an algorithm's parameters, or all of one trial.

    A trial is named by its key or the beginning of it; what is shown ends with its scores,
    its log, and the command that repeats it.
    """
    sections.tell(lambda: _shown_in_full(name, discovery.find(plugin), out), as_json=as_json)


def _shown_in_full(name: str, catalogue: Catalogue, out: Path) -> sections.Document:
    if KEY.fullmatch(name) and name not in {*catalogue.algorithms, *catalogue.datasets}:
        from medtl_bench.cli import trial
        from medtl_bench.results.store import Store

        return trial.document(Store(out / "results").find(name), out)
    from medtl_bench.cli import show as shown

    if name in catalogue.algorithms and name not in catalogue.datasets:
        algorithm = discovery.algorithm(catalogue, name)
        return shown.algorithm(algorithm, catalogue.algorithms[name])
    if name in catalogue.datasets or entries.ARGUMENT in name:
        return shown.dataset(discovery.dataset(catalogue, name), catalogue.dataset_entry(name))
    console.broken(catalogue.broken)  # one of them may be what is asked for
    raise unknown("algorithm or dataset", name, [*catalogue.algorithms, *catalogue.datasets])


@app.command()
def log(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A result's key, or its beginning.")],
    out: Out = DEFAULT_OUT,
    as_json: Json = False,
) -> None:
    """Show what became of one trial: its status, reason, traceback, versions and machine."""
    from medtl_bench.cli import log as of_trial
    from medtl_bench.results.store import Store

    store = Store(out / "results")
    sections.tell(lambda: of_trial.document(store.find(key)), as_json=as_json)


@app.command()
def leaderboard(plugin: PluginFiles = [], out: Out = DEFAULT_OUT) -> None:
    """Rebuild the boards from the results alone."""
    from medtl_bench import api

    rebuilt = api.rebuild(out, plugin)
    console.boards(out, rebuilt.left_out)
    console.damaged(rebuilt.damaged)


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
    from medtl_bench.results.rules import of_boards
    from medtl_bench.results.store import Store

    contents = Store(out / "results").read()
    known = of_boards(contents.records.values())
    data = discovery.dataset(discovery.find(plugin), dataset)
    shown.recommendation(advice.recommend(data, target, known), out)
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
