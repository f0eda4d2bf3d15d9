"""Sine curves as MAML's authors draw them, and Iris in five folds, as mixup's authors may divide it."""

import math

import numpy as np
import torch
from sklearn.datasets import load_iris

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.hooks import DatasetEntry, hookimpl
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator

SOURCES, TARGETS, ROWS, GRID = 200, 50, 200, 10_000
FOLDS = 5
SINES = Card(
    "simulated", "CC0", "made here", "Finn et al. 2017", "Amplitude and phase.", "simulated",
    "No person's data.", "Reproducing published tables.",
)  # fmt: skip
IRIS = Card(
    "simulated", "CC BY 4.0", "scikit-learn's copy of UCI's Iris", "Fisher 1936", "None.", "real",
    "No person's data.", "Reproducing published tables.",
)  # fmt: skip


def sine(name, tested):
    """Return a curve: amplitude 0.1 to 5, phase 0 to pi, inputs -5 to 5 (section 5.1)."""
    draw = generator("reproductions sine", name)
    amplitude, phase = torch.rand(2, generator=draw) * torch.tensor([4.9, math.pi])
    # of a grid of the curve's own, for no input may stand on both sides
    place = torch.randperm(GRID, generator=draw)[: ROWS + tested, None]
    x = 10 * (place + torch.rand(1, generator=draw)) / GRID - 5
    rows = Split(x, (0.1 + amplitude) * torch.sin(x[:, 0] - phase))
    place = torch.arange(len(rows))
    return Domain(name, rows[place < ROWS], rows[place < 0], rows[place >= ROWS])


def sines():
    sources = [f"source-{number}" for number in range(SOURCES)]
    targets = [f"target-{number}" for number in range(TARGETS)]
    curves = *(sine(name, 5) for name in sources), *(sine(name, 100) for name in targets)
    transfer = Transfer("new-curves", tuple(sources), tuple(targets))
    task = Task("regression", (), ("rmse",))
    return Dataset("sines", SINES, task, curves, (transfer,), labels="own")


def iris():
    x, y = load_iris(return_X_y=True)
    first = np.sort(np.unique(x, axis=0, return_index=True)[1])  # two flowers are equal
    rows = Split(torch.tensor(x[first], dtype=torch.float32), torch.tensor(y[first]))
    order = np.random.default_rng(0).permutation(len(rows))
    fold, *folds = (fold_of(rows, part) for part in np.array_split(order, FOLDS))
    return Dataset(
        name="iris",
        card=IRIS,
        task=Task("classification", ("setosa", "versicolor", "virginica"), ("accuracy",)),
        domains=fold,
        transfers=(Transfer("held-out", ("trained",), ("tested",)),),
        folds=tuple(folds),
    )


def fold_of(rows, held_out):
    """Return what is trained on, and the held-out flowers as a target whose labels nobody asks."""
    out = torch.isin(torch.arange(len(rows)), torch.from_numpy(held_out))
    trained, tested = rows[~out], rows[out]
    place = torch.arange(len(tested))
    return (
        Domain("trained", trained, tested[place < 0], tested),
        Domain("tested", tested[place % 2 == 0], tested[place < 0], tested[place % 2 == 1]),
    )


@hookimpl
def medtl_datasets():
    return [
        DatasetEntry("sines", sines, "New curves from others.", "simulated"),
        DatasetEntry("iris", iris, "Three kinds of flower.", "simulated"),
    ]
