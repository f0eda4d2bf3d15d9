"""The protocols: what learners are shown, what is scored, and what the scores mean."""

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from medtl_toy.dataset import masks
from torch import Tensor

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.metrics.classes import brier as brier_score
from medtl_bench.protocols.examiner import Clock, Labels, check_outputs, measure
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.support import draw_support, most_shots
from medtl_bench.protocols.transfer import transfer
from medtl_bench.testing.datasets import Constant

TASK = Task("classification", ("no", "yes"))
CLASSES = Task("classification", ("p", "q", "r", "s"))
VALUES = Task("regression")
MASKS = Task("segmentation", ("background", "blob"))


def marks(x: Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in x}


@dataclass
class Spy(Algorithm):
    """Writes down, in a diary that its copies share, all that it was shown."""

    diary: list = field(default_factory=list)

    def __deepcopy__(self, memo):
        return type(self)(self.task, memo[id(self.generator)], self.diary)

    def fit(self, sources, unlabelled):
        self.diary.append(("fit", list(sources), unlabelled))

    def adapt(self, support):
        self.diary.append(("adapt", [support], None))

    def predict(self, x):
        self.diary.append(("predict", [], x))
        return torch.stack([-x[:, 0], x[:, 0]], 1)


@dataclass
class DrawingSpy(Spy):
    """Uses the randomness it is handed, as far as it can."""

    def fit(self, sources, unlabelled):
        super().fit(sources, unlabelled)
        torch.rand(100, generator=self.generator)

    def adapt(self, support):
        super().adapt(support)
        torch.rand(7, generator=self.generator)
        torch.rand(9)


def watched(dataset, spy=Spy, run=transfer, scenario="to-c", **options):
    diary = []
    options = (
        {"seed": 0, "shots": (1, 3), "draws": 2} | options
        if run is transfer
        else {"seed": 0} | options
    )
    where = dataset.transfer(scenario) if run is transfer else dataset.stream(scenario)
    scores = list(
        run(dataset, where, lambda task, source: spy(task, source, diary), clock=Clock(), **options)
    )
    return diary, scores


def supports(diary) -> list[Split]:
    return [shown[0] for verb, shown, _ in diary if verb == "adapt"]


def test_no_row_of_a_test_or_validation_split_is_learned_from(make_dataset):
    dataset = make_dataset()
    hidden = set().union(*(marks(split.x) for d in dataset.domains for split in (d.val, d.test)))
    for run, scenario in ((transfer, "to-c"), (stream, "all")):
        diary, _ = watched(dataset, run=run, scenario=scenario)
        learned = [split.x for _, shown, _ in diary for split in shown]
        learned += [x for verb, _, x in diary if verb == "fit"]
        assert learned
        assert not hidden & set().union(*map(marks, learned))


def test_before_adapting_a_learner_sees_labels_of_sources_only_and_the_targets_train_inputs(
    make_dataset,
):
    dataset = make_dataset()
    diary, _ = watched(dataset)
    verb, shown, unlabelled = diary[0]
    assert verb == "fit"
    assert [
        split is dataset.domain(name).train for split, name in zip(shown, "ab", strict=True)
    ] == [True, True]
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


def test_a_support_holds_k_rows_of_each_class_of_the_targets_train_split(make_dataset):
    dataset = make_dataset()
    diary, _ = watched(dataset, shots=(1, 3, 50), draws=2)
    *few, full = supports(diary)
    assert [support.y.bincount().tolist() for support in few] == [[1, 1]] * 2 + [[3, 3]] * 2 + [
        [6, 6]
    ] * 2
    train = dataset.domain("c").train
    labelled = {(x.numpy().tobytes(), int(y)) for x, y in zip(train.x, train.y, strict=True)}
    for support in few:
        assert {
            (x.numpy().tobytes(), int(y)) for x, y in zip(support.x, support.y, strict=True)
        } <= labelled
        assert len(marks(support.x)) == len(support)
    assert full is train


