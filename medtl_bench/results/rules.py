"""The rules by which hyper-parameters are chosen, and how a trial's settings name them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from medtl_bench.errors import unknown

if TYPE_CHECKING:
    from medtl_bench.results.record import Record

# of the settings of a trial: by which rule it judges, and the scenario that it is for
RULE, TUNES = "rule", "tunes"
LEAVE_ONE_OUT: Final = "leave-one-source-out"
SOURCE_VALIDATION: Final = "source-validation"
ANOTHER_ORDER: Final = "another-order"
ASKED: Final = (LEAVE_ONE_OUT, SOURCE_VALIDATION)  # by a user: a stream has one rule
QUASI: Final = "quasi"  # the sampler whose draws are all known before any is judged
SAMPLERS: Final = (QUASI, "random", "tpe")


def is_for_tuning(settings: Mapping[str, object]) -> bool:
    """Return whether a trial of these settings judges hyper-parameters, and is on no board."""
    return RULE in settings


def of_boards(records: "Iterable[Record]") -> "list[Record]":
    """Return those records that are of targets: none that judges hyper-parameters."""
    return [record for record in records if not is_for_tuning(record.trial.settings)]


def check_sampler(sampler: str) -> None:
    """Raise MedTLError, with near matches, on a sampler that there is not."""
    if sampler not in SAMPLERS:
        raise unknown("sampler", sampler, SAMPLERS)


def check_rule(rule: str) -> None:
    """Raise MedTLError, with near matches, on a rule that cannot be asked for."""
    if rule not in ASKED:
        raise unknown("rule", rule, ASKED)
