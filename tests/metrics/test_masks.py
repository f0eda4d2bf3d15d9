"""Scores of masks against scikit-learn, MONAI and brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist
from sklearn import metrics as sk

from medtl_bench.metrics import masks
from tests.answers import pixels

CLASSES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, CLASSES)
def test_dice_is_the_mean_f1_of_the_foreground_classes(seed, classes):
    probability, y = pixels(seed, classes)
    predicted = probability.argmax(1)
    foreground = list(range(1, classes))
    expected = sk.f1_score(
        y.ravel(), predicted.ravel(), labels=foreground, average="macro", zero_division=1
    )
    assert masks.dice(probability, y) == pytest.approx(expected)


def test_an_empty_answer_is_right_where_all_is_background_and_an_invented_class_is_wrong():
    empty, y = np.zeros((2, 2, 3, 3)), np.zeros((2, 3, 3), dtype=np.int64)
    empty[:, 0] = 1
    invented = empty[:, ::-1]
    assert (masks.dice(empty, y), masks.hd95(empty, y)) == (1, 0)
    assert (masks.dice(invented, y), masks.hd95(invented, y)) == (0, pytest.approx(np.hypot(3, 3)))


@given(SEEDS, CLASSES)
def test_dice_of_each_class_is_its_f1_and_their_mean_is_dice(seed, classes):
    probability, y = pixels(seed, classes)
    predicted = probability.argmax(1)
    values = [masks.dice_of_class(probability, y, number=c) for c in range(1, classes)]
    for c, value in enumerate(values, 1):
        of_class = y.ravel() == c, predicted.ravel() == c
        assert value == pytest.approx(sk.f1_score(*of_class, zero_division=1))
    assert masks.dice(probability, y) == pytest.approx(np.mean(values))


def blobs(
    seed: int, classes: int, size: tuple[int, int] = (12, 16), n: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot answers and labels in large patches: an image may lack a class."""
    draw = np.random.default_rng(seed)
    answer, y = (
        ndimage.zoom(
            draw.integers(classes, size=(n, 3, 4)), (1, size[0] // 3, size[1] // 4), order=0
        )
        for _ in range(2)
    )
    return np.moveaxis(np.eye(classes)[answer], -1, 1), y


def border(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside)


@given(SEEDS, CLASSES)
def test_hausdorff_distance_is_that_of_every_pair_of_border_pixels(seed, classes):
    probability, y = blobs(seed, classes)
    predicted, by_class = probability.argmax(1), []
    for c in range(1, classes):
        distances = []
        for answer, truth in zip(predicted == c, y == c, strict=True):
            if answer.any() and truth.any():
                pairs = cdist(border(answer), border(truth))
                distances.append(max(np.percentile(pairs.min(axis), 95) for axis in (0, 1)))
            else:
                distances.append(np.hypot(12, 16) * (answer.any() or truth.any()))
        by_class.append(np.mean(distances))
        assert masks.hd95_of_class(probability, y, number=c) == pytest.approx(by_class[-1])
    assert masks.hd95(probability, y) == pytest.approx(np.mean(by_class))


def test_hausdorff_distance_is_that_of_monai():
    monai = pytest.importorskip("monai.metrics", reason="the comparison needs MONAI")
    compared = 0
    for seed in range(20):
        probability, y = blobs(seed, 2, n=1)
        if probability.argmax(1).any() and y.any():
            answer, truth = (
                torch.from_numpy(probability),
                torch.from_numpy(np.moveaxis(np.eye(2)[y], -1, 1)),
            )
            theirs = monai.compute_hausdorff_distance(answer, truth, percentile=95)
            assert masks.hd95(probability, y) == pytest.approx(float(theirs))
            compared += 1
    assert compared > 10


def test_hausdorff_distance_of_a_shifted_square_is_the_shift_and_of_a_missing_one_the_diagonal():
    y = np.zeros((3, 20, 20), dtype=np.int64)
    y[:2, 2:8, 2:8] = 1
    answer = np.zeros_like(y)
    answer[0, 2:8, 5:11] = 1
    probability = np.moveaxis(np.eye(2)[answer], -1, 1)
    assert masks.hd95(probability[:1], y[:1]) == 3
    # the second answer is empty
    assert masks.hd95(probability[:2], y[:2]) == pytest.approx((3 + np.hypot(20, 20)) / 2)
    # in the third image nothing is to be found, and nothing is
    assert masks.hd95(probability, y) == pytest.approx((3 + np.hypot(20, 20) + 0) / 3)
