"""Model-agnostic meta-learning."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring MAML."""
    return [
        AlgorithmEntry(
            name="maml",
            implementation="medtl_maml.maml:MAML",
            summary="Initial weights from which a few gradient steps on a few labels go "
            "far; sources are the tasks.",
            family="meta-learning",
            reference="Finn et al. 2017, Model-agnostic meta-learning for fast "
            "adaptation of deep networks, ICML",
        )
    ]
