"""Batch correction: harmony, ComBat, and no correction to hold them against."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring uncorrected, combat and harmony."""
    return [
        AlgorithmEntry(
            "uncorrected",
            "medtl_integration.correction:Uncorrected",
            "Principal components of all rows as they are, then logistic regression: "
            "what batch correction must improve on.",
            "baseline",
            keeps_data="rows",
            packages=("scikit-learn", "scipy"),
        ),
        AlgorithmEntry(
            "combat",
            "medtl_integration.combat:Combat",
            "Location and scale of every input in every batch, shrunk by empirical Bayes "
            "and taken out; then as uncorrected.",
            "domain adaptation",
            "Johnson et al. 2007, Biostatistics 8(1)",
            keeps_data="rows",
            packages=("scikit-learn", "scipy"),
        ),
        AlgorithmEntry(
            "harmony",
            "medtl_integration.harmony:Harmony",
            "harmonypy: soft clusters that hold all batches, each batch's displacement "
            "in them taken out; then as uncorrected.",
            "domain adaptation",
            "Korsunsky et al. 2019, Nature Methods 16",
            keeps_data="rows",
            packages=("harmonypy", "scikit-learn", "scipy"),
        ),
    ]
