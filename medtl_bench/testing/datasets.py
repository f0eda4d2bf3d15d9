"""What every dataset is checked for, beyond what a Dataset checks when it is made."""

import dataclasses
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from time import perf_counter
from typing import Any, get_args
from unittest.mock import patch

import torch
from torch import Tensor

from medtl_bench.contract import labels
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.dataset import Card, Dataset, Provenance
from medtl_bench.contract.hooks import DatasetEntry
from medtl_bench.contract.split import Domain, Inputs, Split, parts
from medtl_bench.contract.vocabulary import Area
from medtl_bench.errors import MedTLError
from medtl_bench.files.downloads import Download, Remote
from medtl_bench.networks.build import build
from medtl_bench.protocols import examiner
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.transfer import transfer
from medtl_bench.results.record import Score
from medtl_bench.running.executors.processes import Processes
from medtl_bench.running.messages import DescribeDataset, Job
from medtl_bench.testing.conformance import Conformance, changes, seed_globals, words

BUILD_SECONDS = 20
WIDTH = 64  # as gradient methods have it
SMALLEST = 1e-6  # share of a class
MAY_BE_EMPTY = {"notes", "origin"}
PERCENT = re.compile(r"\d%")
CHECKSUM = re.compile("[0-9a-f]{64}|[0-9a-f]{32}")


@dataclass(frozen=True)
class Subject:
    """A dataset under examination.

    `files`: the plugin files that its name may come from. `download`: tells what it needs to
    be downloaded, if anything.
    """

    entry: DatasetEntry
    build: Callable[[], Dataset]
    files: Sequence[str] = ()
    download: Callable[[], Download | None] = lambda: None

    @cached_property
    def built(self) -> Dataset:
        """Return the dataset, built once."""
        return self.build()


@dataclass
class Constant(Algorithm):
    """Answer every row with the shares of the classes in a source, or with its mean.

    It costs nothing and takes any input.
    """

    answer: Tensor = field(init=False, repr=False)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Remember one answer, [classes, 1, ...] or []."""
        y = sources[0].y
        if self.task.kind == "regression":
            self.answer = y.mean()
        else:
            counts = torch.bincount(y.flatten(), minlength=self.task.outputs)
            shares = (counts / y.numel()).clamp(min=SMALLEST).log()
            self.answer = shares.view(-1, *[1] * (y.ndim - 1)).expand(-1, *y.shape[1:])

    def adapt(self, support: Split) -> None:
        """Learn nothing."""

    def predict(self, x: Inputs) -> Tensor:
        """Return the one answer for every row."""
        return self.answer.expand(x.shape[0], *self.answer.shape)

    def embed(self, x: Inputs) -> Tensor:
        """Return the inputs as they are, in one row each."""
        return torch.cat([part.flatten(1) for part in parts(x).values()], 1)


def checks(subject: Subject) -> Iterator[Conformance]:
    """Yield the checks of a dataset."""
    for check in CHECKS:
        yield Conformance(subject.entry.name, words(check), partial(check, subject))


def names_what_it_downloads(subject: Subject) -> None:
    """Check that files not shipped have a licence, a checksum and a web address.

    Files that are placed by hand have no address.
    """
    download = subject.download()
    if download is None:
        return
    if not download.licence.strip():
        raise MedTLError("its download says no licence or terms.")
    if not download.files:
        raise MedTLError("its download names no file.")
    for remote in download.files:
        _check_remote(remote)


def _check_remote(remote: Remote) -> None:
    if remote.address and not remote.address.startswith(("https://", "http://")):
        raise MedTLError(f"{remote.address!r} is no web address.")
    checksum = remote.sha256 or remote.md5
    if not CHECKSUM.fullmatch(checksum):
        raise MedTLError(
            f"the checksum of {remote.path!r}, {checksum!r}, "
            "is not of 64 or 32 lower-case hexadecimal digits."
        )


def builds_and_passes_its_own_checks(subject: Subject) -> None:
    """Check that it builds a Dataset, which checks itself when it is made."""
    built: object = subject.built
    if not isinstance(built, Dataset):
        raise MedTLError(
            f"its build function returned a {type(built).__name__}, but a Dataset was expected."
        )


def has_a_full_card(subject: Subject) -> None:
    """Check that every line of the card is filled in, its area as in the entry."""
    card = subject.built.card
    for line in dataclasses.fields(Card):
        value = getattr(card, line.name)
        if line.name not in MAY_BE_EMPTY and not (isinstance(value, str) and value.strip()):
            raise MedTLError(f"the line {line.name!r} of its card is empty.")
    if card.area not in get_args(Area) or card.provenance not in get_args(Provenance):
        raise MedTLError(
            f"its card gives the area {card.area!r} and the provenance {card.provenance!r}, "
            "of which one is unknown."
        )
    if card.area != subject.entry.area:
        raise MedTLError(
            f"its card gives the area {card.area!r}, but its entry {subject.entry.area!r}."
        )


def builds_offline_and_quickly(subject: Subject) -> None:
    """Check that it builds without a network, fast enough for every run to do so."""
    _ = subject.built
    start = perf_counter()
    with offline():
        subject.build()
    if (taken := perf_counter() - start) > BUILD_SECONDS:
        raise MedTLError(
            f"building it takes {taken:.0f} seconds, more than {BUILD_SECONDS}; "
            "store it in a form that is quicker to read."
        )


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every connection inside the block."""

    def refuse(*_: Any) -> Any:  # noqa: ANN401
        raise OSError(
            "it opened a network connection while building, "
            "although its files should be there by now"
        )

    with (
        patch.object(socket.socket, "connect", refuse),
        patch.object(socket, "getaddrinfo", refuse),
    ):
        yield


