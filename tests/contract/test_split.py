"""Splits: what they hold, how they are joined, and what they refuse by themselves."""

import copy

import numpy as np
import pytest
import torch

from medtl_bench.contract.split import Split, concatenate
from medtl_bench.errors import DataError
from tests.parts import two_parts


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Split(torch.zeros(3, 2), torch.zeros(4)), "x has 3, y has 4"),
        (lambda: Split(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2)), "groups has 2"),
        (lambda: Split(np.zeros((3, 2)), torch.zeros(3)), "x is a ndarray"),
        (lambda: Split(torch.zeros(3, 2), [0, 1, 0]), "y is a list"),
        (lambda: Split(torch.zeros(()), torch.zeros(())), "x has no rows to count"),
    ],
)
def test_a_split_of_unlike_parts_is_refused(make, told):
    with pytest.raises(DataError, match=told):
        make()


def test_splits_are_joined_in_order_also_those_of_several_parts():
    source = torch.Generator().manual_seed(0)
    first, second = two_parts(3, source), two_parts(2, source)
    joined = concatenate([first, second])
    assert len(joined) == 5
    assert torch.equal(joined.x["drug"][3:], second.x["drug"])


def test_a_deep_copy_of_a_split_is_the_split(make_domain):
    split = make_domain("a", 0).train
    assert copy.deepcopy([split])[0] is split


def test_a_split_cannot_be_changed(make_domain):
    with pytest.raises(AttributeError):
        make_domain("a", 0).train.x = torch.zeros(1)


def test_marks_follow_their_rows_and_are_dropped_where_splits_are_joined():
    marked = torch.tensor([True, False, True])
    split = Split(torch.arange(6.0).view(3, 2), torch.zeros(3), torch.arange(3), marked)
    assert split[torch.tensor([2, 1])].marked.tolist() == [True, False]
    assert split[marked].groups.tolist() == [0, 2]
    assert concatenate([split, split]).marked is None
    assert (split.unmarked().marked, split.unmarked().groups) == (None, split.groups)
    plain = Split(split.x, split.y)
    assert plain.unmarked() is plain


def test_marks_of_another_length_are_refused():
    with pytest.raises(DataError, match="marked has 2"):
        Split(torch.zeros(3, 2), torch.zeros(3), marked=torch.zeros(2, dtype=torch.bool))
