"""Gives the jobs of any executor a folder in which the run keeps its datasets."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medtl_bench.running.executors import Executor
from medtl_bench.running.messages import (
    DatasetFacts,
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
)
from medtl_bench.running.sealed import fold_key


@contextmanager
def with_datasets(execute: Executor, folder: Path) -> Iterator[Executor]:
    """Yield the executor with a folder for its jobs, emptied first and removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield _Keeping(execute, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Keeping:
    """An executor whose jobs know where datasets are kept, and how to tell that they are whole."""

    def __init__(self, execute: Executor, folder: Path) -> None:
        self.execute, self.folder = execute, str(folder)
        self.key = secrets.token_hex(32)
        self.kept: dict[str, DatasetFacts] = {}

    def __call__(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply."""
        for job, reply in self.execute(self._handed(job) for job in jobs):
            if reply.dataset is not None and reply.dataset.kept:
                self.kept[reply.dataset.name] = reply.dataset
            yield job, reply

    def _handed(self, job: Job) -> Job:
        """Return a job with the folder, where it describes a dataset or uses one that is kept."""
        if isinstance(job.work, DescribeAlgorithm):
            return job
        update = {"folder": self.folder, "key": self.key}
        if isinstance(job.work, DescribeDataset):
            return job.model_copy(update=update)
        facts, seed = self.kept.get(job.trials[0].dataset), job.trials[0].seed
        if facts is None:
            return job
        if facts.folds > 1:
            update["fold_key"] = fold_key(self.key, facts.name, seed % facts.folds)
        return job.model_copy(update={**update, "kept": facts.kept})
