"""Imports what trials use of plugins, before they begin.

A plugin is imported where something of it is used for the first time. In the middle of a trial
that would be at a time that depends on what runs beside it, and its import may draw numbers.
"""

from collections.abc import Iterable

from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.results.record import Trial


def for_learning(catalogue: Catalogue, trial: Trial) -> None:
    """Import the backbone that a trial names; its method is imported with its class."""
    name = trial.parameters.get("backbone")
    if name in catalogue.backbones:
        backbone = catalogue.backbones[name]
        backbone.load(backbone.entry.make)


def for_scoring(catalogue: Catalogue, metrics: Iterable[str]) -> None:
    """Import the metrics that a dataset is scored by; of those, nothing of a method."""
    for name in metrics:
        metric = catalogue.metrics[name]
        metric.load(metric.entry.function)
