"""The contract of an algorithm: three verbs.

It is handed Splits, never a Domain, so it cannot reach a test split.
"""

import copy
import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError, unknown

A = TypeVar("A", bound="Algorithm")
INSTALL = "install "
FINITE = ConfigDict(allow_inf_nan=False)


@dataclasses.dataclass
class Algorithm(ABC):
    """A learner.

    Subclasses are dataclasses too: every further field is a hyper-parameter, typed, with
    a default.

    `task`: what is predicted, with the loss. `generator`: the only source of randomness;
    `copied` replaces it. `needs_labels`: False for a method whose `embed` can be asked
    after a `fit` on an integration task, which has no labels.
    """

    task: Task
    generator: torch.Generator
    needs_labels: ClassVar[bool] = True

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return why this method cannot do the task, as half a sentence, or None if it can.

        Where a package is missing the reason begins with `install `, and says what.
        """
        return None

    @classmethod
    def takes(cls, x: Inputs) -> str | None:
        """Return why this method cannot work on inputs like `x` [n, ...], as half a sentence, or None if it can."""
        return None

    @abstractmethod
    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Learn from the labelled training splits of the sources and from unlabelled inputs [n, ...] of the target."""

    @abstractmethod
    def adapt(self, support: Split) -> None:
        """Learn from labelled rows of the target; called once for a few-shot score, again and again in a stream."""

    @abstractmethod
    def predict(self, x: Inputs) -> Tensor:
        """Return class scores [n, classes] whose softmax is the probability, the same per pixel, or values [n]."""

    def embed(self, x: Inputs) -> Tensor | None:
        """Return features [n, width] for measures of representation, or None if the method has none."""
        return None


def refusal(cls: type[Algorithm], task: Task, x: Inputs) -> str | None:
    """Return why a method cannot do a task on inputs like `x` [n, ...], as half a sentence, or None if it can."""
    if task.kind == "integration" and cls.needs_labels:
        return "it learns from labels, and this dataset has none"
    return cls.supports(task) or cls.takes(x)


def copied(learner: A, generator: torch.Generator) -> A:
    """Return a deep copy of a learner that draws from another generator."""
    return copy.deepcopy(learner, {id(learner.generator): generator})


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A hyper-parameter: its name, its type as written and its default."""

    name: str
    type: Any
    default: Any

    @property
    def type_name(self) -> str:
        """Return the type as a reader would write it."""
        return (
            self.type.__name__
            if isinstance(self.type, type)
            else str(self.type).replace("typing.", "")
        )


def parameters(cls: type[Algorithm]) -> dict[str, Parameter]:
    """Return the hyper-parameters of an algorithm, in the order of its fields.

    Raises MedTLError if one has no default, or one that a record cannot hold.
    """
    given = {field.name for field in dataclasses.fields(Algorithm)}
    hints = get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        if field.name in given or not field.init:
            continue
        default = (
            field.default
            if field.default_factory is dataclasses.MISSING
            else field.default_factory()
        )
        if default is dataclasses.MISSING:
            raise MedTLError(
                f"The hyper-parameter {field.name!r} of {cls.__name__} has no default; every one needs one."
            )
        try:
            json.dumps(default, allow_nan=False)
        except (TypeError, ValueError) as error:
            what = f"The default of {field.name!r} of {cls.__name__}, {default!r},"
            raise MedTLError(f"{what} cannot be stored in a record: {error}.") from error
        found[field.name] = Parameter(field.name, hints[field.name], default)
    return found


def resolve(cls: type[Algorithm], name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return every hyper-parameter of algorithm `name`, the `given` ones parsed.

    Raises MedTLError on a wrong name or type.
    """
    known = parameters(cls)
    values = {parameter.name: parameter.default for parameter in known.values()}
    for key, text in given.items():
        if key not in known:
            raise unknown(f"parameter of {name!r}", key, known)
        try:
            values[key] = TypeAdapter(known[key].type, config=FINITE).validate_strings(text)
        except ValidationError as error:
            wanted = known[key].type_name
            raise MedTLError(
                f"Parameter {name}.{key}={text!r} is not of type {wanted}: {error.errors()[0]['msg']}."
            ) from error
    return values
