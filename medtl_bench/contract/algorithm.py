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

from medtl_bench.contract.ranges import Space, space_of
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
    a default. `task`: what is predicted, with the loss. `generator`: the only source of
    randomness; `copied` replaces it. `needs_labels`: False for a method whose `embed` can
    be asked after a `fit` on an integration task, which has no labels. `unsaid`: of
    hyper-parameters that came later, the values that mean what was done before; a record
    leaves these out, whatever the default is now, so that older ones stay the same row.
    """

    task: Task
    generator: torch.Generator
    needs_labels: ClassVar[bool] = True
    unsaid: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return why this method cannot do the task, as half a sentence, or None if it can.

        Where a package is missing the reason begins with `install `, and says what.
        """
        return None

    @classmethod
    def takes(cls, x: Inputs) -> str | None:
        """Return why this method cannot work on inputs like `x` [n, ...], or None if it can.

        The reason is half a sentence.
        """
        return None

    @abstractmethod
    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Learn from the training splits of the sources and inputs [n, ...] of the target."""

    @abstractmethod
    def adapt(self, support: Split) -> None:
        """Learn from labelled rows of the target.

        Called once for a few-shot score, again and again in a stream.
        """

    @abstractmethod
    def predict(self, x: Inputs) -> Tensor:
        """Return class scores, whose softmax is the probability, or values [n].

        Scores are [n, classes], or [n, classes, height, width] for masks.
        """

    def predict_for(self, domain: str, x: Inputs) -> Tensor:
        """Return what `predict` does for inputs of a domain, told its name.

        Asked where labels are each domain's own (`task.labels`): the domain is part of the
        question then. It may be one of which nothing was learned.
        """
        return self.predict(x)

    def embed(self, x: Inputs) -> Tensor | None:
        """Return features [n, width] for measures of an embedding, or None if it has none."""
        return None


# the fields that are no hyper-parameters
CONTRACT = {field.name for field in dataclasses.fields(Algorithm)}


def refusal(cls: type[Algorithm], task: Task, x: Inputs) -> str | None:
    """Return why a method cannot do a task on inputs like `x` [n, ...], or None if it can.

    The reason is half a sentence.
    """
    if task.kind == "integration" and cls.needs_labels:
        return "it learns from labels, and this dataset has none"
    return cls.supports(task) or cls.takes(x)


def copied(learner: A, generator: torch.Generator) -> A:
    """Return a deep copy of a learner that draws from another generator."""
    return copy.deepcopy(learner, {id(learner.generator): generator})


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A hyper-parameter: its name, its type as written, its default, and what is searched."""

    name: str
    type: Any
    default: Any
    space: Space | None = None

    @property
    def type_name(self) -> str:
        """Return the type as a reader would write it."""
        if isinstance(self.type, type):
            return self.type.__name__
        return str(self.type).replace("typing.", "")


def parameters(cls: type[Algorithm]) -> dict[str, Parameter]:
    """Return the hyper-parameters of an algorithm, in the order of its fields.

    Raises MedTLError if one has no default, one that a record cannot hold, or one that is not
    in the range that is searched.
    """
    types, annotated = get_type_hints(cls), get_type_hints(cls, include_extras=True)
    declared = {}
    for field in dataclasses.fields(cls):
        if field.init and field.name not in CONTRACT:
            default, space = _default(cls, field), space_of(annotated[field.name])
            _check_range(cls, field.name, default, space)
            declared[field.name] = Parameter(field.name, types[field.name], default, space)
    return declared


def _check_range(cls: type[Algorithm], name: str, default: object, space: Space | None) -> None:
    """Raise MedTLError where a default is not among the values that are searched."""
    if space is not None and not space.holds(default):
        which = f"The default of {name!r} of {cls.__name__}, {default!r},"
        raise MedTLError(f"{which} is not among the values that are searched: {space}.")


def _default(cls: type[Algorithm], field: "dataclasses.Field[Any]") -> Any:  # noqa: ANN401
    """Return the default of a hyper-parameter; raises MedTLError as `parameters` does."""
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    if default is dataclasses.MISSING:
        which = f"The hyper-parameter {field.name!r} of {cls.__name__}"
        raise MedTLError(f"{which} has no default; every one needs one.")
    try:
        json.dumps(default, allow_nan=False)
    except (TypeError, ValueError) as error:
        which = f"The default of {field.name!r} of {cls.__name__}, {default!r},"
        raise MedTLError(f"{which} cannot be stored in a record: {error}.") from error
    return default


def resolve(cls: type[Algorithm], name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return every hyper-parameter of algorithm `name`, the `given` ones parsed.

    Raises MedTLError on a wrong name or type.
    """
    declared = parameters(cls)
    values = {parameter.name: parameter.default for parameter in declared.values()}
    for key, text in given.items():
        if key not in declared:
            raise unknown(f"parameter of {name!r}", key, declared)
        values[key] = _parsed(declared[key], name, text)
    return values


def told(cls: type[Algorithm], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters as a record holds them: without values that are `unsaid`."""
    return {
        name: value
        for name, value in values.items()
        if name not in cls.unsaid or value != cls.unsaid[name]
    }


def complete(cls: type[Algorithm], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters of a record with those that were `unsaid`."""
    own = parameters(cls)
    unsaid = {name: value for name, value in cls.unsaid.items() if name in own}
    return {**unsaid, **recorded}


def _parsed(parameter: Parameter, algorithm: str, text: str) -> Any:  # noqa: ANN401
    try:
        return TypeAdapter(parameter.type, config=FINITE).validate_strings(text)
    except ValidationError as error:
        option, reason = f"{algorithm}.{parameter.name}={text!r}", error.errors()[0]["msg"]
        raise MedTLError(
            f"Parameter {option} is not of type {parameter.type_name}: {reason}."
        ) from error
