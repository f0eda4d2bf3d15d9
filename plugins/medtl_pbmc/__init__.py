"""Blood cells by type, from single-cell RNA sequencing."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring pbmc-cell-types, pbmc-batches and pbmc-donors."""
    return [
        DatasetEntry(
            name="pbmc-cell-types",
            build="medtl_pbmc.dataset:build",
            summary="Ten types of 700 blood cells from the expression of 765 genes, two "
            "types a domain, rare ones last.",
            area="genomics",
            applications=("single-cell integration",),
        ),
        DatasetEntry(
            name="pbmc-batches",
            build="medtl_pbmc.batches:build",
            summary="Ten types of blood cells in four batches, whose counts were "
            "simulated from real cells; four are rare.",
            area="genomics",
            applications=("single-cell integration",),
        ),
        DatasetEntry(
            name="pbmc-donors",
            build="medtl_pbmc.donors:build",
            summary="3,500 blood cells of three donors as 30 principal components, "
            "without cell types.",
            area="genomics",
            applications=("batch correction",),
            download="medtl_pbmc.donors:DOWNLOAD",
        ),
    ]
