"""Draws one after another, by a sampler of Optuna that sees how earlier ones were judged.

What was drawn and how it was judged stands in a journal in the folder of the run, lines of
JSON, so that a run that was cut short goes on where it was. Whatever else runs, a draw
depends on dataset, method, rule and the draws before it alone.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtl_bench.contract.ranges import Choices, Space
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.hashing import hashed
from medtl_bench.results.rules import QUASI, check_sampler
from medtl_bench.running.messages import AlgorithmFacts, DatasetFacts
from medtl_bench.running.tuning import Tuning, at_shares, numbered

if TYPE_CHECKING:
    import optuna

JOURNAL = "tuning.jsonl"  # in the folder of a run
INSTALL = "The samplers random and tpe need Optuna: pip install 'medtl-bench[tune]'."
ODD = "It is no journal of draws as one was written: move it away to draw anew."
BELOW_ONE = 1 - 2**-53  # the largest share


def check(sampler: str) -> None:
    """Raise MedTLError on an unknown sampler, or where it needs Optuna and that is missing."""
    check_sampler(sampler)
    if sampler == QUASI:
        return
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MedTLError(INSTALL) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass
class Study:
    """The draws of one method on one dataset: `drawn` holds its default, then each of them once.

    `identity`: what a draw depends on beside those before it.
    """

    study: "optuna.Study"
    sampler: str
    identity: tuple[str, ...]
    method: AlgorithmFacts
    drawn: list[AlgorithmFacts]
    asked: list[AlgorithmFacts] = field(default_factory=list)

    def draw(self) -> AlgorithmFacts | None:
        """Draw once more, or as the journal has it; None for what was drawn before."""
        one = at_shares(self.method, self._shares(len(self.asked)))
        self.asked.append(one)
        if any(one.parameters == before.parameters for before in self.drawn):
            return None
        self.drawn.append(numbered(one, len(self.drawn)))
        return self.drawn[-1]

    def _shares(self, number: int) -> dict[str, float]:
        known, spaces = self.study.get_trials(deepcopy=False), self.method.spaces
        if number < len(known):
            params = known[number].params
        else:
            self.study.sampler = _sampler(self.sampler, *self.identity, number)
            params = self.study.ask({name: _distribution(s) for name, s in spaces.items()}).params
        shares = {name: _share(spaces[name], v) for name, v in params.items() if name in spaces}
        if set(shares) != set(spaces) or not all(0 <= share < 1 for share in shares.values()):
            raise IntegrityError(f"{JOURNAL}: {params} are no shares of {sorted(spaces)}. {ODD}")
        return shares

    def tell(self, scores: Mapping[int, float]) -> None:
        """Tell how the last draw was judged, higher being better, by scores of `drawn`.

        One without a score counts as failed, and one that the journal knows as it is there.
        """
        from optuna.trial import TrialState  # noqa: PLC0415

        number = len(self.asked) - 1
        if self.study.get_trials(deepcopy=False)[number].state.is_finished():
            return
        parameters = [one.parameters for one in self.drawn]
        score = scores.get(parameters.index(self.asked[-1].parameters))
        state = TrialState.FAIL if score is None else TrialState.COMPLETE
        self.study.tell(number, score, state)


def opened(tuning: Tuning, sampler: str, rule: str, folder: Path) -> dict[tuple[str, str], Study]:
    """Return the studies of all methods with ranges, by dataset and method.

    Their draws so far are those of the journal in a folder. Raises IntegrityError where
    that cannot be read.
    """
    path, facts = folder / JOURNAL, tuning.facts
    try:
        storage = _storage(path)
        return {
            (dataset.name, method.name): _study(storage, tuning, sampler, rule, dataset, method)
            for dataset in facts.datasets
            for method in facts.algorithms
            if method.spaces
        }
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise IntegrityError(f"{path}: {error}. {ODD}") from error


def _study(
    storage: Any,  # noqa: ANN401
    tuning: Tuning,
    sampler: str,
    rule: str,
    dataset: DatasetFacts,
    method: AlgorithmFacts,
) -> Study:
    import optuna  # noqa: PLC0415

    planned = tuning.planning.planned
    ours = [one for one in planned if one.trial.dataset == dataset.name]
    keys = sorted(one.trial.key for one in ours if one.trial.algorithm == method.name)
    state = hashed(repr(method.spaces), *keys)[:8]  # data, code, versions, scenarios, seeds
    identity = (sampler, dataset.name, method.name, rule)
    named = {"study_name": " ".join((*identity, state)), "storage": storage}
    study = optuna.create_study(**named, direction="maximize", load_if_exists=True)
    return Study(study, sampler, identity, method, tuning.in_turn[dataset.name, method.name])


def _storage(path: Path) -> Any:  # noqa: ANN401 - optuna may be missing
    from optuna.storages import JournalStorage  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    unlocked: Any = _Unlocked()
    path.parent.mkdir(parents=True, exist_ok=True)
    _cut_to_whole_lines(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JournalStorage(JournalFileBackend(str(path), unlocked))


class _Unlocked:
    """No lock: the run that writes to a folder holds one, which ends with its process."""

    def acquire(self) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""


def _cut_to_whole_lines(path: Path) -> None:
    """Remove the line that a killed run did not write to its end."""
    content = path.read_bytes() if path.exists() else b""
    if content and not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def _sampler(kind: str, *identity: str | int) -> "optuna.samplers.BaseSampler":
    """Return a sampler whose next draw depends on an identity, and on the draws before it."""
    from optuna.samplers import RandomSampler, TPESampler  # noqa: PLC0415

    from medtl_bench.randomness import seed_of  # noqa: PLC0415 - loads torch

    seed = seed_of("sampler", *identity) % 2**32
    return TPESampler(seed=seed) if kind == "tpe" else RandomSampler(seed=seed)


def _distribution(space: Space) -> "optuna.distributions.BaseDistribution":
    """Return what is drawn of a range: a share of it, or the number of a choice."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution  # noqa: PLC0415

    if isinstance(space, Choices):
        return CategoricalDistribution(range(len(space.values)))
    return FloatDistribution(0, BELOW_ONE)


def _share(space: Space, drawn: float) -> float:
    """Return the share of a range that was drawn."""
    return (drawn + 0.5) / len(space.values) if isinstance(space, Choices) else drawn


def draw(studies: Mapping[tuple[str, str], Study]) -> Iterator[tuple[str, AlgorithmFacts]]:
    """Draw once more in each study; yield datasets and methods with what was not there before."""
    for (dataset, _), study in studies.items():
        if drawn := study.draw():
            yield dataset, drawn
