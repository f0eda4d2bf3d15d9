"""A trial's measures on resamples of its test units, as text that a record holds."""

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
MOST = 1e30  # boards square values and add them up
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
    octets = b"".join([a2b_base64(text, strict_mode=True) for text in texts])
    return np.frombuffer(octets, TYPE).reshape(len(texts), RESAMPLES)


def check_resampled(protocol: str, texts: Mapping[str, str], primary: MetricEntry | None) -> None:
    """Raise IntegrityError where a record's resampled measures cannot be.

    primary: the metric that they are by, None where it is not known here.
    """
    names = tuple(texts)
    _check_names(protocol, names)
    if any(len(text) != CHARACTERS for text in texts.values()):
        raise IntegrityError(f"a resampled measure of it is not of {RESAMPLES} resamples")
    try:
        values = decode(list(texts.values()))
    except ValueError as error:
        raise IntegrityError(f"a resampled measure of it is no base64 ({error})") from None
    can_be = (primary.lowest, primary.highest) if primary else (-MOST, MOST)
    low, high = _bounds(names if protocol in HEADLINES else (), can_be, len(names))
    # boards read a hundred thousand; what is not a number is looked at only where one is not
    if not ((values >= low) & (values <= high)).all():
        _check_values(names, values, low, high)


@lru_cache(maxsize=2**8)
def _check_names(protocol: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in HEADLINES.get(protocol, names):
            raise IntegrityError(f"its resampled measure {name!r} is none of its protocol's")
    if len(names) > MOST_MEASURES:
        raise IntegrityError(f"it has {len(names)} resampled measures, more than {MOST_MEASURES}")


@lru_cache(maxsize=2**8)
def _bounds(
    names: Sequence[str], can_be: tuple[float, float], measures: int
) -> tuple[Values, Values]:
    """Return the lowest and highest [measures, 1] that measures can be; those named by a metric."""
    ends = np.full((2, measures, 1), [[[-MOST]], [[MOST]]], TYPE)
    for number, name in enumerate(names):
        low, high = bounds(name, *can_be)
        ends[:, number, 0] = max(low - SLACK, -MOST), min(high + SLACK, MOST)
    return ends[0], ends[1]


def _check_values(names: Sequence[str], values: Values, low: Values, high: Values) -> None:
    """Raise IntegrityError where a value that is a number is beyond its bounds."""
    for name, of_measure, *ends in zip(names, values, low[:, 0], high[:, 0], strict=True):
        if (of_measure < ends[0]).any() or (of_measure > ends[1]).any():
            raise IntegrityError(f"its resampled {name} is beyond what its metric can be")
