"""Batch correction does what its formulas say, mixes what it should, and keeps what it must."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from medtl_integration.combat import Combat, combat
from medtl_integration.correction import Uncorrected
from medtl_integration.harmony import Harmony

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics import embeddings
from medtl_bench.metrics.registry import INTEGRATION, defaults
from medtl_bench.randomness import generator

TASK = Task("classification", ("a", "b"), (*defaults("classification"), *INTEGRATION))
MISSING = pytest.mark.skipif(
    find_spec("harmonypy") is None,
    reason="harmonypy is not installed: pip install medtl-bench[cells]",
)
METHODS = [Uncorrected, Combat, pytest.param(Harmony, marks=MISSING)]


def batches(rows=(80, 60, 70), columns=20):
    """Return splits of two types in displaced and stretched batches; the last is the target."""
    draw = generator("batches")
    types = torch.randn(2, columns, generator=draw)
    splits = []
    for n in rows:
        y = torch.arange(n) % 2
        noise = torch.randn(n, columns, generator=draw)
        shift, scale = (
            torch.randn(columns, generator=draw),
            0.6 + torch.rand(columns, generator=draw),
        )
        splits.append(Split(2 * types[y] + shift + scale * noise, y))
    return splits


def fitted(cls, task=TASK, **options):
    *sources, target = batches()
    learner = cls(task, generator("fit"), **options)
    learner.fit(sources, target.x)
    return learner


def reference(x, batch):
    """Return ComBat's adjustment gene by gene and batch by batch, as in sva."""
    levels, n = np.unique(batch), len(x)
    mean = {b: x[batch == b].mean(0) for b in levels}
    overall = sum((batch == b).mean() * mean[b] for b in levels)
    pooled = np.zeros(x.shape[1])
    for row, b in zip(x, batch, strict=True):
        pooled += (row - mean[b]) ** 2 / n
    z = (x - overall) / np.sqrt(pooled)
    out = np.empty_like(x)
    for b in levels:
        own = z[batch == b]
        gamma_hat, delta_hat = own.mean(0), own.var(0, ddof=1)
        gamma_bar, t2 = gamma_hat.mean(), gamma_hat.var(ddof=1)
        m, s2 = delta_hat.mean(), delta_hat.var(ddof=1)
        a, rate = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
        for g in range(x.shape[1]):
            gamma, delta = gamma_hat[g], delta_hat[g]
            for _ in range(1000):
                gamma = (len(own) * t2 * gamma_hat[g] + delta * gamma_bar) / (len(own) * t2 + delta)
                delta = (0.5 * ((own[:, g] - gamma) ** 2).sum() + rate) / (len(own) / 2 + a - 1)
            out[batch == b, g] = (own[:, g] - gamma) / np.sqrt(delta) * np.sqrt(
                pooled[g]
            ) + overall[g]
    return out


def test_combat_is_that_of_the_formula():
    splits = batches()
    x, batch = torch.cat([s.x for s in splits]).double().numpy(), np.repeat(range(3), [80, 60, 70])
    assert combat(x, batch) == pytest.approx(reference(x, batch), abs=2e-3)


def test_combat_leaves_a_constant_column_and_data_of_one_batch_nearly_alone():
    x = np.random.RandomState(0).randn(60, 8)
    x[:, 3] = 5
    adjusted = combat(x, np.arange(60) % 2)
    assert (adjusted[:, 3] == 5).all()
    whole = combat(x, np.zeros(60, dtype=int))
    assert np.abs(whole - x).max() < 0.2


def test_combat_moves_a_batch_of_one_row_without_scaling_it():
    x = np.random.RandomState(0).randn(31, 4) + 10 * (np.arange(31) == 30)[:, None]
    adjusted = combat(x, (np.arange(31) == 30).astype(int))
    assert np.isfinite(adjusted).all()
    assert np.abs(adjusted[30] - x.mean(0)).max() < 1e-9


@pytest.mark.parametrize("cls", METHODS)
def test_a_seen_row_is_embedded_alike_alone_and_in_company_and_a_new_one_as_its_neighbour_moved(
    cls,
):
    learner = fitted(cls)
    *_, target = batches()
    z = learner.embed(target.x)
    assert torch.allclose(learner.embed(target.x[:1]), z[:1], atol=1e-5)
    near = target.x + 1e-4
    moved = learner.embed(near) - z
    raw = learner.axes.transform(near.double().numpy()) - learner.axes.transform(
        target.x.double().numpy()
    )
    assert np.abs(moved.numpy() - raw).max() < 1e-4


@MISSING
def test_correction_mixes_batches_and_keeps_types():
    splits = batches()
    x, y = torch.cat([s.x for s in splits]), torch.cat([s.y for s in splits]).numpy()
    batch = np.repeat(range(3), [80, 60, 70])
    z = {cls: fitted(cls).embed(x).numpy() for cls in (Uncorrected, Combat, Harmony)}
    mixed = {cls: embeddings.ilisi(value, batch, y) for cls, value in z.items()}
    assert mixed[Combat] > mixed[Uncorrected] + 0.5
    assert mixed[Harmony] > mixed[Uncorrected] + 0.5
    assert embeddings.clisi(z[Combat], batch, y) < 1.2
    assert embeddings.clisi(z[Harmony], batch, y) < 1.2


@pytest.mark.parametrize("cls", METHODS)
def test_a_support_moves_the_answers_as_much_as_all_before_and_not_the_embedding(cls):
    learner = fitted(cls)
    *_, target = batches()
    z, before = learner.embed(target.x), learner.predict(target.x)
    assert torch.allclose(before.exp().sum(1), torch.ones(len(before)), atol=1e-4)
    assert (before.argmax(1) == target.y).float().mean() > 0.9
    learner.adapt(Split(target.x[:40], 1 - target.y[:40]))
    assert torch.equal(z, learner.embed(target.x))
    certain = before.exp().amax(1).mean(), learner.predict(target.x).exp().amax(1).mean()
    assert certain[1] < certain[0] - 0.2


@pytest.mark.parametrize("cls", METHODS)
def test_it_needs_no_labels_and_does_nothing_where_domains_are_no_batches(cls):
    learner = fitted(cls, Task("integration"))
    assert learner.classifier is None
    assert learner.embed(batches()[0].x).shape == (80, 20)
    assert cls.supports(Task("integration")) is None
    assert "batches" in cls.supports(Task("classification", ("a", "b")))


@pytest.mark.parametrize("cls", METHODS)
def test_the_same_seed_gives_the_same_bits(cls):
    x = batches()[2].x
    assert torch.equal(fitted(cls).embed(x), fitted(cls).embed(x))


def test_a_missing_harmonypy_is_told(monkeypatch):
    monkeypatch.setattr("medtl_integration.harmony.find_spec", lambda name: None)
    assert Harmony.supports(TASK) == "install medtl-bench[cells]: harmonypy is missing"
