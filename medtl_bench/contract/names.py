"""Names that authors give: texts, and tuples of them."""

from collections.abc import Mapping, Set
from typing import Any

from medtl_bench.errors import DataError


def text(what: str, name: Any) -> str:  # noqa: ANN401
    """Return a name as plain text, also one of numpy; raises DataError where it is none."""
    if not isinstance(name, str):
        kind = type(name).__name__
        raise DataError(f"{what} must be a text, but got {name!r}, a {kind}: {str(name)!r}?")
    return str(name)


def texts(what: str, names: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return an ordered collection of names as a tuple; raises DataError where it is none."""
    rule = f"{what} must be a tuple of names"
    if isinstance(names, str):
        raise DataError(f"{rule}, but got the text {names!r}: ({names!r},)?")
    if isinstance(names, Set | Mapping) or not hasattr(names, "__iter__"):
        raise DataError(f"{rule}, but got {names!r}, a {type(names).__name__}.")
    return tuple(text(f"each of {what}", name) for name in names)
