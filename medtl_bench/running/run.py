"""A whole run: describe what is asked for, plan, run what is missing, store every record as it comes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.errors import IntegrityError, MedTLError, unknown
from medtl_bench.files.atomic import TEMPORARY
from medtl_bench.results.record import Outcome, Protocol, Record, Trial
from medtl_bench.results.store import Store
from medtl_bench.running import plan
from medtl_bench.running.executors import Executor
from medtl_bench.running.messages import (
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
    RunStack,
    RunTrial,
)
from medtl_bench.running.plan import Planned

Progress = Callable[[Record], None]
NO_OUTCOME = "Its process sent no outcome."


@dataclass(frozen=True)
class Request:
    """What the user asked to run.

    Empty `datasets` or `algorithms` mean all; `seeds` None means the preset's.
    """

    datasets: Sequence[str] = ()
    algorithms: Sequence[str] = ()
    protocols: Sequence[Protocol] = plan.PROTOCOLS
    preset: str = "default"
    seeds: int | None = None
    parameters: Sequence[str] = ()
    plugin_files: Sequence[str] = ()


@dataclass
class Planning:
    """The trials of a request, and the datasets and algorithms that could not be described, each with its reason.

    `skipped`: datasets whose files are not on this machine, each with how to get them.
    `tampered`: whether one could not be described because a file is not what it was when
    it was published.
    """

    planned: list[Planned] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    tampered: bool = False


def make_plan(request: Request, catalogue: Catalogue, execute: Executor) -> Planning:
    """Describe all that a request names, through the executor, and plan its trials.

    Raises MedTLError on an unknown name, a wrong parameter or no trial at all. A dataset
    or algorithm that fails in any other way is left out.
    """
    chosen = plan.preset(request.preset)
    datasets = list(dict.fromkeys(request.datasets)) or catalogue.single_datasets()
    for name in datasets:
        catalogue.dataset_entry(name)
    algorithms = _named("algorithm", request.algorithms, catalogue.algorithms)
    given = plan.split_parameters(request.parameters)
    for name in given:
        if name not in algorithms:
            raise unknown("algorithm of this run", name, algorithms)
    files = tuple(request.plugin_files)
    planning = Planning()
    asked = [
        DescribeAlgorithm(name=n, given=given.get(n, {}), preset=dict(chosen.parameters))
        for n in algorithms
    ]
    replies = _described(asked, files, execute, planning)
    algorithm_facts = {
        reply.algorithm.name: reply.algorithm for reply in replies if reply.algorithm
    }
    able = tuple(name for name, facts in algorithm_facts.items() if not facts.missing)
    replies = _described(
        [DescribeDataset(name=name, algorithms=able) for name in datasets], files, execute, planning
    )
    told = {reply.dataset.name for reply in replies if reply.dataset}
    failed = [name for name in datasets if name not in told and planning.unusable.pop(name, "")]
    # an algorithm may have ended the process that asked it
    replies += _described([DescribeDataset(name=name) for name in failed], files, execute, planning)
    dataset_facts = {reply.dataset.name: reply.dataset for reply in replies if reply.dataset}
    versions = replies[0].versions if replies else {}
    planning.planned = plan.trials(
        [dataset_facts[n] for n in datasets if n in dataset_facts],
        [algorithm_facts[n] for n in algorithms if n in algorithm_facts],
        chosen,
        versions,
        seeds=request.seeds,
        protocols=request.protocols,
    )
    if not (planning.planned or planning.unusable or planning.skipped):
        raise MedTLError(
            f"There is no trial to run: none of {', '.join(datasets)} has a {' or '.join(request.protocols)}."
        )
    return planning


def _described(
    tasks: Sequence[DescribeDataset | DescribeAlgorithm],
    files: tuple[str, ...],
    execute: Executor,
    planning: Planning,
) -> list[Reply]:
    """Return the replies that hold facts; the reasons of others go into the planning."""
    replies = []
    for job, reply in execute([Job(task=task, plugin_files=files) for task in tasks]):
        described = job.task
        if reply.dataset or reply.algorithm:
            replies.append(reply)
        elif reply.outcome is not None and isinstance(
            described, DescribeDataset | DescribeAlgorithm
        ):
            if (
                isinstance(described, DescribeAlgorithm)
                and described.given
                and reply.exit_code == MedTLError.exit_code
            ):
                raise MedTLError(reply.outcome.reason)
            told = planning.skipped if reply.outcome.status == "skipped" else planning.unusable
            told[described.name] = reply.outcome.reason
            planning.tampered |= reply.exit_code == IntegrityError.exit_code
    return replies


def _named(what: str, wanted: Sequence[str], known: Iterable[str]) -> list[str]:
    for name in wanted:
        if name not in known:
            raise unknown(what, name, known)
    return list(dict.fromkeys(wanted)) or list(known)


def missing(planned: Sequence[Planned], store: Store) -> list[Planned]:
    """Return the planned trials that have no record with status `ok`."""
    done = {key for key, record in store.read().records.items() if record.outcome.status == "ok"}
    return [p for p in planned if p.trial.key not in done]


def stacks(planned: Sequence[Planned], most: int) -> list[list[Trial]]:
    """Return trials grouped to run side by side: those of one algorithm, with the same options, on one dataset and protocol.

    At most `most` go together; a trial whose algorithm does not stack is a group of its own.
    """
    groups: dict[object, list[list[Trial]]] = {}
    for number, p in enumerate(planned):
        trial = p.trial
        which = (
            (trial.dataset, trial.protocol, trial.algorithm, p.about.variant)
            if p.stacks
            else number
        )
        found = groups.setdefault(which, [[]])
        if len(found[-1]) == most:
            found.append([])
        found[-1].append(trial)
    return [group for found in groups.values() for group in found]


def run(
    planned: Sequence[Planned],
    store: Store,
    execute: Executor,
    plugin_files: Sequence[str] = (),
    most: int = 1,
    *,
    wanted: Sequence[Planned] | None = None,
) -> Iterator[Record]:
    """Run trials, at most `most` of a kind side by side, and yield each one's record once it is stored.

    `wanted`: those of the planned trials whose record is missing, all unless given.
    Trials that run beside one another round a little otherwise than alone, so a group is
    the same whatever is missing: it runs whole, and what is not wanted of it is dropped.
    Where a group fails, or one trial of it, it is run again one by one.
    """
    about, files = {p.trial.key: p.about for p in planned}, tuple(plugin_files)
    keys = {p.trial.key for p in (planned if wanted is None else wanted)}

    def recorded(trial: Trial, outcome: Outcome, reply: Reply) -> Record:
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        record = Record(
            trial=trial,
            about=about[trial.key],
            outcome=outcome,
            machine=reply.machine,
            finished=finished,
        )
        store.write(record)
        return record

    for p in planned:
        if p.skipped and p.trial.key in keys:
            yield recorded(p.trial, Outcome(status="skipped", reason=p.skipped), Reply())
    groups = stacks([p for p in planned if not p.skipped], most)
    groups = [group for group in groups if any(trial.key in keys for trial in group)]
    again = list[Trial]()
    tasks = [
        RunStack(trials=tuple(group)) if len(group) > 1 else RunTrial(trial=group[0])
        for group in groups
    ]
    for job, reply in execute(Job(task=task, plugin_files=files) for task in tasks):
        if isinstance(job.task, RunStack):
            if reply.outcomes and all(
                outcome.status in {"ok", "skipped"} for outcome in reply.outcomes
            ):
                done = zip(job.task.trials, reply.outcomes, strict=True)
                yield from (
                    recorded(trial, outcome, reply) for trial, outcome in done if trial.key in keys
                )
            else:
                again += [trial for trial in job.task.trials if trial.key in keys]
        elif isinstance(job.task, RunTrial):
            yield recorded(
                job.task.trial, reply.outcome or Outcome(status="failed", reason=NO_OUTCOME), reply
            )
    for job, reply in execute(
        Job(task=RunTrial(trial=trial), plugin_files=files) for trial in again
    ):
        if isinstance(job.task, RunTrial):
            yield recorded(
                job.task.trial, reply.outcome or Outcome(status="failed", reason=NO_OUTCOME), reply
            )


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold an output folder for this run and clear what a killed one left.

    Raises IntegrityError if it is held or read-only.
    """
    lock = FileLock(out / ".run.lock", timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for left in out.rglob(f"{TEMPORARY}*.tmp"):
            left.unlink()
    except Timeout as error:
        raise MedTLError(
            f"Another run is writing to {out}; wait for it or choose another folder with --out."
        ) from error
    except OSError as error:
        lock.release()
        raise IntegrityError(f"Cannot write to {out}: {error.strerror or error}.") from error
    try:
        yield
    finally:
        lock.release()
