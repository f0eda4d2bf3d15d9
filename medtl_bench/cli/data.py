"""The commands `medtl-bench data ...`: list, verify and fetch the data of the datasets."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
import sys
from typing import Annotated, Any

import typer

from medtl_bench.catalogue import apart, discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.cli import console, sections
from medtl_bench.cli.options import PluginFiles
from medtl_bench.cli.sections import Json
from medtl_bench.errors import MedTLError, NotDownloadedError, UnavailableError, unknown

Licences = Annotated[
    list[str],
    typer.Option("--accept-licence", metavar="NAME", help="Accept a dataset's licence unasked."),
]

data_app = typer.Typer(
    help="Look at the data of the datasets, and download what is not shipped.", no_args_is_help=True
)


@data_app.command("list")
def list_(plugin: PluginFiles = [], as_json: Json = False) -> None:
    """List the datasets with their provenance, size and licence."""

    def listed() -> sections.Document:
        from medtl_bench.cli import show

        return show.datasets(discovery.find(plugin))

    sections.tell(listed, as_json=as_json)


@data_app.command()
def verify(
    names: Annotated[list[str], typer.Argument()] = [],
    plugin: PluginFiles = [],
    as_json: Json = False,
) -> None:
    """Load datasets (default: all), and check their files and the data contract.

    Exit code: 0 all in order, 2 some cannot be used, 3 files are not what was published.
    """
    catalogue = discovery.find(plugin)
    rows, codes = [], [0]

    def verified() -> sections.Document:
        for name in names or catalogue.single_datasets():
            row, code = _verified(catalogue, name)
            rows.append(row)
            codes.append(code)
            if not as_json:
                _say(**row)
        return {"datasets": rows} if as_json else {}

    sections.tell(verified, as_json=as_json)
    raise typer.Exit(max(codes))


def _verified(catalogue: Catalogue, name: str) -> tuple[dict[str, Any], int]:
    """Return what became of a dataset, and the exit code for it."""
    from medtl_bench.contract.remarks import remarks

    row = {"name": name, "status": "ok", "digest": "", "reason": "", "remarks": []}
    try:
        dataset = discovery.dataset(catalogue, name)
    except UnavailableError as error:
        return row | {"status": "skipped", "reason": str(error)}, 0
    except MedTLError as error:
        return row | {"status": "failed", "reason": str(error)}, error.exit_code
    return row | {"digest": dataset.digest(), "remarks": list(remarks(dataset))}, 0


def _say(name: str, status: str, digest: str, reason: str, remarks: list[str]) -> None:
    if status == "ok":
        console.say(f"ok   {name} {digest[:16]}")
        for remark in remarks:
            console.say(f"     {remark}")
    elif status == "skipped":
        console.skipped(name, reason)
    else:
        console.complain(f"FAIL {name}: {reason}")


@data_app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Datasets.")],
    accept_licence: Licences = [],
    plugin: PluginFiles = [],
) -> None:
    """Download the files of datasets that are not shipped, once their licence is accepted."""
    catalogue = discovery.find(plugin)
    for name in accept_licence:
        if name not in names:
            raise unknown("dataset to fetch", name, names)
    code = 0
    for name in dict.fromkeys(names):
        try:
            _fetch(catalogue, name, accept=name in accept_licence)
        except MedTLError as error:
            code = max(code, error.exit_code)
            console.complain(f"FAIL {name}: {error}")
    raise typer.Exit(code)


def _fetch(catalogue: Catalogue, name: str, *, accept: bool) -> None:
    from medtl_bench.files import downloads

    plugin = catalogue.dataset_entry(name).plugin
    apart.rehearse(plugin, f"naming the files of {name!r}", lambda: catalogue.download(name))
    download = catalogue.download(name)
    if download is None:
        console.say(f"ok   {name} is shipped, there is nothing to download.")
        return
    if lacking := downloads.lacking(download):
        if not downloads.is_offline():
            _agree(name, download.licence, accept=accept)
        try:
            for remote in lacking:
                with console.downloading(remote.path) as bar:
                    downloads.fetch(remote, bar)
        except NotDownloadedError:
            console.say(f"{name} needs these files, which may be placed by hand:")
            for remote in downloads.lacking(download):
                console.say(f"{remote.origin} as {downloads.folder() / remote.path}")
            raise
    console.say(f"ok   {name} is in {downloads.folder()}.")


def _agree(name: str, licence: str, *, accept: bool) -> None:
    """See that the licence of a dataset is accepted, now or before; raises MedTLError if not."""
    from medtl_bench.files import licences

    if licences.accepted(name, licence):
        return
    console.say(f"{name} comes under: {licence}")
    if not accept and not sys.stdin.isatty():
        how = f"medtl-bench data fetch {name} --accept-licence {name}"
        raise MedTLError(
            f"its licence ({licence}) was not accepted on this machine yet; to accept it, run "
            f"{how}."
        )
    if not (accept or typer.confirm("Accept it?")):
        raise MedTLError("its licence was not accepted, so nothing was downloaded.")
    licences.accept(name, licence)
