"""Brain slices of simulated subjects, made from the MNI ICBM152 template.

One dataset to segment in five contrasts, one to find lesions in.
"""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring brain-contrasts and brain-lesions."""
    return [
        DatasetEntry(
            name="brain-contrasts",
            build="medtl_brain.contrasts:build",
            summary="Cerebrospinal fluid, grey and white matter in brain slices of five "
            "contrasts; only T1 is measured.",
            area="imaging",
            applications=("cross-modality segmentation", "image augmentation"),
        ),
        DatasetEntry(
            name="brain-lesions",
            build="medtl_brain.lesions:build",
            summary="A lesion or none in brain slices: common kinds to learn from, rare "
            "kinds to recognise after few.",
            area="imaging",
            applications=("rare disease diagnosis", "image augmentation"),
        ),
    ]
