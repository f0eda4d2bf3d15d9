"""Recurrence of breast cancer in two cohorts."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring breast-recurrence."""
    return [
        DatasetEntry(
            name="breast-recurrence",
            build="medtl_breast.dataset:build",
            summary="Recurrence or death within two years of 3,588 patients with breast "
            "cancer, in a Dutch clinic and a German trial.",
            area="clinical",
            download="medtl_breast.dataset:DOWNLOAD",
        )
    ]
