"""An observer that writes down all that it is told, and one that breaks."""

from pathlib import Path

from medtl_bench.contract.hooks import ObserverEntry, hookimpl
from medtl_bench.running.observers import Observer


class Notebook(Observer):
    def __init__(self, options):
        self.path = Path(options.get("path", "/dev/null"))

    def note(self, *words):
        with self.path.open("a") as file:
            print(*words, file=file)

    def left_out(self, skipped, unusable):
        self.note("left out", sorted(skipped), sorted(unusable))

    def planned(self, trials, done):
        self.note("planned", len(trials), done)

    def started(self, trial):
        self.note("started", trial.key)

    def finished(self, record):
        self.note("finished", record.trial.key, record.outcome.status)

    def ended(self):
        self.note("ended")


class Clumsy(Observer):
    def finished(self, record):
        raise ConnectionError("the tracking service is gone")


@hookimpl
def medtl_observers():
    return [
        ObserverEntry("notebook", Notebook, "Writes down all that it is told."),
        ObserverEntry("clumsy", lambda options: Clumsy(), "Breaks at the first record."),
    ]
