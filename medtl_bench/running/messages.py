"""The unit of work that executors hand to a process, and what comes back: plain JSON both ways."""

from typing import Annotated, Literal

from pydantic import Field

from medtl_bench.results.record import Frozen, Outcome, Trial
from medtl_bench.running.plan import AlgorithmFacts, DatasetFacts


class DescribeDataset(Frozen):
    """Load a dataset and say what planning needs to know of it, and which of some algorithms cannot do its task."""

    verb: Literal["describe dataset"] = "describe dataset"
    name: str
    algorithms: tuple[str, ...] = ()


class DescribeAlgorithm(Frozen):
    """Load an algorithm and resolve its parameters: those `given`, then those of the preset where it has them."""

    verb: Literal["describe algorithm"] = "describe algorithm"
    name: str
    given: dict[str, str] = {}
    preset: dict[str, str] = {}


class RunTrial(Frozen):
    """Run one trial."""

    verb: Literal["run trial"] = "run trial"
    trial: Trial


class RunStack(Frozen):
    """Run trials side by side in one process, so that their trainings can be done as one."""

    verb: Literal["run stack"] = "run stack"
    trials: tuple[Trial, ...]


class Job(Frozen):
    """Something to do in a process of its own, with the plugin files that the user named.

    `kept`: the folder where the run keeps datasets, or empty.
    """

    task: Annotated[
        DescribeDataset | DescribeAlgorithm | RunTrial | RunStack, Field(discriminator="verb")
    ]
    plugin_files: tuple[str, ...] = ()
    kept: str = ""


class Reply(Frozen):
    """What came back: facts for a description, else an outcome, whose status is `ok` only if all went well.

    A description is `skipped` where files of a dataset are not on this machine.
    `outcomes`: of a stack, in the order of its trials; empty if the stack failed as a
    whole, which `outcome` then tells. `exit_code`: what a failure asks the command line
    to end with.
    """

    dataset: DatasetFacts | None = None
    algorithm: AlgorithmFacts | None = None
    outcome: Outcome | None = None
    outcomes: tuple[Outcome, ...] = ()
    machine: dict[str, str] = {}
    versions: dict[str, str] = {}
    exit_code: int = 0
