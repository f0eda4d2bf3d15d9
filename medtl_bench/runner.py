"""One job, in the process that runs it: describe a dataset or an algorithm, or run a trial; a failure becomes its outcome."""

import platform
import random
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from medtl_bench import __version__, catalogue, kept, lockstep, protocols, stacking
from medtl_bench.algorithm import INSTALL, Algorithm, parameters, refusal, resolve
from medtl_bench.catalogue import Catalogue
from medtl_bench.data import Dataset, Task
from medtl_bench.errors import MedTLError, UnavailableError
from medtl_bench.jobs import DescribeAlgorithm, DescribeDataset, Job, Reply, RunStack
from medtl_bench.plan import AlgorithmFacts, DatasetFacts, Scenario
from medtl_bench.results import Outcome, Score, Trial
from medtl_bench.seeds import seed_of
from medtl_bench.training import GradientMethod

LOG_CHARACTERS = 4000
REASON_CHARACTERS = 500
Load = Callable[[str], Dataset]
TASKS = (Task("classification", ("a", "b")), Task("segmentation", ("a", "b")), Task("regression"), Task("integration"))
OUT_OF_MEMORY = ("can't allocate memory", "std::bad_alloc")


def perform(job: Job, installed: Catalogue | None = None) -> Reply:
    """Do a job and return its reply; of what an algorithm may raise, only an interrupt gets past it.

    `installed`: what plugins bring that are installed, if that is known already.
    """
    start = perf_counter()
    try:
        found = catalogue.find(job.plugin_files) if job.plugin_files or installed is None else installed
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
        return Reply(outcome=failed(error, perf_counter() - start), machine=machine(), exit_code=code)


def failed(error: BaseException, seconds: float) -> Outcome:
    """Return the outcome of a trial that raised an error after so many seconds."""
    log = _valid(_traceback(error)[-LOG_CHARACTERS:])
    total = {"total": round(seconds, 4)}
    return Outcome(status="failed", reason=_valid(reason(error)), log=log, seconds=total, peak_memory=peak_memory())


def describe_dataset(found: Catalogue, task: DescribeDataset, folder: str = "") -> DatasetFacts:
    """Build a dataset, keep it in the run's folder if there is one, and return its facts."""
    dataset = found.dataset(task.name)
    if folder:
        with suppress(OSError, ValueError):  # then each trial builds it
            kept.write(dataset, Path(folder))
    return DatasetFacts(
        name=task.name,
        digest=dataset.digest(),
        area=dataset.card.area,
        provenance=dataset.card.provenance,
        task=dataset.task.kind,
        metrics=dataset.task.metrics,
        classes=dataset.task.classes,
        scenarios=tuple(_scenarios(dataset)),
        refused=dict(_refused(found, dataset, task.algorithms)),
    )


