"""Gives the jobs of any executor a folder in which the run keeps its datasets."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medtl_bench.running.executors import Executor


@contextmanager
def keeping(execute: Executor, folder: Path) -> Iterator[Executor]:
    """Yield the executor with a folder for its jobs, which is emptied first and removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield lambda jobs: execute(job.model_copy(update={"kept": str(folder)}) for job in jobs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
