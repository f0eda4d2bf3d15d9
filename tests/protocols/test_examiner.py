"""The examiner: what learners are shown, what is scored, and what scores mean."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from medtl_toy.dataset import masks

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError, MedTLError
from medtl_bench.metrics.classes import brier as brier_score
from medtl_bench.protocols.contents import Contents
from medtl_bench.protocols.examiner import Clock, Examiner, Labels, check_outputs, measure
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.transfer import transfer
from medtl_bench.protocols.withheld import blinded
from medtl_bench.testing.datasets import Constant
from tests.protocols.learners import (
    CLASSES,
    MASKS,
    TASK,
    VALUES,
    Spy,
    ValuedSpy,
    every_second_row_marked,
    marks,
    watched,
)


def test_no_row_of_a_test_or_validation_split_is_learned_from(make_dataset):
    dataset = make_dataset()
    hidden = set().union(*(marks(split.x) for d in dataset.domains for split in (d.val, d.test)))
    for run, scenario in ((transfer, "to-c"), (stream, "all")):
        diary, _ = watched(dataset, run=run, scenario=scenario)
        learned = [split.x for _, shown, _ in diary for split in shown]
        learned += [x for verb, _, x in diary if verb == "fit"]
        assert learned
        assert not hidden & set().union(*map(marks, learned))


def changing(verb: str, change):
    """Return a learner that changes what it is handed in a verb."""

    class Changing(Constant):
        def fit(self, sources, unlabelled):
            super().fit(sources, unlabelled)
            if verb == "fit":
                change(sources[1])

        def adapt(self, support):
            super().adapt(support)
            if verb == "adapt":
                change(support)

        def predict(self, x):
            if verb == "predict":
                change(Split(x, torch.zeros(len(x))))
            return super().predict(x)

    return Changing


CHANGES = {
    "an input": lambda split: split.x.numpy().__setitem__((0, 0), 7),
    "rows that change places": lambda split: np.copyto(
        split.x.numpy(), split.x.numpy()[::-1].copy()
    ),
    "inputs, by torch": lambda split: split.x.mul_(2),
    "a label": lambda split: split.y.numpy().__setitem__(0, 1 - split.y[0]),
    "labels that change places": lambda split: np.copyto(
        split.y.numpy(), split.y.numpy()[::-1].copy()
    ),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("verb", ["fit", "adapt", "predict"])
def test_a_change_of_what_was_handed_is_noticed_also_through_numpy(verb, what, make_dataset):
    if verb == "predict" and "label" in what:
        return
    dataset, make = make_dataset(), changing(verb, CHANGES[what])
    scores = transfer(
        dataset, dataset.transfers[0], make, seed=0, shots=(1,), draws=1, clock=Clock()
    )
    with pytest.raises(
        InvalidOutputError, match=f"^{verb} changed the data it was handed in place"
    ):
        list(scores)


def test_in_large_inputs_every_change_and_every_exchange_of_rows_is_noticed():
    x = torch.randn(3000, 37, generator=torch.Generator().manual_seed(0))
    contents = Contents()
    contents.know([x])
    assert not contents.changed([x])
    for row in (0, 1234, 2999):
        x.numpy()[row, 5] += 1
        assert contents.changed([x])
    for first, second in ((0, 1), (100, 2900), (7, 1500)):
        x[[first, second]] = x[[second, first]]
        assert contents.any_changed()
    assert not contents.any_changed()


def test_no_learner_is_handed_labels_that_are_withheld_and_no_metric_is_taken_of_them(make_dataset):
    dataset = blinded(make_dataset())
    test = dataset.domains[0].test
    learner = Constant(dataset.task, torch.Generator())
    learner.fit([dataset.domains[0].train], test.x)
    examined = Examiner(dataset.task, learner, Labels(), Clock())
    assert list(examined.scores("fit", test)) == []
    assert measure(dataset.task, torch.zeros(2, 2), test.y[:2], ["accuracy"]) == {}
    rule = "may hand learners the labels of training rows alone"
    with pytest.raises(MedTLError, match=rule):
        examined.adapt(test[torch.arange(3)])
    with pytest.raises(MedTLError, match=rule):
        examined.fit([concatenate([dataset.domains[0].train, test])], test.x)


def test_a_source_comes_with_its_validation_rows_alone_where_their_labels_are_not_withheld(
    make_dataset,
):
    dataset = make_dataset()
    for validating in ((), ("a",), ("a", "b", "c")):
        diary, _ = watched(blinded(dataset, validating))
        (_, sources, _), *later = diary
        handed = {name: split.validation for name, split in zip("ab", sources, strict=True)}
        assert {name for name, val in handed.items() if val} == set(validating) - {"c"}
        for name, val in handed.items():
            assert val is None or torch.equal(val.y, dataset.domain(name).val.y)
        assert not [split for _, shown, _ in later for split in shown if split.validation]
    assert blinded(dataset, "a").domain("a").val.of_rows() == {}


def test_values_that_end_a_training_are_in_standard_units_too():
    y = torch.tensor([1.0, 3.0])
    split = Split(torch.zeros(2, 1), y)
    learner = ValuedSpy(VALUES, torch.Generator())
    labels = Labels.of(VALUES, [split])
    Examiner(VALUES, learner, labels, Clock()).fit([split], split.x, [split])
    ((_, (handed,), _),) = learner.diary
    assert torch.equal(handed.validation.y, handed.y)
    assert handed.validation.y.tolist() == [-1.0, 1.0]


def test_the_clock_counts_every_call(make_dataset):
    dataset, clock = make_dataset(), Clock()
    list(transfer(dataset, dataset.transfer("to-c"), Spy, seed=0, shots=(1,), draws=3, clock=clock))
    assert {verb: len(calls) for verb, calls in clock.calls.items()} == {
        "fit": 1,
        "adapt": 4,
        "predict": 2 + 3 + 1 + 4 * 2,
    }


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


@pytest.mark.parametrize("value", [3.0, 98.6, 0.1, 1e-9, 1e6 + 0.3, 1e30])
def test_values_that_are_constant_in_the_sources_do_not_blow_up_those_of_a_target(value):
    source = Split(torch.zeros(1200, 1), torch.full((1200,), value))
    target = Split(torch.zeros(1, 1), torch.tensor([value + 0.005 * max(1.0, value)]))
    labels = Labels.of(VALUES, [source])
    assert not labels.standard(source).y.any()
    assert labels.standard(target).y.abs() < 1


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1.0, 1e20, 1e30])
@pytest.mark.parametrize("mean", [0.0, 3e4])
def test_values_of_any_magnitude_are_handed_over_in_standard_units(scale, mean):
    y = torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    split = Split(torch.zeros(1000, 1), ((y + mean) * scale).float())
    standard = Labels.of(VALUES, [split]).standard(split).y
    assert abs(float(standard.mean())) < 0.01
    assert float(standard.std(correction=0)) == pytest.approx(1, abs=0.01)


def test_classes_pass_as_they_are(make_domain):
    split = make_domain("a", 0).train
    assert Labels.of(TASK, [split]).standard(split) is split


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