def _refused(found: Catalogue, dataset: Dataset, algorithms: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in algorithms:
        with suppress(Exception, SystemExit):  # then its trials tell
            if why := refusal(found.algorithm(name), dataset.task, dataset.domains[0].train.x[:1]):
                yield name, why


def _scenarios(dataset: Dataset) -> Iterator[Scenario]:
    targets = {name for transfer in dataset.transfers for name in transfer.targets}
    # the scarcest target's for all: a board means scores over transfers, which therefore ask for the same k
    most = min((protocols.most_shots(dataset.task, dataset.domain(name).train) for name in targets), default=None)
    for transfer in dataset.transfers:
        yield Scenario(
            name=transfer.name, sources=transfer.sources, targets=transfer.targets, optional=transfer.optional, most_shots=most
        )
    for stream in dataset.streams:
        yield Scenario(name=stream.name, domains=stream.domains)


def describe_algorithm(found: Catalogue, task: DescribeAlgorithm) -> AlgorithmFacts:
    """Load an algorithm and return its facts, with every parameter resolved."""
    cls = found.algorithm(task.name)
    registered = found.algorithms[task.name]
    fitting = {name: text for name, text in task.preset.items() if name in parameters(cls)}
    return AlgorithmFacts(
        name=task.name,
        family=registered.entry.family,
        source=registered.plugin.source,
        parameters=resolve(cls, task.name, {**fitting, **task.given}),
        counterpart=registered.entry.counterpart,
        variant=", ".join(f"{name}={text}" for name, text in sorted(task.given.items())),
        stacks=issubclass(cls, GradientMethod) and not cls.one_by_one,
        missing=_missing(cls),
    )


def _missing(cls: type[Algorithm]) -> str:
    """Return the reason that names what to install, if a method gives one for every kind of task."""
    reasons = [cls.supports(task) for task in TASKS]
    wanted = [reason for reason in reasons if reason and reason.startswith(INSTALL)]
    return wanted[0] if wanted and None not in reasons else ""


def run_stack(found: Catalogue, trials: Sequence[Trial], load: Load) -> Iterator[Outcome]:
    """Run trials of one algorithm on one dataset side by side, each from its identity alone, and yield their outcomes.

    What a stack could not train as one is told in the log of every trial.
    """
    start = perf_counter()
    torch.set_num_threads(trials[0].threads)
    dataset, stacker = load(trials[0].dataset), stacking.Stacker()
    share = (perf_counter() - start) / len(trials)
    tasks = lockstep.run([partial(run_trial, found, trial, lambda _: dataset) for trial in trials], stacker, stacking.MOST)
    told = "".join(f"{count} trainings were done one by one. {why}\n" for why, count in stacker.alone.items())
    for task in tasks:
        outcome = failed(task.error, task.seconds) if task.error else task.result()
        seconds = outcome.seconds | {"total": round(task.seconds + share, 4)}
        yield outcome.model_copy(update={"stacked": len(trials), "seconds": seconds, "log": outcome.log + _valid(told)})


def run_trial(found: Catalogue, trial: Trial, load: Load) -> Outcome:
    """Run one trial from its identity alone, on the dataset that `load` gives."""
    start, clock = lockstep.now(), protocols.Clock()
    seed_everything(trial)
    cls, dataset = found.algorithm(trial.algorithm), load(trial.dataset)
    if why := refusal(cls, dataset.task, dataset.domains[0].train.x[:1]):
        return Outcome(status="skipped", reason=why)
    scores = tuple(_scores(dataset, trial, partial(cls, **trial.parameters), clock))
    seconds = {verb: round(float(np.mean(calls)), 6) for verb, calls in clock.calls.items()}
    seconds["total"] = round(lockstep.now() - start, 4)
    return Outcome(status="ok", scores=scores, seconds=seconds, peak_memory=peak_memory())


def _loaded(found: Catalogue, folder: str, name: str) -> Dataset:
    return (kept.read(name, Path(folder)) if folder else None) or found.dataset(name)


def _scores(dataset: Dataset, trial: Trial, make: protocols.MakeLearner, clock: protocols.Clock) -> Iterator[Score]:
    if trial.protocol == "stream":
        return protocols.stream(dataset, dataset.stream(trial.scenario), make, seed=trial.seed, clock=clock)
    transfer = replace(dataset.transfer(trial.scenario), sources=trial.sources, targets=trial.targets)
    return protocols.transfer(dataset, transfer, make, seed=trial.seed, shots=trial.shots, draws=trial.draws, clock=clock)


def seed_everything(trial: Trial) -> None:
    """Fix the thread count, and the global generators for methods that use them in spite of the one they are handed."""
    torch.set_num_threads(trial.threads)
    seed = seed_of("global", trial.dataset, trial.scenario, trial.seed)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def reason(error: BaseException) -> str:
    """Return an error as one line; a mistake told by this project needs no type name."""
    told = " ".join(str(error).split())[:REASON_CHARACTERS]
    if isinstance(error, MemoryError) or any(sign in told for sign in OUT_OF_MEMORY):
        return f"It ran out of memory: {told or 'the limit was reached'}"
    return told if isinstance(error, MedTLError) else f"{type(error).__name__}: {told}"


def _traceback(error: BaseException) -> str:
    """Return an error's traceback with files named from their package on: results are published, where paths tell too much."""
    modules = {vars(module).get("__file__"): name for name, module in sys.modules.items() if hasattr(module, "__dict__")}
    told = traceback.TracebackException.from_exception(error)
    left: list[traceback.TracebackException | None] = [told]
    while left:
        if one := left.pop():
            left += [one.__cause__, one.__context__, *(one.exceptions or ())]
            for frame in one.stack:
                depth = modules.get(frame.filename, "").count(".") + 1 + frame.filename.endswith("__init__.py")
                frame.filename = "/".join(Path(frame.filename).parts[-depth:])
    return "".join(told.format())


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # a cut surrogate could be neither sent nor stored


def peak_memory() -> float:
    """Return the most memory this process has had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def versions() -> dict[str, str]:
    """Return the versions that scores depend on beside the plugin's own."""
    return {"medtl-bench": __version__, "torch": torch.__version__, "numpy": np.__version__}


def machine() -> dict[str, str]:
    """Return what is worth knowing of this machine, without naming it."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
