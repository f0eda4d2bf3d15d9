"""The two halves of a job: what the process of a method does, and what its keeper does with it."""

from pathlib import Path

from medtl_bench.running import worker
from medtl_bench.running.executors.preload import OWN
from medtl_bench.running.messages import Job, Reply


def answer(job: Job, scratch: Path) -> bytes:
    """Do the half of a job that runs plugins, and return what there is to say.

    `scratch`: an empty folder of this job, for what is large.
    """
    return worker.answer(job, OWN, scratch)


def score(job: Job, said: bytes, scratch: Path) -> Reply:
    """Return the reply to a job from what its other half said, which is not trusted."""
    return worker.score(job, OWN, said, scratch)
