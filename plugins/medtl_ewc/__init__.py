"""Elastic weight consolidation."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring EWC."""
    return [
        AlgorithmEntry(
            name="ewc",
            implementation="medtl_ewc.ewc:EWC",
            summary="Fine-tuning with a spring on every weight, stiff where earlier "
            "domains need it (Fisher).",
            family="continual learning",
            reference="Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in "
            "neural networks, PNAS 114(13)",
            acts_from="adapt",
            keeps_data="statistics",
        )
    ]
