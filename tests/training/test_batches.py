"""Minibatches: which rows of which sources, in which order."""

import pytest
import torch
from tensordict import TensorDict

from medtl_bench.contract.split import Split
from medtl_bench.training.batches import Batch, batches, blocks


def numbered(rows: int, first: int) -> Split:
    """Return rows whose inputs are their numbers, and whose labels are their parity."""
    x = torch.arange(first, first + rows).float()[:, None]
    return Split(x, (x[:, 0] % 2).long())


def drawn(sources, unlabelled=None, steps=10, size=4, most=4, seed=0) -> list[Batch]:
    return list(
        batches(sources, unlabelled, steps, size, most, torch.Generator().manual_seed(seed))
    )


SOURCES = [numbered(20, 0), numbered(6, 100), numbered(50, 200)]
TARGET = numbered(30, 1000).x


def test_a_batch_has_as_many_rows_of_every_source_and_as_many_of_the_target_as_of_all():
    for batch in drawn(SOURCES, TARGET):
        assert (batch.x.shape, batch.y.shape, batch.unlabelled.shape) == (
            (3, 4, 1),
            (3, 4),
            (12, 1),
        )


def test_rows_are_of_their_source_with_their_labels():
    for batch in drawn(SOURCES, TARGET):
        assert torch.equal(
            (batch.x[..., 0] // 100).long(), torch.tensor([[0] * 4, [1] * 4, [2] * 4])
        )
        assert torch.equal(batch.y, (batch.x[..., 0] % 2).long())
        assert (batch.unlabelled >= 1000).all()


def test_all_rows_are_drawn_in_time_those_of_the_target_too():
    steps = drawn(SOURCES, TARGET, steps=300)
    assert {float(v) for b in steps for v in b.x.flatten()} == {
        float(v) for s in SOURCES for v in s.x
    }
    assert {float(v) for b in steps for v in b.unlabelled} == {float(v) for v in TARGET}


def test_of_many_sources_a_step_draws_some_and_every_one_gets_its_turn():
    steps = drawn(SOURCES, TARGET, steps=60, most=2)
    seen = [tuple((batch.x[:, 0, 0] // 100).long().tolist()) for batch in steps]
    assert all(len(set(sources)) == 2 for sources in seen)
    assert {source for sources in seen for source in sources} == {0, 1, 2}
    assert all(batch.unlabelled.shape == (8, 1) for batch in steps)


def test_small_sources_shrink_the_batch_and_the_largest_is_then_taken_whole():
    steps = drawn([numbered(3, 0), numbered(5, 100)], size=32)
    assert all(batch.x.shape == (2, 5, 1) for batch in steps)
    assert all(batch.x[1, :, 0].tolist() == [100, 101, 102, 103, 104] for batch in steps)
    assert all(batch.unlabelled is None for batch in steps)


def test_a_source_of_just_the_size_of_a_batch_is_shuffled_for_each_step():
    steps = drawn([numbered(8, 0), numbered(20, 100)], size=8, steps=40)
    orders = [tuple(batch.x[0, :, 0].tolist()) for batch in steps]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len(set(orders)) > 35
    # rows in the order of a file, one class after the other, as methods cut them into halves
    first_halves = torch.stack([batch.x[0, :4, 0] < 4 for batch in steps])
    assert first_halves.double().mean() == pytest.approx(0.5, abs=0.1)
    assert all(torch.equal(batch.y, (batch.x[..., 0] % 2).long()) for batch in steps)


@pytest.mark.parametrize("steps", [1, 6, 7, 17])
def test_progress_goes_from_nought_towards_one(steps, monkeypatch):
    monkeypatch.setattr(
        "medtl_bench.training.batches.GATHERED_BYTES", 6 * 3 * 4 * 4
    )  # six steps of three sources' four rows of a float
    assert [batch.progress for batch in drawn(SOURCES, steps=steps)] == [
        step / steps for step in range(steps)
    ]


def test_how_many_steps_are_gathered_at_once_changes_no_batch(monkeypatch):
    whole = drawn(SOURCES, TARGET, most=2)
    for most, sizes in [(1, [1] * 10), (4 * 2 * 4 * 4, [4, 4, 2]), (2**20, [10])]:
        monkeypatch.setattr("medtl_bench.training.batches.GATHERED_BYTES", most)
        gathered = blocks(SOURCES, TARGET, 10, 4, 2, torch.Generator().manual_seed(0))
        assert [len(block.y) for block in gathered] == sizes
        for a, b in zip(whole, drawn(SOURCES, TARGET, most=2), strict=True):
            assert all(
                torch.equal(getattr(a, name), getattr(b, name)) for name in ("x", "y", "unlabelled")
            )


def test_no_steps_are_no_batches():
    assert drawn(SOURCES, TARGET, steps=0) == []


def test_the_same_generator_draws_the_same_batches():
    first, again, other = (drawn(SOURCES, TARGET, seed=seed, most=2) for seed in (0, 0, 1))
    assert all(
        torch.equal(a.x, b.x) and torch.equal(a.unlabelled, b.unlabelled)
        for a, b in zip(first, again, strict=True)
    )
    assert not all(torch.equal(a.x, b.x) for a, b in zip(first, other, strict=True))


def test_pooled_rows_are_those_of_all_sources_in_order():
    batch = drawn(SOURCES)[0]
    x, y = batch.pooled()
    assert (x.shape, y.shape) == ((12, 1), (12,))
    assert torch.equal(x[4:8], batch.x[1])


def test_inputs_of_several_parts_are_batched_together():
    def two(split: Split) -> Split:
        parts = {"a": split.x, "b": split.x[:, :, None, None].expand(-1, 2, 3, 3)}
        return Split(TensorDict(parts, batch_size=[len(split)]), split.y)

    for batch in drawn([two(s) for s in SOURCES], two(numbered(30, 1000)).x):
        assert batch.x["b"].shape == (3, 4, 2, 3, 3)
        assert torch.equal(batch.x["a"][..., 0], batch.x["b"][..., 0, 0, 0])
        pooled, _ = batch.pooled()
        assert pooled["b"].shape == (12, 2, 3, 3)
        assert batch.unlabelled["a"].shape == (12, 1)


def skewed(few: int, many: int, classes: int = 2) -> Split:
    y = torch.cat([torch.zeros(many, dtype=torch.int64), 1 + torch.arange(few) % (classes - 1)])
    return Split(torch.arange(few + many).float()[:, None], y)


def balanced(sources, steps, size, seed=0):
    source = torch.Generator().manual_seed(seed)
    return list(batches(sources, None, steps, size, 4, source, balanced=True))


def test_a_balanced_batch_holds_as_many_rows_of_each_class_and_so_does_its_half():
    for batch in balanced([skewed(3, 97), skewed(40, 60)], 5, 16):
        assert batch.y.sum(1).tolist() == [8, 8]
        assert batch.y[:, :8].sum(1).tolist() == [4, 4]


def test_rows_of_a_balanced_batch_are_drawn_evenly_within_their_class_and_keep_their_labels():
    split = skewed(6, 94, classes=3)
    drawn = balanced([split], 600, 32)
    x = torch.stack([batch.x.flatten() for batch in drawn]).long()
    y = torch.stack([batch.y.flatten() for batch in drawn])
    assert torch.equal(split.y[x], y)
    share = y.flatten().bincount() / y.numel()
    assert torch.allclose(share, torch.full((3,), 1 / 3), atol=0.01)
    counts = x.flatten().bincount(minlength=100)
    assert counts.min() > 0
    assert counts[94:].min() / counts[94:].max() > 0.85


def test_balanced_rows_follow_from_the_generator_alone():
    one, same, other = (balanced([skewed(3, 97)], 4, 8, seed)[3].x for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_source_of_one_class_and_a_balanced_support_are_drawn_as_they_are():
    support, one = skewed(5, 5), Split(torch.arange(9.0)[:, None], torch.zeros(9).long())
    assert all(torch.equal(batch.x[0], support.x) for batch in balanced([support], 3, 32))
    assert all(torch.equal(batch.x[0], one.x) for batch in balanced([one], 3, 32))


def test_the_last_of_many_sources_is_in_every_batch_where_that_is_asked_for():
    sources = [Split(torch.full((9, 1), float(n)), torch.zeros(9).long()) for n in range(8)]
    for with_last in (True, False):
        source = torch.Generator().manual_seed(0)
        drawn = blocks(sources, None, 40, 4, 3, source, with_last=with_last)
        which = torch.cat([block.x[:, :, 0, 0] for block in drawn])
        assert (which == 7).any(1).all() == with_last
        assert {len(set(step)) for step in which.tolist()} == {3}
        assert set(which.flatten().tolist()) == set(range(8))
