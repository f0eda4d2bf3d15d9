"""Imported once by the fork server, so that no job pays for what every job needs."""

import gc

import sklearn.ensemble
import sklearn.linear_model  # noqa: F401
import torch
import torch._dynamo  # for two seconds; the first gradient under vmap imports it

import medtl_bench.running.worker  # noqa: F401
from medtl_bench.catalogue import discovery
from medtl_bench.running.executors import allocator
from medtl_bench.training.adam import Adam
from medtl_bench.training.recorder import record

allocator.keep_freed()
# what the project itself brings; other plugins are imported by the jobs that use them
OWN = discovery.own()

# The first optimiser step, transform and recorded function import much of torch, for
# about two seconds. None may ask for a gradient: where there is a GPU, autograd then
# starts threads for it, and refuses to work in a fork of this process.
Adam([torch.zeros(1)], 0.0).step([torch.zeros(1)])
record(lambda x: (torch.func.vmap(torch.sin)(x),), torch.zeros(1))

# A collection in a fork would write to every object, and so copy all of this memory, for
# half a second.
gc.collect()
gc.freeze()
allocator.use_huge_pages()
