"""Training: the one loop, scaling, and training that leaves the world as it was."""

from dataclasses import dataclass

import pytest
import torch
from medtl_maml.maml import MAML

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Options
from medtl_bench.training.loop import optimise
from medtl_bench.training.method import GradientMethod

TASK = Task("classification", ("no", "yes"))


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
    x = (
        torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
        + 2 * y[:, None]
        + offset
    )
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
    monkeypatch.setattr("medtl_bench.training.method.PREDICT_ROWS", 7)
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
    optimise(learner.net, learner.objective, iter(()), Options(0.1))
    assert torch.equal(learner.predict(rows.x), before)


@pytest.mark.parametrize("cls", [Plain, MAML])
def test_frozen_parts_stay_and_the_others_are_trained(cls):
    learner = method(cls, frozen="features", steps=5, adapt_steps=2)
    learner.build([moons(40, 0)])
    before = {name: value.clone() for name, value in learner.net.parameters.items()}
    learner.train(learner.objective, [moons(40, 0)], None, 5)
    learner.adapt(moons(10, 1))
    after = learner.net.parameters
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert same == {name for name in before if name.startswith("features")}


def test_the_average_of_the_weights_predicts():
    plain, averaged = method(steps=20), method(steps=20, average=0.9)
    for learner in (plain, averaged):
        learner.fit([moons(40, 0)], moons(40, 0).x)
    ours, theirs = averaged.net.parameters, plain.net.parameters
    assert not torch.allclose(ours["head.weight"], theirs["head.weight"])


@pytest.mark.parametrize(
    ("task", "balanced"),
    [
        (Task("classification", ("no", "yes"), ("balanced_accuracy",)), True),
        (Task("classification", ("no", "yes"), ("bedroc20",)), True),
        (Task("classification", ("no", "yes"), ("roc_auc",)), False),
        (Task("segmentation", ("no", "yes")), False),
        (Task("regression"), False),
    ],
)
def test_sampling_fits_the_primary_metric_where_it_is_left_open(task, balanced):
    assert method(task=task).balanced == balanced
    assert not method(task=task, sampling="natural").balanced
    assert method(task=task, sampling="balanced").balanced == (task.kind == "classification")
