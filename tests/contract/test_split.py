"""Splits: what they hold, how they are joined, and what they refuse by themselves."""

import copy

import numpy as np
import pytest
import torch

from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.errors import DataError
from tests.parts import two_parts


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Split(torch.zeros(3, 2), torch.zeros(4)), "x has 3, y has 4"),
        (lambda: Split(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2)), "groups has 2"),
        (lambda: Split({"a": torch.zeros(3)}, torch.zeros(3)), "x is a dict"),
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


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 5), (4, 2, 3, 3)])
def test_any_order_of_memory_is_taken_and_told_as_the_same_rows(shape):
    x = torch.arange(float(np.prod(shape))).view(shape)
    turned = x.transpose(0, -1).contiguous().transpose(0, -1)
    labels = torch.arange(8)[::2]
    split = Split(turned, torch.arange(8).view(4, 2)[:, 0], groups=torch.zeros(1).expand(4))
    assert not turned.is_contiguous()
    assert split.x.is_contiguous()
    assert split.y.is_contiguous()
    assert split.groups.is_contiguous()
    assert torch.equal(split.x, x)
    assert torch.equal(split.y, labels)
    assert Split(x, labels).x is x


def test_no_rows_of_numpy_are_taken_in_the_order_of_memory():
    labels = torch.tensor(np.arange(3)[np.zeros(3, dtype=bool)])
    assert labels.stride() == (0,)
    split = Split(torch.zeros(0, 4), labels)
    assert split.y.view(torch.uint8).shape == (0,)


def test_parts_in_any_order_of_memory_are_taken():
    x = two_parts(3, torch.Generator().manual_seed(0)).x
    drug = x["drug"]
    turned = x.clone()
    turned["drug"] = drug.t().contiguous().t()
    held = Split(turned, torch.zeros(3)).x["drug"]
    assert held.is_contiguous()
    assert torch.equal(held, drug)


def test_a_domain_is_named_by_a_text_and_made_of_splits():
    split = Split(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(DataError, match=r"the name of a domain must be a text, but got 1.0, a fl"):
        Domain(1.0, split, split, split)
    with pytest.raises(DataError, match="Domain 'a': val must be a Split, but got a tuple"):
        Domain("a", split, (split.x, split.y), split)
    assert type(Domain(np.str_("a"), split, split, split).name) is str


TABLE = np.arange(24, dtype=np.float32).reshape(6, 4)
FORMS = {
    "as it is": TABLE,
    "in the order of columns": np.asfortranarray(TABLE),
    "of another byte order": TABLE.astype(">f4"),
    "read-only": np.frombuffer(TABLE.tobytes(), np.float32).reshape(6, 4),
    "turned round twice": TABLE[::-1].copy()[::-1],
    "every second row": np.repeat(TABLE, 2, 0)[::2],
    "every second column": np.repeat(TABLE, 2, 1)[:, ::2],
    "without a masked value": np.ma.array(TABLE),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_table_of_numpy_is_taken_in_any_form(name):
    split = Split(FORMS[name], np.arange(6))
    assert split.x.dtype == torch.float32
    assert torch.equal(split.x, torch.from_numpy(TABLE))
    assert split.x.is_contiguous()
    split.x[0, 0] = -1  # a copy: writing changes no table of the author's
    assert FORMS[name][0, 0] == 0
    assert torch.equal(split.y, torch.arange(6))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Split(TABLE, np.array(["a"] * 6)), "y is an array of <U1: number what are names"),
        (lambda: Split(TABLE.astype(object), np.arange(6)), "x is an array of object"),
        (lambda: Split(TABLE.astype(np.longdouble), np.arange(6)), "x is an array of float128"),
        (lambda: Split(TABLE, np.arange(6), np.array(["p"] * 6)), "groups is an array of <U1"),
        (lambda: Split(np.ma.masked_greater(TABLE, 20), np.arange(6)), "no masked values, but x"),
        (lambda: Split(torch.ones(6, 2).to_sparse(), torch.zeros(6)), "x is torch.sparse_coo on"),
        (lambda: Split(torch.ones(6, 2, device="meta"), torch.zeros(6)), "torch.strided on meta"),
    ],
)
def test_what_holds_no_numbers_is_refused(make, told):
    with pytest.raises(DataError, match=told):
        make()
