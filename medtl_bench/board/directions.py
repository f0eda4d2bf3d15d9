"""Which direction of a metric is better: collected once for a board."""

from collections.abc import Iterable, Set

from medtl_bench.metrics import registry
from medtl_bench.results.record import Record


def lower_is_better(records: Iterable[Record]) -> frozenset[str]:
    """Return the metrics of some records for which lower is better, without prefixes."""
    names: set[str] = set()
    for record in records:
        names.update(record.about.metrics)
        names.update(score.metric for score in record.outcome.scores)
    metrics = {plain(name): registry.known(name) for name in names}
    return frozenset(
        name for name, found in metrics.items() if found and not found.higher_is_better
    )


def plain(metric: str) -> str:
    """Return the name of a metric without a prefix, such as that of the task-aware one."""
    for prefix in registry.PREFIXES:
        metric = metric.removeprefix(prefix)
    return metric


def higher_is_better(metric: str, lower: Set[str]) -> bool:
    """Return the direction of a metric, with a prefix or without.

    lower: the metrics for which lower is better, of `lower_is_better`.
    """
    return plain(metric) not in lower
