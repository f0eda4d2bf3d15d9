"""Inputs of two parts, a drug and a protein, for tests."""

import torch
from tensordict import TensorDict

from medtl_bench.contract.split import Domain, Split


def two_parts(rows: int, source: torch.Generator) -> Split:
    """Return random rows."""
    y = torch.arange(rows) % 2
    drug = torch.randn(rows, 3, generator=source)
    protein = torch.randn(rows, 1, 4, 4, generator=source)
    return Split(TensorDict({"drug": drug, "protein": protein}, batch_size=[rows]), y)


def two_part_domain(name: str, seed: int) -> Domain:
    """Return a domain of such rows."""
    source = torch.Generator().manual_seed(seed)
    return Domain(name, *(two_parts(n, source) for n in (8, 2, 4)))
