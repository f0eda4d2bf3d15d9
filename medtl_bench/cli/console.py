"""What the command line prints: tables, cards, progress.

Text from plugins is shown as it is, its control signs taken out.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from medtl_bench.catalogue.entries import Broken
from medtl_bench.errors import IntegrityError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def plain(text: object) -> Text:
    """Return text that prints as itself: no markup, no control or direction signs."""
    return Text("".join(map(_printable, str(text))))


def _printable(sign: str) -> str:
    hidden = unicodedata.category(sign) in {"Cc", "Cf", "Cs"}
    return "�" if hidden and sign not in "\n\t" else sign


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table of plain cells."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*map(plain, row))
    out.print(shown)


def fields(title: str, values: Mapping[str, object]) -> None:
    """Print a title and names with their values."""
    out.print(plain(title), style="bold")
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        shown.add_row(Text(name, style="cyan"), plain(value))
    out.print(shown)


def say(text: object, style: str = "") -> None:
    """Print a line."""
    out.print(plain(text), style=style, soft_wrap=True)


def complain(text: object) -> None:
    """Print a line to standard error."""
    err.print(plain(text), style="red", soft_wrap=True)


def skipped(name: object, why: object) -> None:
    """Print that something was skipped and why, which is no failure."""
    say(f"{name} skipped: {why}")


def broken(plugins: Iterable[Broken]) -> None:
    """Print which plugins are left out, to standard error."""
    for one in plugins:
        complain(f"Left out: {one.plugin}: {one.reason}")


def boards(folder: Path) -> None:
    """Print where boards are."""
    say(f"The boards are in {folder}; start with {folder / 'README.md'}.")


def damaged(files: Mapping[Path, str]) -> None:
    """Raise IntegrityError, which the command line tells, where result files are damaged."""
    if files:
        reasons = "; ".join(f"{path}: {why}" for path, why in files.items())
        raise IntegrityError(f"{len(files)} result files were left out of the boards: {reasons}.")


class Bar:
    """The progress of one download.

    The download sets `total` in bytes at the start, and again at another try.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        """Add a bar to a progress display."""
        self._progress, self._task = progress, progress.add_task(name, total=None)

    @property
    def total(self) -> float | None:
        """Return how many bytes there are, or None where that is not known."""
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, size: int) -> None:
        self._progress.reset(self._task, total=size or None)

    def update(self, size: int) -> None:
        """Add so many bytes."""
        self._progress.advance(self._task, size)

    def close(self) -> None:
        """End; the bar stays."""


@contextmanager
def downloading(name: str) -> Iterator[Bar | None]:
    """Show the progress of a download inside the block; nothing where this is no terminal."""
    if not out.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=out) as progress:
        yield Bar(progress, plain(name).plain)
