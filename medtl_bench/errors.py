"""The one exception type that users see without a traceback, and its sentences' near matches."""

from collections.abc import Iterable
from difflib import get_close_matches


class MedTLError(Exception):
    """A mistake of the user or of a plugin, told in a sentence.

    `exit_code`: what the command line ends with.
    """

    exit_code = 2


class DataError(MedTLError):
    """A dataset broke the data contract, or its files could not be read."""


class UnavailableError(DataError):
    """A dataset needs what is not on this machine.

    What needs the dataset is skipped, the rest runs.
    """


class NotDownloadedError(UnavailableError):
    """A dataset needs files that are not on this machine, or could not be had."""


class NotInstalledError(UnavailableError):
    """A dataset needs a package that is not installed."""


class InvalidOutputError(MedTLError):
    """An algorithm returned predictions that cannot be scored."""


class IntegrityError(MedTLError):
    """A file is not what it was when it was written, or could not be written whole."""

    exit_code = 3


def unknown(what: str, name: str, known: Iterable[str]) -> MedTLError:
    """Return the error for a name that is not among the `known` ones, with the nearest of them."""
    hint = _hint(name, sorted(known))
    return MedTLError(f"There is no {what} named {name!r}; {hint}")


def _hint(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"known are: {', '.join(names) or 'none'}."
