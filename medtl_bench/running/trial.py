"""Runs trials from their identity alone, one by one or side by side, up to their answers."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import Algorithm, complete, refusal
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Scenario
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.protocol import Protocol
from medtl_bench.randomness import seed_of
from medtl_bench.results.record import ALONE, Outcome, Trial
from medtl_bench.running.answers import Answered, Recording
from medtl_bench.running.failure import failed, storable
from medtl_bench.running.machine import peak_memory
from medtl_bench.training.stacked import MOST, Stacker


@dataclass(frozen=True)
class Setting:
    """What trials of one algorithm on one dataset need, loaded in so many seconds."""

    algorithm: type[Algorithm]
    protocol: Protocol
    dataset: Dataset
    seconds: float = 0.0

    def refusal(self) -> str | None:
        """Return why the algorithm cannot do the task of the dataset, or None if it can."""
        row = self.dataset.domains[0].train.x[:1]
        return refusal(self.algorithm, self.dataset.task, row)


def run_stack(setting: Setting, trials: Sequence[Trial], scratch: Path) -> Iterator[Answered]:
    """Run trials of one algorithm on one dataset side by side, and yield what came of them.

    Each runs from its identity alone. What could not be trained as one is told in the log of
    every trial.
    """
    torch.set_num_threads(trials[0].threads)
    stacker, share = Stacker(), setting.seconds / len(trials)
    work = [
        partial(run_trial, setting, trial, answers_in(scratch, number))
        for number, trial in enumerate(trials)
    ]
    strands = cooperative.run(work, stacker, MOST)
    log = storable("".join(_one_by_one(why, count) for why, count in stacker.alone.items()))
    for strand in strands:
        error, ended = strand.error, strand.seconds
        answered = Answered(outcome=failed(error, ended)) if error else strand.result()
        outcome = answered.outcome
        seconds = outcome.seconds | {"total": round(ended + share, 4)}
        update = {"seconds": seconds, "log": outcome.log + log}
        yield answered.model_copy(update={"outcome": outcome.model_copy(update=update)})


def answers_in(scratch: Path, number: int) -> Path:
    """Return the file of the answers of a job's trial of that number."""
    return scratch / f"{number}.bin"


def _one_by_one(why: str, count: int) -> str:
    return f"{count}{ALONE}{why}\n"


def run_trial(setting: Setting, trial: Trial, path: Path) -> Answered:
    """Run one trial from its identity alone; what its learners answer is written to a file.

    The dataset is blinded, so that there is nothing to score.
    """
    start, clock = cooperative.now(), Clock()
    seed_everything(trial)
    if why := setting.refusal():
        return Answered(outcome=Outcome(status="skipped", reason=why))
    scenario = Scenario(trial.scenario, trial.settings)
    parameters = complete(setting.algorithm, trial.parameters)
    with path.open("xb") as file:
        recording = Recording(file)

        def learner(task: Task, generator: torch.Generator) -> Algorithm:
            return recording.of(setting.algorithm(task, generator, **parameters))

        examined = setting.protocol.run(
            setting.dataset, scenario, learner, seed=trial.seed, clock=clock
        )
        deque(examined, maxlen=0)
        answers = recording.end()
    _refuse_changes(clock)
    seconds = {verb: round(float(np.mean(calls)), 6) for verb, calls in clock.calls.items()}
    seconds["total"] = round(cooperative.now() - start + setting.seconds, 4)
    log = storable("".join(f"{remark}\n" for remark in clock.remarks))
    outcome = Outcome(status="ok", log=log, seconds=seconds, peak_memory=peak_memory())
    return Answered(outcome=outcome, answers=answers)


def _refuse_changes(clock: Clock) -> None:
    """Raise InvalidOutputError if what was handed to learners is not what it was."""
    if clock.contents.any_changed():
        raise InvalidOutputError(
            "It changed data that it was handed in place, after the verb had returned; it must "
            "work on a copy."
        )


def seed_everything(trial: Trial) -> None:
    """Fix the thread count, and the global generators.

    Some methods use them in spite of the one that they are handed.
    """
    torch.set_num_threads(trial.threads)
    seed = seed_of("global", trial.dataset, trial.scenario, trial.seed)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
