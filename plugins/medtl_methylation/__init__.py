"""Methylated adenines (6mA) in the DNA of eight species."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring dna-methylation."""
    return [
        DatasetEntry(
            name="dna-methylation",
            build="medtl_methylation.dataset:build",
            summary="Methylated adenine (6mA) or not, from the 41 bases around it, in "
            "eight species.",
            area="genomics",
            applications=("cross-species annotation",),
            download="medtl_methylation.dataset:DOWNLOAD",
        )
    ]
