"""The unit of work that executors hand to a process, and what comes back: plain JSON both ways."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from medtl_bench.contract.ranges import Space
from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.results.record import Frozen, Outcome, Trial


class DatasetFacts(Frozen):
    """What planning needs to know of a dataset, so that planning need not load it.

    `name`: by which results know it. `asked`: by which the user does. `scenarios`: by
    protocol. `kept`: the digest of what the run keeps of it, or empty. `folds`: how many it is
    divided into, of which a trial sees that of its seed. `lower_is_better`: of its metrics.
    `plugins`: sources of metrics and protocols that are not the project's own, by kind and
    name. `refused`: why an algorithm cannot do its task, by name of those that cannot.
    `failed`: why a protocol cannot tell its scenarios. `remarks`: what a reader of its scores
    must know. `origin`: what it shares with other datasets, else its own name.
    """

    name: str
    asked: str = ""
    digest: str
    area: str
    provenance: str
    task: str
    metrics: tuple[str, ...]
    lower_is_better: tuple[str, ...] = ()
    scenarios: dict[str, tuple[Scenario, ...]]
    kept: str = ""
    folds: int = 1
    classes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    plugins: dict[str, str] = {}
    refused: dict[str, str] = {}
    failed: dict[str, str] = {}
    origin: str = ""


class AlgorithmFacts(Frozen):
    """What planning needs to know of an algorithm.

    `parameters`: all of them. `variant`: those that the user changed. `counterpart`: the
    algorithm of which it is another implementation. `acts_from`: the verb in which it first
    differs from plain training. `stacks`: whether its trials may run side
    by side in one process. `packages`: versions of what its scores depend on. `plugins`: the
    source of a backbone that is not the project's own. `missing`: the reason, if it can do no
    task before a package is installed. `keeps_data`: what it keeps of earlier domains.
    `spaces`: by name of a parameter the values that are searched. `candidate`: the number of
    these parameters among those to choose from, 0 for the default.
    """

    name: str
    family: str
    source: str
    parameters: dict[str, Any]
    variant: str = ""
    counterpart: str = ""
    acts_from: str = ""
    stacks: bool = False
    packages: dict[str, str] = {}
    plugins: dict[str, str] = {}
    missing: str = ""
    keeps_data: str = ""
    spaces: dict[str, Space] = {}
    candidate: int = 0


class DescribeDataset(Frozen):
    """Load a dataset and say what planning needs to know of it.

    `algorithms`: those of which to tell whether they can do its task. `protocols`: those of
    which to tell the scenarios, each with this `amount`.
    """

    verb: Literal["describe dataset"] = "describe dataset"
    name: str
    algorithms: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    amount: Amount = Amount()


class DescribeAlgorithm(Frozen):
    """Load an algorithm and resolve its parameters.

    First those of the preset, where it has them, then those `given`.
    """

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


def to_run(trials: Sequence[Trial]) -> RunTrial | RunStack:
    """Return the work of running trials: side by side, or one by itself."""
    return RunStack(trials=tuple(trials)) if len(trials) > 1 else RunTrial(trial=trials[0])


Work = DescribeDataset | DescribeAlgorithm | RunTrial | RunStack


class Job(Frozen):
    """Something to do in a process of its own, with the plugin files that the user named.

    `dataset`: as the user names that of its trials, if otherwise than they do. `plugins`: what
    these and installed ones bring, as `catalogue.told` tells it, so that no plugin is imported
    but those that the work uses; None: the process is to ask them itself. `folder`: where the
    run keeps datasets, or empty. `kept`: the digest of what is kept there of the dataset of
    its trials. `key`: opens the labels that are kept, so no process that runs a method may
    hold it; `fold_key`: opens that fold alone which its trials see, where there are several.
    `answers`: by key of those trials of which to keep what is predicted, the file.
    """

    work: Annotated[Work, Field(discriminator="verb")]
    dataset: str = ""
    plugin_files: tuple[str, ...] = ()
    plugins: tuple[dict[str, Any], ...] | None = None
    folder: str = ""
    kept: str = ""
    key: str = ""
    fold_key: str = ""
    answers: dict[str, str] = {}

    def blind(self) -> "Job":
        """Return the job without the key."""
        return self.model_copy(update={"key": ""})

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Return the trials that it runs."""
        if isinstance(self.work, RunStack):
            return self.work.trials
        return (self.work.trial,) if isinstance(self.work, RunTrial) else ()


class Reply(Frozen):
    """What came back: facts for a description, else an outcome, `ok` only if all went well.

    A description is `skipped` where files of a dataset are not on this machine. `outcomes`:
    of a stack, in the order of its trials; empty if the stack failed as a whole, which
    `outcome` then tells. `exit_code`: what a failure asks the command line to end with.
    """

    dataset: DatasetFacts | None = None
    algorithm: AlgorithmFacts | None = None
    outcome: Outcome | None = None
    outcomes: tuple[Outcome, ...] = ()
    machine: dict[str, str] = {}
    versions: dict[str, str] = {}
    exit_code: int = 0
