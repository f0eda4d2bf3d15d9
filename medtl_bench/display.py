"""What `show` and `data list` print of datasets and algorithms."""

import inspect
from dataclasses import asdict

import torch

from medtl_bench import algorithm as contract
from medtl_bench import console
from medtl_bench.catalogue import Catalogue, Registered
from medtl_bench.data import Dataset, parts
from medtl_bench.errors import MedTLError, NotDownloadedError
from medtl_bench.hookspecs import AlgorithmEntry, DatasetEntry


def dataset(data: Dataset, registered: Registered[DatasetEntry]) -> None:
    """Print a dataset's card, task, domains, transfers and streams."""
    task = data.task
    console.fields(f"{data.name}: {registered.entry.summary}", {k: v for k, v in asdict(data.card).items() if v})
    shapes = ", ".join(f"{name} {list(part.shape[1:])}" for name, part in parts(data.domains[0].train.x).items())
    told = {"task": task.kind, "classes": ", ".join(task.classes), "metrics": ", ".join(task.metrics), "a row": shapes}
    console.fields("\nTask", {name: value for name, value in told.items() if value})
    rows = [[d.name, *map(len, d.splits().values()), _classes(data, d.name)] for d in data.domains]
    console.say("")
    console.table("Domains", ["name", "train", "val", "test", "rows by class"], rows)
    console.say("")
    console.table("Transfers", ["name", "sources", "targets", "preset"], [
        (t.name, ", ".join(t.sources), ", ".join(t.targets), "full" if t.optional else "default") for t in data.transfers
    ])  # fmt: skip
    console.say("")
    console.table("Streams", ["name", "domains in order"], [(s.name, ", ".join(s.domains)) for s in data.streams])
    console.fields("\nOrigin", {"from": registered.plugin, "digest": data.digest()})


def _classes(data: Dataset, name: str) -> str:
    if data.task.kind != "classification":
        return ""
    labels = torch.cat([split.y for split in data.domain(name).splits().values()])
    counts = labels.bincount(minlength=data.task.outputs)
    return ", ".join(f"{c} {int(n)}" for c, n in zip(data.task.classes, counts, strict=True) if n)


def algorithm(cls: type[contract.Algorithm], registered: Registered[AlgorithmEntry]) -> None:
    """Print an algorithm's description, reference and parameters."""
    entry = registered.entry
    about = {"family": entry.family, "reference": entry.reference or "none", "from": registered.plugin}
    console.fields(f"{entry.name}: {entry.summary}", about)
    console.say(f"\n{inspect.cleandoc(cls.__doc__ or '')}\n")
    rows = [(p.name, p.type_name, p.default) for p in contract.parameters(cls).values()]
    console.table("Parameters", ["name", "type", "default"], rows)


def datasets(found: Catalogue) -> None:
    """Print a line a dataset; one that cannot be loaded says why."""
    rows: list[tuple[object, ...]] = []
    for name in found.single_datasets():
        try:
            data = found.dataset(name)
            sizes = sum(len(split) for domain in data.domains for split in domain.splits().values())
            rows.append((name, data.card.area, data.card.provenance, len(data.domains), sizes, data.card.licence))
        except NotDownloadedError as error:
            rows.append((name, found.datasets[name].entry.area, f"skipped: {error}", "", "", ""))
        except MedTLError as error:
            rows.append((name, found.datasets[name].entry.area, f"cannot be loaded: {error}", "", "", ""))
    console.table("Datasets", ["name", "area", "provenance", "domains", "rows", "licence"], rows)
