"""The two halves of a job: what the process of a method does, and what its keeper does with it."""

from pathlib import Path

from medtl_bench.running.executors.preload import INSTALLED
from medtl_bench.running.messages import Job, Reply
from medtl_bench.running.worker import perform


def answer(job: Job, scratch: Path) -> bytes:  # noqa: ARG001 - for what is large
    """Do the half of a job that runs plugins, and return what there is to say.

    `scratch`: an empty folder of this job.
    """
    return perform(job, INSTALLED).model_dump_json().encode()


def score(job: Job, said: bytes, scratch: Path) -> Reply:  # noqa: ARG001
    """Return the reply to a job from what its other half said, which is not trusted.

    Raises ValueError where that makes no sense.
    """
    return Reply.model_validate_json(said)
