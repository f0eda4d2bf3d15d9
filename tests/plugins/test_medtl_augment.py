"""Augmentations: formulas, stacks as alone, and what they are for: a modality never seen."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from medtl_augment import operations
from medtl_augment.augmix import AugMix, divergence
from medtl_augment.contrast import ContrastRandomisation
from medtl_augment.mixing import CutMix, Mixup
from medtl_baselines.bounds import SourceOnly
from medtl_toy.dataset import images
from scipy.spatial.distance import jensenshannon
from tensordict import TensorDict

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.randomness import generator
from medtl_bench.training import stacked
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod

TWO = Task("classification", ("no", "yes"))
MASKS = Task("segmentation", ("background", "blob"))
METHODS = (Mixup, CutMix, ContrastRandomisation, AugMix)


def batch(task: Task = TWO, side: int = 8, rows: int = 6) -> Batch:
    draw = generator("batch")
    shape = (2, rows, side, side) if task.kind == "segmentation" else (2, rows)
    y = torch.randint(2, shape, generator=draw)
    return Batch(torch.rand(2, rows, 3, side, side, generator=draw), y, None, 0.0)


def learner(cls: type[GradientMethod], task: Task = TWO, **options: float) -> GradientMethod:
    made = cls(task, generator("augment"), width=32, **options)
    one = batch(task)
    made.build([Split(one.x[0], one.y[0])])
    return made


def test_mixup_is_a_weighted_mean_of_two_rows_and_of_their_losses() -> None:
    method, before = learner(Mixup, alpha=1.0), batch()
    after = method.augment(before)
    share, rows = after.extra["weight"], before.x.flatten(0, 1).flatten(1)
    pairs = share * rows[:, None] + (1 - share) * rows[None]
    distance, partner = (pairs - after.x.flatten(0, 1).flatten(1)[:, None]).abs().amax(2).min(1)
    assert float(distance.max()) < 1e-6
    y = before.y.flatten()
    assert torch.equal(after.y.flatten(), y)
    assert torch.equal(after.extra["other"].flatten(), y[partner])
    outputs = method.net(after.x.flatten(0, 1))
    expected = share * method.task.loss(outputs, y) + (1 - share) * method.task.loss(
        outputs, y[partner]
    )
    assert float(method.objective(method.net, after).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-6
    )


def test_rows_are_mixed_within_their_source_where_each_domain_has_its_own_head() -> None:
    y = torch.arange(4)[:, None].expand(4, 5)  # the number of the source
    rows = Batch(torch.rand(4, 5, 3), y, None, torch.zeros(()))
    for labels, apart in (("own", True), ("shared", False)):
        method = Mixup(replace(TWO, labels=labels), generator("within"), alpha=1.0)
        mixed = [method.augment(rows) for _ in range(5)]
        assert all(torch.equal(one.extra["other"], y) for one in mixed) is apart
        assert not any(torch.equal(one.x, rows.x) for one in mixed)


def test_shares_of_mixup_follow_a_beta_distribution() -> None:
    method = learner(Mixup, alpha=0.2)
    shares = np.array([float(method.augment(batch()).extra["weight"]) for _ in range(2000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.04)
    assert shares.var() == pytest.approx(0.25 / 1.4, abs=0.01)


def test_mixup_mixes_inputs_of_several_parts() -> None:
    x = TensorDict({"a": torch.rand(2, 4, 3), "b": torch.rand(2, 4, 1, 8, 8)}, batch_size=[2, 4])
    after = Mixup(TWO, generator("parts")).augment(
        Batch(x, torch.zeros(2, 4, dtype=torch.int64), None, 0.0)
    )
    assert after.x.batch_size == x.batch_size
    assert after.x["b"].shape == x["b"].shape
    assert not torch.equal(after.x["a"], x["a"])


def test_cutmix_pastes_one_box_and_weighs_labels_by_its_area() -> None:
    method, before = learner(CutMix), batch(side=16)
    sizes = []
    for _ in range(60):
        after = method.augment(before)
        changed = (after.x != before.x).any(2).flatten(0, 1).any(0)
        rows, columns = changed.any(1), changed.any(0)
        assert torch.equal(changed, rows[:, None] & columns[None, :])
        assert float(after.extra["weight"]) == pytest.approx(1 - float(changed.float().mean()))
        sizes.append(float(changed.float().mean()))
    assert min(sizes) < 0.1
    assert max(sizes) > 0.5


def test_cutmix_pastes_masks_with_their_images() -> None:
    method, before = learner(CutMix, MASKS), batch(MASKS)
    after = method.augment(
        replace(before, x=before.y[:, :, None].float().expand(-1, -1, 3, -1, -1))
    )
    assert torch.equal(after.x[:, :, 0], after.y.float())
    assert not torch.equal(after.y, before.y)
    assert float(after.extra["weight"]) == 1.0


def test_contrast_is_changed_image_by_image_and_nothing_moves() -> None:
    x = torch.rand(50, 1, 8, 8, generator=generator("images")) * 40 - 7
    plain = ContrastRandomisation(
        TWO, generator("plain"), bias_deviation=0.0, brightness=0.0, inverted=0.0
    )
    y = plain.randomised(x)
    assert float(y.flatten(1).gather(1, x.flatten(1).argsort(1)).diff(dim=1).min()) > -1e-4
    assert torch.allclose(y.amin((1, 2, 3)), x.amin((1, 2, 3)), atol=1e-4)
    assert torch.allclose(y.amax((1, 2, 3)), x.amax((1, 2, 3)), atol=1e-4)
    nothing = {"gamma_deviation": 0.0, "bias_deviation": 0.0, "brightness": 0.0, "inverted": 0.0}
    fixed = ContrastRandomisation(TWO, generator("fixed"), **nothing)
    assert torch.allclose(fixed.randomised(x), x, atol=1e-4)
    inverted = ContrastRandomisation(TWO, generator("inverted"), **nothing | {"inverted": 1.0})
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    assert torch.allclose(inverted.randomised(x), low + high - x, atol=1e-4)
    assert torch.equal(
        plain.randomised(torch.full((2, 1, 8, 8), 3.0)), torch.full((2, 1, 8, 8), 3.0)
    )


def test_gammas_are_log_normal_and_the_bias_field_is_smooth() -> None:
    x = torch.linspace(0, 1, 64).view(1, 1, 8, 8).expand(3000, -1, -1, -1)
    method = ContrastRandomisation(
        TWO, generator("gamma"), bias_deviation=0.0, brightness=0.0, inverted=0.0
    )
    gamma = method.randomised(x)[:, 0, 4, 0].log() / x[0, 0, 4, 0].log()
    assert float(gamma.log().mean()) == pytest.approx(0, abs=0.03)
    assert float(gamma.log().std()) == pytest.approx(0.5, abs=0.03)
    flat = torch.cat([torch.ones(40, 1, 32, 31), torch.zeros(40, 1, 32, 1)], 3)
    bias = ContrastRandomisation(
        TWO, generator("bias"), gamma_deviation=0.0, brightness=0.0, inverted=0.0
    ).randomised(flat)
    steps = bias[:, 0, :, :31].log().diff(dim=1).abs()
    assert 0 < float(steps.max()) < 0.4
    assert float(bias[:, 0, :, :31].log().std()) > 0.1


def test_the_divergence_is_that_of_scipy() -> None:
    p = torch.rand(3, 5, 4, generator=generator("p")).double().softmax(2)
    expected = []
    for row in range(5):
        mean = p[:, row].mean(0)
        expected.append(np.mean([(q * (q / mean).log()).sum() for q in p[:, row]]))
    assert float(divergence(p.log())) == pytest.approx(np.mean(expected))
    two = float(divergence(p[:2, :1].log()))
    assert two == pytest.approx(jensenshannon(p[0, 0], p[1, 0]) ** 2)
    assert float(divergence(p[:1].expand(3, -1, -1).log())) == pytest.approx(0, abs=1e-7)


def test_augmix_adds_the_weighted_divergence_of_three_answers() -> None:
    method, before = learner(AugMix, weight=12.0), batch()
    after = method.augment(before)
    assert torch.equal(after.x, before.x)
    assert not torch.equal(after.extra["first"], after.extra["second"])
    x, y = after.pooled()
    answers = [
        method.net(rows).log_softmax(1)
        for rows in (x, *(after.extra[n].flatten(0, 1) for n in ("first", "second")))
    ]
    expected = method.task.loss(method.net(x), y) + 12 * divergence(torch.stack(answers))
    assert float(method.objective(method.net, after).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


def test_mixtures_stay_in_the_range_of_their_image() -> None:
    x = batch().x.flatten(0, 1) * 30 - 9
    mixture = AugMix(TWO, generator("mixture")).mixture(x)
    assert bool((mixture >= x.amin((1, 2, 3), keepdim=True) - 1e-3).all())
    assert bool((mixture <= x.amax((1, 2, 3), keepdim=True) + 1e-3).all())
    unchanged = AugMix(TWO, generator("mixture"), severity=0.0).mixture(x)
    assert float((unchanged - x).abs().mean()) < float((mixture - x).abs().mean())


def test_operations_do_what_they_say() -> None:
    u, none, full = batch().x.flatten(0, 1), torch.zeros(12), torch.ones(12)
    for operation in (*operations.OPERATIONS[:5], operations.solarised):
        assert torch.allclose(operation(u, none), u, atol=1e-5), operation
        assert not torch.allclose(operation(u, full), u, atol=1e-2), operation
    assert torch.equal(operations.solarised(u, full), 1 - u)
    assert len(operations.posterised(u, full).unique()) == 2
    assert float(operations.stretched(u * 0.3 + 0.2, none).amax()) == pytest.approx(1)
    third = operations.shifted_across(u[..., :6], full)
    assert torch.allclose(third[..., :4], u[..., 2:6], atol=1e-5)
    line = torch.zeros(1, 1, 9, 9)
    line[0, 0, 4] = 1
    turned = operations.rotated(line, torch.ones(1))[0, 0]
    slope = np.polyfit(range(9), (turned * torch.arange(9.0)[:, None]).sum(0) / turned.sum(0), 1)[0]
    assert abs(slope) == pytest.approx(np.tan(np.pi / 6), abs=0.05)


@pytest.mark.parametrize("cls", METHODS[1:])
def test_image_methods_decline_other_inputs(cls: type[Algorithm]) -> None:
    assert cls.takes(torch.zeros(1, 3, 8, 8)) is None
    assert cls.takes(torch.zeros(1, 3)) == "it augments images, and these inputs are vectors"
    assert cls.takes(torch.zeros(1, 3, 9)) == "it augments images, and these inputs are sequences"
    assert "several parts" in str(cls.takes(TensorDict({"a": torch.zeros(1, 2)}, batch_size=[1])))
    assert Mixup.takes(torch.zeros(1, 3)) is None


@pytest.mark.parametrize("cls", METHODS)
def test_a_stack_trains_each_learner_as_it_would_be_alone(cls: type[GradientMethod]) -> None:
    tasks = [MASKS] if cls is not AugMix else []
    for task in (TWO, *tasks):
        one = batch(task, rows=9)

        def fitted(seed: int, task: Task = task, one: Batch = one) -> GradientMethod:
            made = cls(task, torch.Generator().manual_seed(seed), steps=6, adapt_steps=3, width=32)
            made.fit([Split(one.x[n], one.y[n]) for n in range(2)], one.x[0])
            made.adapt(Split(one.x[0, :3], one.y[0, :3]))
            return made

        stacker = stacked.Stacker()
        done = cooperative.run([partial(fitted, seed) for seed in range(3)], stacker, 64)
        assert stacker.alone == {}
        for seed, trained in enumerate(done):
            torch.testing.assert_close(
                trained.result().predict(one.x[1]),
                fitted(seed).predict(one.x[1]),
                rtol=1e-3,
                atol=1e-4,
            )


def target_score(dataset: Dataset, cls: type[Algorithm], seed: int) -> float:
    scenario = dataset.transfers[0]
    scores = transfer(dataset, scenario, partial(cls), seed=seed, shots=(), draws=0, clock=Clock())
    return next(s.value for s in scores if s.stage == "fit" and s.domain == scenario.targets[0])


def test_random_contrast_helps_where_a_scanner_shows_dark_shapes_on_a_bright_ground() -> None:
    dataset = images()
    assert (
        target_score(dataset, ContrastRandomisation, 0) > target_score(dataset, SourceOnly, 0) + 0.2
    )
