"""Names that authors give: texts, or whole numbers, and tuples of them."""

import textwrap
from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any

from medtl_bench.errors import DataError

SHOWN = 80  # characters of a wrong name in a message


def text(what: str, name: Any) -> str:  # noqa: ANN401
    """Return a name as plain text, also one of numpy or a whole number, as sites often have.

    Raises DataError where it is none of these, or empty.
    """
    if isinstance(name, bytes | bytearray):
        raise DataError(f"{what} must be a text, but got the bytes {name!r}: .decode()?")
    numbered = isinstance(name, Integral) and not isinstance(name, bool)
    if not (isinstance(name, str) or numbered):
        got = f"{textwrap.shorten(repr(name), SHOWN)}, a {type(name).__name__}"
        raise DataError(f"{what} must be a text, but got {got}: {_suggested(name)!r}?")
    if not str(name).strip():
        raise DataError(f"{what} must be a text that can be seen, but got {name!r}.")
    return str(name)


def _suggested(value: Any) -> str:  # noqa: ANN401
    """Return the name that something may stand for: its own, or how it reads."""
    return str(getattr(value, "name", textwrap.shorten(str(value), SHOWN)))


def texts(what: str, names: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return an ordered collection of names as a tuple; raises DataError where it is none."""
    rule = f"{what} must be a tuple of names"
    names = names.tolist() if hasattr(names, "tolist") else names  # of an array or a tensor
    if isinstance(names, str):
        raise DataError(f"{rule}, but got the text {names!r}: ({names!r},)?")
    if isinstance(names, Set | Mapping | bytes | bytearray) or not hasattr(names, "__iter__"):
        raise DataError(f"{rule}, but got {names!r}, a {type(names).__name__}.")
    return tuple(text(f"each of {what}", name) for name in names)
