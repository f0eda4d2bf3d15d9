"""Trainings that end where the validation loss of their sources stops falling."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN
from medtl_maml.maml import MAML

from medtl_bench import cooperative
from medtl_bench.contract.split import Split, concatenate
from medtl_bench.training import watch
from medtl_bench.training.watch import MOST_ROWS, Watch, pool
from tests.stacks import TASK, compared, counted, fitted, rows, weights


@pytest.fixture
def looks(monkeypatch):
    """Look every second step; return the steps at which each watch looked, by watch."""
    monkeypatch.setattr(watch, "EVERY", 2)
    taken, own = {}, Watch.look

    def look(self, net, tensors):
        if not self.over:
            taken.setdefault(id(self), [self]).append(float(self.loss(net).detach()))
        own(self, net, tensors)

    monkeypatch.setattr(Watch, "look", look)
    return taken


def hard(seed: int) -> Split:
    """Return a source whose labels mean nothing, so that to learn them makes validation worse."""
    source = torch.Generator().manual_seed(seed)
    held = replace(rows(seed + 50), y=torch.randint(2, (24,), generator=source))
    return replace(rows(seed), y=torch.randint(2, (24,), generator=source), validation=held)


def easy(seed: int) -> Split:
    return replace(rows(seed), validation=rows(seed + 50))


def test_a_training_ends_early_with_its_best_weights(looks):
    options = {"steps": 200, "learning_rate": 0.02, "sources": [hard(0), hard(1)]}
    learner = fitted(without_adapt(FineTune), 0, patience=3, **options)
    ((seen, *losses),) = looks.values()
    assert len(losses) < 100
    assert seen.waited == 3
    held = pool(options["sources"])
    assert float(learner.validation_loss(learner.net, held).detach()) == pytest.approx(min(losses))
    assert fitted(without_adapt(FineTune), 0, patience=0, **options)
    assert len(looks) == 1


def without_adapt(method):
    @dataclass
    class FitOnly(method):
        def adapt(self, support):
            pass

    return FitOnly


@pytest.mark.parametrize("method", [FineTune, DANN, MAML])
@pytest.mark.parametrize("options", [{}, {"average": 0.8}, {"sampling": "balanced"}], ids=repr)
def test_learners_of_a_stack_end_where_they_end_alone(method, options, looks, double):
    sources = [hard(0), hard(1)]
    options = {"steps": 80, "learning_rate": 0.02, "patience": 2, "sources": sources, **options}
    stacker, sizes = compared(without_adapt(method), **options)
    assert stacker.alone == {}
    assert sizes == [3]
    stack, alone = list(looks.values())[:3], list(looks.values())[3:]
    assert [len(seen) for seen in stack] == [len(seen) for seen in alone]
    for ours, theirs in zip(stack, alone, strict=True):
        assert ours[1:] == pytest.approx(theirs[1:], rel=1e-6)


def test_learners_of_a_stack_end_each_at_a_step_of_its_own_and_draw_as_if_alone(looks, double):
    make = partial(fitted, Drawing, steps=80, learning_rate=0.02, patience=2)
    sources = {0: [hard(0), hard(1)], 1: [easy(2), easy(3)]}
    _, _, serve = counted()
    strands = cooperative.run(
        [partial(make, seed, sources=own) for seed, own in sources.items()], serve, 64
    )
    together = [strand.result() for strand in strands]
    assert len({len(seen) for seen in looks.values()}) == 2
    for seed, ours in enumerate(together):
        alone = make(seed, sources=sources[seed])
        torch.testing.assert_close(weights(ours), weights(alone), rtol=1e-4, atol=1e-5)
        assert torch.equal(ours.generator.get_state(), alone.generator.get_state())
        torch.testing.assert_close(ours.seen, alone.seen)


@dataclass
class Drawing(FineTune):
    """Draws noise in each step from its own generator, and counts steps in its state."""

    seen: torch.Tensor = field(init=False)
    state: ClassVar[tuple[str, ...]] = ("seen",)

    def fit(self, sources, unlabelled):
        self.seen = torch.zeros(())
        super().fit(sources, unlabelled)

    def augment(self, batch):
        noise = torch.randn(batch.x.shape, generator=self.generator, dtype=batch.x.dtype)
        return replace(batch, x=batch.x + 0.01 * noise)

    def objective(self, net, batch):
        self.seen.add_(1)
        return self.supervised(net, batch)


def test_the_ceiling_is_looked_at_too_and_the_best_of_all_is_kept(looks):
    learner = fitted(without_adapt(FineTune), 0, steps=11, patience=9, sources=[easy(0), easy(1)])
    ((_, *losses),) = looks.values()
    assert len(losses) == 6
    held = pool([easy(0), easy(1)])
    assert float(learner.validation_loss(learner.net, held).detach()) == pytest.approx(min(losses))


def test_there_is_nothing_to_watch_without_patience_or_where_a_source_has_no_validation(looks):
    fitted(FineTune, 0, sources=[easy(0), easy(1)], patience=0)
    fitted(FineTune, 0, sources=[easy(0), rows(1)], patience=1)
    assert not looks


def test_validation_that_is_never_finite_is_divergence():
    held = replace(rows(50), x=torch.full((24, 5), torch.nan))
    with pytest.raises(FloatingPointError, match="Training diverged"):
        fitted(FineTune, 0, sources=[replace(rows(0), validation=held)], patience=1)


def test_validation_is_pooled_and_of_many_rows_some_are_taken_evenly():
    few, many = rows(0, 4), rows(1, 5 * MOST_ROWS)
    pairs = ((rows(2), few), (rows(3), many))
    first, second = pool([replace(source, validation=held) for source, held in pairs])
    assert len(first) + len(second) == MOST_ROWS
    assert torch.equal(second.x[-1], many.x[-1])
    both = pool([replace(rows(2), validation=few)] * 2)
    assert torch.equal(concatenate(both).x, torch.cat([few.x, few.x]))
    assert pool([replace(rows(2), validation=few), rows(3)]) is None


def test_where_batches_are_balanced_so_is_the_loss_that_ends_a_training():
    split = rows(0, 30)
    rare = split[torch.cat([torch.arange(0, 30, 2), torch.tensor([1])])]
    losses = {}
    for sampling in ("natural", "balanced"):
        learner = fitted(FineTune, 0, sampling=sampling)
        learner.net.module.eval()
        losses[sampling] = float(learner.validation_loss(learner.net, [rare]))
    outputs = learner.net(rare.x)
    each = [TASK.loss(outputs[rare.y == c], rare.y[rare.y == c]) for c in (0, 1)]
    assert losses["balanced"] == pytest.approx(float(sum(each)) / 2)
