"""What `show`, `data list` and `recommend` tell of datasets and algorithms."""

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
from medtl_bench.cli.sections import Document, broken
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


def dataset(data: Dataset, registered: Registered[DatasetEntry]) -> Document:
    """Return a dataset's card, task, domains, transfers and streams."""
    card = {name: value for name, value in asdict(data.card).items() if value}
    transfers = [
        {"name": t.name, "sources": t.sources, "targets": t.targets,
         "labels": data.labels_of(t), "preset": "full" if t.optional else "default"}
        for t in data.transfers
    ]  # fmt: skip
    streams = [
        {"name": one.name, "domains": one.domains, "labels": data.labels_of(one)}
        for one in data.streams
    ]
    return {
        "dataset": {"name": data.name, "summary": registered.entry.summary, **card},
        "task": _task(data),
        "domains": [_domain(data, domain) for domain in data.domains],
        "transfers": transfers,
        "streams": streams,
        "remarks": "\n".join(remarks(data)),
        "origin": {"from": str(registered.plugin), "digest": data.digest()},
    }


def _task(data: Dataset) -> dict[str, object]:
    """Return what is asked of a row, and its shape, by name."""
    task, row = data.task, parts(data.domains[0].train.x)
    shapes = {name: list(part.shape[1:]) for name, part in row.items()}
    return {"kind": task.kind, "classes": task.classes, "metrics": task.metrics,
            "labels": data.labels, "row": shapes}  # fmt: skip


def _domain(data: Dataset, domain: Domain) -> dict[str, object]:
    """Return how many rows a domain has, and of them each class."""
    rows = {name: len(split) for name, split in domain.splits().items()}
    return {"name": domain.name, **rows, "rows_by_class": _classes(data, domain)}


def _classes(data: Dataset, domain: Domain) -> dict[str, int]:
    if data.task.kind != "classification":
        return {}
    labels = torch.cat([split.y for split in domain.splits().values()])
    counts = labels.bincount(minlength=data.task.outputs).tolist()
    named = zip(data.task.classes, counts, strict=True)
    return {name: count for name, count in named if count}


def algorithm(cls: type[contract.Algorithm], registered: Registered[AlgorithmEntry]) -> Document:
    """Return an algorithm's description, reference and parameters."""
    entry = registered.entry
    about = {
        "name": entry.name,
        "summary": entry.summary,
        "family": entry.family,
        "reference": entry.reference,
        "differs_from_plain_training_from": entry.acts_from,
        "keeps_of_earlier_domains": entry.keeps_data,
        "packages": entry.packages,
        "from": str(registered.plugin),
    }
    parameters = [
        {"name": one.name, "type": one.type_name, "default": one.default, "searched": one.space}
        for one in contract.parameters(cls).values()
    ]
    description = inspect.cleandoc(cls.__doc__ or "")
    return {"algorithm": about, "description": description, "parameters": parameters}


def datasets(catalogue: Catalogue) -> Document:
    """Return a row a dataset; one that cannot be loaded says why."""
    rows = [_line(catalogue, name) for name in catalogue.single_datasets()]
    return {"datasets": rows, **broken(catalogue)}


def _line(catalogue: Catalogue, name: str) -> dict[str, object]:
    """Return what stands of a dataset in the list."""
    area = catalogue.datasets[name].entry.area
    line = dict.fromkeys(("provenance", "domains", "rows", "licence", "reason"))
    line = {"name": name, "area": area, "status": "ok", **line}
    try:
        data = discovery.dataset(catalogue, name)
    except UnavailableError as error:
        return line | {"status": "skipped", "reason": str(error)}
    except MedTLError as error:
        return line | {"status": "broken", "reason": str(error)}
    return line | {
        "provenance": data.card.provenance,
        "domains": len(data.domains),
        "rows": sum(len(split) for domain in data.domains for split in domain.splits().values()),
        "licence": data.card.licence,
    }


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
