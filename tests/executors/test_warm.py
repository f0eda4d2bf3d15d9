"""The fork server holds what every job would otherwise import again."""

import subprocess
import sys


def test_the_slow_imports_are_done_once() -> None:
    code = "import sys, medtl_bench.executors.warm; print(*(m in sys.modules for m in sys.argv[1:]))"
    slow = ["torch._dynamo", "sklearn.ensemble", "sklearn.linear_model", "medtl_bench.runner"]
    told = subprocess.run([sys.executable, "-c", code, *slow], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True"] * len(slow)
