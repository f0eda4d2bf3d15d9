"""Supports: k labelled rows of each class, the same for every algorithm."""

import pytest
import torch

from medtl_bench.contract.scenario import Amount, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.errors import DataError
from medtl_bench.protocols.support import draw_support, most_shots
from medtl_bench.protocols.transfer import TRANSFER
from tests.protocols.learners import (
    CLASSES,
    MASKS,
    VALUES,
    DrawingSpy,
    Spy,
    marks,
    supports,
    watched,
)


def test_a_support_holds_k_rows_of_each_class_of_the_targets_train_split(make_dataset):
    dataset = make_dataset()
    diary, _ = watched(dataset, shots=(1, 3, 50), draws=2)
    *few, full = supports(diary)
    assert [support.y.bincount().tolist() for support in few] == [[1, 1]] * 2 + [[3, 3]] * 2 + [
        [6, 6]
    ] * 2
    train = dataset.domain("c").train
    labelled = {(x.numpy().tobytes(), int(y)) for x, y in zip(train.x, train.y, strict=True)}
    for support in few:
        assert {
            (x.numpy().tobytes(), int(y)) for x, y in zip(support.x, support.y, strict=True)
        } <= labelled
        assert len(marks(support.x)) == len(support)
    assert full is train


def test_draws_differ_and_repeat(make_dataset):
    def drawn(**options):
        return [marks(support.x) for support in supports(watched(make_dataset(), **options)[0])][
            :-1
        ]

    first = drawn(shots=(3,), draws=4)
    assert len({frozenset(rows) for rows in first}) == 4
    assert first == drawn(shots=(3,), draws=4)
    assert first != drawn(shots=(3,), draws=4, seed=1)


def test_every_algorithm_meets_the_same_patients(make_dataset):
    plain, drawing = (supports(watched(make_dataset(), spy)[0]) for spy in (Spy, DrawingSpy))
    assert [s.x.tolist() for s in plain] == [s.x.tolist() for s in drawing]


def test_the_patients_do_not_depend_on_sources_shots_or_draws(make_dataset):
    dataset = make_dataset(
        transfers=(Transfer("to-c", ("a", "b"), ("c",)), Transfer("a-c", ("a",), ("c",)))
    )
    many = supports(watched(dataset, shots=(1, 2, 3), draws=3)[0])[3:5]
    few = supports(watched(dataset, scenario="a-c", shots=(2,), draws=2)[0])[:2]
    assert [s.x.tolist() for s in many] == [s.x.tolist() for s in few]


def test_with_the_most_shots_a_support_leaves_a_row_and_with_one_more_it_is_all():
    splits = [
        (CLASSES, Split(torch.zeros(9, 1), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1]))),
        (MASKS, Split(torch.zeros(9, 1, 2, 2), torch.zeros(9, 2, 2).long())),
        (VALUES, Split(torch.zeros(9, 1), torch.zeros(9))),
    ]
    for task, split in splits:
        most = most_shots(task, split)
        assert [len(draw_support(task, split, k, torch.Generator())) for k in (most, most + 1)] == [
            8,
            9,
        ]


def test_a_support_of_masks_or_values_has_k_rows():
    y = torch.zeros(9, 2, 2, dtype=torch.int64)
    assert len(draw_support(MASKS, Split(torch.zeros(9, 1, 2, 2), y), 4, torch.Generator())) == 4
    assert (
        len(draw_support(VALUES, Split(torch.zeros(9, 1), torch.zeros(9)), 20, torch.Generator()))
        == 9
    )


def test_a_support_does_not_tell_the_class_counts_of_an_unbalanced_target():
    split = Split(torch.arange(10.0)[:, None], torch.tensor([0] * 8 + [3] * 2))
    support = draw_support(CLASSES, split, 5, torch.Generator())
    assert support.y.bincount().tolist() == [5, 0, 0, 2]


def rows_of(support: Split) -> list[tuple[int, int]]:
    return sorted(zip(support.groups.tolist(), support.y.int().tolist(), strict=True))


# patients 7 and 2 are of both classes, 5 and 9 of one
PATIENTS = Split(
    torch.arange(9.0)[:, None],
    torch.tensor([0, 0, 1, 1, 0, 0, 1, 0, 1]),
    torch.tensor([7, 7, 7, 2, 2, 5, 9, 5, 9]),
)


def test_k_groups_of_each_class_come_with_all_that_they_have_of_it():
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        support = draw_support(CLASSES, PATIENTS, 1, draw, by_group=True)
        own = [set(support.groups[support.y == c].tolist()) for c in (0, 1)]
        assert [len(patients) for patients in own] == [1, 1]
        for c, patients in enumerate(own):
            whole = PATIENTS.groups[PATIENTS.y == c].tolist()
            assert (support.y == c).sum() == sum(whole.count(patient) for patient in patients)


def test_k_groups_of_values_come_whole():
    values = Split(PATIENTS.x, PATIENTS.y.float(), PATIENTS.groups)
    for k in range(1, 5):
        support = draw_support(VALUES, values, k, torch.Generator(), by_group=True)
        drawn = set(support.groups.tolist())
        assert len(drawn) == k
        assert len(support) == sum(g in drawn for g in values.groups.tolist())


def test_with_the_most_shots_of_groups_one_is_left_and_with_one_more_it_is_all():
    most = most_shots(CLASSES, PATIENTS, by_group=True)
    few, every = (
        draw_support(CLASSES, PATIENTS, k, torch.Generator(), by_group=True)
        for k in (most, most + 1)
    )
    assert (most, rows_of(every)) == (2, rows_of(PATIENTS))
    assert len(few) < len(PATIENTS)


def test_a_transfer_with_a_unit_counts_groups_and_says_so(make_dataset):
    plain = make_dataset()
    domains = tuple(paired(domain) for domain in plain.domains)
    counted = Transfer("to-c", ("a", "b"), ("c",), unit="patient")
    dataset = make_dataset(domains=domains, transfers=(counted,))
    diary, _ = watched(dataset, shots=(2,), draws=1)
    few = supports(diary)[0]
    assert [len(few.groups[few.y == c].unique()) for c in (0, 1)] == [2, 2]
    assert len(few) > 4
    asked = [scenario.settings for scenario in TRANSFER.scenarios(dataset, Amount((1, 2), 1))]
    assert [settings["unit"] for settings in asked] == ["patient"]
    of_rows = TRANSFER.scenarios(plain, Amount((1, 2), 1))
    assert all("unit" not in scenario.settings for scenario in of_rows)


def paired(domain: Domain) -> Domain:
    """Return a domain in which two rows of one class in a row are of one patient."""
    number, splits = 0, []
    for split in domain.splits().values():
        order = split.y.argsort(stable=True)
        groups = number + torch.arange(len(split)) // 2
        splits.append(Split(split.x[order], split.y[order], groups))
        number += len(split)
    return Domain(domain.name, *splits)


def test_what_has_no_groups_cannot_be_counted_by_them(make_dataset):
    with pytest.raises(DataError, match="counted by 'patient', but domain 'c' has no groups"):
        make_dataset(transfers=(Transfer("to-c", ("a", "b"), ("c",), unit="patient"),))
