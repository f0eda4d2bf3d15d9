"""Which direction of a metric is better: collected once for a board. And what one can be."""

from collections.abc import Iterable, Set
from math import inf

from medtl_bench.metrics.registry import PREFIXES, known
from medtl_bench.results.record import Record


def lower_is_better(records: Iterable[Record]) -> frozenset[str]:
    """Return the metrics for which lower is better, as the records themselves say."""
    names: set[str] = set()
    for record in records:
        names.update(record.about.lower_is_better)
    return frozenset(names)


def plain(metric: str) -> str:
    """Return the name of a metric without a prefix, such as that of the task-aware one."""
    for prefix in PREFIXES:
        metric = metric.removeprefix(prefix)
    return metric


def higher_is_better(metric: str, lower: Set[str]) -> bool:
    """Return the direction of a metric, with a prefix or without.

    lower: the metrics for which lower is better, of `lower_is_better`.
    """
    return plain(metric) not in lower


def bounds(metric: str) -> tuple[float, float]:
    """Return the lowest and highest that a metric can be; anything where it is not known here."""
    entry = known(metric)
    return (entry.lowest, entry.highest) if entry else (-inf, inf)


def difference_bounds(metric: str) -> tuple[float, float]:
    """Return the lowest and highest that a difference of two values of a metric can be."""
    low, high = bounds(metric)
    return low - high, high - low
