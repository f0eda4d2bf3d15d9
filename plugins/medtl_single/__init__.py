"""What each target can be learned from alone: plain estimators that never see a source."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl

PACKAGES = ("scikit-learn", "scipy")


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring a random forest, logistic regression and a support vector machine of one task."""
    return [
        AlgorithmEntry(
            "single-forest",
            "medtl_single.estimators:SingleForest",
            "A random forest of the latest target labels alone; the same answer for every row "
            "before there are any.",
            "bound",
            "Breiman 2001, Machine Learning 45",
            packages=PACKAGES,
        ),
        AlgorithmEntry(
            "single-logistic-regression",
            "medtl_single.estimators:SingleLogisticRegression",
            "Logistic regression of the latest target labels alone; the same answer for every "
            "row before there are any.",
            "bound",
            packages=PACKAGES,
        ),
        AlgorithmEntry(
            "single-svm",
            "medtl_single.estimators:SingleSVM",
            "A support vector machine of the latest target labels alone; the same answer for "
            "every row before there are any.",
            "bound",
            "Cortes and Vapnik 1995, Machine Learning 20",
            packages=PACKAGES,
        ),
    ]
