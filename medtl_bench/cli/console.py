"""What the command line prints: tables, cards, progress.

Text from plugins is shown as it is, its control signs taken out.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
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


def on_terminal() -> bool:
    """Return whether somebody reads along; a pipe is none, whatever FORCE_COLOR says."""
    return out.is_terminal and out.file.isatty()


def plain(text: object) -> Text:
    """Return text that prints as itself: no markup, no control or direction signs.

    Its lines become one, so that no text can feign a line.
    """
    return Text("".join(map(_printable, " ".join(str(text).splitlines()))))


def _printable(sign: str) -> str:
    hidden = unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "�" if hidden and sign != "\t" else sign


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table of plain cells, a row a line where this is no terminal."""
    cells = [list(map(plain, row)) for row in rows]
    say(title, style="bold")
    if on_terminal():
        _print_wide_enough(_rich_table(columns, cells))
    else:
        _print_aligned([[*map(Text, columns)], *cells])


def _rich_table(columns: Sequence[str], rows: Iterable[Sequence[Text]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        shown.add_column(column, no_wrap=place == 0)
    for row in rows:
        shown.add_row(*row)
    return shown


def _print_wide_enough(shown: Table) -> None:
    """Print a table, wider than the terminal where a name or a word would be cut."""
    least = Measurement.get(out, out.options.update(width=10**6), shown).minimum
    if least > out.width:
        shown.width = least
    out.print(shown, crop=False)


def _print_aligned(rows: Sequence[Sequence[Text]]) -> None:
    """Print a row a line, its cells two spaces apart at least and never empty."""
    texts = [list(map(_cell, row)) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        padded = [text + " " * (n - cell_len(text)) for text, n in zip(row, widths, strict=True)]
        say("  ".join(padded).rstrip())


def _cell(text: Text) -> str:
    return " ".join(text.plain.split()) or "-"


def fields(title: str, values: Mapping[str, object]) -> None:
    """Print a title and names with their values."""
    say(title, style="bold")
    if on_terminal():
        shown = Table(box=None, show_header=False, pad_edge=False)
        shown.add_column(style="cyan", no_wrap=True)
        shown.add_column()
        for name, value in values.items():
            shown.add_row(Text(name), plain(value))
        _print_wide_enough(shown)
    else:
        _print_aligned([[Text(name), plain(value)] for name, value in values.items()])


def paragraph(text: object) -> None:
    """Print text with the lines that it has, indented so that none can be taken for ours."""
    for line in str(text).splitlines():
        say(f"  {line}".rstrip())


def say(text: object, style: str = "") -> None:
    """Print a line."""
    out.print(plain(text), style=style, soft_wrap=True)


def complain(text: object) -> None:
    """Print a line to standard error."""
    err.print(plain(text), style="red", soft_wrap=True)


def interrupted(then: str = "") -> None:
    """Say that a signal ended the command, where there is still somebody to hear it."""
    with suppress(OSError):  # the terminal may be what has gone
        complain(f"Interrupted. {then}".strip())


def skipped(name: object, why: object) -> None:
    """Print that something was skipped and why, which is no failure."""
    say(f"{name} skipped: {why}")


def broken(plugins: Iterable[Broken]) -> None:
    """Print which plugins are left out, to standard error."""
    for one in plugins:
        complain(f"Left out: {one}")


def boards(folder: Path, left_out: Mapping[str, int]) -> None:
    """Print where boards are, and how many trials stand on none of them, by reason."""
    for why, trials in left_out.items():
        noun = "trial" if trials == 1 else "trials"
        say(f"Left out of the boards, for {why}: {trials} {noun}.")
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
    if not on_terminal():
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
