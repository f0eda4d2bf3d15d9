"""A control of measures of integration: an embedding that holds nothing of the rows."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring noise-embedding."""
    return [
        AlgorithmEntry(
            "noise-embedding",
            "medtl_noise.embedding:NoiseEmbedding",
            "Embeds every row as noise: mixes batches best and keeps no label, so that no "
            "measure of integration may rank it high.",
            "bound",
        )
    ]
