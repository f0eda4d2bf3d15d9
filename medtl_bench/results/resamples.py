"""A trial's measures on resamples of its test units, as text that a record holds."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medtl_bench.errors import IntegrityError
from medtl_bench.metrics.entry import SLACK, MetricEntry
from medtl_bench.metrics.formulas import HEADLINES, bounds
from medtl_bench.metrics.resamples import RESAMPLES

TYPE: Final = np.dtype("<f4")
CHARACTERS: Final = 4 * -(-RESAMPLES * TYPE.itemsize // 3)
MOST_MEASURES = 20  # of a plugin's protocol
Values = NDArray[np.float32]


def encode(values: Mapping[str, NDArray[np.floating[Any]]]) -> dict[str, str]:
    """Return measures [RESAMPLES] as base64 of little-endian float32, NaN where undefined.

    Raises IntegrityError where one is of other resamples.
    """
    for name, of_measure in values.items():
        if of_measure.shape != (RESAMPLES,):
            count = f"the shape {list(of_measure.shape)}, but [{RESAMPLES}] was expected"
            raise IntegrityError(f"The resampled measure {name!r} has {count}.")
    return {name: b64encode(v.astype(TYPE).tobytes()).decode() for name, v in values.items()}


def decode(texts: Sequence[str]) -> Values:
    """Return measures [texts, RESAMPLES]; raises ValueError where a text is none."""
    octets = b"".join([b64decode(text, validate=True) for text in texts])
    return np.frombuffer(octets, TYPE).reshape(len(texts), RESAMPLES)


def check_resampled(protocol: str, texts: Mapping[str, str], primary: MetricEntry | None) -> None:
    """Raise IntegrityError where a record's resampled measures cannot be.

    primary: the metric that they are by, None where it is not known here.
    """
    for name in texts:
        if name not in HEADLINES.get(protocol, texts):
            raise IntegrityError(f"its resampled measure {name!r} is none of its protocol's")
    if len(texts) > MOST_MEASURES:
        raise IntegrityError(f"it has {len(texts)} resampled measures, more than {MOST_MEASURES}")
    if any(len(text) != CHARACTERS for text in texts.values()):
        raise IntegrityError(f"a resampled measure of it is not of {RESAMPLES} resamples")
    try:
        values = decode(list(texts.values()))
    except ValueError as error:
        raise IntegrityError(f"a resampled measure of it is no base64 ({error})") from None
    for name, of_measure in zip(texts, values, strict=True):
        low, high = (-np.inf, np.inf)
        if primary and protocol in HEADLINES:
            low, high = bounds(name, primary.lowest, primary.highest)
        _check_values(name, of_measure, low, high)


def _check_values(name: str, values: Values, low: float, high: float) -> None:
    there = values[~np.isnan(values)]
    if np.isinf(there).any() or (there < low - SLACK).any() or (there > high + SLACK).any():
        raise IntegrityError(f"its resampled {name} is not within {low:g} and {high:g}")
