"""Runs jobs one after the other in this process: for a debugger.

There are no limits of time or memory.
"""

from collections.abc import Iterable, Iterator

from medtl_bench.running.messages import Job, Reply
from medtl_bench.running.worker import perform


def run(jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
    """Yield every job with its reply."""
    for job in jobs:
        yield job, perform(job)
