"""A small dataset of each kind of task, with groups."""

import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.hooks import DatasetEntry, hookimpl
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task

CARD = Card("simulated", "CC0", "here", "none", "an offset", "simulated", "none", "tests")
ROWS = {"train": 12, "val": 4, "test": 6}
TASKS = {
    "grouped": Task("classification", ("no", "yes")),
    "masks": Task("segmentation", ("background", "lesion")),
    "values": Task("regression"),
}


def _labels(kind, rows, source):
    if kind == "masks":
        return torch.randint(2, (rows, 4, 4), generator=source)
    return torch.randn(rows, generator=source) if kind == "values" else torch.arange(rows) % 2


def _split(kind, rows, first, source):
    inputs = (1, 4, 4) if kind == "masks" else (3,)
    x, y = torch.randn(rows, *inputs, generator=source), _labels(kind, rows, source)
    return Split(x, y, torch.arange(first, first + rows) // 2)


def build(kind):
    source = torch.Generator().manual_seed(0)
    domains = []
    for name in "abc":
        firsts = (0, 100, 200)
        splits = [_split(kind, n, f, source) for n, f in zip(ROWS.values(), firsts, strict=True)]
        domains.append(Domain(name, *splits))
    transfers, streams = (Transfer("to-c", ("a", "b"), ("c",)),), (Stream("all", tuple("abc")),)
    return Dataset(kind, CARD, TASKS[kind], tuple(domains), transfers, streams)


@hookimpl
def medtl_datasets():
    return [DatasetEntry(kind, lambda k=kind: build(k), "Small.", "simulated") for kind in TASKS]
