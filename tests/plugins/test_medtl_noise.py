"""A noise embedding mixes batches best, and the composite of mixing and labels shows its price."""

import numpy as np
import pytest
import torch
from medtl_noise.embedding import NoiseEmbedding

from medtl_bench.contract.algorithm import refusal
from medtl_bench.contract.task import Task
from medtl_bench.metrics import embeddings
from medtl_bench.testing.tiny import cases


def rows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of three types in two batches that lie a little apart."""
    draw = np.random.default_rng(seed)
    y, batch = draw.integers(3, size=300), draw.integers(2, size=300)
    return (
        draw.normal(size=(300, 4)) + 6 * np.eye(4)[y] + 1.5 * np.eye(4)[[3]] * batch[:, None],
        batch,
        y,
    )


@pytest.mark.parametrize("seed", range(5))
def test_noise_mixes_better_than_a_correction_and_ranks_far_below_it(seed):
    x, batch, y = rows(seed)
    corrected = x - np.stack([x[batch == b].mean(0) for b in (0, 1)])[batch]
    learner = NoiseEmbedding(Task("integration"), torch.Generator().manual_seed(seed))
    noise = learner.embed(torch.from_numpy(x)).double().numpy()
    mixing, both = embeddings.silhouette_batch, embeddings.mixing_and_labels
    assert mixing(noise, batch, y) > mixing(x, batch, y)
    assert embeddings.ilisi(noise, batch, y) > embeddings.ilisi(x, batch, y) + 0.1
    assert both(noise, batch, y) < both(x, batch, y) - 0.1 < both(corrected, batch, y) - 0.1


def test_it_answers_the_same_for_every_row_and_takes_tasks_that_measure_embeddings_alone():
    embedded = cases()[0].whole().task
    learner = NoiseEmbedding(embedded, torch.Generator())
    assert not learner.predict(torch.randn(5, 2)).any()
    row = torch.zeros(1, 3)
    assert refusal(NoiseEmbedding, embedded, row) is None
    why = refusal(NoiseEmbedding, Task("classification", ("a", "b")), row)
    assert why == "this dataset asks for no measure of an embedding"
