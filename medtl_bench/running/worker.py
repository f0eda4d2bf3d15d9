"""One job, in the processes that do it; a failure becomes its reply.

A method is not trusted: trials are answered by it in one process, without the labels that
they are judged by, and scored in another.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import InvalidOutputError, MedTLError, UnavailableError
from medtl_bench.protocols import protocol
from medtl_bench.protocols.withheld import blinded
from medtl_bench.results.record import Outcome, Trial
from medtl_bench.running import mapped, uses
from medtl_bench.running.answers import Said
from medtl_bench.running.describe import describe_algorithm, describe_dataset
from medtl_bench.running.failure import failed
from medtl_bench.running.machine import machine, versions
from medtl_bench.running.messages import (
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
    RunStack,
    RunTrial,
)
from medtl_bench.running.scoring import Scoring, bounded
from medtl_bench.running.trial import Setting, answers_in, run_stack, run_trial

M = TypeVar("M", bound=BaseModel)
MOST_BYTES = 2**26  # of what the process of a method says
NO_SENSE = "Its process sent an answer that makes no sense"


def perform(job: Job, own: Catalogue | None = None) -> Reply:
    """Do a job in this process and return its reply.

    Of what an algorithm may raise, only an interrupt gets past it. `own`: what the project
    itself brings, if that is known already.
    """
    with tempfile.TemporaryDirectory(prefix="medtl-bench-") as scratch:
        blind = job.blind() if job.trials else job
        said = answer(blind, own, Path(scratch))
        return score(job, own, said, Path(scratch))


def answer(job: Job, own: Catalogue | None, scratch: Path) -> bytes:
    """Run the trials of a job up to what their learners answer, and return what came of them.

    `scratch`: an empty folder, for the answers. `job`: without the key. One that describes is
    done whole.
    """
    start = perf_counter()
    if not job.trials:
        return _described(job, own).model_dump_json().encode()
    try:
        said = _said(job, _catalogue(job, own), scratch)
    except (Exception, SystemExit) as error:
        outcome = _failed(error, start)
        said = Said(outcome=outcome, exit_code=_exit_code(error))
    return said.model_dump_json().encode()


def score(job: Job, own: Catalogue | None, said: bytes, scratch: Path) -> Reply:
    """Score the trials of a job by what its `answer` returned and left in a folder.

    The method has no part in it. What makes no sense is a failure of the trials.
    """
    start = perf_counter()
    try:
        if not job.trials:
            return _parsed(Reply, said)
        sent = _read(job, said)
        if sent.outcome is not None:
            return _failure(bounded(sent.outcome), sent.exit_code)
        return _scored(job, _catalogue(job, own), sent, scratch)
    except (Exception, SystemExit) as error:
        return _failure(_failed(error, start), _exit_code(error))


def _catalogue(job: Job, own: Catalogue | None) -> Catalogue:
    """Return what plugins bring; those that are not the project's are imported when used."""
    if job.plugins is None:
        return discovery.find(job.plugin_files)
    return discovery.heard(own or discovery.own(), job.plugins)


def _failed(error: BaseException, start: float) -> Outcome:
    if isinstance(error, UnavailableError):
        return Outcome(status="skipped", reason=str(error))
    return failed(error, perf_counter() - start)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, UnavailableError):
        return 0
    return error.exit_code if isinstance(error, MedTLError) else 1


def _failure(outcome: Outcome, exit_code: int) -> Reply:
    return Reply(outcome=outcome, machine=machine(), exit_code=exit_code)


def _described(job: Job, own: Catalogue | None) -> Reply:
    start = perf_counter()
    try:
        catalogue, work = _catalogue(job, own), job.work
        if isinstance(work, DescribeDataset):
            facts = describe_dataset(catalogue, work, job.folder, job.key)
            return Reply(dataset=facts, versions=versions())
        assert isinstance(work, DescribeAlgorithm)  # noqa: S101 - trials are not described
        return Reply(algorithm=describe_algorithm(catalogue, work))
    except (Exception, SystemExit) as error:
        return _failure(_failed(error, start), _exit_code(error))


def _said(job: Job, catalogue: Catalogue, scratch: Path) -> Said:
    setting = _setting(job, catalogue)
    if isinstance(job.work, RunStack):
        return Said(trials=tuple(run_stack(setting, job.trials, scratch)))
    return Said(trials=(run_trial(setting, job.trials[0], answers_in(scratch, 0)),))


