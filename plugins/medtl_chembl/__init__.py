"""MoleculeACE: what 30 ChEMBL targets say about 35,633 molecules."""

from medtl_bench.hookspecs import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring chembl-activity."""
    return [
        DatasetEntry(
            name="chembl-activity",
            build="medtl_chembl.dataset:build",
            summary="Active at 100 nM or not: 48,714 measurements of molecules on 30 drug targets.",
            area="drug discovery",
            applications=("few-shot molecular property", "virtual screening"),
        )
    ]
