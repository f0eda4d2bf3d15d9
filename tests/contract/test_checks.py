"""What is found wrong with a dataset, told by domain, split and row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError
from tests.parts import two_part_domain

MASKS = Task("segmentation", ("background", "blob"))
VALUES = Task("regression")


@pytest.fixture
def spoiled(make_dataset, make_domain):
    """Return a function: a dataset whose split of domain b went through a function."""

    def make(split: str, spoil, **fields):
        b = make_domain("b", 1)
        domains = (
            make_domain("a", 0),
            replace(b, **{split: spoil(getattr(b, split))}),
            make_domain("c", 2),
        )
        return make_dataset(domains=domains, **fields)

    return make


def with_x(change):
    def spoil(split: Split) -> Split:
        x = split.x.clone()
        return Split(change(x), split.y, split.groups)

    return spoil


def with_y(change):
    return lambda split: Split(split.x, change(split.y.clone()))


def put(value, *where):
    def change(tensor):
        tensor[where] = value
        return tensor

    return change


def test_a_sound_dataset_is_accepted(make_dataset):
    dataset = make_dataset()
    assert dataset.domain("b").name == "b"
    assert dataset.transfer("to-c").targets == ("c",)
    assert dataset.stream("all").domains == ("a", "b", "c")


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_values_that_are_not_finite_are_named_with_their_rows(spoiled, split, value):
    with pytest.raises(
        DataError,
        match=rf"Dataset 'small', domain 'b', {split}: x holds NaN or infinity in rows 2\.",
    ):
        spoiled(split, with_x(put(value, 2, 1)))


def test_many_rows_are_told_as_five_and_a_count(spoiled):
    with pytest.raises(DataError, match=r"rows 0, 1, 2, 3, 4 and 7 more\."):
        spoiled("train", with_x(lambda x: x * torch.nan))


def test_inputs_of_another_type_are_refused(spoiled):
    with pytest.raises(
        DataError, match=r"domain 'b', test: x is torch.float64, but inputs must be torch.float32"
    ):
        spoiled("test", with_x(lambda x: x.double()))


def test_labels_of_another_type_are_refused(spoiled):
    with pytest.raises(
        DataError,
        match=r"domain 'b', train: y is torch.int32, "
        r"but labels of a classification task must be torch.int64",
    ):
        spoiled("train", with_y(lambda y: y.int()))


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named(spoiled, label):
    with pytest.raises(
        DataError, match=r"domain 'b', test: labels must lie in 0..1, but do not in rows 1, 4\."
    ):
        spoiled("test", with_y(put(label, [1, 4])))


def test_labels_with_two_axes_are_refused(spoiled):
    with pytest.raises(
        DataError, match=r"y has the shape \[12, 1\], which a classification task cannot have"
    ):
        spoiled("train", with_y(lambda y: y[:, None]))


def test_a_row_in_train_and_test_is_named(make_dataset, make_domain):
    b = make_domain("b", 1)
    leaking = replace(
        b, test=Split(torch.cat([b.test.x[:3], b.train.x[5:6]]), torch.zeros(4, dtype=torch.int64))
    )
    with pytest.raises(
        DataError,
        match=r"domain 'b': a row may stand in one split only, "
        r"but rows 3 of test share theirs with train",
    ):
        make_dataset(domains=(make_domain("a", 0), leaking, make_domain("c", 2)))


def test_a_row_is_the_same_row_whatever_the_sign_of_its_zeros(make_dataset, make_domain):
    b = make_domain("b", 1)
    zero = torch.zeros(1, 3)
    train = Split(torch.cat([b.train.x, zero]), torch.cat([b.train.y, b.train.y[:1]]))
    test = Split(torch.cat([b.test.x, -zero]), torch.cat([b.test.y, b.test.y[:1]]))
    with pytest.raises(DataError, match="rows 8 of test share"):
        make_dataset(
            domains=(make_domain("a", 0), replace(b, train=train, test=test), make_domain("c", 2))
        )


def test_a_group_on_both_sides_is_named(make_dataset, make_domain):
    b = make_domain("b", 1)
    starts = ((b.train, 0), (b.val, 100), (b.test, 10))
    train, val, test = (Split(s.x, s.y, torch.arange(len(s)) + start) for s, start in starts)
    with pytest.raises(
        DataError,
        match=r"domain 'b': a group may stand in one split only, "
        r"but rows 0, 1 of test share theirs with train",
    ):
        make_dataset(
            domains=(
                make_domain("a", 0),
                replace(b, train=train, val=val, test=test),
                make_domain("c", 2),
            )
        )


def test_groups_in_only_some_splits_of_a_domain_are_refused(make_dataset, make_domain):
    b = make_domain("b", 1)
    half = replace(b, train=Split(b.train.x, b.train.y, torch.arange(12)))
    with pytest.raises(DataError, match="domain 'b': either all its splits have groups or none"):
        make_dataset(domains=(make_domain("a", 0), half, make_domain("c", 2)))


def test_a_single_class_is_named(make_dataset, make_domain):
    domains = [
        replace(d, train=Split(d.train.x, torch.ones(12, dtype=torch.int64)))
        for d in map(make_domain, "abc", range(3))
    ]
    with pytest.raises(
        DataError, match=r"all domains: every training label is of one class \('yes'\)"
    ):
        make_dataset(domains=tuple(domains))


def test_a_domain_may_hold_a_single_class(spoiled):
    spoiled("train", with_y(torch.ones_like))


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_empty_split_is_refused(spoiled, split):
    with pytest.raises(DataError, match=rf"domain 'b', {split}: it has no rows"):
        spoiled(split, lambda s: s[torch.arange(0)])


def test_an_empty_validation_split_is_accepted(spoiled):
    assert len(spoiled("val", lambda s: s[torch.arange(0)]).domain("b").val) == 0


def test_rows_of_another_shape_are_refused(spoiled):
    with pytest.raises(
        DataError,
        match=r"domain 'b', val: "
        r"the shape of a row differs from that of the first domain, x: \[3\]",
    ):
        spoiled("val", with_x(lambda x: x[:, :2]))


def test_names_must_be_there_each_once(make_dataset, make_domain):
    with pytest.raises(DataError, match=r"domains \['a', 'a'\]: names must be there, each once"):
        make_dataset(domains=(make_domain("a", 0), make_domain("a", 1)))
    with pytest.raises(DataError, match=r"domains \[\]: names must be there"):
        make_dataset(domains=())


def test_a_transfer_of_an_unknown_domain_gets_a_near_match(make_dataset, make_domain):
    domains = (make_domain("hungary", 0), make_domain("zurich", 1))
    with pytest.raises(
        DataError, match="transfer 't': There is no domain named 'hungray'; did you mean 'hungary'"
    ):
        make_dataset(
            domains=domains, transfers=(Transfer("t", ("zurich",), ("hungray",)),), streams=()
        )


def test_a_scenario_name_must_be_its_own(make_dataset):
    with pytest.raises(DataError, match="no two may share a name"):
        make_dataset(streams=(Stream("to-c", ("a", "b")),))
    with pytest.raises(DataError, match="at least one is needed"):
        make_dataset(transfers=(), streams=())


@pytest.mark.parametrize(
    "transfer",
    [
        Transfer("t", (), ("a", "b")),
        Transfer("t", ("a", "b"), ()),
        Transfer("t", ("a",), ("a",)),
        Transfer("t", ("a", "b"), ("b",)),
        Transfer("t", ("a", "a"), ("b",)),
    ],
)
def test_a_transfer_needs_sources_and_other_targets(make_dataset, transfer):
    with pytest.raises(DataError, match="transfer 't': it needs"):
        make_dataset(transfers=(transfer,))


@pytest.mark.parametrize("domains", [("a",), ("a", "b", "a"), ()])
def test_a_stream_needs_two_domains_each_once(make_dataset, domains):
    with pytest.raises(DataError, match="stream 's': it needs"):
        make_dataset(streams=(Stream("s", domains),))


def image_domain(name: str, seed: int, y_shape=(4, 4), dtype=torch.int64) -> Domain:
    source = torch.Generator().manual_seed(seed)
    splits = [
        Split(
            torch.randn(n, 1, 4, 4, generator=source),
            torch.randint(2, (n, *y_shape), generator=source).to(dtype),
        )
        for n in (6, 2, 4)
    ]
    return Domain(name, *splits)


def test_masks_are_accepted_and_their_labels_checked(make_dataset):
    domains = [image_domain(name, seed) for seed, name in enumerate("abc")]
    make_dataset(task=MASKS, domains=tuple(domains))
    domains[2].test.y[1, 0, 3] = 2
    with pytest.raises(
        DataError, match=r"domain 'c', test: labels must lie in 0..1, but do not in rows 1\."
    ):
        make_dataset(task=MASKS, domains=tuple(domains))


def test_a_mask_must_be_as_large_as_its_image(make_dataset):
    with pytest.raises(
        DataError, match=r"domain 'a', train: masks are \[2, 4\], but images \[4, 4\]"
    ):
        make_dataset(
            task=MASKS, domains=tuple(image_domain(n, s, (2, 4)) for s, n in enumerate("abc"))
        )


def test_classes_are_no_masks_and_masks_no_classes(make_dataset):
    with pytest.raises(DataError, match="which a segmentation task cannot have"):
        make_dataset(task=MASKS)
    with pytest.raises(DataError, match="which a classification task cannot have"):
        make_dataset(domains=tuple(image_domain(n, s) for s, n in enumerate("abc")))


def test_values_must_be_finite_floats(make_dataset, make_domain):
    def values(domain, change=lambda y: y):
        return Domain(
            domain.name, *(Split(s.x, change(s.y.float())) for s in domain.splits().values())
        )

    domains = [values(make_domain(n, s)) for s, n in enumerate("abc")]
    make_dataset(task=VALUES, domains=tuple(domains))
    with pytest.raises(DataError, match=r"labels of a regression task must be torch.float32"):
        make_dataset(task=VALUES)
    domains[1].train.y[7] = torch.nan
    with pytest.raises(DataError, match=r"domain 'b', train: y holds NaN or infinity in rows 7\."):
        make_dataset(task=VALUES, domains=tuple(domains))


def test_inputs_of_several_parts_are_accepted_and_each_is_checked(make_dataset):
    domains = [two_part_domain(n, s) for s, n in enumerate("abc")]
    make_dataset(domains=tuple(domains))
    domains[1].test.x["protein"][2, 0, 1, 1] = torch.nan
    with pytest.raises(
        DataError, match=r"domain 'b', test: protein holds NaN or infinity in rows 2\."
    ):
        make_dataset(domains=tuple(domains))


def test_a_row_of_several_parts_is_shared_only_if_all_parts_are(make_dataset):
    b = two_part_domain("b", 1)
    same = two_part_domain("b", 1)
    same.test.x["drug"][0] = same.train.x["drug"][0]
    make_dataset(domains=(two_part_domain("a", 0), same, two_part_domain("c", 2)))
    same.test.x["protein"][0] = same.train.x["protein"][0]
    with pytest.raises(DataError, match="rows 0 of test share theirs with train"):
        make_dataset(domains=(two_part_domain("a", 0), same, two_part_domain("c", 2)))
    assert len(b.train[torch.tensor([1, 2])]) == 2


def test_a_missing_part_is_a_wrong_shape(make_dataset):
    b = two_part_domain("b", 1)
    lone = Split(TensorDict({"drug": b.val.x["drug"]}, batch_size=[2]), b.val.y)
    with pytest.raises(DataError, match="domain 'b', val: the shape of a row differs"):
        make_dataset(
            domains=(two_part_domain("a", 0), replace(b, val=lone), two_part_domain("c", 2))
        )


@pytest.mark.parametrize("marked", [torch.zeros(8), torch.zeros(8, 1, dtype=torch.bool)])
def test_marks_that_are_not_one_truth_value_a_row_are_refused(spoiled, marked):
    with pytest.raises(
        DataError,
        match=r"domain 'b', test: marked is torch\.(float32|bool) \[8(, 1)?\], but one torch\.bool",
    ):
        spoiled("test", lambda split: replace(split, marked=marked))


def test_an_integration_dataset_may_lack_test_rows_but_has_no_streams_and_no_labels(
    make_dataset,
) -> None:
    def domain(name: str, label: int = 0) -> Domain:
        x = torch.randn(6, 3, generator=torch.Generator().manual_seed(ord(name)))
        whole = Split(x, torch.full((6,), label))
        return Domain(name, whole, whole[:0], whole[:0])

    sound = {"task": Task("integration"), "domains": (domain("a"), domain("b")), "streams": ()}
    sound["transfers"] = (Transfer("t", ("a",), ("b",)),)
    assert make_dataset(**sound).task.kind == "integration"
    with pytest.raises(DataError, match="an integration task has none"):
        make_dataset(**sound | {"streams": (Stream("s", ("a", "b")),)})
    with pytest.raises(DataError, match=r"labels must lie in 0\.\.0"):
        make_dataset(**sound | {"domains": (domain("a"), domain("b", 1))})


@pytest.mark.parametrize("groups", [torch.zeros(12), torch.arange(12)[:, None]])
def test_groups_that_are_not_one_number_a_row_are_refused(spoiled, groups):
    with pytest.raises(
        DataError,
        match=r"domain 'b', train: groups is torch\.\w+ \[12(, 1)?\], but one torch\.int64 a row",
    ):
        spoiled("train", lambda split: replace(split, groups=groups))


def test_rows_without_a_column_are_refused(make_dataset, make_domain):
    def empty(name: str) -> Domain:
        splits = make_domain(name, 0).splits().values()
        return Domain(name, *(Split(split.x[:, :0], split.y) for split in splits))

    with pytest.raises(DataError, match=r"x has the shape \[0\] in a row, which has no column"):
        make_dataset(domains=tuple(map(empty, "abc")))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Transfer("t", "ab", ("c",)), "transfer 't': sources must be a tuple of names"),
        (lambda: Transfer("t", ("a",), "c"), "'t': targets must be .* but got the text 'c'"),
        (lambda: Transfer("t", (1.5,), (2,)), r"each of transfer 't': sources must be a text"),
        (lambda: Transfer(None, ("a",), ("c",)), "the name of a transfer must be a text, but got"),
        (lambda: Transfer("t", (b"a",), ("c",)), r"got the bytes b'a': \.decode\(\)\?"),
        (lambda: Transfer("t", ("",), ("c",)), "sources must be a text that can be seen"),
        (lambda: Stream(" ", ("a", "c")), "the name of a stream must be a text that can be seen"),
        (lambda: Stream("s", b"ac"), "domains must be a tuple of names, but got b'ac', a bytes"),
        (lambda: Stream("s", "abc"), r"stream 's': domains must be .* the text 'abc'"),
    ],
)
def test_names_that_are_no_texts_are_refused_where_a_dataset_is_made(make_dataset, make, told):
    scenario = make()  # which a plugin may do while it is imported
    members = "streams" if isinstance(scenario, Stream) else "transfers"
    with pytest.raises(DataError, match=f"Dataset 'small', .*{told}"):
        make_dataset(**{members: (scenario,)})


@pytest.mark.parametrize("number", [int, np.int64, np.uint8])
def test_whole_numbers_as_names_are_the_texts_that_they_read_as(make_dataset, make_domain, number):
    one, two, three = map(number, (1, 2, 3))
    dataset = make_dataset(
        task=Task("classification", (number(0), number(1))),
        domains=tuple(make_domain(name, seed) for seed, name in enumerate((one, two, three))),
        transfers=(Transfer(number(7), (one, two), [three]),),
        streams=(Stream("all", np.array([1, 3])),),
    )
    assert [domain.name for domain in dataset.domains] == ["1", "2", "3"]
    assert dataset.transfer("7").sources == ("1", "2")
    assert dataset.task.classes == ("0", "1")
    assert {type(name) for name in dataset.stream("all").domains} == {str}
    with pytest.raises(DataError, match="names must be there, each once"):
        make_dataset(domains=(make_domain(1, 0), make_domain("1", 1)))


@pytest.mark.parametrize("members", ["domains", "transfers", "streams"])
def test_a_member_that_is_no_tuple_is_refused(make_dataset, members):
    (first, *_) = getattr(make_dataset(), members)
    for wrong in (first, "abc", ("abc",), None):
        with pytest.raises(DataError, match=f"Dataset 'small': {members} must be a tuple of"):
            make_dataset(**{members: wrong})
    assert isinstance(
        getattr(make_dataset(**{members: [*getattr(make_dataset(), members)]}), members), tuple
    )


def test_a_table_in_the_order_of_columns_makes_the_same_dataset(make_dataset, make_domain):
    def turned(name: str, seed: int) -> Domain:
        splits = make_domain(name, seed).splits().values()
        return Domain(name, *(Split(s.x.t().contiguous().t(), s.y) for s in splits))

    dataset = make_dataset(domains=tuple(turned(name, seed) for seed, name in enumerate("abc")))
    assert dataset.digest() == make_dataset().digest()
