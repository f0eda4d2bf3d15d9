"""Who is told what a run does: plugins for tracking services, and the progress of a terminal.

A broken observer is left out from its first error on; it never costs a trial.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from medtl_bench.catalogue import apart
from medtl_bench.catalogue.entries import Catalogue, get
from medtl_bench.errors import MedTLError
from medtl_bench.results.record import Record, Trial
from medtl_bench.running.executors import split_options


class Observer:
    """Is told of trials; what a subclass does not want to know it leaves as it is."""

    def left_out(self, skipped: Mapping[str, str], unusable: Mapping[str, str]) -> None:
        """Hear which datasets and algorithms cannot run, each with the reason.

        `skipped`: what they need is not on this machine. `unusable`: they fail.
        """

    def planned(self, trials: Sequence[Trial], done: int) -> None:
        """Hear of all trials that are about to run, and how many were done before."""

    def started(self, trial: Trial) -> None:
        """Hear that a trial was handed to a process; again where the trials beside it failed."""

    def finished(self, record: Record) -> None:
        """Hear what became of a trial, once its record is stored."""

    def ended(self) -> None:
        """Hear that the run is over, also where it was interrupted."""


class Audience:
    """Several observers told as one; `complain` is told once of each that breaks."""

    def __init__(
        self, observers: dict[str, Observer], complain: Callable[[str], None] = lambda _: None
    ) -> None:
        """Gather observers by name."""
        self._observers, self._complain = dict(observers), complain

    def tell(self, event: str, *about: Any) -> None:  # noqa: ANN401 - what the event is about
        """Tell every observer of an event, by the name of its method."""
        for name, observer in list(self._observers.items()):
            try:
                getattr(observer, event)(*about)
            except Exception as error:  # whatever the plugin's observer raises
                del self._observers[name]
                why = f"{type(error).__name__}: {error}"
                self._complain(f"The observer {name!r} is left out from here on: {why}")


def make(catalogue: Catalogue, named: Sequence[str]) -> dict[str, Observer]:
    """Return the observers that a user names, as "NAME" or "NAME:option=value".

    Raises MedTLError if there is none of a name, or it cannot be made.
    """
    return {text: _made(catalogue, text) for text in named}


def _made(catalogue: Catalogue, named: str) -> Observer:
    name, _, options = named.partition(":")
    registered = get(catalogue.observers, "observer", name)
    load = partial(registered.load, registered.entry.make)
    apart.rehearse(registered.plugin, f"loading {name!r}", load)
    make_observer = load()
    try:
        observer = make_observer(split_options(options))
    except MedTLError:
        raise
    except (Exception, SystemExit) as error:  # whatever the plugin's function raises
        why = f"{type(error).__name__}: {error}"
        raise MedTLError(f"The observer {name!r} of {registered.plugin} raised {why}.") from error
    if not isinstance(observer, Observer):
        what = f"The observer {name!r} of {registered.plugin}"
        raise MedTLError(f"{what} is {observer!r}, not an Observer.")
    return observer
