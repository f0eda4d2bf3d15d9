"""Beside the default of a hyper-parameter: the values that are searched."""

import math
from dataclasses import dataclass
from typing import Any

from medtl_bench.errors import MedTLError

DIGITS = 3  # that a drawn number has: what is printed of it is all of it


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both among them, evenly on a `log` scale if so.

    Written beside a field's type: `weight: Annotated[float, Range(0.01, 10, log=True)] = 1.0`.
    Of a field that holds an int whole numbers are drawn. Raises MedTLError where it is empty,
    or on a log scale not above 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        """Refuse a range that nothing can be drawn from."""
        if not (math.isfinite(self.low) and self.low < self.high < math.inf):
            raise MedTLError(f"A range goes from a number to a larger one, but got {self}.")
        if self.log and self.low <= 0:
            raise MedTLError(f"A range on a log scale lies above 0, but got {self}.")

    def holds(self, value: Any) -> bool:  # noqa: ANN401
        """Return whether a value is in the range."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def at(self, share: float, *, whole: bool = False) -> float:
        """Return the number at a share in [0, 1) of the range, a `whole` one if asked."""
        if whole:
            return int(min(self._at(share, self.low, self.high + 1), self.high))
        drawn = float(f"{self._at(share, self.low, self.high):.{DIGITS}g}")
        return min(max(drawn, float(self.low)), float(self.high))

    def _at(self, share: float, low: float, high: float) -> float:
        if self.log:
            return math.exp(math.log(low) + share * math.log(high / low))
        return low + share * (high - low)

    def __str__(self) -> str:
        """Return the range as a reader would write it."""
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


@dataclass(frozen=True)
class Choices:
    """Some values, each as likely, as `Annotated[str, Choices(("linear", "rbf"))]`.

    Raises MedTLError where there are fewer than two.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Refuse a single value."""
        if len(self.values) < 2:
            raise MedTLError(f"There is a choice of two values or more, but got {self.values!r}.")

    def holds(self, value: Any) -> bool:  # noqa: ANN401
        """Return whether a value is among them."""
        return value in self.values

    def at(self, share: float, *, whole: bool = False) -> Any:  # noqa: ANN401
        """Return the value at a share in [0, 1) of their list."""
        return self.values[int(share * len(self.values))]

    def __str__(self) -> str:
        """Return the values as a reader would write them."""
        return ", ".join(map(str, self.values))


Space = Range | Choices


def space_of(annotated: object) -> Space | None:
    """Return what stands beside a type in `Annotated`, None where nothing is to be searched."""
    beside = getattr(annotated, "__metadata__", ())
    return next((one for one in beside if isinstance(one, Range | Choices)), None)
