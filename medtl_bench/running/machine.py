"""What is worth knowing of the machine and of package versions."""

# ruff: noqa: PLC0415 - boards are built without torch, which takes longer to import than they do
import platform
import resource

import numpy as np

from medtl_bench import __version__


def peak_memory() -> float:
    """Return the most memory this process has had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def versions() -> dict[str, str]:
    """Return the versions that scores depend on beside the plugin's own."""
    import torch

    return {"medtl-bench": __version__, "torch": torch.__version__, "numpy": np.__version__}


def machine() -> dict[str, str]:
    """Return what is worth knowing of this machine, without naming it."""
    import torch

    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
