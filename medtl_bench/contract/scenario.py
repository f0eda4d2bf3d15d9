"""The scenarios of a dataset: which domains are learned from, and which are judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Transfer:
    """Learn on the sources, be judged on the targets.

    An `optional` one runs only with the preset `full`.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Stream:
    """Learn the domains one after the other, in this order."""

    name: str
    domains: tuple[str, ...]
