"""A dataset whose target's labels and test rows the environment changes; a method with a range."""

import os
from dataclasses import dataclass, replace
from typing import Annotated

import torch

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry, hookimpl
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from tests.plugins_for_tests.tiny import CARD, Column

POISON = "MEDTL_TEST_POISON"
TARGET = "d"
TRANSFERS = (
    Transfer("to-d", ("a", "b", "c"), (TARGET,)),
    Transfer("a-to-d", ("a",), (TARGET,), optional=True),
)


def _split(rows: int, source: torch.Generator) -> Split:
    y = torch.arange(rows) % 2
    return Split(torch.randn(rows, 3, generator=source) + y[:, None], y)


def poisoned(domain: Domain) -> Domain:
    """Return a target whose labels are turned and whose test rows are others."""

    def turned(split):
        return Split(split.x, 1 - split.y)

    test = Split(-2 * domain.test.x, 1 - domain.test.y)
    return replace(domain, train=turned(domain.train), val=turned(domain.val), test=test)


def build() -> Dataset:
    source = torch.Generator().manual_seed(0)
    domains = [Domain(name, *(_split(n, source) for n in (20, 30, 40))) for name in "abcd"]
    if os.environ.get(POISON):
        domains[-1] = poisoned(domains[-1])
    return Dataset(
        "tuned-tiny",
        CARD,
        Task("classification", ("no", "yes")),
        tuple(domains),
        TRANSFERS,
        (Stream("all", ("a", "b", "c")),),
    )


@dataclass
class Noisy(Column):
    """Score class 1 by a column, with noise that only hurts."""

    noise: Annotated[float, Range(0.01, 10, log=True)] = 3.0


@hookimpl
def medtl_datasets():
    return [DatasetEntry("tuned-tiny", build, "Tiny.", "simulated")]


@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("noisy", Noisy, "Scores by a column, with noise.", "baseline")]
