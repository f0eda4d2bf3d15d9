"""Names that authors give: texts, or whole numbers, and tuples of them."""

from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any

from medtl_bench.errors import DataError


def text(what: str, name: Any) -> str:  # noqa: ANN401
    """Return a name as plain text, also one of numpy or a whole number, as sites often have.

    Raises DataError where it is none of these, or empty.
    """
    if isinstance(name, bytes | bytearray):
        raise DataError(f"{what} must be a text, but got the bytes {name!r}: .decode()?")
    numbered = isinstance(name, Integral) and not isinstance(name, bool)
    if not (isinstance(name, str) or numbered):
        kind = type(name).__name__
        raise DataError(f"{what} must be a text, but got {name!r}, a {kind}: {str(name)!r}?")
    if not str(name).strip():
        raise DataError(f"{what} must be a text that can be seen, but got {name!r}.")
    return str(name)


def texts(what: str, names: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return an ordered collection of names as a tuple; raises DataError where it is none."""
    rule = f"{what} must be a tuple of names"
    if isinstance(names, str):
        raise DataError(f"{rule}, but got the text {names!r}: ({names!r},)?")
    if isinstance(names, Set | Mapping | bytes | bytearray) or not hasattr(names, "__iter__"):
        raise DataError(f"{rule}, but got {names!r}, a {type(names).__name__}.")
    return tuple(text(f"each of {what}", name) for name in _members(names))


def _members(names: Any) -> Any:  # noqa: ANN401
    """Return the members of a collection, those of an array or a tensor as Python has them."""
    return names.tolist() if hasattr(names, "tolist") else names
