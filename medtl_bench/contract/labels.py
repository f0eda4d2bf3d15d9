"""What labels mean from domain to domain, held against the classes that the data hold.

That decides what may be compared: before its first label a target can be scored only
where the question is one that was learned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, get_args

import torch

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.errors import unknown

S = TypeVar("S", Transfer, Stream)
SHOWN = 5  # names of classes in a message


def problems(
    task: Task,
    domains: Sequence[Domain],
    declared: Sequence[tuple[Transfer | Stream, LabelMeaning]],
) -> Iterator[str]:
    """Yield which meanings the data do not bear out; a Dataset raises the first.

    declared: each transfer and stream with what its labels are said to mean. Each
    problem is the end of a sentence that begins with the dataset's name.
    """
    named = {domain.name: domain for domain in domains}
    for scenario, labels in declared:
        where = f"{type(scenario).__name__.lower()} {scenario.name!r}"
        if labels not in get_args(LabelMeaning):
            mistake = unknown("meaning of labels", str(labels), get_args(LabelMeaning))
            yield f"{where}: {mistake}"
        elif task.classes:
            yield from _of_classes(task, where, labels, unseen(scenario, named))
        elif labels == "new classes":
            yield (
                f"{where}: labels are said to be 'new classes', but a {task.kind} task has no "
                "classes: say 'shared', or 'own' where each domain asks a question of its own."
            )


def _of_classes(
    task: Task, where: str, labels: LabelMeaning, new: Mapping[str, Sequence[int]]
) -> Iterator[str]:
    if labels == "shared" and new:
        name, classes = next(iter(new.items()))
        yield (
            f"{where}: labels are said to be 'shared', but {name!r} is judged by "
            f"{_names(task, classes)}, which no domain learned before it holds: say labels='new "
            "classes' there, or 'own' where each domain asks a question of its own."
        )
    if labels == "new classes" and not new:
        yield (
            f"{where}: labels are said to be 'new classes', but what is learned before holds every "
            "class that is judged by: say labels='shared' there, or 'own' where each domain asks a "
            "question of its own."
        )


def _names(task: Task, classes: Sequence[int]) -> str:
    names = ", ".join(repr(task.classes[number]) for number in classes[:SHOWN])
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return f"the class{'es' if len(classes) > 1 else ''} {names}{more}"


def unseen(scenario: Transfer | Stream, domains: Mapping[str, Domain]) -> dict[str, list[int]]:
    """Return the classes that a domain tests and nothing learned before it trains on.

    By domain, without those that have none: of a transfer the targets, of a stream each
    domain but the first. domains: by name.
    """
    new = {}
    for judged, learned in _steps(scenario):
        known = {label for name in learned for label in _classes(domains[name].train)}
        if classes := sorted(_classes(domains[judged].test) - known):
            new[judged] = classes
    return new


def _steps(scenario: Transfer | Stream) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each domain that is judged with those that are learned before it."""
    if isinstance(scenario, Transfer):
        yield from ((target, scenario.sources) for target in scenario.targets)
    else:
        numbered = enumerate(scenario.domains)
        yield from ((name, scenario.domains[:i]) for i, name in numbered if i)


def _classes(split: Split) -> set[int]:
    return set(torch.unique(split.y).tolist())


def as_found(scenarios: Sequence[S], domains: Sequence[Domain]) -> tuple[S, ...]:
    """Return transfers or streams of one label space, which say where classes are new.

    For datasets that are made of whatever file a user has.
    """
    named = {domain.name: domain for domain in domains}
    new = [one for one in scenarios if unseen(one, named)]
    told = [replace(one, labels="new classes") if one in new else one for one in scenarios]
    return tuple(told)
