"""The local inverse Simpson's index against scib-metrics, on the same neighbours."""

from importlib.metadata import version

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from medtl_bench.metrics import embeddings

pytest.importorskip("scib_metrics")
from scib_metrics import lisi_knn
from scib_metrics.nearest_neighbors import NeighborsResults

VERSION = "0.5.10"  # what the numbers on the page are of


def test_lisi_equals_that_of_scib_metrics(page) -> None:
    assert version("scib-metrics") == VERSION
    gaps = []
    for rows in (240, 1000):
        draw = np.random.default_rng(rows)
        groups = draw.integers(3, size=rows)
        z = draw.normal(size=(rows, 5)) + groups[:, None] / 2
        distance, index = NearestNeighbors(n_neighbors=91).fit(z).kneighbors(z)
        theirs = lisi_knn(NeighborsResults(index, distance), groups, perplexity=30)
        gaps.append(np.abs(embeddings.lisi(z, groups) - np.asarray(theirs)).max())
    page.within("Metrics", "LISI, 1,240 rows", "scib-metrics", float(max(gaps)), 1e-4, "absolute")
    page.finding(
        "Metrics",
        "iLISI and cLISI here are means over rows, from 1 to the number of groups, as Harmony's authors have them; scib-metrics "
        "gives medians, scaled to 0..1.",
    )
