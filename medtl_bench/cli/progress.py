"""The progress of a run on a terminal, or a line for each trial where this is none."""

from collections.abc import Mapping, Sequence

from rich import progress

from medtl_bench.cli import console
from medtl_bench.cli.log import FAILED, label
from medtl_bench.results.record import Record, Trial
from medtl_bench.running.observers import Observer


class Lines(Observer):
    """Prints a line for each trial."""

    def left_out(self, skipped: Mapping[str, str], unusable: Mapping[str, str]) -> None:
        """Print what is left out and why."""
        for name, why in skipped.items():
            console.skipped(name, why)
        for name, why in unusable.items():
            console.complain(f"Left out: {name}: {why}")

    def planned(self, trials: Sequence[Trial], done: int) -> None:
        """Print how many trials there are."""
        self.number, self.total = 0, len(trials)
        console.say(f"{done + self.total} trials, {done} of them done before.")

    def finished(self, record: Record) -> None:
        """Print what became of a trial."""
        self.number += 1
        outcome = record.outcome
        why = f": {outcome.reason}" if outcome.reason else ""
        seconds = f"{outcome.seconds.get('total', 0):.1f} s"
        place = f"[{self.number}/{self.total}]"
        console.say(f"{place} {outcome.status} {seconds} {label(record)}{why}")


class Bar(Lines):
    """Shows a bar with the time left, and a line for each trial that fails."""

    def planned(self, trials: Sequence[Trial], done: int) -> None:
        """Begin a bar."""
        super().planned(trials, done)
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        )
        self.display = progress.Progress(*columns, console=console.out)
        self.bar = self.display.add_task("trials", total=self.total)
        self.display.start()

    def finished(self, record: Record) -> None:
        """Advance the bar."""
        if record.outcome.status in FAILED:
            told = f"{record.outcome.status}: {label(record)}: {record.outcome.reason}"
            self.display.console.print(console.plain(told))
        self.display.advance(self.bar)

    def ended(self) -> None:
        """Leave the bar as it is."""
        self.display.stop()


def shown() -> Lines:
    """Return the observer that fits where the command line prints."""
    return Bar() if console.on_terminal() else Lines()
