"""MoleculeNet: toxicity, side effects and virtual screening, one assay a domain."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring tox21, sider and muv."""
    return [
        DatasetEntry(
            name="tox21",
            build="medtl_moleculenet.dataset:tox21",
            summary="Toxic or not in 12 assays of nuclear receptors and stress "
            "responses; the last three are new.",
            area="drug discovery",
            applications=("few-shot molecular property",),
            download="medtl_moleculenet.dataset:TOX21_DOWNLOAD",
        ),
        DatasetEntry(
            name="sider",
            build="medtl_moleculenet.dataset:sider",
            summary="Side effects of 1,427 marketed drugs in 27 organ classes; the last "
            "six are new.",
            area="drug discovery",
            applications=("few-shot molecular property",),
            download="medtl_moleculenet.dataset:SIDER_DOWNLOAD",
        ),
        DatasetEntry(
            name="muv",
            build="medtl_moleculenet.dataset:muv",
            summary="Some 30 actives among thousands of decoys in each of 17 screens; "
            "the last five are new.",
            area="drug discovery",
            applications=("virtual screening",),
            download="medtl_moleculenet.dataset:MUV_DOWNLOAD",
        ),
    ]
