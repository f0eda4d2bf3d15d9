"""Outputs that mean something else: probabilities given as scores, values of another scale."""

import pytest
import torch

from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.protocols.examiner import Clock, check_outputs
from medtl_bench.protocols.transfer import transfer
from medtl_bench.testing.conformance import words
from medtl_bench.testing.learners import answers_one_row_or_many
from medtl_bench.testing.subject import Subject
from tests.protocols.learners import VALUES, ValuedSpy
from tests.testing.test_conformance import Good, problems

FIVE = Task("classification", tuple("abcde"))
SCORES = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
ROWS = Split(torch.zeros(40, 1), torch.arange(40) % 5)
MASKS = Task("segmentation", ("background", "blob"))
PIXELS = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
HARD = torch.eye(5)[SCORES.argmax(1)]
PROBABILITIES = {
    "softmax": (FIVE, SCORES.softmax(1)),
    "softmax in float64": (FIVE, SCORES.double().softmax(1)),
    "softmax in half precision": (FIVE, SCORES.softmax(1).half()),
    "to three digits": (FIVE, SCORES.softmax(1).round(decimals=4)),
    "of a row": (FIVE, SCORES[:1].softmax(1)),
    "shares, the same for every row": (FIVE, torch.full((40, 5), 0.2)),
    "votes": (FIVE, HARD),
    "of pixels": (MASKS, PIXELS.softmax(1)),
    "sigmoid for and against": (MASKS, torch.stack([1 - PIXELS[:, 0].sigmoid(),
                                                    PIXELS[:, 0].sigmoid()], 1)),
}  # fmt: skip
FINE = {
    "scores": (FIVE, SCORES),
    "logarithms": (FIVE, SCORES.log_softmax(1)),
    "positive scores": (FIVE, SCORES.exp()),
    "zeros": (FIVE, torch.zeros(40, 5)),
    "sure scores": (FIVE, 20 * HARD),
    "some that sum to 1": (FIVE, torch.cat([SCORES[:20].softmax(1), SCORES[20:].exp()])),
    "distances": (FIVE, -SCORES.square()),
    "maps": (MASKS, PIXELS),
    "empty maps": (MASKS, torch.zeros(3, 2, 8, 8)),
}


def split_for(outputs: torch.Tensor) -> Split:
    rows = len(outputs)
    if outputs.ndim == 2:
        return ROWS[torch.arange(rows)]
    return Split(torch.zeros(rows, 1, 8, 8), torch.zeros(rows, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_are_refused_with_the_way_to_mend_them(name):
    task, outputs = PROBABILITIES[name]
    with pytest.raises(InvalidOutputError, match=r"probabilities.* p\.clamp\(min=1e-6\)\.log\(\)"):
        check_outputs(task, outputs, split_for(outputs))
    mended = outputs.float().clamp(min=1e-6).log()
    check_outputs(task, mended, split_for(outputs))


@pytest.mark.parametrize("name", FINE)
def test_other_scores_are_taken(name):
    task, outputs = FINE[name]
    check_outputs(task, outputs, split_for(outputs))


class Probable(Good):
    """Returns probabilities."""

    def predict(self, x):
        outputs = super().predict(x)
        return outputs if self.task.kind == "regression" else outputs.softmax(1)


def test_the_kit_refuses_probabilities():
    told = problems(Probable)[words(answers_one_row_or_many)]
    assert "predict returned probabilities" in told
    assert Subject("good", "baseline", lambda: Good).cases


def valued(name: str, seed: int) -> Domain:
    """Return a domain whose labels are the first column, and lie around 500 with deviation 20."""
    source = torch.Generator().manual_seed(seed)

    def split(rows: int) -> Split:
        x = torch.randn(rows, 3, generator=source)
        return Split(x, 500 + 20 * x[:, 0])

    return Domain(name, *map(split, (60, 10, 30)))


def answering(change):
    class Answering(ValuedSpy):
        def predict(self, x):
            return change(super().predict(x))

    return Answering


@pytest.fixture
def examined(make_dataset):
    def run(change) -> list[str]:
        domains = tuple(valued(name, seed) for seed, name in enumerate("abc"))
        dataset, clock = make_dataset(task=VALUES, domains=domains, streams=()), Clock()
        spy, where = answering(change), dataset.transfers[0]
        list(transfer(dataset, where, spy, seed=0, shots=(1,), draws=1, clock=clock))
        return clock.remarks

    return run


def test_values_in_the_units_of_the_labels_are_refused_with_the_way_to_mend_them(examined):
    mended = r"look like the units of the labels.*: return \(value - 49\d.* / \d\d\.\d"
    with pytest.raises(InvalidOutputError, match=mended):
        examined(lambda value: 500 + 20 * value)


def test_values_of_another_scale_are_remarked_on_once(examined):
    (remark,) = examined(lambda value: 1e4 * value)
    assert "labels are handed over in standard units" in remark


@pytest.mark.parametrize("size", [0.0, 0.01, 1.0, 3.0])
def test_values_in_standard_units_are_not_remarked_on(examined, size):
    assert examined(lambda value: size * value) == []
