"""Domain-adversarial neural networks."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring DANN."""
    return [
        AlgorithmEntry(
            name="dann",
            implementation="medtl_dann.dann:DANN",
            summary="Features from which a critic cannot tell the target domain, learned "
            "by gradient reversal.",
            family="domain adaptation",
            reference="Ganin et al. 2016, Domain-adversarial training of neural "
            "networks, JMLR 17(59)",
        )
    ]
