"""The local inverse Simpson's index against numbers of scib-metrics.

They are noted here, for its jax ends a process that holds the tensorflow of other libraries;
`tox -e lisi` calculates them anew (tests/metrics/test_lisi.py).
"""

import numpy as np

from medtl_bench.arrays import Floats, Ints
from medtl_bench.metrics import embeddings

VERSION = "0.5.10"
# lisi_knn of the 90 nearest with perplexity 30: of the first rows, and the mean over all
FIRST = (2.13074, 2.16593, 2.64884, 2.90030, 2.97760, 2.12760)
MEAN = 2.217523


def batches(rows: int) -> tuple[Floats, Ints]:
    """Return rows of three batches that overlap [rows, 5], and the batch of each."""
    draw = np.random.default_rng(rows)
    groups = draw.integers(3, size=rows)
    return draw.normal(size=(rows, 5)) + groups[:, None] / 2, groups


def test_lisi_equals_that_of_scib_metrics(page) -> None:
    ours = embeddings.lisi(*batches(240))
    gaps = [*np.abs(ours[: len(FIRST)] - FIRST), abs(ours.mean() - MEAN)]
    peer = f"scib-metrics {VERSION}, noted"
    page.within("Metrics", "LISI, 240 rows", peer, float(max(gaps)), 1e-4, "absolute")
    page.finding(
        "Metrics",
        "iLISI and cLISI here are means over rows, from 1 to the number of groups, as Harmony's authors have them; scib-metrics "
        "gives medians, scaled to 0..1.",
    )
