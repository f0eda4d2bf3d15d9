"""An executor that runs jobs in this process and writes down what it got."""

from pathlib import Path

from medtl_bench.contract.hooks import ExecutorEntry, hookimpl
from medtl_bench.errors import unknown
from medtl_bench.running.worker import perform


def make(limits, options):
    for name in options:
        if name != "diary":
            raise unknown("option of written-down", name, ["diary"])
    diary = Path(options.get("diary", "/dev/null"))

    def execute(jobs):
        for job in jobs:
            with diary.open("a") as file:
                print(job.work.verb, limits.jobs, limits.timeout, limits.memory, sep="|", file=file)
            yield job, perform(job)

    return execute


@hookimpl
def medtl_executors():
    return [ExecutorEntry("written-down", make, "Runs here and writes down what it got.")]
