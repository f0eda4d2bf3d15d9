"""What a plugin says of a metric."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from math import inf
from types import MappingProxyType
from typing import Any, Literal

SLACK = 1e-6  # beyond a range: records round to so much


@dataclass(frozen=True)
class MetricEntry:
    """A metric: its name, its function (or "package.module:function"), a line about it.

    The function gets answers and labels, as arrays: probabilities [n, classes, ...] or values
    [n], and `y` [n, ...]; with `keywords`, these too. It returns NaN where it is not defined.

    `kinds`: of the tasks it fits. `title`: a column's heading. `binary`: it needs exactly two
    classes. `classes`: how many it needs at least. `detail`: it is scored on the test splits
    before any target label (stage `fit`) and at no other stage, for it is slow or one of many.
    `of`: what it is taken of: what `predict` answers; what `embed` makes of the rows that
    `fit` was handed, as function(z, batch, y); or the shares of classes among the embedded
    neighbours that have a label. `lowest`, `highest`: what it can be; a score beyond is
    refused, and a record that holds one is left out of the boards. `resampled`: the
    metric of weighted rows, a function(answers, y, weight [resamples, n]) that returns
    [resamples], such as those of `metrics.weighted`; without it only some resamples are
    scored, and slowly.
    """

    name: str
    function: str | Callable[..., float]
    summary: str
    kinds: tuple[str, ...]
    higher_is_better: bool = True
    title: str = ""
    binary: bool = False
    classes: int = 0
    detail: bool = False
    of: Literal["predictions", "embedding", "neighbours"] = "predictions"
    keywords: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    lowest: float = -inf
    highest: float = inf
    resampled: str | Callable[..., Any] = ""

    @cached_property
    def loaded(self) -> Callable[..., float]:
        """Return the function; what a text names is imported."""
        return _loaded(self.function)

    def score(self, *arrays: Any) -> float:  # noqa: ANN401 - arrays of any type
        """Return the metric of answers and labels."""
        return self.loaded(*arrays, **self.keywords)

    def score_resampled(self, *arrays: Any) -> Any:  # noqa: ANN401
        """Return the metric [resamples] of answers, labels and weights [resamples, n]."""
        return _loaded(self.resampled)(*arrays, **self.keywords)

    def beyond(self, value: float) -> str:
        """Return in words what is wrong with a value that it cannot be, else ""."""
        if self.lowest - SLACK <= value <= self.highest + SLACK:
            return ""
        return f"{value:g}, not within {self.lowest:g} and {self.highest:g}"


def _loaded(function: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a function; what a text names is imported."""
    if not isinstance(function, str):
        return function
    module, _, attribute = function.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), attribute)
    return loaded
