"""What is told of a target by class and by group."""

import pytest
import torch

from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.protocols import apart
from medtl_bench.protocols.withheld import withhold
from tests.protocols.learners import watched

TASK = Task("classification", ("well", "ill"))
Y = torch.tensor([0] * 12 + [1] * 12)
FEMALE = torch.arange(24) % 2 == 0


def told(split: Split, answers: torch.Tensor, task: Task = TASK) -> dict[str, tuple[float, int]]:
    outputs = 5 * torch.nn.functional.one_hot(answers, task.outputs).float()
    return {s.metric: (s.value, s.n) for s in apart.scores(task, split, outputs, "c")}


def test_answers_are_counted_by_true_class():
    answers = torch.where(torch.arange(24) < 3, 1, Y)
    assert told(Split(Y[:, None].float(), Y), answers) == {
        "confusion 0 0": (0.75, 12),
        "confusion 0 1": (0.25, 12),
        "confusion 1 1": (1, 12),
    }


def test_groups_are_scored_where_each_of_two_classes_has_five_rows():
    few = torch.arange(24) < 15  # of class 1: three
    groups = {"sex = female": FEMALE, "sex = male": ~FEMALE, "age = young": few}
    answers = torch.where(FEMALE, Y, 0)
    found = told(Split(Y[:, None].float(), Y, attributes=groups), answers)
    assert found["balanced_accuracy sex = female"] == (1, 12)
    assert found["balanced_accuracy sex = male"] == (0.5, 12)
    assert "balanced_accuracy age = young" not in found


def test_nothing_is_told_where_labels_are_withheld_or_classes_are_many():
    split = Split(Y[:, None].float(), Y, attributes={"sex = female": FEMALE})
    assert not told(withhold(split), Y)
    many = Task("classification", tuple(map(str, range(11))))
    assert set(told(split, Y, many)) == {"balanced_accuracy sex = female"}


def test_values_need_ten_rows():
    task, outputs = Task("regression"), torch.randn(24)
    groups = {"sex = female": FEMALE, "age = old": torch.arange(24) < 9}
    split = Split(Y[:, None].float(), torch.randn(24), attributes=groups)
    found = [s.metric for s in apart.scores(task, split, outputs, "c")]
    assert found == ["concordance sex = female"]


def test_no_learner_is_shown_an_attribute(make_dataset, make_domain):
    def told_apart(domain: Domain) -> Domain:
        splits = (
            Split(s.x, s.y, attributes={"sex = female": torch.arange(len(s)) % 2 == 0})
            for s in domain.splits().values()
        )
        return Domain(domain.name, *splits)

    domains = tuple(told_apart(make_domain(name, seed)) for seed, name in enumerate("abc"))
    diary, _ = watched(make_dataset(domains=domains))
    assert not any(split.attributes for _, shown, _ in diary for split in shown)


@pytest.mark.parametrize("wrong", [torch.ones(24), torch.ones(24, dtype=torch.int64)])
def test_an_attribute_is_bool(make_dataset, make_domain, wrong):
    a, b, c = (make_domain(name, seed) for seed, name in enumerate("abc"))
    test = Split(c.test.x, c.test.y, attributes={"sex = female": wrong[: len(c.test)]})
    with pytest.raises(Exception, match="attribute 'sex = female'"):
        make_dataset(domains=(a, b, Domain("c", c.train, c.val, test)))
