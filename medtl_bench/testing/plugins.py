"""What every plugin is checked for as a whole."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import get_args

from medtl_bench.catalogue.entries import Plugin
from medtl_bench.contract.hooks import GROUP, AlgorithmEntry, DatasetEntry
from medtl_bench.contract.vocabulary import Area
from medtl_bench.errors import MedTLError
from medtl_bench.testing.conformance import Conformance, words

HEAVY = (
    "torch",
    "pandas",
    "scipy",
    "sklearn",
    "tensordict",
    "matplotlib",
    "torchvision",
    "rdkit",
    "anndata",
)
IMPORT = (
    "import sys, importlib; importlib.import_module(sys.argv[1]); "
    "print(*sorted(set(sys.modules) & set(sys.argv[2:])))"
)
WORDS = re.compile("[a-z]+([ -][a-z]+)*")
LONGEST_FAMILY = 32  # it is a cell of a table


@dataclass(frozen=True)
class Subject:
    """A plugin under examination, what it brings, and why it is broken if it is."""

    plugin: Plugin
    entries: Sequence[AlgorithmEntry | DatasetEntry]
    reasons: Sequence[str] = ()


def checks(subject: Subject) -> Iterator[Conformance]:
    """Yield the checks of a plugin."""
    for check in CHECKS:
        yield Conformance(f"plugin {subject.plugin.name}", words(check), partial(check, subject))


def loads(subject: Subject) -> None:
    """Check that it loads, implements known hooks and brings something under free names."""
    for reason in subject.reasons:
        raise MedTLError(f"it is broken: {reason}.")
    if not subject.reasons and not subject.entries:
        raise MedTLError("its hooks return no algorithm and no dataset.")


def imports_nothing_heavy(subject: Subject) -> None:
    """Check that `medtl-bench list` can import it at once.

    A plugin file holds the method itself and is let off.
    """
    for point in entry_points(group=GROUP, name=subject.plugin.name):
        if point.dist is not None and point.dist.name == subject.plugin.distribution:
            _check_import(point.module)


def _check_import(module: str) -> None:
    """Import a module in a process of its own, where nothing heavy is loaded yet."""
    command = [sys.executable, "-c", IMPORT, module, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise MedTLError(f"importing it raised {done.stderr.strip().splitlines()[-1]}")
    if heavy := done.stdout.split():
        raise MedTLError(
            f"importing it imports {', '.join(heavy)}; "
            "name the code as 'package.module:Name', which loads when used."
        )


def tells_what_it_brings_in_one_line_each(subject: Subject) -> None:
    """Check that every entry has a summary in one line, and a family or an area."""
    for entry in subject.entries:
        if not entry.summary.strip() or "\n" in entry.summary:
            raise MedTLError(f"the summary of {entry.name!r} must be one line of text.")
        if isinstance(entry, AlgorithmEntry):
            _check_family(entry)
        if isinstance(entry, DatasetEntry):
            _check_area(entry)


def _check_family(entry: AlgorithmEntry) -> None:
    family: object = entry.family
    if not (isinstance(family, str) and WORDS.fullmatch(family) and len(family) <= LONGEST_FAMILY):
        raise MedTLError(
            f"the family of {entry.name!r}, {family!r}, must be lower-case words, "
            f"at most {LONGEST_FAMILY} characters."
        )


def _check_area(entry: DatasetEntry) -> None:
    areas = get_args(Area)
    if entry.area not in areas:
        raise MedTLError(
            f"the area of {entry.name!r}, {entry.area!r}, is none of: {', '.join(areas)}."
        )


CHECKS: tuple[Callable[[Subject], None], ...] = (
    loads,
    imports_nothing_heavy,
    tells_what_it_brings_in_one_line_each,
)
