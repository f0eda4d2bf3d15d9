"""Transfers: what learners are shown before and after a target's labels, and every score once."""

from collections import defaultdict
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.scenario import Transfer
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from tests.protocols.learners import TASK, Spy, Told, marks, telling, watched


def test_before_adapting_a_learner_sees_labels_of_sources_only_and_the_targets_train_inputs(
    make_dataset,
):
    dataset = make_dataset()
    diary, _ = watched(dataset)
    verb, shown, unlabelled = diary[0]
    assert verb == "fit"
    for split, name in zip(shown, "ab", strict=True):
        train = dataset.domain(name).train
        assert (split.x is train.x, split.y is train.y) == (True, True)
    assert torch.equal(unlabelled, dataset.domain("c").train.x)
    assert sum(verb == "fit" for verb, *_ in diary) == 1


def test_unlabelled_inputs_are_those_of_all_targets(make_dataset):
    dataset = make_dataset(transfers=(Transfer("t", ("a",), ("b", "c")),))
    diary, _ = watched(dataset, scenario="t")
    assert torch.equal(diary[0][2], torch.cat([dataset.domain(name).train.x for name in "bc"]))


def test_what_is_predicted_comes_without_labels(make_dataset):
    dataset = make_dataset()
    asked = [x for verb, _, x in watched(dataset)[0] if verb == "predict"]
    assert all(isinstance(x, Tensor) for x in asked)
    allowed = set().union(*(marks(split.x) for d in dataset.domains for split in (d.val, d.test)))
    assert set().union(*map(marks, asked)) <= allowed


@pytest.mark.parametrize("shots", [(), (1,), (1, 2, 5)])
@pytest.mark.parametrize("draws", [1, 3])
def test_every_score_of_a_transfer_is_there_once(make_dataset, shots, draws):
    dataset = make_dataset(transfers=(Transfer("t", ("a",), ("b", "c")),))
    _, scores = watched(dataset, scenario="t", shots=shots, draws=draws)
    found = defaultdict(list)
    for score in scores:
        if not score.metric.startswith("confusion"):
            found[score.stage].append(score)
    names, adapted = len(TASK.metrics), 2 * len(shots) * draws
    cut = names + 1  # and at the threshold of the sources
    counts = {stage: len(rows) for stage, rows in found.items()}
    assert counts == {
        "validation": names, "fit": 3 * cut, "full": 2 * cut, "retained": 1 + adapted + 2,
    } | ({"adapt": adapted * cut} if shots else {})  # fmt: skip
    assert len({score[:6] for score in scores}) == len(scores)
    assert {score.n for score in found["validation"]} == {4}
    assert {score.n for stage in ("fit", "full", "adapt") for score in found[stage]} == {8}
    assert {(s.learned, s.shots, s.draw) for s in found["retained"]} == {(None, 0, None)} | {
        (target, k, d)
        for target in "bc"
        for k, d in [(None, None), *((k, d) for k in shots for d in range(draws))]
    }
    assert {(s.domain, s.metric) for s in found["retained"]} == {(None, TASK.primary)}


def test_a_domain_without_validation_split_has_no_validation_score(make_dataset):
    sound = make_dataset()
    nothing = torch.arange(0)
    dataset = make_dataset(domains=tuple(replace(d, val=d.val[nothing]) for d in sound.domains))
    assert "validation" not in {score.stage for score in watched(dataset)[1]}


@dataclass
class Shifting(Algorithm):
    """Right until it adapts; then wrong about the sources, whose column 0 is below 100."""

    adapted: int = 0

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        self.adapted += 1

    def predict(self, x):
        right = x[:, 1] * 2 - 1
        score = torch.where((x[:, 0] < 100) & (self.adapted > 0), -right, right)
        return torch.stack([-score, score], 1) * 50


def test_each_adaptation_starts_from_the_fitted_learner_and_retained_scores_are_of_the_sources(
    make_dataset,
):
    dataset = make_dataset(domains=(telling("a", 0), telling("b", 10), telling("c", 100)))
    made = []

    def make(task, source):
        made.append(Shifting(task, source))
        return made[-1]

    scores = list(
        transfer(
            dataset, dataset.transfer("to-c"), make, seed=0, shots=(1, 2), draws=2, clock=Clock()
        )
    )
    primary = [s for s in scores if s.metric == TASK.primary and s.shots != 0]
    values = defaultdict(set)
    for score in primary:
        values[score.stage].add(score.value)
    assert values.pop("retained") == {0.0}
    assert values == {stage: {1.0} for stage in ("validation", "fit", "adapt", "full")}
    assert [s.value for s in scores if s.shots == 0] == [1.0]
    assert [learner.adapted for learner in made] == [0]


def test_what_is_retained_is_told_by_the_same_rows_of_a_large_source_before_and_after(
    make_dataset, monkeypatch
):
    monkeypatch.setattr("medtl_bench.protocols.transfer.KEPT_ROWS", 3)
    diary, scores = watched(make_dataset(), shots=(1,), draws=1)
    sizes = {s.n for s in scores if s.stage == "retained"}
    asked = [marks(x) for verb, _, x in diary if verb == "predict" and len(x) == 6]
    assert (sizes, len(asked)) == ({6}, 3)
    assert asked[0] == asked[1] == asked[2]


@pytest.mark.parametrize("labels", ["own", "shared"])
def test_whose_question_it_is_a_learner_is_told_where_each_domain_has_its_own(make_dataset, labels):
    domains = (telling("a", 10), telling("b", 20), telling("c", 30))
    dataset, asked = make_dataset(domains=domains, labels=labels), []
    to_c, made = dataset.transfer("to-c"), lambda task, source: Told(task, source, (), asked)
    how = {"seed": 0, "shots": (1,), "draws": 1, "clock": Clock()}
    scores = list(transfer(dataset, to_c, made, **how))
    if labels == "shared":
        assert set(asked) == {""}
        return
    assert asked == [*"ab", *"c", *"ab", *"ab", *("c", "a", "b") * 2]
    value = {(s.stage, s.domain): s.value for s in scores if s.metric == TASK.primary}
    assert value == {
        **{(stage, name): 1.0 for stage in ("validation", "fit") for name in "ab"},
        ("fit", "c"): 0.0,
        ("adapt", "c"): 1.0,
        ("full", "c"): 1.0,
        ("retained", None): 1.0,
    }


def test_a_learner_is_told_what_labels_mean_and_of_which_domain_its_rows_are(make_dataset):
    tasks, how = [], {"seed": 0, "shots": (1,), "draws": 1, "clock": Clock()}

    def make(task, source):
        tasks.append(task)
        return Spy(task, source, diary)

    for labels in ("own", "shared"):
        diary, dataset = [], make_dataset(labels=labels)
        list(transfer(dataset, dataset.transfer("to-c"), make, **how))
        handed = [(verb, [s.domain for s in shown]) for verb, shown, _ in diary if shown]
        assert handed == [("fit", ["a", "b"]), ("adapt", ["c"]), ("adapt", ["c"])]
        (fit, *_) = [shown for verb, shown, _ in diary if verb == "fit"]
        assert [split.validation.domain for split in fit] == ["a", "b"]
    assert [task.labels for task in tasks] == ["own", "shared"]
