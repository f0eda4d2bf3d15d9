"""What planning asks of datasets and algorithms, answered in a process that may load them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.algorithm import INSTALL, Algorithm, parameters, refusal, resolve
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.task import Task
from medtl_bench.protocols import support
from medtl_bench.running import mapped
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset
from medtl_bench.running.plan import AlgorithmFacts, DatasetFacts, Scenario
from medtl_bench.training.method import GradientMethod

TASKS = (
    Task("classification", ("a", "b")),
    Task("segmentation", ("a", "b")),
    Task("regression"),
    Task("integration"),
)


def describe_dataset(found: Catalogue, task: DescribeDataset, folder: str = "") -> DatasetFacts:
    """Build a dataset, keep it in the run's folder if there is one, and return its facts."""
    dataset = found.dataset(task.name)
    if folder:
        with suppress(OSError, ValueError):  # then each trial builds it
            mapped.write(dataset, Path(folder))
    return DatasetFacts(
        name=task.name,
        digest=dataset.digest(),
        area=dataset.card.area,
        provenance=dataset.card.provenance,
        task=dataset.task.kind,
        metrics=dataset.task.metrics,
        classes=dataset.task.classes,
        scenarios=tuple(_scenarios(dataset)),
        refused=dict(_refused(found, dataset, task.algorithms)),
    )


def _refused(
    found: Catalogue, dataset: Dataset, algorithms: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for name in algorithms:
        with suppress(Exception, SystemExit):  # then its trials tell
            if why := refusal(found.algorithm(name), dataset.task, dataset.domains[0].train.x[:1]):
                yield name, why


def _scenarios(dataset: Dataset) -> Iterator[Scenario]:
    targets = {name for transfer in dataset.transfers for name in transfer.targets}
    # the scarcest target's for all: a board means scores over transfers, which therefore
    # ask for the same k
    most = min(
        (support.most_shots(dataset.task, dataset.domain(name).train) for name in targets),
        default=None,
    )
    for transfer in dataset.transfers:
        yield Scenario(
            name=transfer.name,
            sources=transfer.sources,
            targets=transfer.targets,
            optional=transfer.optional,
            most_shots=most,
        )
    for stream in dataset.streams:
        yield Scenario(name=stream.name, domains=stream.domains)


def describe_algorithm(found: Catalogue, task: DescribeAlgorithm) -> AlgorithmFacts:
    """Load an algorithm and return its facts, with every parameter resolved."""
    cls = found.algorithm(task.name)
    registered = found.algorithms[task.name]
    fitting = {name: text for name, text in task.preset.items() if name in parameters(cls)}
    return AlgorithmFacts(
        name=task.name,
        family=registered.entry.family,
        source=registered.plugin.source,
        parameters=resolve(cls, task.name, {**fitting, **task.given}),
        counterpart=registered.entry.counterpart,
        variant=", ".join(f"{name}={text}" for name, text in sorted(task.given.items())),
        stacks=issubclass(cls, GradientMethod) and not cls.one_by_one,
        missing=_missing(cls),
    )


def _missing(cls: type[Algorithm]) -> str:
    """Return the reason that names what to install, if a method gives one for every kind of task."""
    reasons = [cls.supports(task) for task in TASKS]
    wanted = [reason for reason in reasons if reason and reason.startswith(INSTALL)]
    return wanted[0] if wanted and None not in reasons else ""
