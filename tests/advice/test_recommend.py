"""Which sources are recommended where the nearest is known, and what was foretold.

And that nothing forbidden is looked at.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from medtl_toy import dataset as toy

from medtl_bench.advice import foretold, recommend
from medtl_bench.advice.recommend import DISCREPANCY, DISTANCE, EVIDENCE
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.results.record import Record
from medtl_bench.testing.tiny import Case, cases
from tests.records import record, transfer_scores

TINY = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def vectors() -> Dataset:
    return toy.vectors()


@pytest.fixture(scope="module")
def for_batch_a(vectors: Dataset) -> recommend.Recommendation:
    return recommend.recommend(vectors, "batch-a")


def test_the_displaced_batch_is_last_by_every_estimate(
    for_batch_a: recommend.Recommendation,
) -> None:
    assert for_batch_a.order[-1] == "batch-d"
    for estimate in (DISTANCE, DISCREPANCY, EVIDENCE):
        assert for_batch_a.rank(estimate)["batch-d"] == 3
    near, far = (for_batch_a.estimates[DISTANCE][batch] for batch in ("batch-b", "batch-d"))
    assert far > near + 0.5


def test_the_same_data_gives_the_same_estimates(
    vectors: Dataset, for_batch_a: recommend.Recommendation
) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    assert recommend.recommend(vectors, "batch-a") == for_batch_a


def nearer(middle: float) -> Dataset:
    """Return a dataset whose domain `near` lies nearer to `target` than `far` does.

    In the middle of a column.
    """

    def split(shift: float, rows: int, seed: int) -> Split:
        draw = torch.Generator().manual_seed(seed)
        x = torch.randn(rows, 3, generator=draw)
        return Split(x + torch.tensor([shift, 0, 0]), (x[:, 1] > 0).long())

    shifts = {"target": 0.0, "near": middle, "far": 2.5}
    domains = []
    for number, (name, shift) in enumerate(shifts.items()):
        splits = [split(shift, rows, 10 * number + rows) for rows in (150, 0, 40)]
        domains.append(Domain(name, *splits))
    task, plain = Task("classification", ("no", "yes")), TINY["tiny vectors"].dataset
    return replace(
        plain,
        task=task,
        domains=tuple(domains),
        transfers=(Transfer("t", ("near",), ("target",)),),
        streams=(),
    )


def test_the_nearer_source_comes_first() -> None:
    recommendation = recommend.recommend(nearer(0.3), "target")
    assert recommendation.order == ("near", "far")
    assert (
        recommendation.rank(DISTANCE) == recommendation.rank(DISCREPANCY) == {"near": 1, "far": 2}
    )
    assert recommendation.measured is None


def forbidden(dataset: Dataset, target: str, *, labels: bool) -> Dataset:
    """Return the dataset with every test and validation split made useless.

    `labels`: the target's training labels too.
    """

    def spoilt(split: Split) -> Split:
        return Split(split.x * 0 + 7, split.y.flip(0))

    domains = []
    for domain in dataset.domains:
        train = (
            Split(domain.train.x, domain.train.y.sort().values)
            if labels and domain.name == target
            else domain.train
        )
        domains.append(Domain(domain.name, train, domain.val, domain.test))
        object.__setattr__(domains[-1], "val", spoilt(domain.val))
        object.__setattr__(domains[-1], "test", spoilt(domain.test))
    copy = replace(dataset)
    # a Dataset that is checked would not hold such splits
    object.__setattr__(copy, "domains", tuple(domains))
    return copy


def test_no_test_or_validation_split_is_looked_at(
    vectors: Dataset, for_batch_a: recommend.Recommendation
) -> None:
    spoilt = forbidden(vectors, "batch-a", labels=False)
    assert recommend.recommend(spoilt, "batch-a") == for_batch_a


def test_labels_of_the_target_change_the_column_that_says_so_and_no_other(
    vectors: Dataset, for_batch_a: recommend.Recommendation
) -> None:
    recommendation = recommend.recommend(forbidden(vectors, "batch-a", labels=True), "batch-a")
    assert recommendation.order == for_batch_a.order
    for estimate in (DISTANCE, DISCREPANCY):
        assert recommendation.estimates[estimate] == for_batch_a.estimates[estimate]
    assert recommendation.estimates[EVIDENCE] != for_batch_a.estimates[EVIDENCE]


@pytest.mark.parametrize("case", TINY.values(), ids=TINY)
def test_every_kind_of_input_and_task_is_answered(case: Case) -> None:
    recommendation = recommend.recommend(case.whole(), "site-c")
    assert set(recommendation.order) == {"site-a", "site-b"}
    assert (EVIDENCE in recommendation.estimates) == (case.task.kind != "segmentation")
    estimates = set(recommendation.estimates)
    assert set(recommendation.missing) == {DISTANCE, DISCREPANCY, EVIDENCE} - estimates
    for values in recommendation.estimates.values():
        assert np.isfinite(list(values.values())).all()


def test_labels_that_are_all_the_same_give_no_evidence(vectors: Dataset) -> None:
    copy = replace(vectors)
    first, *rest = vectors.domains
    first = replace(first, train=Split(first.train.x, first.train.y * 0))
    object.__setattr__(copy, "domains", (first, *rest))
    recommendation = recommend.recommend(copy, "batch-a")
    assert recommendation.missing == {EVIDENCE: "all training labels of the target are the same"}


def test_wide_inputs_are_projected_on_the_sources() -> None:
    wide = {
        name: torch.randn(80, 300, generator=torch.Generator().manual_seed(len(name)))
        for name in ("a", "bb", "ccc")
    }
    wide["bb"][:, :20] += 2
    sources = {"a": wide["a"], "bb": wide["bb"]}
    distances = recommend.distances(sources, wide["ccc"], Task("regression"))
    assert distances[DISCREPANCY]["a"] < distances[DISCREPANCY]["bb"]


def test_a_domain_of_one_row_is_told(vectors: Dataset) -> None:
    copy = replace(vectors)
    first, *rest = vectors.domains
    object.__setattr__(copy, "domains", (replace(first, train=first.train[torch.arange(1)]), *rest))
    with pytest.raises(
        MedTLError, match="Domain 'batch-a' has 1 training row, but estimates need 2"
    ):
        recommend.recommend(copy, "batch-b")


def test_an_unknown_target_is_told(vectors: Dataset) -> None:
    with pytest.raises(
        MedTLError, match="no domain of 'shifted-toy' named 'batch-e'; did you mean"
    ):
        recommend.recommend(vectors, "batch-e")


def records(
    dataset: Dataset, target: str, scores: dict[str, float], **fields: object
) -> Iterator[Record]:
    """Yield records of transfers from single sources, two seeds each, which scored so much."""
    for source, value in scores.items():
        for seed in (0, 1):
            scored = transfer_scores(value + 0.01 * seed, sources=(source,), targets=(target,))
            facts = {
                "dataset": dataset.name,
                "dataset_digest": dataset.digest(),
                "scenario": f"{source}-to-{target}",
            }
            yield record(
                **facts, sources=(source,), targets=(target,), seed=seed, scores=scored, **fields
            )


GOOD = {"batch-b": 0.8, "batch-c": 0.7, "batch-d": 0.5}


def test_hindsight_is_the_mean_over_seeds_and_methods(vectors: Dataset) -> None:
    other = records(
        vectors, "batch-a", {name: value - 0.1 for name, value in GOOD.items()}, algorithm="ewc"
    )
    seen = foretold.measured(vectors, "batch-a", [*records(vectors, "batch-a", GOOD), *other])
    assert seen is not None
    assert seen.methods == ("dann", "ewc")
    assert seen.score == pytest.approx({name: value + 0.005 - 0.05 for name, value in GOOD.items()})


def test_bounds_other_data_other_targets_failures_and_gaps_do_not_count(vectors: Dataset) -> None:
    def given(**fields: object) -> list[Record]:
        return list(records(vectors, "batch-a", dict.fromkeys(GOOD, 0.1), **fields))

    gaps = given(algorithm="with-gaps")[:-1]
    wrong = [
        *given(algorithm="source-only", family="bound"),
        *given(algorithm="crashed", status="failed"),
        *gaps,
    ]
    stale = [
        r.model_copy(update={"trial": r.trial.model_copy(update={"dataset_digest": "old"})})
        for r in given(algorithm="old")
    ]
    elsewhere = list(
        records(vectors, "batch-b", {"batch-c": 0.1, "batch-d": 0.1}, algorithm="elsewhere")
    )
    seen = foretold.measured(
        vectors, "batch-a", [*records(vectors, "batch-a", GOOD), *wrong, *stale, *elsewhere]
    )
    assert seen is not None
    assert seen.methods == ("dann",)
    assert foretold.measured(vectors, "batch-a", wrong[:6] + stale + elsewhere) is None


def test_a_target_among_several_of_a_transfer_counts(vectors: Dataset) -> None:
    names = ("batch-a", "batch-b", "batch-c", "batch-d")
    kept = []
    for source, value in GOOD.items():
        targets = tuple(name for name in names if name != source)
        facts = {
            "dataset": vectors.name,
            "dataset_digest": vectors.digest(),
            "scenario": f"from-{source}",
        }
        scored = transfer_scores(value, sources=(source,), targets=targets)
        kept.append(record(**facts, sources=(source,), targets=targets, scores=scored))
    seen = foretold.measured(vectors, "batch-a", kept)
    assert seen is not None
    assert seen.score == GOOD


def test_agreement_is_one_for_one_order_whatever_the_direction_of_the_metric() -> None:
    promised = dict(zip("abcdef", range(6), strict=True))
    up = foretold.Measured(
        "accuracy", {name: 0.1 * value for name, value in promised.items()}, ("m",)
    )
    assert foretold.agreement(promised, up) == (1, 1, 1)
    down = foretold.Measured("rmse", up.score, ("m",), higher=False)
    assert foretold.agreement(promised, down) == (-1, -1, -1)


def test_few_sources_have_a_tau_and_no_interval(vectors: Dataset) -> None:
    recommendation = recommend.recommend(vectors, "batch-a", records(vectors, "batch-a", GOOD))
    tau = recommendation.foretold(DISCREPANCY)
    assert tau.tau == 1
    assert np.isnan([tau.low, tau.high]).all()
