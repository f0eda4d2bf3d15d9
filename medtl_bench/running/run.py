"""A whole run: run what is missing, store every record as it comes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.files.atomic import TEMPORARY
from medtl_bench.results import predictions
from medtl_bench.results.record import ALONE, About, Outcome, Record, Trial
from medtl_bench.results.store import Store
from medtl_bench.running import interrupts
from medtl_bench.running.executors import Executor
from medtl_bench.running.failure import publishable
from medtl_bench.running.messages import Job, Reply, RunStack, to_run
from medtl_bench.running.observers import Audience
from medtl_bench.running.plan import Planned

NO_OUTCOME = Outcome(status="failed", reason="Its process sent no outcome.")


def missing(planned: Sequence[Planned], store: Store, answers: Path | None = None) -> list[Planned]:
    """Return the planned trials that can run and have no record with status `ok`.

    `answers`: the output folder in which what they predict is to be kept; those of which it is
    not are missing too.
    """
    done = {key for key, rec in store.read().records.items() if rec.outcome.status == "ok"}
    if answers is not None:
        done = {key for key in done if predictions.path(answers, key).is_file()}
    return [one for one in planned if not one.skipped and one.trial.key not in done]


def overtaken(planned: Sequence[Planned], records: Mapping[str, Record]) -> list[Record]:
    """Return the records of planned trials that newer ones overtook, as asked for now.

    A method that was changed and put back is run no more: its own records count again, not
    those that were made in between. So do those of a quick check that another preset asks
    for too.
    """
    newest: dict[object, tuple[str, str]] = {}
    for key, record in records.items():
        place = _place(record)
        newest[place] = max(newest.get(place, ("", "")), (record.latest, key))
    asked = [(records[one.trial.key], one) for one in planned if one.trial.key in records]
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return [
        record.model_copy(update={"asked": now, "about": _told(record.about, one.about)})
        for record, one in asked
        if newest[_place(record)][1] != record.trial.key or record.about.quick > one.about.quick
    ]


def _told(about: About, asked: About) -> About:
    return about.model_copy(update={"quick": about.quick and asked.quick})


def _place(record: Record) -> object:
    """Return the row, scenario and seed of which a board shows one record."""
    trial = record.trial
    row = (trial.dataset, trial.protocol, trial.algorithm, record.about.variant)
    return (*row, trial.scenario, trial.seed)


@dataclass
class Run:
    """Trials on their way into a store.

    `wanted`: those of the planned ones whose record is missing, all unless given. `answers`:
    the output folder in which to keep what they predict, None to keep nothing of it.
    """

    planned: Sequence[Planned]
    store: Store
    execute: Executor
    plugin_files: Sequence[str] = ()
    wanted: Sequence[Planned] | None = None
    audience: Audience = field(default_factory=lambda: Audience({}))
    answers: Path | None = None

    def __post_init__(self) -> None:
        """Know the trials by key."""
        self._about = {one.trial.key: one.about for one in self.planned}
        self._asked = {one.trial.dataset: one.dataset for one in self.planned}
        wanted = self.planned if self.wanted is None else self.wanted
        self._keys = {one.trial.key for one in wanted if not one.skipped}
        self._why_alone: dict[str, str] = {}

    def __iter__(self) -> Iterator[Record]:
        """Run the trials and yield each one's record once it is stored.

        Trials that run beside one another round a little otherwise than alone, so a group is
        the same whatever is missing: it runs whole, and what is not wanted of it is dropped.
        Where a group is lost as a whole, its trials are run again one by one, and their logs
        tell why; a trial of it that fails by itself is its own failure.
        """
        groups = self._groups()
        self._announce(groups)
        again: list[Trial] = []
        try:
            for job, reply in self.execute(self._jobs(groups)):
                if isinstance(job.work, RunStack) and len(reply.outcomes) != len(job.trials):
                    again += self._lost(job, reply)
                else:
                    yield from self._stored(job, reply)
            for job, reply in self.execute(self._jobs([[trial] for trial in again])):
                yield from self._stored(job, reply)
        finally:
            self.audience.tell("ended")

    def _lost(self, job: Job, reply: Reply) -> list[Trial]:
        """Return what is to run again of a group that was lost, and note why for the logs."""
        trials, outcome = self._wanted(job.trials), reply.outcome or NO_OUTCOME
        why = f"All{ALONE}{len(job.trials)} trials side by side ended: {outcome.reason}\n"
        self._why_alone.update({trial.key: why for trial in trials})
        return trials

    def _groups(self) -> list[list[Trial]]:
        """Return what runs side by side, where any of it is wanted."""
        groups: dict[int, list[Trial]] = {}
        for one in self.planned:
            if not one.skipped:
                groups.setdefault(one.group, []).append(one.trial)
        return [group for group in groups.values() if self._wanted(group)]

    def _wanted(self, trials: Sequence[Trial]) -> list[Trial]:
        return [trial for trial in trials if trial.key in self._keys]

    def _announce(self, groups: Sequence[Sequence[Trial]]) -> None:
        trials = [trial for group in groups for trial in self._wanted(group)]
        possible = sum(not one.skipped for one in self.planned)
        self.audience.tell("planned", trials, possible - len(self._keys))

    def _jobs(self, groups: Sequence[Sequence[Trial]]) -> Iterator[Job]:
        for group in groups:
            wanted = self._wanted(group)
            for trial in wanted:
                self.audience.tell("started", trial)
            yield Job(
                work=to_run(group),
                dataset=self._asked[group[0].dataset],
                plugin_files=tuple(self.plugin_files),
                answers=self._files(wanted),
            )

    def _files(self, trials: Sequence[Trial]) -> dict[str, str]:
        """Return the files in which to keep what is predicted in trials, by key."""
        if self.answers is None:
            return {}
        folder = self.answers.resolve()
        return {trial.key: str(predictions.path(folder, trial.key)) for trial in trials}

    def _stored(self, job: Job, reply: Reply) -> list[Record]:
        """Store the records of a job, all of them also where a signal comes meanwhile."""
        with interrupts.held():
            return list(self._records(job, reply))

    def _records(self, job: Job, reply: Reply) -> Iterator[Record]:
        """Store and yield the records of those trials of a job that are wanted."""
        alone = (reply.outcome or NO_OUTCOME,)
        outcomes = reply.outcomes if isinstance(job.work, RunStack) else alone
        for trial, outcome in zip(job.trials, outcomes, strict=True):
            if trial.key in self._keys:
                yield self._recorded(trial, outcome, reply)

    def _recorded(self, trial: Trial, outcome: Outcome, reply: Reply) -> Record:
        log = outcome.log + self._why_alone.get(trial.key, "")
        record = Record(
            trial=trial,
            about=self._about[trial.key],
            outcome=publishable(outcome.model_copy(update={"log": log})),
            machine=reply.machine,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if outcome.status != "skipped":
            self.store.write(record)
        self.audience.tell("finished", record)
        return record


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
