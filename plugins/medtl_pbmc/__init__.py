"""Blood cells by type, from single-cell RNA sequencing."""

from medtl_bench.hookspecs import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring pbmc-cell-types."""
    return [
        DatasetEntry(
            name="pbmc-cell-types",
            build="medtl_pbmc.dataset:build",
            summary="Ten types of 700 blood cells from the expression of 765 genes, two types a domain, rare ones last.",
            area="genomics",
        )
    ]
