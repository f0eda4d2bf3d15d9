"""MoleculeACE as its authors divide it: each of 30 targets judged by itself, validation rows trained on.

Two transfers, each from a single other target, make every one of the 30 a target once: a transfer
has sources, and a method of the target's labels alone does not look at them.
"""

from dataclasses import replace

from medtl_chembl.dataset import build_affinity

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import DatasetEntry, hookimpl
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, concatenate


def build() -> Dataset:
    affinity = build_affinity()
    first, second, *others = (domain.name for domain in affinity.domains)
    return replace(
        affinity,
        name="moleculeace",
        domains=tuple(map(_undivided, affinity.domains)),
        transfers=(
            Transfer("first", (second,), (first,)),
            Transfer("others", (first,), (second, *others)),
        ),
        streams=(),
    )


def _undivided(domain: Domain) -> Domain:
    """Return a target whose validation rows are trained on, as MoleculeACE has none."""
    nothing = domain.val[domain.val.y != domain.val.y]
    return Domain(domain.name, concatenate([domain.train, domain.val]), nothing, domain.test)


@hookimpl
def medtl_datasets():
    return [DatasetEntry("moleculeace", build, "30 targets, each alone.", "drug discovery")]
