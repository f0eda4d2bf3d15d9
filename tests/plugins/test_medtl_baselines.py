"""Bounds and baselines do what their names say; every method beats chance on real patients."""

from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.bounds import Chance, Joint, SourceOnly, TargetOnly
from medtl_baselines.centroid import NearestCentroid
from medtl_baselines.sklearn import LogisticRegression, RandomForest
from medtl_heart.dataset import build
from sklearn.neighbors import NearestCentroid as Reference

from medtl_bench import cooperative
from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import refusal
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split
from medtl_bench.protocols.examiner import Clock, MakeLearner
from medtl_bench.protocols.transfer import transfer
from medtl_bench.randomness import generator
from medtl_bench.training.method import Training
from tests.simulated import CLASSES, VALUES, moons
from tests.together import stacked

FOUND = discovery.find()
OF_THE_TARGET_ALONE = "single-"  # what these learn from is not there yet
METHODS = [
    name
    for name, r in FOUND.algorithms.items()
    if r.entry.family != "bound"
    and not name.startswith(OF_THE_TARGET_ALONE)
    and not refusal(FOUND.algorithm(name), CLASSES, torch.zeros(1, 2))
]
SEEDS = 5


@pytest.fixture(scope="module")
def heart() -> Dataset:
    return build()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_beats_chance_on_one_hospital_from_the_others(
    name: str, heart: Dataset
) -> None:
    cls = discovery.find().algorithm(name)
    scores = stacked(partial(_accuracy, heart, "others-to-hungary", cls), SEEDS)
    assert np.mean(scores) > 0.6, scores


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_method_beats_chance_over_all_hospitals(name: str, heart: Dataset) -> None:
    cls = discovery.find().algorithm(name)
    transfers = [t.name for t in heart.transfers if not t.optional]
    scores = np.mean(
        [stacked(partial(_accuracy, heart, name, cls), SEEDS) for name in transfers], 0
    )
    assert np.mean(scores) > 0.57, scores
    assert min(scores) > 0.53, scores


def _accuracy(dataset: Dataset, name: str, make: MakeLearner, seed: int) -> float:
    scenario = dataset.transfer(name)
    scores = transfer(dataset, scenario, make, seed=seed, shots=(), draws=0, clock=Clock())
    return next(s.value for s in scores if s.stage == "fit" and s.domain == scenario.targets[0])


def _pair() -> tuple[Split, Split]:
    draw = generator("baselines")
    return moons(draw, 200, 0), moons(draw, 200, 60)


def _loss(learner: object, split: Split) -> float:
    return float(CLASSES.loss(learner.predict(split.x), split.y))


def test_chance_answers_at_random_and_repeats_with_its_seed() -> None:
    source, target = _pair()
    answers = []
    for _ in range(2):
        learner = Chance(CLASSES, generator("chance"))
        learner.fit([source], target.x)
        answers.append(learner.predict(target.x))
    assert torch.equal(*answers)
    assert abs(float((answers[0].argmax(1) == target.y).float().mean()) - 0.5) < 0.12


def test_source_only_does_not_move_when_it_adapts() -> None:
    source, target = _pair()
    learner = SourceOnly(CLASSES, generator("source"))
    learner.fit([source], target.x)
    before = learner.predict(target.x)
    learner.adapt(target)
    assert torch.equal(before, learner.predict(target.x))


def test_target_only_knows_nothing_of_the_sources_and_joint_keeps_them() -> None:
    source, target = _pair()
    losses = {}
    for cls in (TargetOnly, Joint):
        learner = cls(CLASSES, generator("bound"))
        learner.fit([source], target.x)
        learner.adapt(target)
        losses[cls] = _loss(learner, source), _loss(learner, target)
    assert losses[TargetOnly][0] > 3 * losses[TargetOnly][1]
    assert losses[Joint][0] < 0.7 * losses[TargetOnly][0]


def _trained(cls: type, monkeypatch: pytest.MonkeyPatch, **options: object) -> list[Training]:
    """Return what a bound trains on eight domains and on a support."""
    asked: list[Training] = []
    monkeypatch.setattr(cooperative, "ask", asked.append)
    learner = cls(CLASSES, generator("budget"), steps=9, adapt_steps=3, **options)
    sources = [moons(generator("budget", n), 20, 0) for n in range(8)]
    learner.fit(sources, sources[0].x)
    learner.adapt(moons(generator("budget support"), 20, 60))
    return asked


def test_target_only_and_joint_take_the_steps_of_adapt_on_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cls, before in ((TargetOnly, 9), (Joint, 3)):
        own = _trained(cls, monkeypatch, one_budget=False)[-1]
        assert (own.steps, own.with_last) == (before, False)
        assert _trained(cls, monkeypatch)[-1].steps == 3


def test_joint_sees_the_target_in_every_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = _trained(Joint, monkeypatch)[-1]
    for batch in training.batches():
        rows = batch.x.flatten(0, 1)
        assert len(batch.x) == 4
        assert (rows[:, None] == training.sources[-1].x).all(2).any()


def test_nearest_centroid_agrees_with_scikit_learn_and_takes_over_new_means() -> None:
    source, target = _pair()
    learner = NearestCentroid(CLASSES, generator("centroid"))
    learner.fit([source], target.x)
    z = learner.embed(source.x).numpy()
    wanted = Reference().fit(z, source.y.numpy()).predict(learner.embed(target.x).numpy())
    assert (learner.predict(target.x).argmax(1).numpy() == wanted).all()
    learner.adapt(target)
    moved = torch.stack([learner.embed(target.x)[target.y == c].mean(0) for c in (0, 1)])
    assert torch.allclose(learner.means, moved, atol=1e-5)


@pytest.mark.parametrize("cls", [LogisticRegression, RandomForest])
def test_scikit_learn_adapter_gives_log_probabilities_and_learns_from_a_support(cls: type) -> None:
    source, target = _pair()
    learner = cls(CLASSES, generator("sklearn"))
    learner.fit([source], target.x)
    assert torch.allclose(
        learner.predict(target.x).exp().sum(1), torch.ones(len(target)), atol=1e-4
    )
    before = _loss(learner, target)
    learner.adapt(target)
    assert _loss(learner, target) < 0.8 * before


def test_random_forest_predicts_values() -> None:
    x = torch.rand(300, 1, generator=generator("forest"))
    learner = RandomForest(VALUES, generator("forest"))
    learner.fit([Split(x, 3 * x[:, 0])], x)
    assert float((learner.predict(x) - 3 * x[:, 0]).abs().mean()) < 0.05
