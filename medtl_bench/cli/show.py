"""What `show` and `data list` print of datasets and algorithms."""

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from medtl_bench.catalogue.entries import Catalogue, Registered
from medtl_bench.cli import console
from medtl_bench.contract import algorithm as contract
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry
from medtl_bench.contract.split import parts
from medtl_bench.errors import MedTLError, UnavailableError

if TYPE_CHECKING:  # loads pandas and scikit-learn, which no other command here needs
    from medtl_bench.advice.recommend import Recommendation

READ_EVIDENCE = (
    "LogME, higher is better, says how well features learned from the source explain the target's training labels, if you have "
    "them."
)
READ_RECOMMENDATION = (
    "In brackets: the rank by that estimate alone. The order is that of the mean rank of the two that need no label.",
    "Proxy A-distance, 0 to 2, and MMD² say how far inputs lie apart: smaller is nearer. What labels mean they cannot see.",
)


def dataset(data: Dataset, registered: Registered[DatasetEntry]) -> None:
    """Print a dataset's card, task, domains, transfers and streams."""
    task = data.task
    console.fields(
        f"{data.name}: {registered.entry.summary}",
        {k: v for k, v in asdict(data.card).items() if v},
    )
    shapes = ", ".join(
        f"{name} {list(part.shape[1:])}" for name, part in parts(data.domains[0].train.x).items()
    )
    told = {
        "task": task.kind,
        "classes": ", ".join(task.classes),
        "metrics": ", ".join(task.metrics),
        "a row": shapes,
    }
    console.fields("\nTask", {name: value for name, value in told.items() if value})
    rows = [[d.name, *map(len, d.splits().values()), _classes(data, d.name)] for d in data.domains]
    console.say("")
    console.table("Domains", ["name", "train", "val", "test", "rows by class"], rows)
    console.say("")
    console.table("Transfers", ["name", "sources", "targets", "preset"], [
        (t.name, ", ".join(t.sources), ", ".join(t.targets), "full" if t.optional else "default") for t in data.transfers
    ])  # fmt: skip
    console.say("")
    console.table(
        "Streams",
        ["name", "domains in order"],
        [(s.name, ", ".join(s.domains)) for s in data.streams],
    )
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
    about = {
        "family": entry.family,
        "reference": entry.reference or "none",
        "from": registered.plugin,
    }
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
            rows.append(
                (
                    name,
                    data.card.area,
                    data.card.provenance,
                    len(data.domains),
                    sizes,
                    data.card.licence,
                )
            )
        except UnavailableError as error:
            rows.append((name, found.datasets[name].entry.area, f"skipped: {error}", "", "", ""))
        except MedTLError as error:
            rows.append(
                (name, found.datasets[name].entry.area, f"cannot be loaded: {error}", "", "", "")
            )
    console.table("Datasets", ["name", "area", "provenance", "domains", "rows", "licence"], rows)


def recommendation(found: "Recommendation", out: Path) -> None:
    """Print a line a source, nearest first, with every estimate and its rank, and what the results in `out` say of it."""
    ranks = {name: found.rank(name) for name in found.estimates}
    rows = []
    for place, source in enumerate(found.order, 1):
        cells = [f"{found.estimates[name][source]:.3f} ({ranks[name][source]:g})" for name in ranks]
        score = [] if found.measured is None else [_score(found.measured.score.get(source))]
        rows.append([place, source, *cells, *score])
    last = [] if found.measured is None else ["measured"]
    title = f"Sources of {found.dataset} for {found.target}, nearest first"
    console.table(
        title,
        [
            "",
            "source",
            *(name if name in found.label_free else f"{name} (needs labels)" for name in ranks),
            *last,
        ],
        rows,
    )
    console.say("")
    for sentence in (*READ_RECOMMENDATION, *_evidence(found), *_hindsight(found, out)):
        console.say(sentence)


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _evidence(found: "Recommendation") -> list[str]:
    return [f"There is no {name}: {why}." for name, why in found.missing.items()] or [READ_EVIDENCE]


def _hindsight(found: "Recommendation", out: Path) -> list[str]:
    """Say how well each estimate had foretold the measured transfers."""
    seen = found.measured
    if seen is None:
        return [
            f"No result in {out} learned from single sources for {found.target}, so how well this foretells is not known."
        ]
    metric = seen.metric.replace("_", " ")
    what = f"Measured: {metric} on {found.target} before any label of it, after learning from that source alone"
    told = [f"{what}; mean over {', '.join(seen.methods)}, and over seeds."]
    told += [
        f"How well an estimate foretold the order of {len(seen.score)} sources (Kendall's tau, 95% bootstrap interval):"
    ]
    for name in found.estimates:
        tau = found.foretold(name)
        ends = (
            f"{tau.low:.2f} to {tau.high:.2f}"
            if np.isfinite(tau.low)
            else "too few sources for an interval"
        )
        told.append(
            f"  {name}: {tau.tau:.2f} ({ends})"
            if np.isfinite(tau.tau)
            else f"  {name}: it does not order them"
        )
    return told
