"""Runs trials from their identity alone, one by one or side by side."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np
import torch

from medtl_bench import cooperative
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.algorithm import refusal
from medtl_bench.contract.dataset import Dataset
from medtl_bench.protocols import examiner
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.transfer import transfer
from medtl_bench.randomness import seed_of
from medtl_bench.results.record import Outcome, Score, Trial
from medtl_bench.running.failure import failed, storable
from medtl_bench.running.machine import peak_memory
from medtl_bench.training import stacked

Load = Callable[[str], Dataset]


def run_stack(found: Catalogue, trials: Sequence[Trial], load: Load) -> Iterator[Outcome]:
    """Run trials of one algorithm on one dataset side by side, each from its identity alone, and yield their outcomes.

    What a stack could not train as one is told in the log of every trial.
    """
    start = perf_counter()
    torch.set_num_threads(trials[0].threads)
    dataset, stacker = load(trials[0].dataset), stacked.Stacker()
    share = (perf_counter() - start) / len(trials)
    tasks = cooperative.run(
        [partial(run_trial, found, trial, lambda _: dataset) for trial in trials],
        stacker,
        stacked.MOST,
    )
    told = "".join(
        f"{count} trainings were done one by one. {why}\n" for why, count in stacker.alone.items()
    )
    for task in tasks:
        outcome = failed(task.error, task.seconds) if task.error else task.result()
        seconds = outcome.seconds | {"total": round(task.seconds + share, 4)}
        yield outcome.model_copy(
            update={"stacked": len(trials), "seconds": seconds, "log": outcome.log + storable(told)}
        )


def run_trial(found: Catalogue, trial: Trial, load: Load) -> Outcome:
    """Run one trial from its identity alone, on the dataset that `load` gives."""
    start, clock = cooperative.now(), examiner.Clock()
    seed_everything(trial)
    cls, dataset = found.algorithm(trial.algorithm), load(trial.dataset)
    if why := refusal(cls, dataset.task, dataset.domains[0].train.x[:1]):
        return Outcome(status="skipped", reason=why)
    scores = tuple(_scores(dataset, trial, partial(cls, **trial.parameters), clock))
    seconds = {verb: round(float(np.mean(calls)), 6) for verb, calls in clock.calls.items()}
    seconds["total"] = round(cooperative.now() - start, 4)
    return Outcome(status="ok", scores=scores, seconds=seconds, peak_memory=peak_memory())


def _scores(
    dataset: Dataset, trial: Trial, make: examiner.MakeLearner, clock: examiner.Clock
) -> Iterator[Score]:
    if trial.protocol == "stream":
        return stream(dataset, dataset.stream(trial.scenario), make, seed=trial.seed, clock=clock)
    scenario = replace(
        dataset.transfer(trial.scenario), sources=trial.sources, targets=trial.targets
    )
    return transfer(
        dataset, scenario, make, seed=trial.seed, shots=trial.shots, draws=trial.draws, clock=clock
    )


def seed_everything(trial: Trial) -> None:
    """Fix the thread count, and the global generators for methods that use them in spite of the one they are handed."""
    torch.set_num_threads(trial.threads)
    seed = seed_of("global", trial.dataset, trial.scenario, trial.seed)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
