"""Where the project's own protocols score: a trial's settings say all places of its scores."""

from ast import literal_eval
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl_bench.errors import IntegrityError
from medtl_bench.results.rules import SOURCE_VALIDATION


class Place(NamedTuple):
    """The fields of a score that say when and on what it was taken."""

    stage: str
    learned: str | None = None
    shots: int | None = None
    draw: int | None = None
    domain: str | None = None


class _Settings(BaseModel):
    model_config = ConfigDict(strict=True)


class _OfTransfer(_Settings):
    sources: list[str]
    targets: list[str]
    shots: list[int]
    draws: int
    unit: str = ""
    rule: str = ""

    def places(self) -> Iterator[Place]:
        """Yield where the protocol `transfer` scores, in the order of its stages."""
        yield Place("embedding")
        if self.rule == SOURCE_VALIDATION:
            yield Place("unlabelled")
        yield from (Place("validation", domain=source) for source in self.sources)
        yield from (Place("fit", domain=domain) for domain in (*self.targets, *self.sources))
        yield Place("retained", shots=0)
        for target in self.targets:
            yield from self._after(target)

    def _after(self, target: str) -> Iterator[Place]:
        """Yield where it scores after labels of a target."""
        yield Place("full", target, domain=target)
        yield Place("retained", target)
        for k in self.shots:
            for draw in range(self.draws):
                yield Place("adapt", target, k, draw, target)
                yield Place("retained", target, k, draw)


class _OfStream(_Settings):
    domains: list[str]

    def places(self) -> Iterator[Place]:
        """Yield where the protocol `stream` scores, in the order of its stages."""
        yield from (Place("untrained", domain=domain) for domain in self.domains)
        for learned in self.domains:
            yield from (Place("learn", learned, domain=domain) for domain in self.domains)


# a plugin's protocol may score wherever it likes
PROTOCOLS: Final[Mapping[str, type[_OfTransfer | _OfStream]]] = {
    "transfer": _OfTransfer,
    "stream": _OfStream,
}
MOST_PLACES = 10**6


def places(protocol: str, settings: str) -> frozenset[tuple[object, ...]] | None:
    """Return all places that a trial may score, or None where its protocol is a plugin's.

    `settings`: the `repr` of those of a trial. Raises IntegrityError where they are not
    those of the protocol.
    """
    if protocol not in PROTOCOLS:
        return None
    try:
        of_protocol = PROTOCOLS[protocol].model_validate(literal_eval(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise IntegrityError(f"its setting {where} is wrong: {first['msg']}") from None
    listed = frozenset(islice(of_protocol.places(), MOST_PLACES + 1))
    if len(listed) > MOST_PLACES:
        raise IntegrityError(f"its settings mean more than {MOST_PLACES:,} places to score")
    return listed
