"""One job, in the process that does it; a failure becomes its reply."""

from functools import partial
from pathlib import Path
from time import perf_counter

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import MedTLError, UnavailableError
from medtl_bench.results.record import Outcome
from medtl_bench.running import mapped
from medtl_bench.running.describe import describe_algorithm, describe_dataset
from medtl_bench.running.failure import failed
from medtl_bench.running.machine import machine, versions
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset, Job, Reply, RunStack
from medtl_bench.running.trial import run_stack, run_trial


def perform(job: Job, installed: Catalogue | None = None) -> Reply:
    """Do a job and return its reply; of what an algorithm may raise, only an interrupt gets past it.

    `installed`: what plugins bring that are installed, if that is known already.
    """
    start = perf_counter()
    try:
        found = (
            discovery.find(job.plugin_files) if job.plugin_files or installed is None else installed
        )
        load = partial(_loaded, found, job.kept)
        if isinstance(job.task, DescribeDataset):
            return Reply(dataset=describe_dataset(found, job.task, job.kept), versions=versions())
        if isinstance(job.task, DescribeAlgorithm):
            return Reply(algorithm=describe_algorithm(found, job.task))
        if isinstance(job.task, RunStack):
            return Reply(outcomes=tuple(run_stack(found, job.task.trials, load)), machine=machine())
        return Reply(outcome=run_trial(found, job.task.trial, load), machine=machine())
    except UnavailableError as error:
        return Reply(outcome=Outcome(status="skipped", reason=str(error)), machine=machine())
    except (Exception, SystemExit) as error:
        code = error.exit_code if isinstance(error, MedTLError) else 1
        return Reply(
            outcome=failed(error, perf_counter() - start), machine=machine(), exit_code=code
        )


def _loaded(found: Catalogue, folder: str, name: str) -> Dataset:
    return (mapped.read(name, Path(folder)) if folder else None) or found.dataset(name)
