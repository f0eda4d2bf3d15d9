"""What `log` tells of one trial: what became of it, and where."""

from medtl_bench.cli.sections import Document
from medtl_bench.results.record import Record

FAILED = {"failed", "timeout"}


def label(record: Record) -> str:
    """Return how a trial is called in a log."""
    trial, variant = record.trial, record.about.variant
    method = f"{trial.algorithm} ({variant})" if variant else trial.algorithm
    return f"{trial.dataset} {trial.scenario}: {method} seed {trial.seed}"


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
