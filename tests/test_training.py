"""The one loop: batches, scaling, and training that leaves the world as it was."""

from dataclasses import dataclass

import pytest
import torch
from tensordict import TensorDict

from medtl_bench.data import Split, Task
from medtl_bench.networks import Network
from medtl_bench.training import GATHERED_STEPS, Batch, GradientMethod, batches, optimise

TASK = Task("classification", ("no", "yes"))


def numbered(rows: int, first: int) -> Split:
    """Return rows whose inputs are their numbers, and whose labels are their parity."""
    x = torch.arange(first, first + rows).float()[:, None]
    return Split(x, (x[:, 0] % 2).long())


def drawn(sources, unlabelled=None, steps=10, size=4, most=4, seed=0) -> list[Batch]:
    return list(batches(sources, unlabelled, steps, size, most, torch.Generator().manual_seed(seed)))


SOURCES = [numbered(20, 0), numbered(6, 100), numbered(50, 200)]
TARGET = numbered(30, 1000).x


def test_a_batch_has_as_many_rows_of_every_source_and_as_many_of_the_target_as_of_all():
    for batch in drawn(SOURCES, TARGET):
        assert (batch.x.shape, batch.y.shape, batch.unlabelled.shape) == ((3, 4, 1), (3, 4), (12, 1))


def test_rows_are_of_their_source_with_their_labels():
    for batch in drawn(SOURCES, TARGET):
        assert torch.equal((batch.x[..., 0] // 100).long(), torch.tensor([[0] * 4, [1] * 4, [2] * 4]))
        assert torch.equal(batch.y, (batch.x[..., 0] % 2).long())
        assert (batch.unlabelled >= 1000).all()


def test_all_rows_are_drawn_in_time_those_of_the_target_too():
    steps = drawn(SOURCES, TARGET, steps=300)
    assert {float(v) for b in steps for v in b.x.flatten()} == {float(v) for s in SOURCES for v in s.x}
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


@pytest.mark.parametrize("steps", [1, 7, GATHERED_STEPS, GATHERED_STEPS + 1, 2 * GATHERED_STEPS + 3])
def test_progress_goes_from_nought_towards_one(steps):
    assert [batch.progress for batch in drawn(SOURCES, steps=steps)] == [step / steps for step in range(steps)]


def test_no_steps_are_no_batches():
    assert drawn(SOURCES, TARGET, steps=0) == []


def test_the_same_generator_draws_the_same_batches():
    first, again, other = (drawn(SOURCES, TARGET, seed=seed, most=2) for seed in (0, 0, 1))
    assert all(torch.equal(a.x, b.x) and torch.equal(a.unlabelled, b.unlabelled) for a, b in zip(first, again, strict=True))
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


@dataclass
class Plain(GradientMethod):
    """Minimises the task's loss."""

    steps: int = 60
    width: int = 32

    def objective(self, net: Network, batch: Batch) -> torch.Tensor:
        return self.supervised(net, batch)


def method(cls=Plain, seed=0, task=TASK, **parameters) -> GradientMethod:
    return cls(task, torch.Generator().manual_seed(seed), **parameters)


def moons(rows: int, seed: int, offset: float = 0.0) -> Split:
    y = torch.arange(rows) % 2
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed)) + 2 * y[:, None] + offset
    return Split(x, y)


def test_training_reduces_the_loss_and_adapting_reduces_it_on_the_support():
    sources, support = [moons(40, 0), moons(40, 1)], moons(20, 2, offset=3)
    learner = method()
    learner.build(sources)
    before = TASK.loss(learner.predict(sources[0].x), sources[0].y)
    learner.fit(sources, support.x)
    assert TASK.loss(learner.predict(sources[0].x), sources[0].y) < before / 2
    before = TASK.loss(learner.predict(support.x), support.y)
    learner.adapt(support)
    assert TASK.loss(learner.predict(support.x), support.y) < before


def test_the_scaling_is_that_of_the_sources_and_stays():
    sources, support = [moons(40, 0), moons(40, 1, offset=2)], moons(20, 2, offset=500)
    learner = method()
    learner.fit(sources, support.x)
    scaling = learner.net.module["features"][0]
    assert torch.allclose(scaling.mean, torch.cat([s.x for s in sources]).mean(0, keepdim=True))
    before = scaling.mean.clone()
    learner.adapt(support)
    learner.predict(support.x)
    assert torch.equal(learner.net.module["features"][0].mean, before)


def test_training_leaves_the_global_generator_alone_and_does_not_listen_to_it():
    sources, answers = [moons(40, 0)], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        learner = method()
        learner.fit(sources, sources[0].x)
        learner.adapt(sources[0])
        answers.append(learner.predict(sources[0].x))
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(*answers)


def test_another_seed_gives_other_weights():
    sources = [moons(40, 0)]
    learners = [method(seed=seed) for seed in (0, 1)]
    for learner in learners:
        learner.build(sources)
    assert not torch.equal(*(learner.predict(sources[0].x) for learner in learners))


def test_predictions_need_no_gradient_and_do_not_depend_on_the_size_of_a_chunk(monkeypatch):
    rows = moons(40, 0)
    learner = method(steps=2)
    learner.fit([rows], rows.x)
    whole, features = learner.predict(rows.x), learner.embed(rows.x)
    assert not whole.requires_grad
    assert features.shape == (40, 32)
    monkeypatch.setattr("medtl_bench.training.PREDICT_ROWS", 7)
    assert torch.allclose(learner.predict(rows.x), whole, atol=1e-6)


@pytest.mark.parametrize("loss", [torch.nan, torch.inf])
def test_a_loss_that_is_not_finite_raises(loss):
    class Diverging(Plain):
        def objective(self, net, batch):
            return super().objective(net, batch) * (loss if batch.progress > 0.5 else 1)

    with pytest.raises(FloatingPointError, match="Training diverged"):
        method(Diverging).fit([moons(40, 0)], moons(5, 1).x)


def test_training_that_diverged_in_its_last_step_is_told_too():
    class Exploding(Plain):
        def objective(self, net, batch):
            return super().objective(net, batch) * (torch.nan if batch.progress == 0.9 else 1)

    with pytest.raises(FloatingPointError, match="Training diverged"):
        method(Exploding, steps=10).fit([moons(40, 0)], moons(5, 1).x)


def test_further_parts_are_trained_too():
    class WithPart(Plain):
        def parts(self):
            return {"critic": torch.nn.Linear(self.width, 1)}

        def objective(self, net, batch):
            return net.critic(net.features(batch.pooled()[0])).square().mean()

    learner = method(WithPart, steps=200, learning_rate=1e-2)
    learner.fit([moons(40, 0)], moons(5, 1).x)
    with torch.no_grad():
        z = learner.net.features(moons(40, 0).x)
        assert learner.net.critic(z).abs().max() < 0.1


def test_values_are_learned_with_squared_errors():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    split = Split(x, x[:, 0] - 2 * x[:, 1])
    learner = method(task=Task("regression"), steps=300)
    learner.fit([split], x)
    assert (learner.predict(x) - split.y).square().mean() < 0.1


def test_no_steps_change_nothing():
    rows = moons(40, 0)
    learner = method()
    learner.build([rows])
    before = learner.predict(rows.x)
    optimise(learner.net, learner.objective, iter(()), 0.1)
    assert torch.equal(learner.predict(rows.x), before)
