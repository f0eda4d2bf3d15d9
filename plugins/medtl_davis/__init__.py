"""Davis: how strongly 68 kinase inhibitors bind to 379 kinases."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring davis-dti."""
    return [
        DatasetEntry(
            name="davis-dti",
            build="medtl_davis.dataset:build",
            summary="Affinity (pKd) of 68 kinase inhibitors and 379 kinases: new kinase "
            "groups, new targets, new drugs.",
            area="drug discovery",
            applications=("drug-target interaction",),
            download="medtl_davis.dataset:DOWNLOAD",
        )
    ]
