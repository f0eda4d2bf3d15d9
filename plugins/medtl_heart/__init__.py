"""UCI heart disease from four hospitals."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring heart-disease."""
    return [
        DatasetEntry(
            name="heart-disease",
            build="medtl_heart.dataset:build",
            summary="Coronary heart disease or none, from 13 findings of 920 patients in "
            "four hospitals.",
            area="clinical",
        )
    ]