def test_draws_differ_and_repeat(make_dataset):
    def drawn(**options):
        return [marks(support.x) for support in supports(watched(make_dataset(), **options)[0])][
            :-1
        ]

    first = drawn(shots=(3,), draws=4)
    assert len({frozenset(rows) for rows in first}) == 4
    assert first == drawn(shots=(3,), draws=4)
    assert first != drawn(shots=(3,), draws=4, seed=1)


def test_every_algorithm_meets_the_same_patients(make_dataset):
    plain, drawing = (supports(watched(make_dataset(), spy)[0]) for spy in (Spy, DrawingSpy))
    assert [s.x.tolist() for s in plain] == [s.x.tolist() for s in drawing]


def test_the_patients_do_not_depend_on_sources_shots_or_draws(make_dataset):
    dataset = make_dataset(
        transfers=(Transfer("to-c", ("a", "b"), ("c",)), Transfer("a-c", ("a",), ("c",)))
    )
    many = supports(watched(dataset, shots=(1, 2, 3), draws=3)[0])[3:5]
    few = supports(watched(dataset, scenario="a-c", shots=(2,), draws=2)[0])[:2]
    assert [s.x.tolist() for s in many] == [s.x.tolist() for s in few]


def test_with_the_most_shots_a_support_leaves_a_row_and_with_one_more_it_is_all():
    splits = [
        (CLASSES, Split(torch.zeros(9, 1), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1]))),
        (MASKS, Split(torch.zeros(9, 1, 2, 2), torch.zeros(9, 2, 2).long())),
        (VALUES, Split(torch.zeros(9, 1), torch.zeros(9))),
    ]
    for task, split in splits:
        most = most_shots(task, split)
        assert [len(draw_support(task, split, k, torch.Generator())) for k in (most, most + 1)] == [
            8,
            9,
        ]


def test_a_support_of_masks_or_values_has_k_rows():
    y = torch.zeros(9, 2, 2, dtype=torch.int64)
    assert len(draw_support(MASKS, Split(torch.zeros(9, 1, 2, 2), y), 4, torch.Generator())) == 4
    assert (
        len(draw_support(VALUES, Split(torch.zeros(9, 1), torch.zeros(9)), 20, torch.Generator()))
        == 9
    )


def test_a_support_does_not_tell_the_class_counts_of_an_unbalanced_target():
    split = Split(torch.arange(10.0)[:, None], torch.tensor([0] * 8 + [3] * 2))
    support = draw_support(CLASSES, split, 5, torch.Generator())
    assert support.y.bincount().tolist() == [5, 0, 0, 2]


@pytest.mark.parametrize("shots", [(), (1,), (1, 2, 5)])
@pytest.mark.parametrize("draws", [1, 3])
def test_every_score_of_a_transfer_is_there_once(make_dataset, shots, draws):
    dataset = make_dataset(transfers=(Transfer("t", ("a",), ("b", "c")),))
    _, scores = watched(dataset, scenario="t", shots=shots, draws=draws)
    found = defaultdict(list)
    for score in scores:
        found[score.stage].append(score)
    names, adapted = len(TASK.metrics), 2 * len(shots) * draws
    counts = {stage: len(rows) for stage, rows in found.items()}
    assert counts == {
        "validation": names, "fit": 3 * names, "full": 2 * names, "retained": 1 + adapted + 2,
    } | ({"adapt": adapted * names} if shots else {})  # fmt: skip
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
    """Right about everything until it adapts; then it is wrong about the sources, whose column 0 is below 100."""

    adapted: int = 0

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        self.adapted += 1

    def predict(self, x):
        right = x[:, 1] * 2 - 1
        score = torch.where((x[:, 0] < 100) & (self.adapted > 0), -right, right)
        return torch.stack([-score, score], 1) * 50


