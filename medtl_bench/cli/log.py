"""What `log` tells of one trial: what became of it, and where."""

from difflib import get_close_matches
from pathlib import Path

from medtl_bench.cli.sections import Document
from medtl_bench.errors import MedTLError
from medtl_bench.results.record import Record
from medtl_bench.results.store import Store

FAILED = {"failed", "timeout"}
SHOWN = 5  # of the results that a text may mean
SHORT = 8  # signs of a key, by which people tell results apart


def label(record: Record) -> str:
    """Return how a trial is called in a log."""
    trial, variant = record.trial, record.about.variant
    method = f"{trial.algorithm} ({variant})" if variant else trial.algorithm
    return f"{trial.dataset} {trial.scenario}: {method} seed {trial.seed}"


def find(start: str, out: Path) -> Record:
    """Return the record in an output folder whose key begins with a text.

    Raises MedTLError where none or several do, IntegrityError where its file is damaged.
    """
    store = Store(out / "results")
    keys = sorted(path.stem for path in store.folder.glob("*.json"))
    fitting = [key for key in keys if key.startswith(start.lower())]
    if len(fitting) != 1:
        few = ", ".join(fitting[:SHOWN]) + (" and others" if len(fitting) > SHOWN else "")
        several = f"{len(fitting)} results in {out} have a key that begins with {start!r}: {few}."
        raise MedTLError(several if fitting else _none(start, keys, out))
    return store.load(fitting[0])


def _none(start: str, keys: list[str], out: Path) -> str:
    starts = {key[: len(start)]: key for key in keys}
    near = get_close_matches(start, starts, n=3, cutoff=0.5)
    names = " or ".join(repr(starts[one][: max(SHORT, len(start))]) for one in near)
    hint = f"did you mean {names}?" if near else f"there are {len(keys)}."
    return f"There is no result in {out} whose key begins with {start!r}; {hint}"


def document(record: Record) -> Document:
    """Return what a record says of a trial but its scores, and what the trial printed."""
    trial, outcome = record.trial, record.outcome
    what = {
        "key": trial.key,
        "trial": label(record),
        "status": outcome.status,
        "reason": outcome.reason,
        "protocol": trial.protocol,
        "parameters": trial.parameters,
        "source": trial.algorithm_source,
        "finished": record.finished,
        "seconds": outcome.seconds,
        "peak_memory_mib": outcome.peak_memory,
        "trials_in_its_process": outcome.stacked,
    }
    versions = {**trial.versions, **trial.packages}
    return {"result": what, "versions": versions, "machine": record.machine, "log": outcome.log}
