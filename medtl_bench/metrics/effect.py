"""What a plugin says of an effect that the field knows, and that a bench that works shows."""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple


class Term(NamedTuple):
    """What an algorithm, without changed parameters, scores in a measure of the boards."""

    algorithm: str
    measure: str


@dataclass(frozen=True)
class EffectEntry:
    """A known effect: its name, a sentence about it, and the scores that must differ.

    `dataset`, `protocol`, `measure`: where, and by which measure of the boards. `higher`,
    `lower`: algorithms; the mean of the first less the mean of the second, as scored and not
    turned so that more is better, is to be `least` to `most`. Beside the name of an algorithm
    may stand another measure, as in "target-only target full". `reference`: who found it.
    `missing`: for an effect that nothing registered can show, why; the fields of scores are
    then empty.
    """

    name: str
    summary: str
    dataset: str = ""
    measure: str = ""
    higher: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    least: float = 0.0
    most: float = inf
    protocol: str = "transfer"
    reference: str = ""
    missing: str = ""

    def terms(self, names: tuple[str, ...]) -> tuple[Term, ...]:
        """Return the algorithms of `higher` or `lower`, each with its measure."""
        parted = [name.partition(" ") for name in names]
        return tuple(Term(algorithm, other or self.measure) for algorithm, _, other in parted)
