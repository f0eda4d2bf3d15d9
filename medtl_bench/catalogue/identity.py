"""The name of a dataset that a user names with an argument: by what it holds, not where it lies."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from medtl_bench.errors import DataError
from medtl_bench.files.paths import is_there, leading, own_name

if TYPE_CHECKING:
    from medtl_bench.contract.dataset import Dataset

DIGITS = 8
STAMP = re.compile(rf"#([0-9a-f]{{{DIGITS}}})")
PIECE = re.compile(r"[^?&=,;+|]+")  # what may be a path, where an argument has several parts


def without_stamp(argument: str) -> tuple[str, str]:
    """Return an argument without the digest that `named` put at its end, and that digest or ""."""
    end = len(argument) - DIGITS - 1
    stamp = STAMP.fullmatch(argument, max(end, 0))
    return (argument[:end], stamp[1]) if stamp else (argument, "")


def named(dataset: "Dataset", start: str, argument: str) -> "Dataset":
    """Return a dataset under the name by which results know it.

    That is the name it calls itself, without any folder. Where the argument leads to a file
    or folder, the first digits of the dataset's digest follow: one file is one dataset by
    whatever path, and two files are two, though both be called cells.h5ad.

    `start`: the name of its family, such as "h5ad:".
    """
    name = dataset.name
    if name == start + argument:
        name = start + _without_folders(argument)
    if any(is_there(part) for part in _parts(argument)):
        name += f"#{dataset.digest()[:DIGITS]}"
    return replace(dataset, name=name, checked=True)


def check_stamp(dataset: "Dataset", stamp: str) -> None:
    """Raise DataError unless the digest of a dataset begins with that of the name it was asked by.

    An empty one always does.
    """
    digest = dataset.digest()[:DIGITS]
    if not digest.startswith(stamp):
        raise DataError(
            f"The name ends with #{stamp}, the digest of the data it was given for, but the data "
            f"there has #{digest}. Without the digest, the name means what is there."
        )


def _parts(argument: str) -> list[str]:
    """Return what may be a path in an argument, also as it is written in addresses."""
    starts = [argument[:end] for end in _ends(argument)]
    return [part for text in (*starts, *PIECE.findall(argument)) for part in (text, unquote(text))]


def _ends(argument: str) -> list[int]:
    """Return where a path at the start of an argument may end: at a "?", or with it."""
    return [*(mark.start() for mark in re.finditer(r"\?", argument)), len(argument)]


def _without_folders(argument: str) -> str:
    """Return an argument with the files' own names in the place of paths that are there."""
    path = leading(argument, _ends(argument))
    first = own_name(path) if path else ""
    return first + PIECE.sub(_own_name, argument[len(path) :])


def _own_name(piece: re.Match[str]) -> str:
    return own_name(piece[0]) if is_there(piece[0]) else piece[0]
