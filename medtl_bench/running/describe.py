"""What planning asks of datasets and algorithms, answered in a process that may load them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from medtl_bench.catalogue.entries import Catalogue, Registered, get
from medtl_bench.contract.algorithm import INSTALL, Algorithm, parameters, refusal, resolve, told
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import AlgorithmEntry
from medtl_bench.contract.remarks import remarks
from medtl_bench.contract.scenario import Scenario
from medtl_bench.contract.task import Task
from medtl_bench.metrics.registry import METRICS
from medtl_bench.protocols import protocol
from medtl_bench.running import mapped
from medtl_bench.running.failure import reason
from medtl_bench.running.messages import (
    AlgorithmFacts,
    DatasetFacts,
    DescribeAlgorithm,
    DescribeDataset,
)
from medtl_bench.training.method import GradientMethod

TASKS = (
    Task("classification", ("a", "b")),
    Task("segmentation", ("a", "b")),
    Task("regression"),
    Task("integration"),
)


def describe_dataset(
    catalogue: Catalogue, asked: DescribeDataset, folder: str = "", key: str = ""
) -> DatasetFacts:
    """Build a dataset, keep it in the run's folder if there is one, and return its facts."""
    dataset, kept = catalogue.dataset(asked.name), ""
    digest = dataset.digest()  # before plugins of others are imported for what follows
    if folder and key:
        with suppress(OSError, ValueError):  # then each trial builds it
            kept = mapped.write(dataset, Path(folder), key)
    scenarios, failed = _scenarios(catalogue, dataset, asked)
    metrics = dataset.task.metrics
    return DatasetFacts(
        name=dataset.name,
        asked=asked.name,
        digest=digest,
        kept=kept,
        folds=1 + len(dataset.folds),
        area=dataset.card.area,
        provenance=dataset.card.provenance,
        task=dataset.task.kind,
        metrics=metrics,
        lower_is_better=tuple(name for name in metrics if not METRICS[name].higher_is_better),
        classes=dataset.task.classes,
        remarks=remarks(dataset),
        scenarios=scenarios,
        plugins=_sources("metric", catalogue.metrics, metrics)
        | _sources("protocol", catalogue.protocols, asked.protocols),
        refused=dict(_refused(catalogue, dataset, asked.algorithms)),
        failed=failed,
        origin=dataset.card.origin or dataset.name,
    )


def _scenarios(
    catalogue: Catalogue, dataset: Dataset, asked: DescribeDataset
) -> tuple[dict[str, tuple[Scenario, ...]], dict[str, str]]:
    """Return scenarios by protocol, and why a protocol cannot tell its own."""
    scenarios, failed = {}, {}
    for name in asked.protocols:
        try:
            one = protocol.load(catalogue, name)
            told = one.scenarios(dataset, asked.amount)
            meant = [replace(s, labels=s.labels or dataset.labels) for s in told]
            scenarios[name] = tuple(meant)
        except Exception as error:  # whatever the plugin's protocol raises
            failed[name] = reason(error)
    return scenarios, failed


def _sources(
    kind: str, entries: Mapping[str, Registered[Any]], names: Sequence[str]
) -> dict[str, str]:
    """Return the sources of those entries that a plugin brings, by kind and name."""
    plugins = {name: get(entries, kind, name).plugin for name in names}
    return {f"{kind} {name}": p.source for name, p in plugins.items() if not p.is_core}


def _refused(
    catalogue: Catalogue, dataset: Dataset, algorithms: Sequence[str]
) -> Iterator[tuple[str, str]]:
    row = dataset.domains[0].train.x[:1]
    for name in algorithms:
        with suppress(Exception, SystemExit):  # then its trials tell
            if why := refusal(catalogue.algorithm(name), dataset.task, row):
                yield name, why


def describe_algorithm(catalogue: Catalogue, asked: DescribeAlgorithm) -> AlgorithmFacts:
    """Load an algorithm and return its facts, with every parameter resolved."""
    cls, registered = catalogue.algorithm(asked.name), catalogue.algorithms[asked.name]
    own = parameters(cls)
    preset = {name: text for name, text in asked.preset.items() if name in own}
    values = resolve(cls, asked.name, {**preset, **asked.given})
    return AlgorithmFacts(
        name=asked.name,
        family=registered.entry.family,
        source=registered.plugin.source,
        parameters=told(cls, values),
        counterpart=registered.entry.counterpart,
        acts_from=registered.entry.acts_from,
        variant=", ".join(f"{name}={text}" for name, text in sorted(asked.given.items())),
        stacks=issubclass(cls, GradientMethod) and not cls.one_by_one,
        packages=_packages(registered.entry),
        plugins=_backbone(catalogue, values.get("backbone", "")),
        missing=_missing(cls),
        keeps_data=registered.entry.keeps_data,
        spaces={one.name: one.space for one in own.values() if one.space is not None},
    )


def _backbone(catalogue: Catalogue, name: str) -> dict[str, str]:
    """Return the source of a backbone that a plugin brings, and the digest of its weights."""
    sources = _sources("backbone", catalogue.backbones, [name] if name else [])
    weights = catalogue.backbones[name].entry.weights if sources else ""
    return {backbone: f"{source} {weights}".rstrip() for backbone, source in sources.items()}


def _packages(entry: AlgorithmEntry) -> dict[str, str]:
    """Return the versions of the distributions that an algorithm's scores depend on."""
    versions = {}
    for name in entry.packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _missing(cls: type[Algorithm]) -> str:
    """Return what to install, if a method asks for it for every kind of task."""
    reasons = [cls.supports(task) for task in TASKS]
    installs = [reason for reason in reasons if reason and reason.startswith(INSTALL)]
    return installs[0] if installs and None not in reasons else ""
