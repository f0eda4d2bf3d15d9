"""Stem cells from four studies."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring stemcells."""
    return [
        DatasetEntry(
            name="stemcells",
            build="medtl_stemcells.dataset:build",
            summary="Fibroblasts and two kinds of stem cells, 125 samples of 400 genes "
            "from four studies.",
            area="genomics",
            applications=("batch correction",),
            download="medtl_stemcells.dataset:DOWNLOAD",
        )
    ]
