"""What the fork server may not have done before it forks."""

import subprocess
import sys

PROGRAM = """
from torch.profiler import profile
import torch
with profile() as found:
    import medtl_bench.executors.warm
print([event.name for event in found.events() if "autograd" in event.name.lower()])
with profile() as found:
    torch.func.grad(torch.sin)(torch.zeros(()))
print(any("autograd" in event.name.lower() for event in found.events()))
"""


def test_it_has_not_started_autograd_which_then_fails_in_a_fork_where_there_is_a_gpu() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True"]
