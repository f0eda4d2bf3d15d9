"""Single-cell data of one's own, from an h5ad file."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring the family h5ad:."""
    return [
        DatasetEntry(
            name="h5ad:",
            build="medtl_h5ad.dataset:build",
            summary="The cells of an h5ad file, as h5ad:PATH?batch=COLUMN&label=COLUMN; "
            "each batch is a domain. Further options: &layer=, &genes=, &unknown=, &least=.",
            area="genomics",
            applications=("single-cell integration",),
        )
    ]
