"""Imported once by the fork server, so that no job pays for what every job needs."""

import sklearn.ensemble
import sklearn.linear_model  # noqa: F401
import torch

import medtl_bench.runner  # noqa: F401
from medtl_bench import memory

memory.keep_freed()

# The first optimiser step and the first transform import much of torch, for about two seconds.
_weight = torch.nn.Parameter(torch.zeros(1))
torch.optim.Adam([_weight], fused=True).step()
torch.func.vmap(torch.func.grad(torch.sin))(torch.zeros(1))
