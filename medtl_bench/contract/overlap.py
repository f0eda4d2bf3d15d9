"""Rows that a method learns from in one domain and is judged by in another.

A patient, a slide or a molecule that stands in two domains is known again by its row alone. Numbers
of groups are not compared: they count the patients of one domain, and mean others in the next.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from medtl_bench.contract.rows import RowSums, digests
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split

# more than this share of what a domain is judged by may not be learned from in others; of the
# datasets that are shipped none has more than 0.60
MOST = 2 / 3


class Overlap(NamedTuple):
    """In a transfer or stream, the share of a domain's test rows that others train on."""

    scenario: str
    domain: str
    share: float


def overlaps(
    domains: Sequence[Domain], scenarios: Sequence[Transfer | Stream], sums: RowSums
) -> list[Overlap]:
    """Return the domains whose test rows also stand in training splits of other domains.

    Of a transfer, those of its sources; of a stream, those of the whole stream.
    """
    named = {domain.name: domain for domain in domains}
    return [
        Overlap(scenario.name, name, share)
        for scenario in scenarios
        for name, share in _shares(scenario, named, sums)
        if share
    ]


def problems(found: Sequence[Overlap]) -> Iterator[str]:
    """Yield what of this is too much; a Dataset raises the first."""
    for overlap in found:
        if overlap.share > MOST:
            yield (
                f"{overlap.scenario!r}: {overlap.share:.0%} of the test rows of "
                f"{overlap.domain!r} stand in training splits of other domains too (at most "
                f"{MOST:.0%} may), so what is remembered would pass for what is transferred: "
                "leave these rows out on one side."
            )


def _shares(
    scenario: Transfer | Stream, named: dict[str, Domain], sums: RowSums
) -> Iterator[tuple[str, float]]:
    """Yield each domain that is judged with the share of its rows that are learned from."""
    if isinstance(scenario, Stream):
        learned, judged = scenario.domains, scenario.domains
    else:
        learned, judged = scenario.sources, scenario.targets
    train = {name: named[name].train for name in learned}
    for name in judged:
        others = [split for source, split in train.items() if source != name]
        yield name, _share(_judged(named[name]), others, sums)


def _judged(domain: Domain) -> Split:
    """Return what a domain is judged by: without a test split, the embedding of its rows."""
    return domain.test if len(domain.test) else domain.train


def _share(judged: Split, learned: Sequence[Split], sums: RowSums) -> float:
    """Return the share of the rows of a split that stand in others too."""
    own, others = sums(judged), [sums(split) for split in learned]
    maybe = np.isin(own, np.concatenate(others))
    if not maybe.any():
        return 0.0
    known = {
        digest
        for split, of_split in zip(learned, others, strict=True)
        for digest in digests(split[torch.from_numpy(np.isin(of_split, own))])
    }
    same = [digest in known for digest in digests(judged[torch.from_numpy(maybe)])]
    return sum(same) / len(judged)