def holds_the_same_data_each_time(subject: Subject) -> None:
    """Check that no seed and no other process changes its digest."""
    seed_globals(1)
    if subject.build().digest() != subject.built.digest():
        raise MedTLError(
            "two builds hold different data; draw from generators with fixed seeds only."
        )
    if _digest_elsewhere(subject) != subject.built.digest():
        raise MedTLError(
            "it holds different data in another process; sort what comes from a set or a folder."
        )


def _digest_elsewhere(subject: Subject) -> str:
    """Return the digest of the dataset as another process builds it."""
    job = Job(work=DescribeDataset(name=subject.entry.name), plugin_files=tuple(subject.files))
    ((_, reply),) = Processes()([job])
    if reply.dataset is None:
        reason = reply.outcome.reason if reply.outcome else "no reply"
        raise MedTLError(f"it cannot be built in another process: {reason}")
    return reply.dataset.digest


def leaves_the_process_as_it_was(subject: Subject) -> None:
    """Check that it changes nothing of the whole process, such as threads."""
    if changed := changes(subject.build):
        raise MedTLError(f"building it changed {', '.join(changed)}.")


def says_what_its_labels_mean(subject: Subject) -> None:
    """Check that its classes bear out what its labels are said to mean."""
    dataset = subject.built
    for problem in labels.problems(dataset.task, dataset.domains, dataset.meanings):
        raise MedTLError(problem)


def trains_on_every_class_it_tests(subject: Subject) -> None:
    """Check that a domain trains on every class it tests, or no support could show it."""
    task = subject.built.task
    domains = chain.from_iterable(one.domains for one in subject.built.divisions())
    for domain in domains if task.kind != "regression" else ():
        missing = sorted(set(_labels(domain.test)) - set(_labels(domain.train)))
        if missing:
            names = ", ".join(repr(task.classes[c]) for c in missing)
            raise MedTLError(
                f"domain {domain.name!r} tests {names}, which its training split does not hold."
            )


def says_which_rows_its_domains_share(subject: Subject) -> None:
    """Check that the card gives the share of test rows that other domains train on, if any."""
    dataset = subject.built
    if dataset.overlaps and not PERCENT.search(f"{dataset.card.shift} {dataset.card.notes}"):
        most = max(dataset.overlaps, key=lambda overlap: overlap.share)
        raise MedTLError(
            f"{most.share:.0%} of the test rows of {most.domain!r} stand in training splits of "
            f"other domains of {most.scenario!r} too, and its card gives no share: leave them out "
            "on one side, or say so in its notes, as a percentage."
        )


def _labels(split: Split) -> list[int]:
    return [int(label) for label in split.y.unique()]


def has_inputs_that_a_network_takes(subject: Subject) -> None:
    """Check that a backbone takes its rows, or no gradient method would run on it."""
    task, rows = subject.built.task, subject.built.domains[0].train[torch.arange(2)]
    examiner.check_outputs(task, build(rows.x, task, WIDTH)(rows.x).detach(), rows)


def scores_every_domain_in_its_transfers(subject: Subject) -> None:
    """Check that every transfer gives the primary metric on all its domains.

    Optional transfers too. Where the task names metrics of an embedding, the inputs
    themselves must give all of them.
    """
    dataset, clock = subject.built, examiner.Clock()
    for scenario in dataset.transfers:
        run = transfer(dataset, scenario, Constant, seed=0, shots=(1,), draws=1, clock=clock)
        scores, where = list(run), f"transfer {scenario.name!r}"
        _check_embedded(dataset, where, scores)
        if dataset.task.kind != "integration":
            domains = [dataset.domain(name) for name in (*scenario.sources, *scenario.targets)]
            _check_scored(dataset, where, scores, domains, "fit")


def _check_embedded(dataset: Dataset, where: str, scores: list[Score]) -> None:
    scored = {score.metric for score in scores if score.stage == "embedding"}
    if missing := set(dataset.task.embedded) - scored:
        raise MedTLError(
            f"{where} gives no {', '.join(sorted(missing))}, with its inputs taken as an embedding."
        )


def scores_every_domain_in_its_streams(subject: Subject) -> None:
    """Check that every stream gives the primary metric on each of its domains."""
    dataset = subject.built
    for scenario in dataset.streams:
        scores = stream(dataset, scenario, Constant, seed=0, clock=examiner.Clock())
        domains = [dataset.domain(name) for name in scenario.domains]
        _check_scored(dataset, f"stream {scenario.name!r}", list(scores), domains, "learn")


def _check_scored(
    dataset: Dataset, where: str, scores: list[Score], domains: list[Domain], stage: str
) -> None:
    primary = dataset.task.primary
    scored = {score.domain for score in scores if score.stage == stage and score.metric == primary}
    for domain in domains:
        if domain.name not in scored:
            raise MedTLError(
                f"{where} gives no {primary} on domain {domain.name!r}, "
                "where it is undefined on the test split's labels."
            )


CHECKS: tuple[Callable[[Subject], None], ...] = (
    names_what_it_downloads,
    builds_and_passes_its_own_checks,
    has_a_full_card,
    builds_offline_and_quickly,
    holds_the_same_data_each_time,
    leaves_the_process_as_it_was,
    says_what_its_labels_mean,
    trains_on_every_class_it_tests,
    says_which_rows_its_domains_share,
    has_inputs_that_a_network_takes,
    scores_every_domain_in_its_transfers,
    scores_every_domain_in_its_streams,
)
