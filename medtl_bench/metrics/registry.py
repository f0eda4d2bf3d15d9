"""The metrics of this process: the project's own, and those that the plugins found last bring."""

from collections.abc import Iterable

from medtl_bench.metrics import builtin
from medtl_bench.metrics.entry import MetricEntry

# before the name of a metric: of class scores masked to the classes of the domain
TASK_AWARE = "task_aware_"
# before the name of a metric: of answers of a learner that is not told whose question is asked
TASK_AGNOSTIC = "task_agnostic_"
MARKED = "marked_"  # before the name of a metric: of the marked rows of a split alone
# before the name of a metric: of answers cut at the threshold chosen on the sources
SOURCE_THRESHOLD = "source_threshold_"
# before the numbers of two classes: the share of the rows of one answered as the other
CONFUSION = "confusion"
SCORER = "scorer"  # before the name of a scorer that judges without target labels
PREFIXES = (TASK_AWARE, TASK_AGNOSTIC, MARKED, SOURCE_THRESHOLD)
INTEGRATION = tuple(entry.name for entry in builtin.METRICS if entry.of != "predictions")
DEFAULTS = {
    "classification": ("balanced_accuracy", "roc_auc", "ece", "brier"),
    "segmentation": ("dice", "ece", "brier"),
    "regression": ("concordance", "rmse"),
    "integration": ("ilisi", "silhouette_batch"),
}
METRICS = {entry.name: entry for entry in builtin.METRICS}


def install(entries: Iterable[MetricEntry]) -> None:
    """Make these the metrics of this process, so that tasks may name them."""
    METRICS.clear()
    METRICS.update({entry.name: entry for entry in entries})


def known(name: str) -> MetricEntry | None:
    """Return the metric that a score's name means, with a prefix or without, or None."""
    return METRICS.get(plain(name))


def plain(name: str) -> str:
    """Return the name of a score's metric, without a prefix and the class that it is of.

    "label_transfer NK cell" is the label transfer of one class.
    """
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.partition(" ")[0]


def names(kind: str) -> list[str]:
    """Return the metrics that fit a kind of task."""
    return [name for name, metric in METRICS.items() if kind in metric.kinds]


def defaults(kind: str) -> tuple[str, ...]:
    """Return the metrics a task of this kind gets when it names none, the primary one first."""
    return DEFAULTS[kind]
