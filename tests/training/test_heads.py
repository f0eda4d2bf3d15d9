"""A head a domain: conflicting questions are learned on shared features."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from medtl_augment.augmix import AugMix
from medtl_augment.mixing import CutMix, Mixup
from medtl_baselines.bounds import Joint, TargetOnly
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from tensordict import TensorDict

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import copied
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator
from medtl_bench.training.batches import blocks
from tests.stacks import counted, weights

OWN = Task("classification", ("no", "yes"), labels="own")
NAMES = "abcdef"
CLOSE = {"rtol": 1e-6, "atol": 1e-8}


def directions() -> torch.Tensor:
    """Return for each of six domains where yes lies [6, 5]: the first two ask for opposites."""
    ways = torch.randn(6, 5, generator=generator("ways"))
    ways[1] = -ways[0]
    return ways


def asked_by(name: str, rows: int = 80, seed: int = 0) -> Split:
    x = torch.randn(rows, 5, generator=generator("rows", name, seed))
    way = directions()[NAMES.index(name)]
    return Split(x, (x @ way > 0).long(), domain=name)


def learner_of(method, seed: int = 0, task: Task = OWN, **options):
    options = {"steps": 12, "adapt_steps": 4, "width": 16, **options}
    return method(task, generator("learner", seed), **options)


def fitted(method, seed: int = 0, sources=None, **options):
    learner = learner_of(method, seed, **options)
    sources = sources or [asked_by(name, 20 + seed) for name in "abcde"]
    learner.fit(sources, sources[0].x)
    return learner


def share_right(learner, split: Split) -> float:
    answers = learner.predict_for(split.domain, split.x).argmax(1)
    return float((answers == split.y).float().mean())


@pytest.mark.parametrize("seed", range(5))
def test_conflicting_questions_are_learned_by_a_head_each_and_not_by_one(seed):
    sources = [asked_by(name) for name in "abcde"]
    right = {}
    for heads in ("own", "one"):
        many = {"steps": 150, "learning_rate": 1e-2, "sources_per_step": 5, "heads": heads}
        learner = fitted(FineTune, seed, sources, **many)
        each = [share_right(learner, asked_by(name, seed=1)) for name in "abcde"]
        right[heads] = sum(each) / len(each)
    assert right["own"] > 0.85
    assert right["own"] > right["one"] + 0.15


def test_what_labels_mean_says_which_heads_there_are_unless_a_user_does():
    shared = replace(OWN, labels="shared")
    assert learner_of(FineTune).own_heads
    assert not learner_of(FineTune, task=shared).own_heads
    assert not learner_of(FineTune, task=replace(OWN, labels="new classes")).own_heads
    assert not learner_of(FineTune, heads="one").own_heads
    assert learner_of(FineTune, task=shared, heads="own").own_heads
    assert not learner_of(MAML).own_heads


def heads_of(learner) -> dict:
    return learner.domain_heads.by_domain


def test_adapt_begins_a_new_head_and_leaves_the_others_as_they_are():
    learner = fitted(FineTune)
    assert set(heads_of(learner)) == set("abcde")
    before = {name: dict(head) for name, head in heads_of(learner).items()}
    features = weights(learner)
    learner.adapt(asked_by("f", 8))
    assert set(heads_of(learner)) == set(NAMES)
    for name, head in before.items():
        for part, value in head.items():
            assert torch.equal(heads_of(learner)[name][part], value)
    assert not torch.equal(weights(learner), features)


def test_with_frozen_features_nothing_is_forgotten():
    learner = fitted(FineTune, frozen="features")
    before = learner.predict_for("a", asked_by("a").x)
    learner.adapt(asked_by("f", 8))
    assert torch.equal(learner.predict_for("a", asked_by("a").x), before)


def test_a_domain_that_comes_again_goes_on_with_its_head():
    learner = fitted(FineTune, sources=[asked_by("a")])
    learner.adapt(asked_by("b"))
    learner.adapt(asked_by("a"))
    assert list(heads_of(learner)) == ["a", "b"]
    x = asked_by("a").x
    assert torch.equal(learner.predict(x), learner.predict_for("a", x))


def test_untold_the_latest_head_answers_and_before_any_adaptation_the_mean_of_all():
    learner, x = fitted(FineTune), asked_by("f").x
    mean = torch.stack([learner.predict_for(name, x) for name in "abcde"]).mean(0)
    torch.testing.assert_close(learner.predict(x), mean)
    assert torch.equal(learner.predict_for("f", x), learner.predict(x))
    learner.adapt(asked_by("f", 8))
    assert torch.equal(learner.predict_for("f", x), learner.predict(x))
    assert not torch.equal(learner.predict_for("a", x), learner.predict(x))
    assert torch.equal(learner.predict_for("nobody", x), learner.predict(x))


def test_copies_share_no_head_that_one_of_them_trains():
    learner = fitted(FineTune)
    twin = copied(learner, generator("twin"))
    twin.adapt(asked_by("f", 8))
    twin.adapt(asked_by("a", 8))
    assert "f" not in heads_of(learner)
    assert not torch.equal(heads_of(learner)["a"]["weight"], heads_of(twin)["a"]["weight"])


def test_joint_trains_the_heads_of_all_it_has_seen_and_answers_by_the_latest():
    learner, x = fitted(Joint), asked_by("f").x
    before = dict(heads_of(learner))
    learner.adapt(asked_by("f", 20))
    assert all(not torch.equal(heads_of(learner)[n]["weight"], before[n]["weight"]) for n in before)
    assert torch.equal(learner.predict(x), learner.predict_for("f", x))


def test_target_only_has_no_head_but_the_latest_targets():
    learner, x = fitted(TargetOnly), asked_by("f").x
    assert learner.predict_for("a", x).shape == (80, 2)
    for name in "fe":
        learner.adapt(asked_by(name, 20))
        assert list(heads_of(learner)) == [name]
        assert torch.equal(learner.predict_for("a", x), learner.predict(x))


def test_each_row_passes_the_head_of_its_own_source_in_a_step():
    learner = learner_of(FineTune, batch_size=3, sources_per_step=2)
    sources = [asked_by(name, 10) for name in "abab"]
    learner.build(sources)
    names = [source.domain for source in sources]
    drawn = [*blocks(sources, None, 20, 3, 2, generator("draw"))]
    with learner.domain_heads.in_training(learner.net, sources, generator("heads")):
        first = learner.domain_heads.by_domain
        for batch in (one for block in drawn for one in block.batches(20)):
            x, _ = batch.pooled()
            outputs = learner.net.of_blocks(batch.domains, 3)(x).view(2, 3, 2)
            for number, own, x in zip(batch.domains, outputs, batch.x, strict=True):
                alone = first[names[number]]
                z = learner.net.features(x)
                torch.testing.assert_close(own, z @ alone["weight"].T + alone["bias"])


def test_validation_rows_of_a_source_pass_its_own_head():
    learner = fitted(FineTune, sampling="natural")
    rows = [asked_by(name, 9, seed=1) for name in "edcba"]
    outputs = torch.cat([learner.predict_for(split.domain, split.x) for split in rows])
    expected = OWN.loss(outputs, torch.cat([split.y for split in rows]))
    learner.net.module.eval()
    with learner.domain_heads.in_training(learner.net, rows, generator("none")), torch.no_grad():
        loss = learner.validation_loss(learner.net, rows)
    torch.testing.assert_close(loss, expected)


VALIDATED = [
    replace(asked_by(name, 20), validation=asked_by(name, 5 + 3 * NAMES.index(name), seed=1))
    for name in "abcde"
]
IMAGES = [
    Split(asked_by(name, 20, seed=2).x.repeat(1, 8)[:, :36].view(20, 1, 6, 6) * 1.0,
          asked_by(name, 20, seed=2).y, domain=name)
    for name in "abc"
]  # fmt: skip
MASKS = [replace(split, y=(split.x[:, 0] > 0).long()) for split in IMAGES]
VALUES = [replace(split, y=split.x[:, 0] * (1 + number)) for number, split in enumerate(VALIDATED)]
PAIRS = [
    replace(split, x=TensorDict({"one": split.x, "two": split.x[:, :2] * 1.0}, [len(split)]))
    for split in [asked_by(name, 20) for name in "abc"]
]
SEGMENTATION = Task("segmentation", ("no", "yes"), labels="own")
REGRESSION = Task("regression", labels="own")


def doubled(split: Split) -> Split:
    one = isinstance(split.x, torch.Tensor)
    x = split.x.double() if one else split.x.apply(torch.Tensor.double)
    y = split.y.double() if split.y.is_floating_point() else split.y
    held = split.validation and doubled(split.validation)
    return replace(split, x=x, y=y, validation=held)


def beside_and_alone(method, kind, sources, rates=(1e-3,) * 3, **options):
    """Train three learners beside each other and alone, and assert that they agree."""
    sources = [doubled(source) for source in sources]

    def trained(seed: int):
        rate = {"learning_rate": rates[seed]}
        learner = fitted(method, seed, sources, task=kind, **options, **rate)
        learner.adapt(replace(sources[0], domain="f", validation=None))
        return learner

    stacker, sizes, serve = counted()
    tasks = cooperative.run([partial(trained, seed) for seed in range(3)], serve, 64)
    for seed, task in enumerate(tasks):
        alone, beside = trained(seed), task.result()
        torch.testing.assert_close(weights(beside), weights(alone), **CLOSE)
        for name in [source.domain for source in sources]:
            answers = [one.predict_for(name, sources[0].x) for one in (beside, alone)]
            torch.testing.assert_close(*answers, **CLOSE)
    return stacker, sizes


METHODS = [FineTune, DANN, EWC, MAML, Mixup, Joint, TargetOnly]


@pytest.mark.parametrize("rates", [(1e-3,) * 3, (1e-2, 1e-3, 3e-3)], ids=["equal", "swept"])
@pytest.mark.parametrize("method", METHODS)
def test_heads_train_in_a_stack_as_alone(method, rates, double):
    stacker, sizes = beside_and_alone(method, OWN, VALIDATED, rates)
    assert stacker.alone == {}
    assert set(sizes) == {3}


KINDS = {
    "patience": (FineTune, OWN, VALIDATED, {"patience": 1, "steps": 60, "sampling": "balanced"}),
    "frozen": (FineTune, OWN, VALIDATED, {"frozen": "features", "average": 0.9}),
    "images": (CutMix, OWN, IMAGES, {"augmentation": "plain"}),
    "views": (AugMix, OWN, IMAGES, {"steps": 4}),
    "masks": (FineTune, SEGMENTATION, MASKS, {"width": 32, "steps": 3}),
    "values": (FineTune, REGRESSION, VALUES, {"patience": 0}),
    "pairs": (FineTune, OWN, PAIRS, {"clip_norm": 0.1}),
}


@pytest.mark.parametrize(("method", "task", "sources", "options"), KINDS.values(), ids=KINDS)
def test_heads_train_on_whatever_a_network_takes(method, task, sources, options, double):
    stacker, sizes = beside_and_alone(method, task, sources, **options)
    assert stacker.alone == {}
    assert set(sizes) == {3}
