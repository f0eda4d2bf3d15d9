"""The scenarios of a dataset: which domains are learned from, and which are judged."""

from dataclasses import dataclass, field
from typing import Any

from medtl_bench.contract.names import text, texts


@dataclass(frozen=True)
class Transfer:
    """Learn on the sources, be judged on the targets.

    An `optional` one runs only with the preset `full`. Raises DataError where a name is no text.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    optional: bool = False

    def __post_init__(self) -> None:
        """Take the names as plain texts."""
        _check_names(self, "sources", "targets")


@dataclass(frozen=True)
class Stream:
    """Learn the domains one after the other, in this order.

    Raises DataError where a name is no text.
    """

    name: str
    domains: tuple[str, ...]

    def __post_init__(self) -> None:
        """Take the names as plain texts."""
        _check_names(self, "domains")


def _check_names(scenario: Transfer | Stream, *members: str) -> None:
    """Replace the names in a scenario by plain texts; raises DataError where one is none."""
    kind = type(scenario).__name__.lower()
    object.__setattr__(scenario, "name", text(f"the name of a {kind}", scenario.name))
    for member in members:
        what = f"{kind} {scenario.name!r}: {member}"
        object.__setattr__(scenario, member, texts(what, getattr(scenario, member)))


@dataclass(frozen=True)
class Amount:
    """How much of each scenario is asked for.

    `shots`: labels per class of the few-shot curve. `draws`: supports for each of them.
    `sources`, `targets`: how many of them at most, or None for all.
    """

    shots: tuple[int, ...] = ()
    draws: int = 1
    sources: int | None = None
    targets: int | None = None


@dataclass(frozen=True)
class Scenario:
    """What one trial of a protocol does on a dataset.

    `settings`: all that its scores depend on beside its name, as JSON has it (texts, numbers,
    lists); part of a trial's key. An `optional` one runs only with the preset `full`.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
