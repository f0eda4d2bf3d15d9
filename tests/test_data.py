"""Every fault of a dataset is found when it is made, and told with dataset, domain and rows."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensordict import TensorDict

from medtl_bench.data import Domain, Split, Stream, Task, Transfer, concatenate
from medtl_bench.errors import DataError, MedTLError

MASKS = Task("segmentation", ("background", "blob"))
VALUES = Task("regression")


@pytest.fixture
def spoiled(make_dataset, make_domain):
    """Return a function: a dataset whose split of domain b went through a function."""

    def make(split: str, spoil, **fields):
        b = make_domain("b", 1)
        domains = (make_domain("a", 0), replace(b, **{split: spoil(getattr(b, split))}), make_domain("c", 2))
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
    with pytest.raises(DataError, match=rf"Dataset 'small', domain 'b', {split}: x holds NaN or infinity in rows 2\."):
        spoiled(split, with_x(put(value, 2, 1)))


def test_many_rows_are_told_as_five_and_a_count(spoiled):
    with pytest.raises(DataError, match=r"rows 0, 1, 2, 3, 4 and 7 more\."):
        spoiled("train", with_x(lambda x: x * torch.nan))


def test_inputs_of_another_type_are_refused(spoiled):
    with pytest.raises(DataError, match=r"domain 'b', test: x is torch.float64, but inputs must be torch.float32"):
        spoiled("test", with_x(lambda x: x.double()))


def test_labels_of_another_type_are_refused(spoiled):
    with pytest.raises(
        DataError, match=r"domain 'b', train: y is torch.int32, but labels of a classification task must be torch.int64"
    ):
        spoiled("train", with_y(lambda y: y.int()))


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named(spoiled, label):
    with pytest.raises(DataError, match=r"domain 'b', test: labels must lie in 0..1, but do not in rows 1, 4\."):
        spoiled("test", with_y(put(label, [1, 4])))


def test_labels_with_two_axes_are_refused(spoiled):
    with pytest.raises(DataError, match=r"y has the shape \[12, 1\], which a classification task cannot have"):
        spoiled("train", with_y(lambda y: y[:, None]))


def test_a_row_in_train_and_test_is_named(make_dataset, make_domain):
    b = make_domain("b", 1)
    leaking = replace(b, test=Split(torch.cat([b.test.x[:3], b.train.x[5:6]]), torch.zeros(4, dtype=torch.int64)))
    with pytest.raises(
        DataError, match=r"domain 'b': a row may stand in one split only, but rows 3 of test share theirs with train"
    ):
        make_dataset(domains=(make_domain("a", 0), leaking, make_domain("c", 2)))


def test_a_row_is_the_same_row_whatever_the_sign_of_its_zeros(make_dataset, make_domain):
    b = make_domain("b", 1)
    zero = torch.zeros(1, 3)
    train = Split(torch.cat([b.train.x, zero]), torch.cat([b.train.y, b.train.y[:1]]))
    test = Split(torch.cat([b.test.x, -zero]), torch.cat([b.test.y, b.test.y[:1]]))
    with pytest.raises(DataError, match="rows 8 of test share"):
        make_dataset(domains=(make_domain("a", 0), replace(b, train=train, test=test), make_domain("c", 2)))


def test_a_group_on_both_sides_is_named(make_dataset, make_domain):
    b = make_domain("b", 1)
    starts = ((b.train, 0), (b.val, 100), (b.test, 10))
    train, val, test = (Split(s.x, s.y, torch.arange(len(s)) + start) for s, start in starts)
    with pytest.raises(
        DataError, match=r"domain 'b': a group may stand in one split only, but rows 0, 1 of test share theirs with train"
    ):
        make_dataset(domains=(make_domain("a", 0), replace(b, train=train, val=val, test=test), make_domain("c", 2)))


def test_groups_in_only_some_splits_of_a_domain_are_refused(make_dataset, make_domain):
    b = make_domain("b", 1)
    half = replace(b, train=Split(b.train.x, b.train.y, torch.arange(12)))
    with pytest.raises(DataError, match="domain 'b': either all its splits have groups or none"):
        make_dataset(domains=(make_domain("a", 0), half, make_domain("c", 2)))


def test_the_same_row_in_two_domains_is_no_fault(make_dataset, make_domain):
    make_dataset(domains=tuple(make_domain(name, 0) for name in "abc"))


def test_a_single_class_is_named(make_dataset, make_domain):
    domains = [replace(d, train=Split(d.train.x, torch.ones(12, dtype=torch.int64))) for d in map(make_domain, "abc", range(3))]
    with pytest.raises(DataError, match=r"all domains: every training label is of one class \('yes'\)"):
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
    with pytest.raises(DataError, match=r"domain 'b', val: the shape of a row differs from that of the first domain, x: \[3\]"):
        spoiled("val", with_x(lambda x: x[:, :2]))


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


def test_names_must_be_there_each_once(make_dataset, make_domain):
    with pytest.raises(DataError, match=r"domains \['a', 'a'\]: names must be there, each once"):
        make_dataset(domains=(make_domain("a", 0), make_domain("a", 1)))
    with pytest.raises(DataError, match=r"domains \[\]: names must be there"):
        make_dataset(domains=())


def test_a_transfer_of_an_unknown_domain_gets_a_near_match(make_dataset, make_domain):
    domains = (make_domain("hungary", 0), make_domain("zurich", 1))
    with pytest.raises(DataError, match="transfer 't': There is no domain named 'hungray'; did you mean 'hungary'"):
        make_dataset(domains=domains, transfers=(Transfer("t", ("zurich",), ("hungray",)),), streams=())


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


def test_what_a_dataset_has_not_is_told_with_near_matches(make_dataset):
    with pytest.raises(MedTLError, match="There is no transfer named 'to-d'; did you mean 'to-c'"):
        make_dataset().transfer("to-d")
    with pytest.raises(MedTLError, match="There is no stream named 'everything'; known are: all"):
        make_dataset().stream("everything")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("classification", ("one",)), "needs at least two classes"),
        (("segmentation",), "needs at least two classes"),
        (("classification", ("no", "yes", "no")), "name each class once"),
        (("regression", ("no", "yes")), "has no classes"),
        (("classification", ("a", "b"), ("roc_auk",)), "no classification metric named 'roc_auk'; did you mean 'roc_auc'"),
        (("regression", (), ("dice",)), "no regression metric named 'dice'"),
        (("classification", ("a", "b", "c"), ("roc_auc",)), "'roc_auc' needs exactly two classes"),
        (("segmentation", ("a", "b"), ("dice", "dice_class_2")), "'dice_class_2' needs at least 3 classes, but got"),
        (("segmentation", ("a", "b"), ("hd95", "dice")), "scored at every stage, which 'hd95' is not"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(arguments, told):
    with pytest.raises(MedTLError, match=told):
        Task(*arguments)


def test_a_task_has_metrics_of_its_kind():
    assert Task("classification", ("a", "b")).primary == "balanced_accuracy"
    assert MASKS.primary == "dice"
    assert (VALUES.primary, VALUES.outputs) == ("concordance", 1)


def image_domain(name: str, seed: int, y_shape=(4, 4), dtype=torch.int64) -> Domain:
    source = torch.Generator().manual_seed(seed)
    splits = [
        Split(torch.randn(n, 1, 4, 4, generator=source), torch.randint(2, (n, *y_shape), generator=source).to(dtype))
        for n in (6, 2, 4)
    ]
    return Domain(name, *splits)


def test_masks_are_accepted_and_their_labels_checked(make_dataset):
    domains = [image_domain(name, seed) for seed, name in enumerate("abc")]
    make_dataset(task=MASKS, domains=tuple(domains))
    domains[2].test.y[1, 0, 3] = 2
    with pytest.raises(DataError, match=r"domain 'c', test: labels must lie in 0..1, but do not in rows 1\."):
        make_dataset(task=MASKS, domains=tuple(domains))


def test_a_mask_must_be_as_large_as_its_image(make_dataset):
    with pytest.raises(DataError, match=r"domain 'a', train: masks are \[2, 4\], but images \[4, 4\]"):
        make_dataset(task=MASKS, domains=tuple(image_domain(n, s, (2, 4)) for s, n in enumerate("abc")))


def test_classes_are_no_masks_and_masks_no_classes(make_dataset):
    with pytest.raises(DataError, match="which a segmentation task cannot have"):
        make_dataset(task=MASKS)
    with pytest.raises(DataError, match="which a classification task cannot have"):
        make_dataset(domains=tuple(image_domain(n, s) for s, n in enumerate("abc")))


def test_values_must_be_finite_floats(make_dataset, make_domain):
    def values(domain, change=lambda y: y):
        return Domain(domain.name, *(Split(s.x, change(s.y.float())) for s in domain.splits().values()))

    domains = [values(make_domain(n, s)) for s, n in enumerate("abc")]
    make_dataset(task=VALUES, domains=tuple(domains))
    with pytest.raises(DataError, match=r"labels of a regression task must be torch.float32"):
        make_dataset(task=VALUES)
    domains[1].train.y[7] = torch.nan
    with pytest.raises(DataError, match=r"domain 'b', train: y holds NaN or infinity in rows 7\."):
        make_dataset(task=VALUES, domains=tuple(domains))


def two_parts(rows: int, source: torch.Generator) -> Split:
    y = torch.arange(rows) % 2
    drug, protein = torch.randn(rows, 3, generator=source), torch.randn(rows, 1, 4, 4, generator=source)
    return Split(TensorDict({"drug": drug, "protein": protein}, batch_size=[rows]), y)


def two_part_domain(name: str, seed: int) -> Domain:
    source = torch.Generator().manual_seed(seed)
    return Domain(name, *(two_parts(n, source) for n in (8, 2, 4)))


def test_inputs_of_several_parts_are_accepted_and_each_is_checked(make_dataset):
    domains = [two_part_domain(n, s) for s, n in enumerate("abc")]
    make_dataset(domains=tuple(domains))
    domains[1].test.x["protein"][2, 0, 1, 1] = torch.nan
    with pytest.raises(DataError, match=r"domain 'b', test: protein holds NaN or infinity in rows 2\."):
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
        make_dataset(domains=(two_part_domain("a", 0), replace(b, val=lone), two_part_domain("c", 2)))


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


def test_the_digest_is_of_the_content_alone(make_dataset, card):
    assert make_dataset().digest() == make_dataset().digest()
    assert make_dataset(card=replace(card, notes="other words")).digest() == make_dataset().digest()


@given(
    domain=st.integers(0, 2), split=st.sampled_from(["train", "val", "test"]), row=st.integers(0, 3), column=st.integers(0, 2)
)
def test_the_digest_changes_with_any_value(make_dataset, make_domain, domain, split, row, column):
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    getattr(domains[domain], split).x[row, column] += 1
    assert make_dataset(domains=tuple(domains)).digest() != make_dataset().digest()


@given(domain=st.integers(0, 2), split=st.sampled_from(["train", "val", "test"]), row=st.integers(0, 3))
def test_the_digest_changes_with_any_label(make_dataset, make_domain, domain, split, row):
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    y = getattr(domains[domain], split).y
    y[row] = 1 - y[row]
    assert make_dataset(domains=tuple(domains)).digest() != make_dataset().digest()


def grouped(domain: Domain, shift: int = 0) -> Domain:
    starts = dict(zip(("train", "val", "test"), (0, 100, 200), strict=True))
    splits = [Split(s.x, s.y, torch.arange(len(s)) // 2 + starts[n] + shift) for n, s in domain.splits().items()]
    return Domain(domain.name, *splits)


def test_the_digest_changes_with_everything_else_a_learner_may_see(make_dataset, make_domain):
    domains = tuple(make_domain(name, seed) for seed, name in enumerate("abc"))
    parts = tuple(two_part_domain(n, s) for s, n in enumerate("abc"))
    renamed = [
        Domain(d.name, *(Split(s.x.clone().rename_key_("drug", "ligand"), s.y) for s in d.splits().values())) for d in parts
    ]
    variants = [
        make_dataset(),
        make_dataset(name="other"),
        make_dataset(task=Task("classification", ("no", "maybe"))),
        make_dataset(task=Task("classification", ("no", "yes"), ("accuracy",))),
        make_dataset(transfers=(Transfer("to-c", ("b", "a"), ("c",)),)),
        make_dataset(streams=(Stream("all", ("a", "c", "b")),)),
        make_dataset(domains=(domains[1], domains[0], domains[2])),
        make_dataset(domains=tuple(map(grouped, domains))),
        make_dataset(domains=tuple(grouped(d, 1) for d in domains)),
        make_dataset(domains=parts),
        make_dataset(domains=tuple(renamed)),
    ]
    digests = [dataset.digest() for dataset in variants]
    assert len(set(digests)) == len(digests)


def test_marks_follow_their_rows_and_are_dropped_where_splits_are_joined():
    marked = torch.tensor([True, False, True])
    split = Split(torch.arange(6.0).view(3, 2), torch.zeros(3), torch.arange(3), marked)
    assert split[torch.tensor([2, 1])].marked.tolist() == [True, False]
    assert split[marked].groups.tolist() == [0, 2]
    assert concatenate([split, split]).marked is None
    assert (split.unmarked().marked, split.unmarked().groups) == (None, split.groups)
    plain = Split(split.x, split.y)
    assert plain.unmarked() is plain


@pytest.mark.parametrize("marked", [torch.zeros(8), torch.zeros(8, 1, dtype=torch.bool)])
def test_marks_that_are_not_one_truth_value_a_row_are_refused(spoiled, marked):
    with pytest.raises(DataError, match=r"domain 'b', test: marked is torch\.(float32|bool) \[8(, 1)?\], but one torch\.bool"):
        spoiled("test", lambda split: replace(split, marked=marked))


def test_marks_of_another_length_are_refused():
    with pytest.raises(DataError, match="marked has 2"):
        Split(torch.zeros(3, 2), torch.zeros(3), marked=torch.zeros(2, dtype=torch.bool))


def test_the_digest_changes_with_marks_and_without_them_is_what_it_was(make_dataset, make_domain):
    b = make_domain("b", 1)
    none = torch.zeros(8, dtype=torch.bool)
    one = none.clone()
    one[3] = True
    variants = [b, *(replace(b, test=replace(b.test, marked=marked)) for marked in (none, one))]
    digests = [make_dataset(domains=(make_domain("a", 0), b, make_domain("c", 2))).digest() for b in variants]
    assert len(set(digests)) == 3
    assert digests[0] == make_dataset().digest()


def test_the_digest_does_not_depend_on_how_tensors_lie_in_memory(make_dataset, make_domain):
    domains = tuple(make_domain(name, seed) for seed, name in enumerate("abc"))
    turned = tuple(replace(d, train=Split(d.train.x.t().contiguous().t(), d.train.y)) for d in domains)
    assert make_dataset(domains=turned).digest() == make_dataset().digest()


def test_an_integration_task_has_no_classes_and_is_ranked_by_mixing() -> None:
    task = Task("integration")
    assert task.primary == "ilisi"
    assert task.embedded == task.metrics
    assert task.outputs == 1
    with pytest.raises(DataError, match="integration task has no classes"):
        Task("integration", ("a", "b"))
    with pytest.raises(MedTLError, match="no integration metric named 'clisi'"):
        Task("integration", metrics=("clisi",))


def test_a_task_with_labels_is_ranked_by_predictions_and_may_name_measures_of_an_embedding() -> None:
    task = Task("classification", ("a", "b"), ("balanced_accuracy", "ilisi", "label_transfer"))
    assert task.embedded == ("ilisi", "label_transfer")
    with pytest.raises(DataError, match="ranked by what is predicted, but its first metric is 'ilisi'"):
        Task("classification", ("a", "b"), ("ilisi", "balanced_accuracy"))


def test_an_integration_dataset_may_lack_test_rows_but_has_no_streams_and_no_labels(make_dataset) -> None:
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
