"""Keeps the records of a folder as one run knows them, whatever else writes there meanwhile.

A method has the rights of the user, so it may write into the folder of results.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medtl_bench.results.record import Record
from medtl_bench.results.store import Store

SHOWN = 3
FOREIGN = ".foreign"  # after the name of a record that something else wrote


@dataclass(frozen=True)
class GuardedStore(Store):
    """A store that remembers what is in it, and what is written through it, by file name."""

    known: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember the files of records that are there."""
        for path in self.folder.glob("*.json"):
            if _is_plain(path):
                self.known[path.name] = path.read_bytes()

    def write(self, record: Record) -> None:
        """Store a record and remember it; raises IntegrityError if it cannot be stored."""
        super().write(record)
        self.known[self.path(record.trial.key).name] = record.to_json().encode()

    def put_back(self) -> list[str]:
        """Make the files of records what they were, and return the names of those that were not.

        What nobody wrote through the store gets another name.
        """
        changed = [name for name, content in self.known.items() if not self._holds(name, content)]
        for name in changed:
            _remove(self.folder / name)
            (self.folder / name).write_bytes(self.known[name])
        there = sorted(path.name for path in self.folder.glob("*.json"))
        foreign = [name for name in there if name not in self.known]
        for name in foreign:
            (self.folder / name).rename(self.folder / (name + FOREIGN))
        return changed + foreign

    def _holds(self, name: str, content: bytes) -> bool:
        path = self.folder / name
        same_size = _is_plain(path) and path.stat().st_size == len(content)
        return same_size and path.read_bytes() == content


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


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
