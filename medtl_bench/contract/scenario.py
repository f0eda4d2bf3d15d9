"""The scenarios of a dataset: which domains are learned from, and which are judged."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from medtl_bench.contract.names import text, texts
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.errors import DataError


@dataclass(frozen=True)
class Transfer:
    """Learn on the sources, be judged on the targets.

    An `optional` one runs only with the preset `full`, and no board needs it. `labels`: what
    they mean there, where otherwise than in the whole dataset. `unit`: what k labels count
    where that is groups of the targets' splits, in a word ("patient", "protein"), or "" where it
    is rows: scaffolds keep molecules apart, but each molecule is a label. A Dataset refuses
    one whose names are no texts, or that counts groups where there are none.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    optional: bool = False
    labels: LabelMeaning | Literal[""] = ""
    unit: str = ""

    def __post_init__(self) -> None:
        """Take the names as plain texts."""
        # what is wrong a Dataset tells: here all that a plugin brings would be lost with it
        with suppress(DataError):
            check_names(self)


@dataclass(frozen=True)
class Stream:
    """Learn the domains one after the other, in this order.

    `labels`: what they mean there, where otherwise than in the whole dataset. A Dataset
    refuses one whose names are no texts.
    """

    name: str
    domains: tuple[str, ...]
    labels: LabelMeaning | Literal[""] = ""

    def __post_init__(self) -> None:
        """Take the names as plain texts."""
        with suppress(DataError):
            check_names(self)


def check_names(scenario: Transfer | Stream) -> None:
    """Replace the names in a scenario by plain texts; raises DataError where one is none."""
    members = ("domains",) if isinstance(scenario, Stream) else ("sources", "targets")
    kind = type(scenario).__name__.lower()
    object.__setattr__(scenario, "name", text(f"the name of a {kind}", scenario.name))
    if isinstance(scenario, Transfer):
        unit = scenario.unit and text(f"transfer {scenario.name!r}: unit", scenario.unit)
        object.__setattr__(scenario, "unit", unit)
    for member in members:
        what = f"{kind} {scenario.name!r}: {member}"
        object.__setattr__(scenario, member, texts(what, getattr(scenario, member)))


@dataclass(frozen=True)
class Amount:
    """How much of each scenario is asked for.

    `shots`: labels per class of the few-shot curve. `draws`: supports for each of them.
    `sources`, `targets`: how many of them at most, or None for all. `tuning`: whether the
    scenarios by which hyper-parameters are chosen are told too.
    """

    shots: tuple[int, ...] = ()
    draws: int = 1
    sources: int | None = None
    targets: int | None = None
    tuning: bool = False


@dataclass(frozen=True)
class Scenario:
    """What one trial of a protocol does on a dataset.

    `settings`: all that its scores depend on beside its name, as JSON has it (texts,
    numbers, lists); part of a trial's key. An `optional` one runs only with the preset
    `full`. `labels`: what they mean there; as in the whole dataset, where it does not
    say.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    labels: LabelMeaning | Literal[""] = ""
