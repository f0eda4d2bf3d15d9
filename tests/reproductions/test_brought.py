"""What is brought for published tables: divisions with and without a leak, and ProtoNet."""

import numpy as np
import pytest
import torch

from medtl_bench.files.division import TEST, TRAIN
from tests.reproductions.brought.molecules import FEW_SHOT_TEST, base_parts, randomly
from tests.reproductions.brought.protonet import closeness, prototypes

DIVIDED = randomly(1000, (0.0, FEW_SHOT_TEST), 0)


@pytest.mark.parametrize(("kind", "share"), [("known", 1.0), ("fewer", 1.0), ("new", 0.0)])
def test_base_assays_know_all_molecules_of_the_new_ones_tests_or_none(kind, share) -> None:
    trained = base_parts(DIVIDED, kind) == TRAIN
    assert trained[DIVIDED == TEST].mean() == share


def test_the_two_divisions_that_are_compared_train_on_as_many_molecules() -> None:
    fewer, new = (base_parts(DIVIDED, kind) for kind in ("fewer", "new"))
    assert (fewer == TRAIN).sum() == (new == TRAIN).sum()
    assert np.array_equal(fewer == TEST, new == TEST)


def test_a_prototype_is_the_mean_of_its_class() -> None:
    z = torch.tensor([[0.0, 2.0], [2.0, 0.0], [5.0, 5.0]])
    means = prototypes(z, torch.tensor([0, 0, 2]), 3)
    assert means.tolist() == [[1.0, 1.0], [0.0, 0.0], [5.0, 5.0]]


def test_the_nearest_prototype_scores_highest() -> None:
    means = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert closeness(torch.zeros(1, 2), means).tolist() == [[0.0, -25.0]]
