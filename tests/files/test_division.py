"""Rows are divided by their keys alone, of every label the given shares."""

import numpy as np
import pytest

from medtl_bench.errors import DataError
from medtl_bench.files.division import TEST, TRAIN, VAL, divided, folded

KEYS = [f"patient {number}" for number in range(100)]
LABELS = ["ill" if number % 4 == 0 else "well" for number in range(100)]


def test_every_label_has_its_shares_and_the_order_of_rows_does_not_matter():
    part = divided(KEYS, LABELS, val=0.2, test=0.4)
    for label, rows in (("ill", 25), ("well", 75)):
        of_label = part[[name == label for name in LABELS]]
        counts = [int((of_label == number).sum()) for number in (TRAIN, VAL, TEST)]
        assert counts == [0.4 * rows, 0.2 * rows, 0.4 * rows]
    turned = divided(KEYS[::-1], LABELS[::-1], val=0.2, test=0.4)
    assert np.array_equal(turned[::-1], part)


def test_rows_of_one_key_stay_together():
    part = divided(KEYS * 2, LABELS * 2, val=0.1, test=0.3)
    assert np.array_equal(part[:100], part[100:])


def test_numbers_as_keys_are_taken_as_they_read():
    numbers = list(range(100))
    part = divided(numbers, LABELS, val=0.1, test=0.3)
    assert np.array_equal(part, divided([str(n) for n in numbers], LABELS, val=0.1, test=0.3))


def test_rows_without_a_label_are_divided_too():
    labels = [float("nan") if number % 2 else 1.0 for number in range(100)]
    part = divided(KEYS, labels, val=0.2, test=0.4)
    assert (part[1::2] == TEST).sum() == (part[::2] == TEST).sum() == 20


@pytest.mark.parametrize(
    ("keys", "shares", "told"),
    [
        (KEYS[:9], (0.1, 0.2), "There are 9 keys of rows, but 100 labels"),
        (KEYS, (0.5, 0.5), "leave some for training, but are 0.5 and 0.5"),
        (KEYS, (-0.1, 0.5), "must be positive"),
    ],
)
def test_what_cannot_be_divided_is_told(keys, shares, told):
    with pytest.raises(DataError, match=told):
        divided(keys, LABELS, val=shares[0], test=shares[1])


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_every_row_is_tested_in_one_fold_and_every_label_in_each(folds):
    parts = folded(KEYS, LABELS, folds=folds, val=0.1)
    tested = np.stack([part == TEST for part in parts])
    assert (tested.sum(0) == 1).all()
    for part in parts:
        for label, rows in (("ill", 25), ("well", 75)):
            of_label = part[[name == label for name in LABELS]]
            assert abs((of_label == TEST).sum() - rows / folds) < 1
            assert (of_label == VAL).sum() == round(0.1 * rows)
    turned = folded(KEYS[::-1], LABELS[::-1], folds=folds, val=0.1)
    assert all(np.array_equal(a[::-1], b) for a, b in zip(turned, parts, strict=True))


def test_rows_of_one_key_stay_together_in_every_fold():
    for part in folded(KEYS * 2, LABELS * 2, folds=3, val=0.1):
        assert np.array_equal(part[:100], part[100:])


@pytest.mark.parametrize(("folds", "val"), [(1, 0.1), (2, 0.5), (3, -0.1)])
def test_folds_that_leave_nothing_to_train_on_are_refused(folds, val):
    with pytest.raises(DataError, match=f"but there are {folds} folds and a share of {val:g}"):
        folded(KEYS, LABELS, folds=folds, val=val)
