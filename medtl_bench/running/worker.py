"""One job, in the process that does it; a failure becomes its reply."""

from pathlib import Path
from time import perf_counter

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import MedTLError, UnavailableError
from medtl_bench.protocols import protocol
from medtl_bench.results.record import Outcome, Trial
from medtl_bench.running import mapped
from medtl_bench.running.describe import describe_algorithm, describe_dataset
from medtl_bench.running.failure import failed
from medtl_bench.running.machine import machine, versions
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset, Job, Reply, RunStack
from medtl_bench.running.trial import Setting, run_stack, run_trial


def perform(job: Job, installed: Catalogue | None = None) -> Reply:
    """Do a job and return its reply.

    Of what an algorithm may raise, only an interrupt gets past it. `installed`: what plugins
    bring that are installed, if that is known already.
    """
    start = perf_counter()
    try:
        if job.plugin_files or installed is None:
            installed = discovery.find(job.plugin_files)
        return _done(job, installed)
    except UnavailableError as error:
        return Reply(outcome=Outcome(status="skipped", reason=str(error)), machine=machine())
    except (Exception, SystemExit) as error:
        code = error.exit_code if isinstance(error, MedTLError) else 1
        outcome = failed(error, perf_counter() - start)
        return Reply(outcome=outcome, machine=machine(), exit_code=code)


def _done(job: Job, catalogue: Catalogue) -> Reply:
    work = job.work
    if isinstance(work, DescribeDataset):
        facts = describe_dataset(catalogue, work, job.folder)
        return Reply(dataset=facts, versions=versions())
    if isinstance(work, DescribeAlgorithm):
        return Reply(algorithm=describe_algorithm(catalogue, work))
    if isinstance(work, RunStack):
        setting = _setting(catalogue, job, work.trials[0])
        return Reply(outcomes=tuple(run_stack(setting, work.trials)), machine=machine())
    outcome = run_trial(_setting(catalogue, job, work.trial), work.trial)
    return Reply(outcome=outcome, machine=machine())


def _setting(catalogue: Catalogue, job: Job, trial: Trial) -> Setting:
    """Load what a trial names, once for all that run beside it."""
    start = perf_counter()
    return Setting(
        catalogue.algorithm(trial.algorithm),
        protocol.load(catalogue, trial.protocol),
        _dataset(catalogue, job, trial.dataset),
        perf_counter() - start,
    )


def _dataset(catalogue: Catalogue, job: Job, name: str) -> Dataset:
    there = mapped.read(name, Path(job.folder)) if job.folder else None
    return there or catalogue.dataset(job.dataset or name)
