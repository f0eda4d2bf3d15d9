"""Headline measures on resamples: the same units for all learners, and only where labels are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.transfer import transfer
from medtl_bench.protocols.withheld import blinded
from tests.protocols.learners import VALUES, Spy, ValuedSpy, telling

TO_BOTH = Transfer("t", ("a",), ("b", "c"))


def clock_of(dataset, run=transfer, learner=Spy, scenario="to-c", seed=0) -> Clock:
    clock = Clock()
    options = {"shots": (1, 3), "draws": 2} if run is transfer else {}
    where = dataset.transfer(scenario) if run is transfer else dataset.stream("all")
    scores = run(dataset, where, learner, seed=seed, clock=clock, **options)
    clock.scores = list(scores)
    return clock


def point(clock, stage, **where):
    """Return the mean of the primary scores of a stage."""
    found = [s for s in clock.scores if (s.stage, s.metric) == (stage, "balanced_accuracy")]
    return np.mean([s.value for s in found if all(getattr(s, n) == v for n, v in where.items())])


def test_a_transfer_has_its_headline_measures_around_the_scores(make_dataset):
    clock = clock_of(make_dataset())
    assert set(clock.resampled) == {"target 0", "few-shot area", "target full"}
    assert all(values.shape == (RESAMPLES,) for values in clock.resampled.values())
    assert clock.units == {"c": (8, 4)}
    start = clock.resampled["target 0"]
    assert start.mean() == pytest.approx(point(clock, "fit", domain="c"), abs=0.08)


def test_of_a_sure_learner_no_resample_differs(make_dataset):
    class Sure(Spy):
        def predict(self, x):
            return torch.stack([-x[:, 1], x[:, 1]], 1) * 9

    domains = tuple(telling(name, place) for place, name in enumerate("abc"))
    clock = clock_of(make_dataset(domains=domains), learner=Sure)
    for values in clock.resampled.values():
        np.testing.assert_allclose(values, point(clock, "fit", domain="c"))


def test_the_mean_over_targets_is_taken_resample_by_resample(make_dataset):
    both = clock_of(make_dataset(transfers=(TO_BOTH,)), scenario="t")
    each = [
        clock_of(make_dataset(transfers=(Transfer("t", ("a",), (name,)),)), scenario="t")
        for name in "bc"
    ]
    for name in ("target 0", "target full"):
        alone = np.mean([clock.resampled[name] for clock in each], axis=0)
        np.testing.assert_allclose(both.resampled[name], alone)
    assert set(both.units) == {"b", "c"}


def test_a_stream_has_average_accuracy_and_forgetting(make_dataset):
    clock = clock_of(make_dataset(), stream)
    assert set(clock.resampled) == {"average accuracy", "forgetting"}
    last = point(clock, "learn", learned="c")
    assert clock.resampled["average accuracy"].mean() == pytest.approx(last, abs=0.08)
    np.testing.assert_allclose(clock.resampled["forgetting"], 0, atol=1e-12)  # it learns nothing


@pytest.mark.parametrize("run", [transfer, stream])
def test_resamples_are_the_same_for_every_seed_and_learner(make_dataset, run):
    first, second = (clock_of(make_dataset(), run, seed=seed) for seed in (0, 1))
    for name, values in first.resampled.items():
        np.testing.assert_array_equal(values, second.resampled[name])


def test_other_datasets_and_domains_have_others(make_dataset):
    domains = tuple(Domain(n, *make_dataset().domains[0].splits().values()) for n in "abc")
    of_c = clock_of(make_dataset(domains=domains)).resampled["target 0"]
    to_b = make_dataset(domains=domains, transfers=(Transfer("t", ("a",), ("b",)),))
    renamed = make_dataset(domains=domains, name="other")
    for dataset, scenario in ((to_b, "t"), (renamed, "to-c")):
        other = clock_of(dataset, scenario=scenario).resampled["target 0"]
        assert not np.array_equal(of_c, other)


@pytest.mark.parametrize("run", [transfer, stream])
def test_where_labels_are_withheld_nothing_is_resampled(make_dataset, run):
    clock = clock_of(blinded(make_dataset()), run)
    assert (clock.resampled, clock.units) == ({}, {})


def test_groups_are_the_units(make_dataset):
    def grouped(domain):
        splits = domain.splits().values()
        pairs = [
            replace(s, groups=100 * i + torch.arange(len(s)) // 4) for i, s in enumerate(splits)
        ]
        return Domain(domain.name, *pairs)

    domains = tuple(map(grouped, make_dataset().domains))
    assert clock_of(make_dataset(domains=domains)).units["c"][0] == 2


def test_values_have_no_classes(make_dataset):
    def valued(domain):
        splits = (replace(s, y=s.y.float() + s.x[:, 0]) for s in domain.splits().values())
        return Domain(domain.name, *splits)

    domains = tuple(map(valued, make_dataset().domains))
    clock = clock_of(make_dataset(task=VALUES, domains=domains), learner=ValuedSpy)
    assert clock.units == {"c": (8, 8)}
    assert np.isfinite(clock.resampled["target 0"]).all()