def telling(name: str, place: float) -> Domain:
    """Return a domain whose column 1 is the label and whose column 0 lies at a place."""

    def split(n: int, start: int) -> Split:
        y = torch.arange(n) % 2
        return Split(torch.stack([place + (start + torch.arange(n)) / 100, y.float()], 1), y)

    return Domain(name, split(12, 0), split(4, 12), split(8, 16))


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
    value = {stage: {s.value for s in scores if s.stage == stage and s.metric == TASK.primary and s.shots != 0} for stage in
             ("validation", "fit", "adapt", "full", "retained")}  # fmt: skip
    assert value == {
        "validation": {1.0},
        "fit": {1.0},
        "adapt": {1.0},
        "full": {1.0},
        "retained": {0.0},
    }
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


def test_the_clock_counts_every_call(make_dataset):
    dataset, clock = make_dataset(), Clock()
    list(transfer(dataset, dataset.transfer("to-c"), Spy, seed=0, shots=(1,), draws=3, clock=clock))
    assert {verb: len(calls) for verb, calls in clock.calls.items()} == {
        "fit": 1,
        "adapt": 4,
        "predict": 2 + 3 + 1 + 4 * 2,
    }


@dataclass
class LastDomain(Algorithm):
    """Right about the domains it learned, but after the last one only about that: total forgetting, seen at once."""

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
    assert [(verb, shown[0] is dataset.domain(d).train) for (verb, shown, _), d in zip(learned, "cab", strict=True)] == [
        ("fit", True), ("adapt", True), ("adapt", True),
    ]  # fmt: skip
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
    dataset = make_dataset(
        task=CLASSES, domains=(first, second), transfers=(), streams=(Stream("s", ("a", "b")),)
    )
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


def test_masking_keeps_the_order_of_the_classes_that_remain():
    outputs = torch.tensor([[5.0, 1, 2, 0]])
    assert measure(CLASSES, outputs, torch.tensor([2]), ["accuracy"], [1, 2]) == {"accuracy": 1.0}
    assert measure(CLASSES, outputs, torch.tensor([2]), ["accuracy"]) == {"accuracy": 0.0}


def test_scores_are_of_softmaxed_outputs():
    outputs = torch.tensor([[0.0, np.log(3)], [0, np.log(3)]])
    brier = brier_score(np.array([[0.25, 0.75]] * 2), np.array([1, 0]))
    assert measure(TASK, outputs, torch.tensor([1, 0]), ["brier"])["brier"] == pytest.approx(
        brier, abs=1e-6
    )


def test_huge_scores_are_sure_and_not_nan():
    assert measure(TASK, torch.tensor([[-3e38, 3e38]]), torch.tensor([1]), ["brier", "ece"]) == {
        "brier": 0,
        "ece": 0,
    }


def test_a_metric_that_is_undefined_on_a_split_is_left_out():
    task = Task("classification", ("no", "yes"), ("roc_auc", "brier"))
    assert list(
        measure(task, torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64), task.metrics)
    ) == ["brier"]


def test_details_are_scored_before_any_target_label_and_at_no_other_stage():
    dataset = masks()
    task = Task("segmentation", dataset.task.classes, ("dice", "hd95", "dice_class_1"))
    dataset = replace(dataset, task=task)
    options = {"seed": 0, "clock": Clock()}
    scores = [
        *transfer(dataset, dataset.transfers[0], Constant, shots=(1,), draws=1, **options),
        *stream(dataset, dataset.streams[0], Constant, **options),
    ]
    by_stage = {
        stage: {s.metric for s in scores if s.stage == stage} for stage in {s.stage for s in scores}
    }
    assert by_stage.pop("fit") == set(task.metrics)
    assert set.union(*by_stage.values()) == set(task.running) == {"dice"}


@dataclass
class MeanOfSources(Algorithm):
    """Answers zero in the units it was shown, and keeps those units."""

    shown: list = field(default_factory=list)

    def fit(self, sources, unlabelled):
        self.shown.append(torch.cat([s.y for s in sources]))

    def adapt(self, support):
        self.shown.append(support.y)

    def predict(self, x):
        return torch.zeros(len(x))

    def __deepcopy__(self, memo):
        return self


