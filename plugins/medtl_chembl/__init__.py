"""MoleculeACE: what 30 ChEMBL targets say about 35,633 molecules."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring chembl-activity and chembl-affinity."""
    return [
        DatasetEntry(
            name="chembl-activity",
            build="medtl_chembl.dataset:build",
            summary="Active at 100 nM or not: 48,714 measurements of molecules on 30 drug targets.",
            area="drug discovery",
            applications=("few-shot molecular property", "virtual screening"),
        ),
        DatasetEntry(
            name="chembl-affinity",
            build="medtl_chembl.dataset:build_affinity",
            summary="How strongly: pKi or pEC50 of the same molecules and targets, "
            "activity cliffs scored apart.",
            area="drug discovery",
            applications=("few-shot molecular property",),
        ),
    ]
