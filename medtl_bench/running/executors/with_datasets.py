"""Gives the jobs of any executor a folder in which the run keeps its datasets."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medtl_bench.running.executors import Executor


@contextmanager
def with_datasets(execute: Executor, folder: Path) -> Iterator[Executor]:
    """Yield the executor with a folder for its jobs, emptied first and removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield lambda jobs: execute(job.model_copy(update={"folder": str(folder)}) for job in jobs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
