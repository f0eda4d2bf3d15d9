"""What the C library does with freed memory."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from medtl_bench.running.executors import allocator
if {keep}: assert allocator.keep_freed()
np.ones(2**20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50): np.ones(2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_blocks_are_kept_for_the_next():
    def faults(keep: bool) -> int:
        return int(
            subprocess.run(
                [sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, check=True
            ).stdout
        )

    assert faults(keep=True) < 0.1 * max(faults(keep=False), 5000)
