"""Plain augmentation: what changes, what does not, and masks that move along."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN

from medtl_bench import cooperative
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.training.augmentation import CHANGES, augmented, flipped, moved, shaded
from medtl_bench.training.batches import Block
from medtl_bench.training.method import Training
from tests.stacks import counted, rows, weights

MASKS = Task("segmentation", ("background", "blob"))
CLASSES = Task("classification", ("no", "yes"))


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(n: int = 40, height: int = 12, width: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images that show a bright bar, smooth enough to be resampled, and its mask."""
    mask = torch.zeros(n, height, width, dtype=torch.int64)
    mask[:, 4:8, 3:12] = 1
    return mask.float()[:, None], mask


def block(x: torch.Tensor, y: torch.Tensor, unlabelled=None) -> Block:
    """Return images and labels [n, ...] as two steps of two sources."""
    split = partial(torch.unflatten, dim=0, sizes=(2, 2, -1))
    target = None if unlabelled is None else unlabelled.unflatten(0, (2, -1))
    return Block(0, split(x), split(y), target)


def test_images_are_mirrored_along_each_axis_half_of_the_time():
    x = torch.rand(400, 2, 3, 4, generator=source())
    ours, _ = flipped(x, None, source())
    both = {(): x, (-1,): x.flip(-1), (-2,): x.flip(-2), (-1, -2): x.flip(-1, -2)}
    counts = {axes: int((ours == of).all((1, 2, 3)).sum()) for axes, of in both.items()}
    assert sum(counts.values()) == 400
    assert all(70 < count < 130 for count in counts.values())


@pytest.mark.parametrize("change", [flipped, moved])
def test_a_mask_moves_as_its_image_does(change):
    x, mask = blobs()
    images, masks = change(x, mask, source())
    assert masks.dtype == mask.dtype
    assert ((images[:, 0] > 0.5) == masks.bool()).float().mean() > 0.99
    apart = masks != mask
    assert 0 < apart.float().mean() < 0.3


def test_a_turn_of_what_is_not_square_keeps_its_shape(monkeypatch):
    for name, value in {"DEGREES": 90.0, "STRETCH": 0.0, "SHIFT": 0.0}.items():
        monkeypatch.setattr(f"medtl_bench.training.augmentation.{name}", value)
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.ones(shape))
    x = torch.zeros(1, 1, 9, 15)
    x[..., 4, 5:10] = 1  # a bar of five in the middle
    turned, _ = moved(x, None, source())
    expected = torch.zeros(1, 1, 9, 15)
    expected[..., 2:7, 7] = 1
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_intensities_change_by_a_line_for_each_image_and_never_a_mask():
    x, mask = torch.rand(50, 3, 5, 5, generator=source()), torch.ones(50, 5, 5).long()
    ours, masks = shaded(x, mask, source())
    assert masks is mask
    slope = (ours.amax((1, 2, 3)) - ours.amin((1, 2, 3))) / (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))
    assert (slope - 1).abs().max() <= 0.2 + 1e-5
    assert slope.std() > 0.05
    shift = ours - ours.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(
        shift, slope[:, None, None, None] * (x - x.mean((1, 2, 3), keepdim=True))
    )


@pytest.mark.parametrize("allowed", [(), *[(change,) for change in CHANGES]])
def test_only_allowed_changes_are_made_and_to_unlabelled_images_too(allowed):
    x, y = blobs()
    before = block(x, torch.arange(40) % 2, x[:20])
    after = augmented(before, allowed, source())
    assert after.y is before.y
    assert (after.x.shape, after.unlabelled.shape) == (before.x.shape, before.unlabelled.shape)
    assert torch.equal(after.x, before.x) == (not allowed)
    assert torch.equal(after.unlabelled, before.unlabelled) == (not allowed)
    masks = augmented(block(x, y), allowed, source()).y
    assert torch.equal(masks, block(x, y).y) == (allowed in {(), ("intensity",)})


def images(seed: int, n: int = 12) -> Split:
    return rows(seed, n, shape=(1, 8, 8))


def training(**options) -> Training:
    learner = FineTune(options.pop("task", CLASSES), source(), batch_size=4, **options)
    return Training(learner, learner.objective, [images(0), images(1)], None, 3)


def test_batches_are_augmented_where_that_is_asked_for_and_inputs_are_images():
    plain, changed = training(), training(augmentation="plain")
    one, other = (next(t.batches()) for t in (plain, changed))
    assert torch.equal(one.y, other.y)
    assert not torch.equal(one.x, other.x)
    again = next(training(augmentation="plain").batches())
    assert torch.equal(other.x, again.x)
    not_allowed = training(augmentation="plain", task=replace(CLASSES, allowed=()))
    assert torch.equal(next(not_allowed.batches()).x, one.x)
    vectors = replace(changed, sources=[rows(0), rows(1)])
    assert next(vectors.batches()).x.shape == (2, 4, 5)


@pytest.mark.parametrize("method", [FineTune, DANN])
def test_augmented_trainings_stack(method, double):
    def fitted(seed):
        learner = method(
            CLASSES, source(seed), steps=4, batch_size=4, width=16, augmentation="plain"
        )
        sources = [images(10 * seed), images(10 * seed + 1)]
        sources = [replace(split, x=split.x.double()) for split in sources]
        learner.fit(sources, sources[0].x + 1)
        return learner

    stacker, sizes, serve = counted()
    strands = cooperative.run([partial(fitted, seed) for seed in range(2)], serve, 64)
    assert (stacker.alone, sizes) == ({}, [2])
    for seed, strand in enumerate(strands):
        ours, theirs = strand.result(), fitted(seed)
        torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-4, atol=1e-5)


def test_masks_are_learned_from_augmented_images():
    x, mask = blobs(12, 16, 16)
    x = x + 0.1 * torch.randn(x.shape, generator=source(1))
    learner = FineTune(MASKS, source(), steps=40, batch_size=4, augmentation="plain", width=32)
    learner.fit([Split(x, mask)], x)
    assert MASKS.loss(learner.predict(x), mask) < 0.4
