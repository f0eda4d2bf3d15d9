"""Rare classes of the MedMNIST collections as few-shot tasks."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring the family medmnist:."""
    return [
        DatasetEntry(
            name="medmnist:",
            build="medtl_medmnist.dataset:build",
            summary="One class against the rest, rare ones as targets; sets are joined "
            "as in medmnist:bloodmnist+dermamnist.",
            area="imaging",
            applications=("rare disease diagnosis", "image augmentation"),
            download="medtl_medmnist.naming:download",
        )
    ]
