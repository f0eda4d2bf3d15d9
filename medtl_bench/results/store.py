"""The folder of records: one checked JSON file each."""

import errno
import gc
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.results.possible import check_possible
from medtl_bench.results.record import Record

SUFFIX = ".json"
SHOWN = 5  # of the records that a text may mean
SHORT = 8  # signs of a key, by which people tell trials apart
MOST_BYTES = 32 * 2**20  # of a record: hundreds of times what most have


@dataclass(frozen=True)
class Store:
    """The folder `results/` of an output folder: one file `<key>.json` a trial."""

    folder: Path

    def path(self, key: str) -> Path:
        """Return where the record of a key lies."""
        return self.folder / f"{key}{SUFFIX}"

    def read(self) -> "Contents":
        """Return every record that is whole, and of the other files what is wrong with them."""
        contents = Contents({}, {})
        with no_garbage_collection():
            for name in self.names():
                try:
                    record = _read(self.folder, name)
                    contents.records[name.removesuffix(SUFFIX)] = record
                except (IntegrityError, ValueError, RecursionError, OSError) as error:
                    contents.damaged[self.folder / name] = _reason(error)
        return contents

    def names(self) -> list[str]:
        """Return the names of all files that are called like a record, in order."""
        if not self.folder.is_dir():
            return []
        # a path of each would take a twentieth of the time of reading
        names = os.listdir(self.folder)  # noqa: PTH208
        return sorted(name for name in names if name.endswith(SUFFIX))

    def load(self, key: str) -> Record:
        """Return the record of a key; raises IntegrityError if it is damaged."""
        path = self.path(key)
        try:
            return _read(self.folder, path.name)
        except (IntegrityError, ValueError, RecursionError, OSError) as error:
            raise IntegrityError(f"{path}: {_reason(error)}.") from error

    def find(self, start: str) -> Record:
        """Return the record whose key begins with a text.

        Raises MedTLError where none or several do, IntegrityError where its file is damaged.
        """
        keys = [name.removesuffix(SUFFIX) for name in self.names()]
        fitting = [key for key in keys if key.startswith(start.lower())]
        if len(fitting) == 1:
            return self.load(fitting[0])
        if not fitting:
            raise MedTLError(_none(start, keys, self.folder.parent))
        few = ", ".join(fitting[:SHOWN]) + (" and others" if len(fitting) > SHOWN else "")
        count = f"{len(fitting)} results in {self.folder.parent}"
        raise MedTLError(f"{count} have a key that begins with {start!r}: {few}.")

    def write(self, record: Record) -> None:
        """Store a record, replacing one of the same key at once or not at all.

        Raises IntegrityError if it cannot.
        """
        write_atomically(self.path(record.trial.key), record.to_json())


def _none(start: str, keys: list[str], out: Path) -> str:
    starts = {key[: len(start)]: key for key in keys}
    near = get_close_matches(start, starts, n=3, cutoff=0.5)
    names = " or ".join(repr(starts[one][: max(SHORT, len(start))]) for one in near)
    hint = f"did you mean {names}?" if near else f"there are {len(keys)}."
    return f"There is no result in {out} whose key begins with {start!r}; {hint}"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        # what a link answers that is not followed would mislead
        return "it is a link" if error.errno == errno.ELOOP else str(error.strerror)
    return str(error)


def _read(folder: Path, name: str) -> Record:
    """Return the record in a file of the folder.

    Raises IntegrityError if it is damaged, of another name, or says what cannot be.
    """
    record = Record.from_json(content(f"{folder}/{name}").decode())
    if name != (key := record.trial.key) + SUFFIX:
        raise IntegrityError(f"its name is not its key, {key}")
    check_possible(record)
    return record


def content(path: str) -> bytes:
    """Return what stands in a regular file; of a pipe or a device there may be no end.

    Raises IntegrityError or OSError where it is none, or larger than MOST_BYTES.
    """
    # a pipe is not waited for, and a link not followed
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise IntegrityError("it is no regular file")
        if status.st_size > MOST_BYTES:
            raise IntegrityError(f"it has {status.st_size:,} bytes, more than {MOST_BYTES:,}")
        return os.read(handle, status.st_size)
    finally:
        os.close(handle)


class Contents(NamedTuple):
    """What a store holds: records by key, and damaged files with the reason."""

    records: dict[str, Record]
    damaged: dict[Path, str]


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the collector from walking over all scores again and again while they are read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # else the first collection walks over all of them at once
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
