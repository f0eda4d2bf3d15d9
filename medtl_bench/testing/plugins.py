"""What every plugin is checked for as a whole."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points

from medtl_bench.catalogue.entries import AnyEntry, Plugin
from medtl_bench.contract.hooks import GROUP
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


@dataclass(frozen=True)
class Subject:
    """A plugin under examination, what it brings, and why it is broken if it is."""

    plugin: Plugin
    entries: Sequence[AnyEntry]
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
        raise MedTLError("its hooks return nothing.")


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
    """Check that every entry has a summary in one line."""
    for entry in subject.entries:
        if not entry.summary.strip() or "\n" in entry.summary:
            raise MedTLError(f"the summary of {entry.name!r} must be one line of text.")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    loads,
    imports_nothing_heavy,
    tells_what_it_brings_in_one_line_each,
)
