"""What `show` and `data list` print of datasets and algorithms."""

import inspect
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.cli import console
from medtl_bench.contract import algorithm as contract
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry
from medtl_bench.contract.remarks import remarks
from medtl_bench.contract.split import Domain, parts
from medtl_bench.errors import MedTLError, UnavailableError

if TYPE_CHECKING:  # loads pandas and scikit-learn, which no other command here needs
    from medtl_bench.advice.recommend import Recommendation

READ_EVIDENCE = (
    "LogME, higher is better, says how well features learned from the source explain the "
    "target's training labels, if you have them."
)
READ_RECOMMENDATION = (
    (
        "In brackets: the rank by that estimate alone. The order is that of the mean rank of the "
        "two that need no label."
    ),
    (
        "Proxy A-distance, 0 to 2, and MMD² say how far inputs lie apart: smaller is nearer. What "
        "labels mean they cannot see."
    ),
)


def dataset(data: Dataset, registered: Registered[DatasetEntry]) -> None:
    """Print a dataset's card, task, domains, transfers and streams."""
    card = {name: value for name, value in asdict(data.card).items() if value}
    console.fields(f"{data.name}: {registered.entry.summary}", card)
    console.fields("\nTask", _task(data))
    console.say("")
    domains = [[d.name, *map(len, d.splits().values()), _classes(data, d)] for d in data.domains]
    console.table("Domains", ["name", "train", "val", "test", "rows by class"], domains)
    console.say("")
    transfers = [
        (t.name, ", ".join(t.sources), ", ".join(t.targets), "full" if t.optional else "default")
        for t in data.transfers
    ]
    console.table("Transfers", ["name", "sources", "targets", "preset"], transfers)
    console.say("")
    streams = [(stream.name, ", ".join(stream.domains)) for stream in data.streams]
    console.table("Streams", ["name", "domains in order"], streams)
    for remark in remarks(data):
        console.say(f"\n{remark}")
    console.fields("\nOrigin", {"from": registered.plugin, "digest": data.digest()})


def _task(data: Dataset) -> dict[str, str]:
    """Return what is asked of a row, and its shape, by name; what is empty is left out."""
    task, row = data.task, parts(data.domains[0].train.x)
    lines = {
        "task": task.kind,
        "classes": ", ".join(task.classes),
        "metrics": ", ".join(task.metrics),
        "a row": ", ".join(f"{name} {list(part.shape[1:])}" for name, part in row.items()),
    }
    return {name: text for name, text in lines.items() if text}


def _classes(data: Dataset, domain: Domain) -> str:
    """Return how many rows of a domain each class has."""
    if data.task.kind != "classification":
        return ""
    labels = torch.cat([split.y for split in domain.splits().values()])
    counts = labels.bincount(minlength=data.task.outputs)
    return ", ".join(f"{c} {int(n)}" for c, n in zip(data.task.classes, counts, strict=True) if n)


def algorithm(cls: type[contract.Algorithm], registered: Registered[AlgorithmEntry]) -> None:
    """Print an algorithm's description, reference and parameters."""
    entry = registered.entry
    about = {
        "family": entry.family,
        "reference": entry.reference or "none",
        "differs from plain training": f"from {entry.acts_from} on",
        "keeps of earlier domains": entry.keeps_data,
        "packages": ", ".join(entry.packages) or "none beside the core's",
        "from": registered.plugin,
    }
    console.fields(f"{entry.name}: {entry.summary}", about)
    console.say(f"\n{inspect.cleandoc(cls.__doc__ or '')}\n")
    rows = [(p.name, p.type_name, p.default) for p in contract.parameters(cls).values()]
    console.table("Parameters", ["name", "type", "default"], rows)


def datasets(catalogue: Catalogue) -> None:
    """Print a line a dataset; one that cannot be loaded says why."""
    rows = [(name, *_line(catalogue, name)) for name in catalogue.single_datasets()]
    console.table("Datasets", ["name", "area", "provenance", "domains", "rows", "licence"], rows)


def _line(catalogue: Catalogue, name: str) -> tuple[object, ...]:
    """Return what stands of a dataset in the list, after its name."""
    area = catalogue.datasets[name].entry.area
    try:
        data = discovery.dataset(catalogue, name)
    except UnavailableError as error:
        return area, f"skipped: {error}", "", "", ""
    except MedTLError as error:
        return area, f"cannot be loaded: {error}", "", "", ""
    rows = sum(len(split) for domain in data.domains for split in domain.splits().values())
    return data.card.area, data.card.provenance, len(data.domains), rows, data.card.licence


def recommendation(advice: "Recommendation", out: Path) -> None:
    """Print a line a source, nearest first, with every estimate and its rank.

    Below stands what the results in `out` say of it.
    """
    names = [name if name in advice.label_free else f"{name} (needs labels)"
             for name in advice.estimates]  # fmt: skip
    last = [] if advice.measured is None else ["measured"]
    title = f"Sources of {advice.dataset} for {advice.target}, nearest first"
    console.table(title, ["", "source", *names, *last], _sources(advice))
    console.say("")
    for sentence in (*READ_RECOMMENDATION, *_evidence(advice), *_hindsight(advice, out)):
        console.say(sentence)


def _sources(advice: "Recommendation") -> Iterator[list[object]]:
    """Yield the cells of each source."""
    ranks = {name: advice.rank(name) for name in advice.estimates}
    for place, source in enumerate(advice.order, 1):
        cells = [f"{advice.estimates[n][source]:.3f} ({ranks[n][source]:g})" for n in ranks]
        measured = advice.measured
        score = [] if measured is None else [_score(measured.score.get(source))]
        yield [place, source, *cells, *score]


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _evidence(advice: "Recommendation") -> list[str]:
    missing = [f"There is no {name}: {why}." for name, why in advice.missing.items()]
    return missing or [READ_EVIDENCE]


def _hindsight(advice: "Recommendation", out: Path) -> Iterator[str]:
    """Say how well each estimate had foretold the measured transfers."""
    measured = advice.measured
    if measured is None:
        yield (
            f"No result in {out} learned from single sources for {advice.target}, so how well this "
            "foretells is not known."
        )
        return
    metric = measured.metric.replace("_", " ")
    yield (
        f"Measured: {metric} on {advice.target} before any label of it, after learning from that "
        f"source alone; mean over {', '.join(measured.methods)}, and over seeds."
    )
    yield (
        f"How well an estimate foretold the order of {len(measured.score)} sources (Kendall's tau, "
        "95% bootstrap interval):"
    )
    for name in advice.estimates:
        yield f"  {name}: {_agreement(advice, name)}"


def _agreement(advice: "Recommendation", name: str) -> str:
    """Return how well an estimate had foretold the measured order."""
    tau = advice.foretold(name)
    if not np.isfinite(tau.tau):
        return "it does not order them"
    if not np.isfinite(tau.low):
        return f"{tau.tau:.2f} (too few sources for an interval)"
    return f"{tau.tau:.2f} ({tau.low:.2f} to {tau.high:.2f})"
