"""The fork server holds what every job would import again, and nothing a fork cannot use."""

import subprocess
import sys

PROGRAM = """
from torch.profiler import profile
import torch
with profile() as found:
    import medtl_bench.running.executors.preload
print([event.name for event in found.events() if "autograd" in event.name.lower()])
with profile() as found:
    torch.func.grad(torch.sin)(torch.zeros(()))
print(any("autograd" in event.name.lower() for event in found.events()))
"""


def test_the_slow_imports_are_done_once() -> None:
    code = (
        "import sys, medtl_bench.running.executors.preload; "
        "print(*(m in sys.modules for m in sys.argv[1:]))"
    )
    slow = [
        "torch._dynamo",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "medtl_bench.running.trial",
    ]
    told = subprocess.run(
        [sys.executable, "-c", code, *slow], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["True"] * len(slow)


def test_it_has_not_started_autograd_which_then_fails_in_a_fork_where_there_is_a_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "True"]
