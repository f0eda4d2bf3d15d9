"""How measures are called that several protocols have, and data of a kind."""

from medtl_bench.board.measures import SECONDS
from medtl_bench.metrics.registry import TASK_AWARE
from medtl_bench.report.text.escape import Safe, escape_cell

RECALL = "label_transfer "
OF_EMBEDDINGS = {
    "ilisi": "iLISI",
    "clisi": "cLISI",
    "silhouette_batch": "Silhouette by batch",
    "silhouette_label": "Silhouette by label",
    "label_transfer": "Label transfer, balanced",
    "label_transfer_accuracy": "Label transfer, accuracy",
}
TITLES = {**OF_EMBEDDINGS, "ece": "ECE", "brier": "Brier", SECONDS: "Seconds"}
PROVENANCE = {
    "real": Safe("Real data"),
    "semi-synthetic": Safe("**Semi-synthetic** data (real, with a shift that was made on purpose)"),
    "simulated": Safe("**Simulated** data (what wins here need not win on patients)"),
}


def title(measure: str) -> str:
    """Return the heading of a measure's column, without its direction."""
    if measure.startswith(TASK_AWARE):
        return f"Task-aware {title(measure.removeprefix(TASK_AWARE)).lower()}"
    if measure.startswith(RECALL):
        return measure.removeprefix(RECALL)
    return TITLES.get(measure) or measure.replace("_", " ").capitalize()


def metric(name: str) -> str:
    """Return how a metric is called in a sentence."""
    return OF_EMBEDDINGS.get(name) or name.replace("_", " ")


def provenance(kind: str) -> Safe:
    """Return whether data is real, in words."""
    return PROVENANCE.get(kind) or Safe(f"Data of the kind {escape_cell(kind)}")
