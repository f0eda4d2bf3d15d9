"""Paths that a user types: what they lead to, and what may be told of them."""

from collections.abc import Iterable
from pathlib import Path


def local(path: str) -> Path:
    """Return a typed path, in which ~ is the home of a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no user of that name has a home
        return Path(path)


def is_there(path: str) -> bool:
    """Return whether a text leads to a file or folder of this machine."""
    try:
        return bool(path) and local(path).exists()
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, or no path at all
        return False


def leading(text: str, ends: Iterable[int]) -> str:
    """Return the first part of a text that leads somewhere, up to one of some ends, or "".

    A path may itself hold what else would end it.
    """
    return next((text[:end] for end in ends if is_there(text[:end])), "")


def own_name(path: str) -> str:
    """Return the name of a file itself, without folders.

    All paths to a file give one name, links to it too. What cannot be printed is "?".
    """
    try:
        name = local(path).resolve().name or path
    except (OSError, RuntimeError):  # too long, or a link that leads to itself
        name = local(path).name
    return "".join(sign if sign.isprintable() else "?" for sign in name)
