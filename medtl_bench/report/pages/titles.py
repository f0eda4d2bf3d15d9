"""How measures are called that several protocols have, and data of a kind."""

from collections.abc import Sequence

from medtl_bench.board.measures import SECONDS
from medtl_bench.metrics.registry import INTEGRATION, METRICS, TASK_AGNOSTIC, TASK_AWARE
from medtl_bench.report.text.escape import Safe, escape_cell

KINDS = {TASK_AWARE: "Task-aware", TASK_AGNOSTIC: "Task-agnostic"}
RECALL = "label_transfer "
PROVENANCE = {
    "real": Safe("Real data"),
    "semi-synthetic": Safe("**Semi-synthetic** data (real, with a shift that was made on purpose)"),
    "simulated": Safe("**Simulated** data (what wins here need not win on patients)"),
}


def title(measure: str) -> str:
    """Return the heading of a measure's column, without its direction."""
    for prefix, word in KINDS.items():
        if measure.startswith(prefix):
            return f"{word} {title(measure.removeprefix(prefix)).lower()}"
    if measure.startswith(RECALL):
        return measure.removeprefix(RECALL)
    if measure == SECONDS:
        return "Seconds"
    return _of_entry(measure) or measure.replace("_", " ").capitalize()


def _of_entry(name: str) -> str:
    """Return the title that the entry of a metric has, or nothing."""
    entry = METRICS.get(name)
    return entry.title if entry else ""


def other(name: str) -> str:
    """Return the heading of a column of a metric that is not the primary one."""
    return _of_entry(name) or name.replace("_", " ")


def of_class(name: str, classes: Sequence[str]) -> str:
    """Return the heading of a metric; of `dice_class_1` with the name of the class."""
    measure, _, number = name.partition("_class_")
    if not number.isdigit() or int(number) >= len(classes):
        return other(name)
    return f"{other(measure)}, {classes[int(number)]}"


def metric(name: str) -> str:
    """Return how a metric is called in a sentence."""
    return (_of_entry(name) if name in INTEGRATION else "") or name.replace("_", " ")


def provenance(kind: str) -> Safe:
    """Return whether data is real, in words."""
    return PROVENANCE.get(kind) or Safe(f"Data of the kind {escape_cell(kind)}")
