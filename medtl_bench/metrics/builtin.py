"""The project's own metrics. They enter by the hook `medtl_metrics`, like anyone's."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf

from medtl_bench.metrics.entry import MetricEntry

MOST_CLASSES = 10  # for which there are metrics of each class
HERE = "medtl_bench.metrics"
CLASSES = ("classification",)
MASKS = ("segmentation",)
VALUES = ("regression",)
PROBABILITIES = ("classification", "segmentation")
BATCHES = ("classification", "integration")
# those that `metrics.weighted` has a function of the same name for
WEIGHTED = {
    *("balanced_accuracy", "accuracy", "dice", "rmse", "concordance"),
    *("roc_auc", "average_precision", "pr_auc_gain", "ef1", "bedroc20"),
}
SHARE = (0.0, 1.0)  # what most of them can be
RANGES = {
    "mcc": (-1.0, 1.0),
    "pr_auc_gain": (-1.0, 1.0),
    "ef1": (0.0, 100.0),  # the top holds a hundredth of the rows at least
    "brier": (0.0, 2.0),
    "hd95": (0.0, inf),
    "rmse": (0.0, inf),
    "ilisi": (1.0, inf),
    "clisi": (1.0, inf),
}


def _of_predictions() -> Iterator[MetricEntry]:
    yield MetricEntry(
        "balanced_accuracy", f"{HERE}.classes:balanced_accuracy", "mean recall of classes", CLASSES
    )
    yield MetricEntry("accuracy", f"{HERE}.classes:accuracy", "share of right answers", CLASSES)
    yield MetricEntry(
        "roc_auc",
        f"{HERE}.ranking:roc_auc",
        "area under the ROC curve, of several classes each against the rest",
        CLASSES,
        title="ROC-AUC",
    )
    yield from _of_two_classes()
    yield MetricEntry("dice", f"{HERE}.masks:dice", "overlap of masks", MASKS)
    yield MetricEntry(
        "hd95", f"{HERE}.masks:hd95", "distance of outlines, in pixels", MASKS, False, detail=True
    )
    yield MetricEntry(
        "ece",
        f"{HERE}.classes:expected_calibration_error",
        "calibration error",
        PROBABILITIES,
        higher_is_better=False,
        title="ECE",
    )
    yield MetricEntry(
        "brier",
        f"{HERE}.classes:brier",
        "squared distance of probabilities to labels",
        PROBABILITIES,
        higher_is_better=False,
        title="Brier",
    )
    yield MetricEntry(
        "concordance", f"{HERE}.values:concordance", "pairs in the right order", VALUES
    )
    yield MetricEntry(
        "pr_auc_at_7", f"{HERE}.values:pr_auc_at_7", "average precision of values over 7", VALUES
    )
    yield MetricEntry(
        "rmse", f"{HERE}.values:rmse", "root of the mean squared error", VALUES, False
    )


def _of_two_classes() -> Iterator[MetricEntry]:
    functions = {
        "mcc": ("classes:mcc", "Matthews correlation"),
        "sensitivity_at_95_specificity": (
            "ranking:sensitivity_at_95_specificity",
            "share of class 1 found while 95% of class 0 is cleared",
        ),
        "average_precision": ("ranking:average_precision", "area under precision and recall"),
        "pr_auc_gain": ("ranking:pr_auc_gain", "average precision less the positive rate"),
        "ef1": ("ranking:enrichment_at_1_percent", "enrichment in the top 1%"),
        "bedroc20": ("ranking:bedroc_20", "early recognition of a ranked list"),
    }
    for name, (function, summary) in functions.items():
        yield MetricEntry(name, f"{HERE}.{function}", summary, CLASSES, binary=True)


def _of_each_class() -> Iterator[MetricEntry]:
    """Yield `dice_class_1`, `hd95_class_1` and so on, by a class's place; 0 is the background."""
    for number in range(1, MOST_CLASSES):
        for name, higher in (("dice", True), ("hd95", False)):
            yield MetricEntry(
                f"{name}_class_{number}",
                f"{HERE}.masks:{name}_of_class",
                f"{name} of class {number}",
                MASKS,
                higher,
                classes=number + 1,
                detail=True,
                keywords={"number": number},
            )


def _of_embeddings() -> Iterator[MetricEntry]:
    where = f"{HERE}.embeddings"
    yield MetricEntry(
        "mixing_and_labels",
        f"{where}:mixing_and_labels",
        "mixing of batches and kept labels, 2 to 3",
        CLASSES,
        title="Mixing and labels",
        of="embedding",
    )
    yield MetricEntry(
        "ilisi",
        f"{where}:ilisi",
        "batches in a neighbourhood",
        BATCHES,
        title="iLISI",
        of="embedding",
    )
    yield MetricEntry(
        "clisi",
        f"{where}:clisi",
        "labels in a neighbourhood",
        CLASSES,
        higher_is_better=False,
        title="cLISI",
        of="embedding",
    )
    yield MetricEntry(
        "silhouette_batch",
        f"{where}:silhouette_batch",
        "mixing of batches within a label",
        BATCHES,
        title="Silhouette by batch",
        of="embedding",
    )
    yield MetricEntry(
        "silhouette_label",
        f"{where}:silhouette_label",
        "how labels stand apart",
        CLASSES,
        title="Silhouette by label",
        of="embedding",
    )


def _of_neighbours() -> Iterator[MetricEntry]:
    yield MetricEntry(
        "label_transfer",
        f"{HERE}.classes:balanced_accuracy",
        "labels carried to neighbours, mean recall",
        CLASSES,
        title="Label transfer, balanced",
        of="neighbours",
    )
    yield MetricEntry(
        "label_transfer_accuracy",
        f"{HERE}.classes:accuracy",
        "labels carried to neighbours, share right",
        CLASSES,
        title="Label transfer, accuracy",
        of="neighbours",
    )


def _complete(entries: Iterable[MetricEntry]) -> Iterator[MetricEntry]:
    """Yield entries with the range of each, and its function of weighted rows."""
    for entry in entries:
        measure, _, _ = entry.name.partition("_class_")
        lowest, highest = RANGES.get(measure, SHARE)
        resampled = f"{HERE}.weighted:{entry.name}" if entry.name in WEIGHTED else ""
        yield replace(entry, lowest=lowest, highest=highest, resampled=resampled)


ENTRIES = (*_of_predictions(), *_of_each_class(), *_of_embeddings(), *_of_neighbours())
METRICS = tuple(_complete(ENTRIES))