def _setting(job: Job, catalogue: Catalogue) -> Setting:
    """Load what the trials of a job name, once for all."""
    start, trial = perf_counter(), job.trials[0]
    dataset = _blinded(job, catalogue)
    examination = protocol.load(catalogue, trial.protocol)
    algorithm = catalogue.algorithm(trial.algorithm)
    uses.for_learning(catalogue, trial)
    return Setting(algorithm, examination, dataset, perf_counter() - start)


def _blinded(job: Job, catalogue: Catalogue) -> Dataset:
    """Return the dataset of a job without the labels that its trials are judged by."""
    name, seed = job.trials[0].dataset, job.trials[0].seed  # all of one fold
    texts = {text for trial in job.trials for text in _texts(trial.settings)}
    place, validating = Path(job.folder), _validating(job)
    kept = None
    if job.kept:
        kept = mapped.read_blinded(
            *(name, place, job.kept, texts),
            validating=validating,
            seed=seed,
            key=job.fold_key,
        )
    return kept or blinded(catalogue.dataset(job.dataset or name).of_seed(seed), validating)


def _validating(job: Job) -> set[str]:
    """Return the domains that `fit` learns from in trials that validation may end early.

    Those are the sources of a transfer, and the first domain of a stream.
    """
    patient = [trial.settings for trial in job.trials if trial.parameters.get("patience")]
    return {str(name) for settings in patient for name in _fitted(settings)}


def _fitted(settings: Mapping[str, Any]) -> Sequence[object]:
    sources: Sequence[object] = settings.get("sources") or settings.get("domains", ())[:1]
    return sources


def _texts(settings: object) -> Iterator[str]:
    """Yield all texts in settings of a protocol, among them the domains that it names."""
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, dict):
        yield from _texts([*settings, *settings.values()])
    elif isinstance(settings, list):
        for part in settings:
            yield from _texts(part)


def _read(job: Job, said: bytes) -> Said:
    """Return what the process of a method says; raises InvalidOutputError."""
    sent = _parsed(Said, said)
    if sent.outcome is None and len(sent.trials) != len(job.trials):
        count = f"of {len(sent.trials)} trials, but it ran {len(job.trials)}"
        raise InvalidOutputError(f"{NO_SENSE}: {count}.")
    return sent


def _parsed(model: type[M], said: bytes) -> M:
    """Return a message that the process of a method sent; raises InvalidOutputError."""
    if len(said) > MOST_BYTES:
        raise InvalidOutputError(f"{NO_SENSE}: {len(said)} bytes.")
    try:
        return model.model_validate_json(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidOutputError(f"{NO_SENSE}: {place} {first['msg']}.") from None


def _scored(job: Job, catalogue: Catalogue, sent: Said, scratch: Path) -> Reply:
    trials = job.trials
    examined = protocol.load(catalogue, trials[0].protocol)
    dataset = _whole(job, catalogue)
    uses.for_scoring(catalogue, dataset.task.metrics)
    scoring = Scoring(examined, dataset)
    outcomes = tuple(
        scoring.outcome(trial, answered, answers_in(scratch, number), _file(job, trial))
        for number, (trial, answered) in enumerate(zip(trials, sent.trials, strict=True))
    )
    if isinstance(job.work, RunTrial):
        return Reply(outcome=outcomes[0], machine=machine(), exit_code=_code(outcomes[0]))
    stacked = [outcome.model_copy(update={"stacked": len(trials)}) for outcome in outcomes]
    return Reply(outcomes=tuple(stacked), machine=machine())


def _file(job: Job, trial: Trial) -> Path | None:
    """Return the file to keep what was predicted in a trial, or None for nowhere."""
    return Path(job.answers[trial.key]) if trial.key in job.answers else None


def _code(outcome: Outcome) -> int:
    return int(outcome.status == "failed")


def _whole(job: Job, catalogue: Catalogue) -> Dataset:
    """Return the dataset of a job with all labels."""
    name, seed = job.trials[0].dataset, job.trials[0].seed
    able = job.key and job.kept
    kept = mapped.read_whole(name, Path(job.folder), job.key, seed) if able else None
    return kept or catalogue.dataset(job.dataset or name).of_seed(seed)
