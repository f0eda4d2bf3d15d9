"""What a name asks for: a file, its columns of batches and labels, and options."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from medtl_bench.errors import MedTLError, unknown
from medtl_bench.files.paths import is_there, leading

GENES = 2000
LEAST = 10  # cells, so that each split has one
OPTIONS = ("batch", "label", "layer", "genes", "unknown", "least")
USAGE = (
    "h5ad:PATH?batch=COLUMN&label=COLUMN, and further &layer=LAYER (or raw), &genes=NUMBER, "
    "&unknown=TEXT,TEXT and &least=NUMBER"
)
QUERY = re.compile(r"\?(?=\w+=)")
RESERVED = "%&#?"  # what means something else in a name


@dataclass(frozen=True)
class Request:
    """What a name asks for, as it was typed.

    `layer`: the matrix that is read, X if empty. `genes`: the most to keep. `unknown`: further
    texts that mean no batch or label. `least`: the fewest cells of a batch or label.
    """

    path: str
    batch: str
    label: str
    layer: str = ""
    genes: int = GENES
    unknown: tuple[str, ...] = ()
    least: int = LEAST

    @classmethod
    def parse(cls, argument: str) -> "Request":
        """Return what follows "h5ad:" in parts; raises MedTLError."""
        path, query = _parts(argument)
        options = _options(query) if query else {}
        if not (path and options.get("batch") and options.get("label")):
            raise MedTLError(f"An h5ad file is named as {USAGE}, but got {'h5ad:' + argument!r}.")
        return cls(
            path=path if is_there(path) else unquote(path),
            batch=options["batch"],
            label=options["label"],
            layer=options.get("layer", ""),
            genes=_number(options, "genes", GENES, 1),
            unknown=tuple(filter(None, options.get("unknown", "").split(","))),
            least=_number(options, "least", LEAST, 2),
        )


def _parts(argument: str) -> tuple[str, str]:
    """Return a path and the options after it, which are not taken for a part of a path."""
    ends = [mark.start() for mark in QUERY.finditer(argument)] or [len(argument)]
    path = leading(argument, ends) or argument[: ends[0]]
    return path, argument[len(path) + 1 :]


def _options(query: str) -> dict[str, str]:
    """Return options by name; raises MedTLError on an unknown one, and one that stands twice.

    What has no "=" belongs to the value before it, so that a column "a&b" can be typed.
    """
    options: dict[str, str] = {}
    last = ""
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        if not equals:
            options[last] += f"&{piece}"
            continue
        _check_option(name, options)
        options[name], last = value, name
    return options


def _check_option(name: str, before: Mapping[str, str]) -> None:
    if name not in OPTIONS:
        error = unknown("option of h5ad:", name, OPTIONS)
        raise MedTLError(f"{error} An & within a name is written %26.")
    if name in before:
        raise MedTLError(f"The option {name!r} of h5ad: is given twice.")


def _number(options: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = options.get(name, str(default))
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if number < least:
        raise MedTLError(f"{name} must be a whole number from {least} on, but got {text!r}.")
    return number


def meant(typed: str, names: Iterable[str]) -> str:
    """Return which of some names is meant: as it is typed, or with %26 for &, as in addresses.

    A name that is not among them is returned decoded.
    """
    return typed if typed in set(names) else unquote(typed)


def coded(text: str, reserved: str = RESERVED) -> str:
    """Return a text as it can be typed in a name."""
    return "".join(_coded_sign(sign, reserved) for sign in text)


def _coded_sign(sign: str, reserved: str) -> str:
    if sign not in reserved and sign.isprintable():
        return sign
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "replace"))
