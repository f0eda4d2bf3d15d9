"""Runs the work of several seeds side by side, as a run does with trials."""

import multiprocessing
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch

from medtl_bench import cooperative
from medtl_bench.training.stacked import MOST, Stacker

T = TypeVar("T")


def stacked(work: Callable[[int], T], trials: int) -> list[T]:
    """Return the results of the work of so many seeds, done side by side and stacked."""
    stacker = Stacker()
    tasks = cooperative.run([partial(work, seed) for seed in range(trials)], stacker, MOST)
    results = [task.result() for task in tasks]
    assert stacker.alone == {}
    return results


def in_two_processes(work: Callable[[], object]) -> None:
    """Do some work twice at once, in processes of one thread, as a run with two jobs does."""

    def alone() -> None:
        torch.set_num_threads(1)
        work()

    processes = [multiprocessing.get_context("fork").Process(target=alone) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
