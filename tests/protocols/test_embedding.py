"""What embeddings are asked for, and what is measured of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from medtl_bench.contract.algorithm import Algorithm, refusal
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.metrics import embeddings
from medtl_bench.metrics.registry import INTEGRATION, defaults
from medtl_bench.protocols import embedding
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.testing.tiny import cases, unlabelled

LABELLED = cases()[0].whole()
SOURCES, TARGET = LABELLED.domains[:-1], LABELLED.domains[-1]


@dataclass
class Inputs(Algorithm):
    """Embeds rows as they are, and writes down what it was asked."""

    def __post_init__(self):
        self.asked = []

    def fit(self, sources, unlabelled):
        self.handed = torch.cat([*(s.x for s in sources), unlabelled])

    def adapt(self, support):
        pass

    def predict(self, x):
        return torch.zeros(len(x), self.task.outputs)

    def embed(self, x):
        self.asked.append(x)
        return x


def run(dataset, cls=Inputs, **options):
    made = []

    def make(task, source):
        made.append(cls(task, source))
        return made[0]

    scores = list(
        transfer(
            dataset,
            dataset.transfers[0],
            make,
            seed=0,
            shots=(1,),
            draws=1,
            clock=Clock(),
            **options,
        )
    )
    return made[0], scores


def embedded(scores):
    return {score.metric: score.value for score in scores if score.stage == "embedding"}


def test_rows_that_fit_was_handed_are_embedded_and_then_the_targets_test_inputs():
    learner, scores = run(LABELLED)
    assert torch.equal(learner.asked[0], learner.handed)
    assert torch.equal(learner.asked[1], TARGET.test.x)
    assert len(learner.asked) == 2
    assert set(embedded(scores)) == set(INTEGRATION)
    assert all(
        score.domain is None and score.learned is None
        for score in scores
        if score.stage == "embedding"
    )


def test_measures_are_of_all_training_rows_with_domains_as_batches():
    _, scores = run(LABELLED)
    train = [d.train for d in LABELLED.domains]
    z, y = torch.cat([s.x for s in train]).double().numpy(), torch.cat([s.y for s in train]).numpy()
    batch = np.repeat(range(3), [len(s) for s in train])
    found = embedded(scores)
    assert found["ilisi"] == pytest.approx(embeddings.ilisi(z, batch, y), abs=1e-6)
    assert found["silhouette_label"] == pytest.approx(
        embeddings.silhouette_label(z, batch, y), abs=1e-6
    )


def test_labels_are_carried_from_sources_only():
    flipped = Split(TARGET.train.x, (TARGET.train.y + 1) % 3)
    other = replace(LABELLED, domains=(*SOURCES, replace(TARGET, train=flipped)))
    before, after = (embedded(run(dataset)[1]) for dataset in (LABELLED, other))
    assert before["label_transfer"] == after["label_transfer"] > 0.8
    assert before["clisi"] != after["clisi"]


def test_the_recall_of_rare_classes_is_told_by_name():
    source = SOURCES[0]
    common = torch.nonzero(source.train.y < 2).flatten()
    many = Split(
        torch.cat([source.train.x[common] + i / 1e4 for i in range(5)]),
        source.train.y[common].repeat(5),
    )
    few = source.train[torch.nonzero(source.train.y == 2).flatten()[:5]]
    rare = Domain(
        "site-a",
        Split(torch.cat([many.x, few.x]), torch.cat([many.y, few.y])),
        source.val,
        source.test,
    )
    dataset = replace(
        LABELLED,
        domains=(rare, *LABELLED.domains[1:]),
        transfers=(Transfer("t", ("site-a",), ("site-c",)),),
    )
    values = {score.metric: score for score in run(dataset)[1] if score.stage == "embedding"}
    name = f"label_transfer {LABELLED.task.classes[2]}"
    assert values[name].n == int((TARGET.test.y == 2).sum())
    assert 0 <= values[name].value <= 1


def test_at_most_so_many_rows_are_embedded_the_same_each_time(monkeypatch):
    monkeypatch.setattr(embedding, "MOST", 40)
    first, second = run(LABELLED)[0], run(LABELLED)[0]
    assert len(first.asked[0]) == 40
    assert torch.equal(first.asked[0], second.asked[0])


def test_a_method_without_an_embedding_has_no_such_scores():
    class Blind(Inputs):
        def embed(self, x):
            return None

    _, scores = run(LABELLED, Blind)
    assert embedded(scores) == {}
    assert {score.stage for score in scores} >= {"fit", "adapt", "full"}


def test_nothing_is_embedded_where_the_task_does_not_ask():
    plain = replace(LABELLED, task=Task("classification", LABELLED.task.classes))
    learner, scores = run(plain)
    assert learner.asked == []
    assert embedded(scores) == {}


@pytest.mark.parametrize("wrong", [lambda x: x[:3], lambda x: x[:, 0], lambda x: x / 0])
def test_an_embedding_that_cannot_be_measured_is_told(wrong):
    class Wrong(Inputs):
        def embed(self, x):
            return wrong(x)

    with pytest.raises(InvalidOutputError, match="embed returned the shape"):
        run(LABELLED, Wrong)


def test_an_integration_task_is_embedded_and_nothing_is_predicted_or_adapted():
    learner, scores = run(unlabelled())
    assert {score.stage for score in scores} == {"embedding"}
    assert set(embedded(scores)) == set(defaults("integration"))
    assert len(learner.asked) == 1


def test_only_methods_that_need_no_labels_take_an_integration_task():
    class Unsupervised(Inputs):
        needs_labels = False

    task, x = unlabelled().task, unlabelled().domains[0].train.x
    assert "labels" in refusal(Inputs, task, x)
    assert refusal(Unsupervised, task, x) is None
    assert refusal(Inputs, LABELLED.task, x) is None
