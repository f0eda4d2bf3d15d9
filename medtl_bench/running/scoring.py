"""Scores what learners answered, where no method runs: the protocol is run with their answers.

What the process of a method says is not believed before it was checked.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Scenario
from medtl_bench.errors import IntegrityError, InvalidOutputError
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.protocol import Protocol
from medtl_bench.results import predictions
from medtl_bench.results.record import Outcome, Score, Trial
from medtl_bench.results.resamples import encode
from medtl_bench.running.answers import Answered, Replay
from medtl_bench.running.failure import REASON_CHARACTERS, failed
from medtl_bench.running.trial import seed_everything

MOST_TEXT = 20_000  # characters of a log
MOST_VERBS = 20


@dataclass(frozen=True)
class Scoring:
    """What trials are scored by: a protocol, and the dataset with all its labels."""

    protocol: Protocol
    dataset: Dataset

    def outcome(
        self, trial: Trial, answered: Answered, path: Path, keep: Path | None = None
    ) -> Outcome:
        """Return the outcome of a trial; whatever is wrong with its answers is a failure of it.

        `path`: of the file that holds them. `keep`: where to keep what was predicted.
        """
        start = perf_counter()
        try:
            outcome = bounded(answered.outcome)
            if outcome.status != "ok":
                return outcome
            clock = Clock(kept=[] if keep else None)
            scores = self._scores(trial, answered, path, clock)
            resampled = encode(clock.resampled)
            kept = _keep(keep, trial.key, clock)
        except (Exception, SystemExit) as error:
            return failed(error, perf_counter() - start)
        total = outcome.seconds.get("total", 0.0) + perf_counter() - start
        seconds = outcome.seconds | {"total": round(total, 4)}
        found = {"scores": scores, "resampled": resampled, "units": clock.units}
        update = {**found, "answers": kept, "seconds": seconds}
        return outcome.model_copy(update=update)

    def _scores(
        self, trial: Trial, answered: Answered, path: Path, clock: Clock
    ) -> tuple[Score, ...]:
        """Run the protocol with what the learners answered; the clock gets what is resampled."""
        seed_everything(trial)
        replay = Replay(answered.answers, path)
        scenario = Scenario(trial.scenario, trial.settings)
        examined = self.protocol.run(
            self.dataset, scenario, replay.make, seed=trial.seed, clock=clock
        )
        scores = tuple(examined)
        replay.end()
        return scores


def _keep(file: Path | None, key: str, clock: Clock) -> str:
    """Keep what was predicted in a file, if there is one, and return its digest."""
    if file and clock.kept is not None:
        # the trial is sound, and the run tells what is not kept
        with suppress(IntegrityError):
            return predictions.write(file, key, clock.kept)
    return ""


def bounded(outcome: Outcome) -> Outcome:
    """Return what the process of a method says of itself: without scores, its texts cut.

    Raises InvalidOutputError where it tells of more verbs than a learner has.
    """
    if len(outcome.seconds) > MOST_VERBS:
        raise InvalidOutputError(
            f"Its process sent the seconds of {len(outcome.seconds)} verbs, which make no sense."
        )
    update = {
        "reason": outcome.reason[:REASON_CHARACTERS],
        "log": outcome.log[-MOST_TEXT:],
        "scores": (),
        "stacked": 1,
        "resampled": {},
        "units": {},
        "answers": "",
    }
    return outcome.model_copy(update=update)
