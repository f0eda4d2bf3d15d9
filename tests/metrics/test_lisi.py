"""The local inverse Simpson's index beside scib-metrics itself, in an environment of its own."""

from importlib.metadata import version

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from medtl_bench.metrics import embeddings
from tests.crosscheck import test_lisi as noted

# its jax and the tensorflow of other libraries end a process that holds both: `tox -e lisi`
pytest.importorskip("scib_metrics")
from scib_metrics import lisi_knn
from scib_metrics.nearest_neighbors import NeighborsResults


@pytest.mark.parametrize("rows", [240, 1000])
def test_lisi_equals_that_of_scib_metrics(rows):
    z, groups = noted.batches(rows)
    distance, index = NearestNeighbors(n_neighbors=91).fit(z).kneighbors(z)
    theirs = np.asarray(lisi_knn(NeighborsResults(index, distance), groups, perplexity=30))
    np.testing.assert_allclose(embeddings.lisi(z, groups), theirs, atol=1e-4)


def test_the_numbers_noted_are_of_this_version():
    assert version("scib-metrics") == noted.VERSION
    z, groups = noted.batches(240)
    distance, index = NearestNeighbors(n_neighbors=91).fit(z).kneighbors(z)
    theirs = np.asarray(lisi_knn(NeighborsResults(index, distance), groups, perplexity=30))
    np.testing.assert_allclose(theirs[: len(noted.FIRST)], noted.FIRST, atol=1e-4)
    assert theirs.mean() == pytest.approx(noted.MEAN, abs=1e-4)
