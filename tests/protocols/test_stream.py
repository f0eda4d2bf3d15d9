"""Streams: one domain at a time, and the matrix of scores after each."""

from dataclasses import dataclass, field

import torch

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.scenario import Amount, Stream
from medtl_bench.contract.split import Domain, Split
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.stream import STREAM, stream
from tests.protocols.learners import CLASSES, TASK, Told, telling, watched


@dataclass
class LastDomain(Algorithm):
    """Right about the domains it learned, but after the last one only about that."""

    seen: list = field(default_factory=list)
    domains: int = 3

    def fit(self, sources, unlabelled):
        self.seen = [float(sources[0].x[:, 0].min() // 10)]

    def adapt(self, support):
        self.seen.append(float(support.x[:, 0].min() // 10))

    def predict(self, x):
        known = self.seen if len(self.seen) < self.domains else self.seen[-1:]
        right = x[:, 1] * 2 - 1
        score = torch.where(torch.isin(x[:, 0] // 10, torch.tensor(known)), right, -right)
        return torch.stack([-score, score], 1)


def matrix(scores, names: str, metric: str) -> list[list[float]]:
    found = {
        (s.learned, s.domain): s.value for s in scores if s.stage == "learn" and s.metric == metric
    }
    return [[found[i, j] for j in names] for i in names]


def test_a_stream_gives_the_matrix_of_scores_after_each_domain(make_dataset):
    dataset = make_dataset(domains=(telling("a", 10), telling("b", 20), telling("c", 30)))
    scores = list(stream(dataset, dataset.stream("all"), LastDomain, seed=0, clock=Clock()))
    assert matrix(scores, "abc", TASK.primary) == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    untrained = [s for s in scores if s.stage == "untrained"]
    assert [(s.domain, s.metric, s.value, s.n) for s in untrained] == [
        (d, TASK.primary, 0.5, 8) for d in "abc"
    ]
    assert len(scores) == 3 + 9 * len(TASK.metrics)
    assert len({score[:6] for score in scores}) == len(scores)


def test_a_stream_goes_in_its_own_order_and_shows_one_domain_at_a_time(make_dataset):
    dataset = make_dataset(streams=(Stream("back", ("c", "a", "b")),))
    diary, _ = watched(dataset, run=stream, scenario="back")
    learned = [(verb, shown, x) for verb, shown, x in diary if verb != "predict"]
    assert [verb for verb, *_ in learned] == ["fit", "adapt", "adapt"]
    for (_, shown, _), name in zip(learned, "cab", strict=True):
        assert shown[0].x is dataset.domain(name).train.x
        assert (shown[0].validation is None) == (name != "c")
    assert learned[0][2] is dataset.domain("c").train.x


@dataclass
class OneColumnAClass(Algorithm):
    """Scores each class by a column."""

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        pass

    def predict(self, x):
        return x


def incremental(
    name: str, classes: tuple[int, int], rows: list[list[float]], y: list[int]
) -> Domain:
    """Return a domain whose test split is given and whose train split holds two classes."""
    train = Split(
        torch.rand(6, 4, generator=torch.Generator().manual_seed(classes[0])),
        torch.tensor(classes * 3),
    )
    none = train[torch.arange(0)]
    return Domain(name, train, none, Split(torch.tensor(rows), torch.tensor(y)))


def test_task_aware_scores_are_of_the_domains_own_classes(make_dataset):
    # right among 0 and 1 only
    first = incremental("a", (0, 1), [[2.0, 1, 9, 0], [1, 2, 0, 9]], [0, 1])
    # the second row is wrong either way
    second = incremental("b", (2, 3), [[0, 0, 2.0, 1], [9, 0, 2, 1]], [2, 3])
    streams = (Stream("s", ("a", "b"), labels="new classes"),)
    dataset = make_dataset(task=CLASSES, domains=(first, second), transfers=(), streams=streams)
    scores = list(stream(dataset, dataset.stream("s"), OneColumnAClass, seed=0, clock=Clock()))
    assert matrix(scores, "ab", "balanced_accuracy") == [[0.0, 0.5]] * 2
    assert matrix(scores, "ab", "task_aware_balanced_accuracy") == [[1.0, 0.5]] * 2
    untrained = {(s.domain, s.metric): s.value for s in scores if s.stage == "untrained"}
    assert untrained == {
        ("a", "balanced_accuracy"): 0.5, ("b", "balanced_accuracy"): 0.0,
        ("a", "task_aware_balanced_accuracy"): 0.5, ("b", "task_aware_balanced_accuracy"): 0.5,
    }  # fmt: skip


def test_domains_with_the_same_classes_have_no_task_aware_scores(make_dataset):
    _, scores = watched(make_dataset(), run=stream, scenario="all")
    assert not [s for s in scores if s.metric.startswith("task_aware")]


PLACES = (telling("a", 10), telling("b", 20), telling("c", 30))


def test_where_domains_have_their_own_questions_a_learner_is_told_whose_and_then_not(make_dataset):
    dataset = make_dataset(domains=PLACES, labels="own")
    scores = list(stream(dataset, dataset.stream("all"), Told, seed=0, clock=Clock()))
    assert matrix(scores, "abc", TASK.primary) == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    agnostic = matrix(scores, "abc", "task_agnostic_" + TASK.primary)
    assert agnostic == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_where_they_share_one_nobody_is_told(make_dataset):
    learner = []

    def make(task, source):
        learner.append(Told(task, source))
        return learner[0]

    dataset = make_dataset(domains=PLACES)
    scores = list(stream(dataset, dataset.stream("all"), make, seed=0, clock=Clock()))
    assert set(learner[0].asked) == {""}
    assert not [s for s in scores if s.metric.startswith("task_agnostic")]


def test_a_stream_in_another_order_has_the_labels_of_the_one_that_it_tunes(make_dataset):
    streams = (Stream("all", ("a", "b", "c"), labels="own"),)
    dataset = make_dataset(streams=streams)
    (scenario, other) = STREAM.scenarios(dataset, Amount(tuning=True))
    for one in (scenario, other):
        scores = list(STREAM.run(dataset, one, Told, seed=0, clock=Clock()))
        assert [s for s in scores if s.metric.startswith("task_agnostic")]
