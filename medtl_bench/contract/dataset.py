"""A dataset: a card, a task, domains and scenarios. Frozen; it checks itself when it is made."""

import textwrap
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeVar

from medtl_bench.contract import checks, labels, overlap
from medtl_bench.contract.names import text
from medtl_bench.contract.rows import RowSums
from medtl_bench.contract.scenario import Stream, Transfer, check_names
from medtl_bench.contract.split import Domain, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.contract.vocabulary import Area, LabelMeaning
from medtl_bench.errors import DataError, unknown

if TYPE_CHECKING:
    from hashlib import _Hash

Provenance = Literal["real", "semi-synthetic", "simulated"]

SHOWN = 80  # characters of a wrong value in a message
Named = TypeVar("Named", "Domain", "Transfer", "Stream")


@dataclass(frozen=True)
class Card:
    """What a reader must know before trusting a number.

    Where the data is from, what shifts between its domains, what it may be used for. `origin`:
    what it shares with others, as the same patients or template, else "" for its own name;
    datasets of one origin count once where methods are ranked.
    """

    area: Area
    licence: str
    source: str
    citation: str
    shift: str
    provenance: Provenance
    privacy: str
    intended_use: str
    notes: str = ""
    origin: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A card, a task, domains that share one label space, and the scenarios worth running.

    Raises DataError, naming dataset, domain and rows, when values are not finite, shapes
    or labels disagree with the task, a row or a group stands in two splits of a domain,
    or a transfer or stream names a domain that is not there, or whose classes do not bear out
    what is said of its labels. `labels`: what they mean: one question in all domains (shared),
    a question of each domain's own, or domains with new classes. `folds`: where test rows are
    scarce, the same domains divided otherwise, so that every row is in the test of one fold;
    a trial sees one fold alone (`of_seed`). `checked`: say that this was seen to before.
    """

    name: str
    card: Card
    task: Task
    domains: tuple[Domain, ...]
    transfers: tuple[Transfer, ...] = ()
    streams: tuple[Stream, ...] = ()
    labels: LabelMeaning = "shared"
    folds: tuple[tuple[Domain, ...], ...] = ()
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        """Check everything, or raise DataError."""
        object.__setattr__(self, "name", text("the name of a dataset", self.name))
        for member, kind in (("card", Card), ("task", Task)):
            if not isinstance(held := getattr(self, member), kind):
                rule = f"{member} must be a {kind.__name__}"
                raise DataError(f"Dataset {self.name!r}: {rule}, but got {_shown(held)}.")
        self._check_members("domains", Domain)
        self._check_members("transfers", Transfer)
        self._check_members("streams", Stream)
        self._check_folds(checked)
        if checked:
            return
        scenarios: list[checks.Scenario] = [*self.transfers, *self.streams]
        for scenario in scenarios:
            self._check_names(scenario)
        sums = RowSums()
        for problem in checks.problems(self.task, self.domains, scenarios, sums):
            raise DataError(f"Dataset {self.name!r}, {problem}")
        for problem in labels.problems(self.task, self.domains, self.meanings):
            raise DataError(f"Dataset {self.name!r}, {problem}")
        self.__dict__["overlaps"] = overlap.overlaps(self.domains, scenarios, sums)
        for problem in overlap.problems(self.overlaps):
            raise DataError(f"Dataset {self.name!r}, {problem}")

    @cached_property
    def overlaps(self) -> list[overlap.Overlap]:
        """Return in which transfers and streams rows are both learned from and judged by."""
        return overlap.overlaps(self.domains, [*self.transfers, *self.streams], RowSums())

    def _check_members(self, name: str, kind: type) -> None:
        """Take a member as a tuple of its kind; raises DataError where it holds others."""
        members = getattr(self, name)
        if not isinstance(members, tuple | list):
            members = (None,)
        if not all(isinstance(member, kind) for member in members):
            rule = f"{name} must be a tuple of {kind.__name__} objects"
            got = _shown(getattr(self, name))
            raise DataError(f"Dataset {self.name!r}: {rule}, but got {got}.")
        object.__setattr__(self, name, tuple(members))

    def _check_folds(self, checked: bool) -> None:
        """Raise DataError unless each fold is a dataset of the same domains."""
        names = [domain.name for domain in self.domains]
        for number, domains in enumerate(self.folds, 1):
            one = replace(self, domains=domains, folds=(), checked=checked)
            if (held := [domain.name for domain in one.domains]) != names:
                rule = f"every fold must hold the domains {names}"
                raise DataError(f"Dataset {self.name!r}: {rule}, but fold {number} holds {held}.")

    def of_seed(self, seed: int) -> "Dataset":
        """Return the dataset as trials of a seed see it: fold `seed` modulo their number.

        Over as many seeds as there are folds, each row is judged once. A score is of one
        fold, and boards average over seeds: what models of several folds answer, as for
        a ROC-AUC, is never pooled, for their answers have no common scale.
        """
        if not self.folds:
            return self
        domains = (self.domains, *self.folds)[seed % (1 + len(self.folds))]
        return replace(self, domains=domains, folds=(), checked=True)

    def divisions(self) -> list["Dataset"]:
        """Return the dataset as it is divided in each of its folds."""
        return [self.of_seed(number) for number in range(1 + len(self.folds))]

    def _check_names(self, scenario: checks.Scenario) -> None:
        """Raise DataError where a name in a scenario is no text."""
        try:
            check_names(scenario)
        except DataError as error:
            raise DataError(f"Dataset {self.name!r}, {error}") from None

    @property
    def meanings(self) -> list[tuple[checks.Scenario, LabelMeaning]]:
        """Return each transfer and stream with what its labels are said to mean."""
        scenarios: list[checks.Scenario] = [*self.transfers, *self.streams]
        return [(scenario, self.labels_of(scenario)) for scenario in scenarios]

    def labels_of(self, scenario: Transfer | Stream) -> LabelMeaning:
        """Return what labels mean in a transfer or stream of this dataset."""
        return scenario.labels or self.labels

    def domain(self, name: str) -> Domain:
        """Return the domain of that name; raises MedTLError with near matches."""
        return _by_name("domain", name, self.domains)

    def transfer(self, name: str) -> Transfer:
        """Return the transfer of that name; raises MedTLError with near matches."""
        return _by_name("transfer", name, self.transfers)

    def stream(self, name: str) -> Stream:
        """Return the stream of that name; raises MedTLError with near matches."""
        return _by_name("stream", name, self.streams)

    def digest(self) -> str:
        """Return a SHA-256 over kind of task, classes, names of domains and every tensor.

        Two datasets with one digest hold the same data. Their own names, and which
        scenarios and metrics are asked of the data, are no part of it.
        """
        digest = sha256(repr((self.task.kind, self.task.classes)).encode())
        for domain in chain(self.domains, *self.folds):
            for name, split in domain.splits().items():
                digest.update(f"{domain.name}/{name}/{len(split)}".encode())
                _digest_split(digest, split)
        return digest.hexdigest()


def _shown(value: object) -> str:
    """Return a value as it reads, shortened, with its type."""
    return f"{textwrap.shorten(repr(value), SHOWN)}, a {type(value).__name__}"


def _digest_split(digest: "_Hash", split: Split) -> None:
    tensors = {**parts(split.x), "labels": split.y, **split.of_rows()}
    for name, tensor in tensors.items():
        digest.update(f"{name!r}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())


def _by_name(what: str, name: str, items: Sequence[Named]) -> Named:
    for item in items:
        if item.name == str(name):
            return item
    raise unknown(what, str(name), [item.name for item in items])
