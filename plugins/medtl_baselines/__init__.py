"""Bounds and plain baselines, which every method is held against."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl

BOUNDS = (
    AlgorithmEntry(
        "chance",
        "medtl_baselines.bounds:Chance",
        "Random scores, whatever it is shown.",
        "bound",
    ),
    AlgorithmEntry(
        "source-only",
        "medtl_baselines.bounds:SourceOnly",
        "Trained on the pooled sources; never adapts.",
        "bound",
        acts_from="adapt",
    ),
    AlgorithmEntry(
        "target-only",
        "medtl_baselines.bounds:TargetOnly",
        "Trained afresh on the latest target labels alone.",
        "bound",
    ),
    AlgorithmEntry(
        "joint",
        "medtl_baselines.bounds:Joint",
        "Trained on all labels seen so far, old and new together.",
        "bound",
        acts_from="adapt",
        keeps_data="rows",
    ),
)
BASELINES = (
    AlgorithmEntry(
        "fine-tune",
        "medtl_baselines.finetune:FineTune",
        "Trained on the pooled sources, then on the target's labels; nothing holds it back.",
        "baseline",
        acts_from="adapt",
    ),
    AlgorithmEntry(
        "nearest-centroid",
        "medtl_baselines.centroid:NearestCentroid",
        "The class whose mean of standardised inputs is nearest; the means move with new labels.",
        "baseline",
        "Tibshirani et al. 2002, PNAS 99(10), without shrinkage",
        keeps_data="statistics",
    ),
    AlgorithmEntry(
        "logistic-regression",
        "medtl_baselines.sklearn:LogisticRegression",
        "scikit-learn's logistic regression on the sources, refitted with the "
        "target's labels at equal weight.",
        "baseline",
        keeps_data="rows",
        packages=("scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "random-forest",
        "medtl_baselines.sklearn:RandomForest",
        "scikit-learn's random forest on the sources, refitted with the target's "
        "labels at equal weight.",
        "baseline",
        "Breiman 2001, Machine Learning 45",
        keeps_data="rows",
        packages=("scikit-learn", "scipy"),
    ),
)


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring the bounds, fine-tuning, nearest centroid and two scikit-learn classifiers."""
    return [*BOUNDS, *BASELINES]
