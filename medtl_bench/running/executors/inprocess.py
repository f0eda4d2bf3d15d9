"""Runs jobs one after the other in this process: for a debugger.

There are no limits of time or memory.
"""

from collections.abc import Iterable, Iterator, Mapping

from medtl_bench.running.executors import Executor, Limits, refuse_options
from medtl_bench.running.messages import Job, Reply
from medtl_bench.running.worker import perform


def make(_: Limits, options: Mapping[str, str]) -> Executor:
    """Return the executor; raises MedTLError for any option, for it has none."""
    refuse_options("in-process", options)
    return run


def run(jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
    """Yield every job with its reply."""
    for job in jobs:
        yield job, perform(job)
