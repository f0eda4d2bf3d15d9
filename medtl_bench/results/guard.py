"""Keeps the records of a folder as one run knows them, whatever else writes there meanwhile.

A method has the rights of the user, so it may write into the folder of results.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medtl_bench.errors import IntegrityError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.results.record import Record
from medtl_bench.results.store import Store, content

SHOWN = 3
FOREIGN = ".foreign"  # after the name of a record that something else wrote


@dataclass(frozen=True)
class GuardedStore(Store):
    """A store that remembers what is in it, and what is written through it, by file name.

    `known`: what can be put back. `odd`: names of what lay there before and is no plain file,
    or one too large for a record.
    """

    known: dict[str, bytes] = field(default_factory=dict)
    odd: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Remember what is there."""
        for name in self.names():
            there = _content(self.folder / name)
            if there is None:
                self.odd.add(name)
            else:
                self.known[name] = there

    def write(self, record: Record) -> None:
        """Store a record and remember it; raises IntegrityError if it cannot be stored."""
        super().write(record)
        self.known[self.path(record.trial.key).name] = record.to_json().encode()

    def put_back(self) -> list[str]:
        """Make the files of records what they were, and return the names of those that were not.

        What nobody wrote through the store gets another name.
        """
        changed = [n for n, before in self.known.items() if _content(self.folder / n) != before]
        for name in changed:
            _remove(self.folder / name)
            write_atomically(self.folder / name, self.known[name])
        foreign = [name for name in self.names() if name not in {*self.known, *self.odd}]
        for name in foreign:
            (self.folder / name).rename(self.folder / (name + FOREIGN))
        return changed + foreign


def _content(path: Path) -> bytes | None:
    """Return what stands in the file of a record, or None where there can be none."""
    try:
        return content(str(path))
    except (IntegrityError, OSError):
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@contextmanager
def guarded(folder: Path, complain: Callable[[str], None]) -> Iterator[GuardedStore]:
    """Yield a store that no other writer can change while the block runs.

    What was changed is put back at its end, and told.
    """
    store = GuardedStore(folder)
    try:
        yield store
    finally:
        if names := store.put_back():
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            which = f"{', '.join(names[:SHOWN])}{more}"
            complain(
                f"Something else than this run wrote records while trials ran: {which}. They are "
                f"what they were; those that were not there are named {FOREIGN} now."
            )