def test_values_are_shown_in_units_of_the_sources_and_scored_in_their_own(
    make_dataset, make_domain
):
    def valued(name: str, seed: int, place: float) -> Domain:
        domain = make_domain(name, seed)
        return Domain(name, *(Split(s.x, place + 5 * s.x[:, 0]) for s in domain.splits().values()))

    domains = (valued("a", 0, 100), valued("b", 1, 120), valued("c", 2, 500))
    dataset = make_dataset(task=VALUES, domains=domains)
    learners = []

    def make(task, source):
        learners.append(MeanOfSources(task, source))
        return learners[-1]

    scores = list(
        transfer(
            dataset, dataset.transfer("to-c"), make, seed=0, shots=(2,), draws=1, clock=Clock()
        )
    )
    fitted, support, full = learners[0].shown
    pooled = torch.cat([d.train.y for d in domains[:2]])
    assert (float(fitted.mean()), float(fitted.std(correction=0))) == pytest.approx(
        (0, 1), abs=1e-5
    )
    assert torch.allclose(
        full * pooled.std(correction=0) + pooled.mean(), domains[2].train.y, atol=1e-3
    )
    assert len(support) == 2
    rmse = next(s.value for s in scores if (s.stage, s.domain, s.metric) == ("fit", "c", "rmse"))
    assert rmse == pytest.approx(
        float((domains[2].test.y - pooled.mean()).square().mean().sqrt()), rel=1e-5
    )
    in_stream = list(stream(dataset, dataset.stream("all"), make, seed=0, clock=Clock()))
    assert torch.allclose(
        learners[1].shown[0], Labels.of(VALUES, [domains[0].train]).standard(domains[0].train).y
    )
    assert {s.metric for s in in_stream} == {"concordance", "rmse"}


def test_values_that_are_all_equal_do_not_divide_by_zero():
    constant = Split(torch.zeros(3, 1), torch.full((3,), 7.0))
    assert torch.equal(Labels.of(VALUES, [constant]).standard(constant).y, torch.zeros(3))


def test_classes_pass_as_they_are(make_domain):
    split = make_domain("a", 0).train
    assert Labels.of(TASK, [split]).standard(split) is split


def every_second_row_marked(domain: Domain) -> Domain:
    """Return a domain in which every second row of every split is marked."""
    return Domain(
        domain.name,
        *(replace(s, marked=torch.arange(len(s)) % 2 == 0) for s in domain.splits().values()),
    )


def test_marked_rows_are_also_scored_apart(make_dataset, make_domain):
    domains = tuple(
        every_second_row_marked(make_domain(name, seed)) for seed, name in enumerate("abc")
    )
    _, scores = watched(make_dataset(domains=domains))
    apart = {s for s in scores if s.metric.startswith("marked")}
    assert {(s.metric, s.n) for s in apart} == {
        ("marked_balanced_accuracy", 4),
        ("marked_balanced_accuracy", 2),
    }
    for stage, count in {"validation": 2, "fit": 3, "adapt": 4, "full": 1}.items():
        assert sum(s.stage == stage for s in apart) == count
    test = domains[2].test
    right = (torch.stack([-test.x[:, 0], test.x[:, 0]], 1).argmax(1) == test.y)[test.marked]
    assert {s.value for s in apart if s.domain == "c"} == {
        np.mean(
            [right[test.y[test.marked] == c].float().mean() for c in test.y[test.marked].unique()]
        )
    }


def test_what_is_not_marked_is_scored_as_ever(make_dataset, make_domain):
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    _, plain = watched(make_dataset(domains=tuple(domains)))
    unmarked = replace(domains[2].test, marked=torch.zeros(8, dtype=torch.bool))
    _, none = watched(make_dataset(domains=(*domains[:2], replace(domains[2], test=unmarked))))
    _, some = watched(make_dataset(domains=tuple(map(every_second_row_marked, domains))))
    assert none == plain
    assert [s for s in some if not s.metric.startswith("marked")] == plain


