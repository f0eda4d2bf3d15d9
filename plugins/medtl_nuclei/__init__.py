"""Cell nuclei in three kinds of microscopy (BBBC038)."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring nuclei."""
    return [
        DatasetEntry(
            name="nuclei",
            build="medtl_nuclei.dataset:build",
            summary="Cell nuclei to segment in 32x32 pixels, from 273 images of "
            "fluorescence, brightfield and stained tissue.",
            area="imaging",
            applications=("cross-modality segmentation", "image augmentation"),
            download="medtl_nuclei.dataset:DOWNLOAD",
        )
    ]
