"""A dataset: a card, a task, domains and scenarios. Frozen; it checks itself when it is made."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from hashlib import sha256
from typing import Literal, TypeVar

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, parts
from medtl_bench.contract.task import Task
from medtl_bench.contract.vocabulary import Area
from medtl_bench.errors import DataError, unknown

Provenance = Literal["real", "semi-synthetic", "simulated"]

Named = TypeVar("Named", "Domain", "Transfer", "Stream")


@dataclass(frozen=True)
class Card:
    """What a reader must know before trusting a number: where the data is from, what shifts, what it may be used for."""

    area: Area
    licence: str
    source: str
    citation: str
    shift: str
    provenance: Provenance
    privacy: str
    intended_use: str
    notes: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A card, a task, domains that share one label space, and the transfers and streams worth running on them.

    Raises DataError, naming dataset, domain and rows, when values are not finite, shapes
    or labels disagree with the task, a row or a group stands in two splits of a domain,
    or a transfer or stream names a domain that is not there. `checked`: say that this was
    seen to before.
    """

    name: str
    card: Card
    task: Task
    domains: tuple[Domain, ...]
    transfers: tuple[Transfer, ...] = ()
    streams: tuple[Stream, ...] = ()
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        """Check everything, or raise DataError."""
        # it is written in terms of this module
        from medtl_bench.contract import checks  # noqa: PLC0415

        for problem in () if checked else checks.problems(self):
            raise DataError(f"Dataset {self.name!r}, {problem}")

    def domain(self, name: str) -> Domain:
        """Return the domain of that name; raises MedTLError with near matches."""
        return _one("domain", name, self.domains)

    def transfer(self, name: str) -> Transfer:
        """Return the transfer of that name; raises MedTLError with near matches."""
        return _one("transfer", name, self.transfers)

    def stream(self, name: str) -> Stream:
        """Return the stream of that name; raises MedTLError with near matches."""
        return _one("stream", name, self.streams)

    def digest(self) -> str:
        """Return a SHA-256 over task, names and every tensor: two datasets with one digest hold the same data."""
        digest = sha256(repr((self.name, self.task, self.transfers, self.streams)).encode())
        for domain in self.domains:
            for name, split in domain.splits().items():
                digest.update(f"{domain.name}/{name}/{len(split)}".encode())
                held = {**parts(split.x), "labels": split.y, **split.of_rows()}
                for part, tensor in held.items():
                    digest.update(f"{part!r}{tensor.dtype}{tuple(tensor.shape)}".encode())
                    digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def _one(what: str, name: str, among: Sequence[Named]) -> Named:
    for one in among:
        if one.name == name:
            return one
    raise unknown(what, name, [one.name for one in among])
