"""What every algorithm is checked for: its class here, its learners in `learners`."""

import dataclasses
import inspect
import json
from collections.abc import Iterator
from functools import partial

from medtl_bench.contract.algorithm import INSTALL, Algorithm, parameters, resolve
from medtl_bench.errors import MedTLError
from medtl_bench.protocols import examiner, transfer
from medtl_bench.testing import learners
from medtl_bench.testing.conformance import Conformance, words
from medtl_bench.testing.subject import Subject
from medtl_bench.testing.tiny import cases, unlabelled


def checks(subject: Subject) -> Iterator[Conformance]:
    """Yield the checks of an algorithm.

    A bound may learn nothing and answer at random: it is let off two of them.
    """
    for check in CHECKS:
        yield Conformance(subject.name, words(check), partial(check, subject))
    for case_check in learners.CHECKS:
        if subject.family != "bound" or case_check not in learners.NOT_OF_BOUNDS:
            run = partial(_on_each_case, case_check, subject)
            yield Conformance(subject.name, words(case_check), run)


def _on_each_case(check: learners.CaseCheck, subject: Subject) -> None:
    for case in subject.cases:
        try:
            check(subject, case)
        except Exception as error:
            error.add_note(f"on {case.name}")
            raise


def is_a_documented_dataclass(subject: Subject) -> None:
    """Check that it is a finished Algorithm, has a docstring, and is a dataclass."""
    cls = subject.cls
    if missing := sorted(cls.__abstractmethods__):
        raise MedTLError(f"{cls.__name__} does not implement {', '.join(missing)}.")
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise MedTLError(
            f"{cls.__name__} has no docstring; "
            "it should say what is minimised and whose method it is."
        )
    for base in cls.__mro__[: cls.__mro__.index(Algorithm)]:
        _check_fields(base, {field.name for field in dataclasses.fields(cls)})


def _check_fields(base: type, fields: set[str]) -> None:
    """Check that what a class annotates became a field."""
    for name, annotation in inspect.get_annotations(base).items():
        if name not in fields and "ClassVar" not in str(annotation):
            raise MedTLError(
                f"{base.__name__}.{name} is no field, "
                f"because {base.__name__} is not decorated with @dataclass."
            )


def has_parameters_that_can_be_given_and_recorded(subject: Subject) -> None:
    """Check that a default can be stored in a record and written on the command line."""
    for name, parameter in parameters(subject.cls).items():
        if not _is_json(parameter.default):
            raise MedTLError(
                f"the default of {name}, {parameter.default!r}, "
                "cannot be stored in a record as JSON."
            )
        if parameter.default is None:  # only leaving the parameter out gives it
            continue
        try:
            read = resolve(subject.cls, subject.name, {name: str(parameter.default)})[name]
        except MedTLError as error:
            raise MedTLError(f"its default cannot be given on the command line: {error}") from error
        if read != parameter.default:
            raise MedTLError(
                f"the default of {name}, {parameter.default!r}, "
                f"is read back from the command line as {read!r}."
            )


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


def says_which_tasks_it_supports(subject: Subject) -> None:
    """Check that `supports` and `takes` answer None or a reason in one line.

    For one of the tiny datasets it must be None, unless a package is missing.
    """
    for case in cases():
        _check_reason("supports", subject.cls.supports(case.task))
    for case in cases():
        _check_reason("takes", subject.cls.takes(case.target().x))
    if subject.cases:
        return
    reasons = sorted({str(subject.refusal(case)) for case in cases()})
    if not any(reason.startswith(INSTALL) for reason in reasons):
        raise MedTLError(
            f"it supports none of the tasks that the suite has; its reasons: {'; '.join(reasons)}."
        )


def _check_reason(asked: str, answer: object) -> None:
    is_a_line = isinstance(answer, str) and answer.strip() and "\n" not in answer
    if answer is not None and not is_a_line:
        raise MedTLError(
            f"{asked} returned {answer!r}, but None or a reason in one line was expected."
        )


def embeds_without_labels_if_it_says_so(subject: Subject) -> None:
    """Check that a method that needs no labels embeds a dataset without any."""
    if subject.cls.needs_labels or not subject.cases:
        return
    dataset, clock = unlabelled(), examiner.Clock()
    scores = transfer.transfer(
        dataset, dataset.transfers[0], subject.made, seed=0, shots=(), draws=0, clock=clock
    )
    if dataset.task.primary not in {score.metric for score in scores}:
        raise MedTLError(
            f"its embedding of a dataset without labels gives no {dataset.task.primary}."
        )


CHECKS = (
    is_a_documented_dataclass,
    has_parameters_that_can_be_given_and_recorded,
    says_which_tasks_it_supports,
    embeds_without_labels_if_it_says_so,
)