@pytest.mark.parametrize("task", [TASK, VALUES])
def test_no_learner_is_shown_a_mark(make_dataset, make_domain, task):
    domains = [every_second_row_marked(make_domain(name, seed)) for seed, name in enumerate("abc")]
    if task is VALUES:
        domains = [
            Domain(d.name, *(replace(s, y=s.x[:, 0].clone()) for s in d.splits().values()))
            for d in domains
        ]
    dataset = make_dataset(task=task, domains=tuple(domains))
    spy = Spy if task is TASK else ValuedSpy
    for run, scenario in ((transfer, "to-c"), (stream, "all")):
        shown = [
            split
            for _, splits, _ in watched(dataset, spy, run=run, scenario=scenario)[0]
            for split in splits
        ]
        assert shown
        assert [split.marked for split in shown] == [None] * len(shown)


@dataclass
class ValuedSpy(Spy):
    """Predicts values."""

    def predict(self, x):
        return super().predict(x)[:, 1]


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (torch.full((8, 2), torch.nan), "predict returned 16 values that are NaN or infinite"),
        (
            torch.tensor([[0.0, torch.inf]] * 8),
            "predict returned 8 values that are NaN or infinite",
        ),
        (torch.zeros(7, 2), r"predict returned the shape \[7, 2\], but \[8, 2\] was expected"),
        (torch.zeros(8, 3), r"the shape \[8, 3\], but \[8, 2\]"),
        (torch.zeros(8), r"the shape \[8\], but \[8, 2\]"),
        (
            torch.zeros(8, 2, dtype=torch.int64),
            "predict returned torch.int64, but detached floats were expected",
        ),
        (
            torch.zeros(8, 2, requires_grad=True),
            "requires gradients, but detached floats were expected",
        ),
        (torch.zeros(8, 2, dtype=torch.complex64), "predict returned torch.complex64"),
        (np.zeros((8, 2)), "predict returned a ndarray, but a torch tensor was expected"),
        ("yes", "predict returned a str"),
        (None, "predict returned a NoneType"),
    ],
)
def test_predictions_that_cannot_be_scored_are_told_in_a_sentence(make_domain, outputs, told):
    with pytest.raises(InvalidOutputError, match=rf"{told}.*\.$"):
        check_outputs(TASK, outputs, make_domain("a", 0).test)


def test_masks_and_values_have_shapes_of_their_own():
    masks = Split(torch.zeros(3, 1, 4, 4), torch.zeros(3, 4, 4, dtype=torch.int64))
    check_outputs(MASKS, torch.zeros(3, 2, 4, 4), masks)
    with pytest.raises(InvalidOutputError, match=r"\[3, 2\], but \[3, 2, 4, 4\]"):
        check_outputs(MASKS, torch.zeros(3, 2), masks)
    values = Split(torch.zeros(3, 1), torch.zeros(3))
    check_outputs(VALUES, torch.zeros(3), values)
    with pytest.raises(InvalidOutputError, match=r"\[3, 1\], but \[3\]"):
        check_outputs(VALUES, torch.zeros(3, 1), values)


@dataclass
class Vandal(Spy):
    """Changes what it is handed, in place."""

    def fit(self, sources, unlabelled):
        if self.verb == "sources":
            sources[1].y.fill_(0)
        if self.verb == "unlabelled":
            unlabelled.mul_(2)

    def adapt(self, support):
        if self.verb == "adapt":
            support.x[0] = 0

    def predict(self, x):
        if self.verb == "predict":
            x -= x.mean(0)
        return super().predict(x)


@pytest.mark.parametrize(
    ("verb", "told"),
    [("sources", "fit"), ("unlabelled", "fit"), ("adapt", "adapt"), ("predict", "predict")],
)
def test_a_learner_that_changes_what_it_is_handed_is_found_out(make_dataset, verb, told):
    vandal = type("Vandal", (Vandal,), {"verb": verb})
    with pytest.raises(InvalidOutputError, match=f"{told} changed the data it was handed"):
        watched(make_dataset(), vandal)


def test_scores_are_the_same_whenever_they_are_taken(make_dataset):
    assert watched(make_dataset())[1] == watched(make_dataset())[1]
