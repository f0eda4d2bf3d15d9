"""Hyper-parameters are read from typed fields; wrong names and types are told in a sentence."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest
import torch

from medtl_bench.contract.algorithm import Algorithm, complete, copied, parameters, resolve, told
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError

TASK = Task("classification", ("no", "yes"))


@dataclass
class Plain(Algorithm):
    """Draws what it predicts."""

    kept: list = field(init=False, default_factory=list)
    shared: ClassVar[int] = 3

    def fit(self, sources, unlabelled):
        self.kept = list(sources)

    def adapt(self, support):
        self.kept.append(support)

    def predict(self, x):
        return torch.rand(len(x), 2, generator=self.generator)


@dataclass
class Tunable(Plain):
    """Has a parameter of every usual type."""

    weight: float = 0.5
    steps: int = 10
    online: bool = False
    mode: Literal["sum", "mean"] = "sum"
    limit: float | None = None
    name: str = "x"
    widths: tuple[int, ...] = (8, 4)


def test_an_algorithm_without_further_fields_has_no_parameters():
    assert parameters(Plain) == {}


def test_parameters_are_the_further_fields_in_order():
    found = parameters(Tunable)
    assert list(found) == ["weight", "steps", "online", "mode", "limit", "name", "widths"]
    assert [p.default for p in found.values()] == [0.5, 10, False, "sum", None, "x", (8, 4)]
    assert [p.type_name for p in found.values()] == [
        "float", "int", "bool", "Literal['sum', 'mean']", "float | None", "str", "tuple[int, ...]"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("weight", "2", 2.0), ("weight", "1e-3", 0.001), ("steps", "7", 7),
        ("online", "true", True), ("online", "0", False),
        ("mode", "mean", "mean"), ("limit", "3", 3.0), ("name", "a=b", "a=b"),
    ],
)  # fmt: skip
def test_a_given_parameter_is_parsed_to_its_type(name, text, value):
    resolved = resolve(Tunable, "tunable", {name: text})
    assert resolved[name] == value
    assert type(resolved[name]) is type(value)
    assert resolved | {name: None} == {p.name: p.default for p in parameters(Tunable).values()} | {
        name: None
    }


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("weight", "heavy", "float"), ("weight", "", "float"), ("weight", "nan", "float"),
        ("weight", "inf", "float"),
        ("limit", "-inf", r"float \| None"), ("steps", "1.5", "int"), ("online", "maybe", "bool"),
        ("mode", "product", r"Literal\['sum', 'mean'\]"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(name, text, wanted):
    with pytest.raises(
        MedTLError, match=rf"^Parameter tunable\.{name}='{text}' is not of type {wanted}: .+\.$"
    ):
        resolve(Tunable, "tunable", {name: text})


def test_an_unknown_parameter_gets_a_near_match():
    with pytest.raises(
        MedTLError,
        match=r"There is no parameter of 'tunable' named 'wieght'; did you mean 'weight'",
    ):
        resolve(Tunable, "tunable", {"wieght": "1"})


@pytest.mark.parametrize("name", ["task", "generator", "kept", "shared"])
def test_what_is_no_parameter_cannot_be_given(name):
    with pytest.raises(MedTLError, match=f"no parameter of 'tunable' named '{name}'"):
        resolve(Tunable, "tunable", {name: "1"})


def test_a_parameter_without_default_is_refused():
    @dataclass
    class Bare(Plain):
        weight: float = field(kw_only=True)

    with pytest.raises(MedTLError, match="'weight' of Bare has no default"):
        parameters(Bare)


@pytest.mark.parametrize("default", [torch.relu, float("nan"), {1, 2}, torch.device("cpu")])
def test_a_default_that_no_record_can_hold_is_refused(default):
    @dataclass
    class Odd(Plain):
        function: object = field(default_factory=lambda: default)

    with pytest.raises(
        MedTLError, match=r"The default of 'function' of Odd, .* cannot be stored in a record"
    ):
        parameters(Odd)


def test_a_copy_draws_from_its_own_generator_and_keeps_its_own_state():
    learner = Plain(TASK, torch.Generator().manual_seed(0))
    split = Split(torch.zeros(2, 3), torch.tensor([0, 1]))
    learner.fit([split], split.x)
    before = learner.generator.get_state()
    copy = copied(learner, torch.Generator().manual_seed(7))
    copy.adapt(split)
    assert torch.equal(
        copy.predict(split.x), torch.rand(2, 2, generator=torch.Generator().manual_seed(7))
    )
    assert torch.equal(learner.generator.get_state(), before)
    assert (len(learner.kept), len(copy.kept)) == (1, 2)
    assert copy.kept[0] is split


def test_an_algorithm_supports_every_task_and_has_no_features_unless_it_says_so():
    assert Plain.supports(TASK) is None
    assert Plain.takes(torch.zeros(1, 3)) is None
    assert Plain(TASK, torch.Generator()).embed(torch.zeros(1, 3)) is None


def test_a_record_leaves_out_what_was_done_before_there_was_the_option_whatever_is_the_default():
    @dataclass
    class Later(Plain):
        weight: float = 1.0
        mode: str = "new"
        unsaid: ClassVar[dict] = {"mode": "old"}

    default, given = resolve(Later, "later", {}), resolve(Later, "later", {"mode": "old"})
    assert told(Later, default) == {"weight": 1.0, "mode": "new"}
    assert told(Later, given) == {"weight": 1.0}
    for values in (default, given):
        assert complete(Later, told(Later, values)) == values


def test_what_a_subclass_has_no_more_is_not_handed_to_it():
    @dataclass
    class Later(Plain):
        mode: str = "new"
        unsaid: ClassVar[dict] = {"mode": "old"}

    @dataclass
    class Without(Later):
        mode: str = field(init=False, default="old")

    assert list(parameters(Without)) == []
    assert complete(Without, {}) == {}
