"""The folder of records: one checked JSON file each."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from medtl_bench.errors import IntegrityError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.results.record import Record


@dataclass(frozen=True)
class Store:
    """The folder `results/` of an output folder: one file `<key>.json` a trial."""

    folder: Path

    def path(self, key: str) -> Path:
        """Return where the record of a key lies."""
        return self.folder / f"{key}.json"

    def read(self) -> "Contents":
        """Return every record that is whole, and of the other files what is wrong with them."""
        contents = Contents({}, {})
        with no_garbage_collection():
            for name in sorted(path.name for path in self.folder.glob("*.json")):
                path = self.folder / name
                try:
                    contents.records[path.stem] = _read(path)
                except (IntegrityError, UnicodeDecodeError, OSError) as error:
                    contents.damaged[path] = str(error)
        return contents

    def load(self, key: str) -> Record:
        """Return the record of a key; raises IntegrityError if it is damaged."""
        try:
            return _read(self.path(key))
        except (IntegrityError, UnicodeDecodeError, OSError) as error:
            raise IntegrityError(f"{self.path(key)}: {error}.") from error

    def write(self, record: Record) -> None:
        """Store a record, replacing one of the same key at once or not at all.

        Raises IntegrityError if it cannot.
        """
        write_atomically(self.path(record.trial.key), record.to_json())


def _read(path: Path) -> Record:
    """Return the record in a file; raises IntegrityError if it is damaged or of another name."""
    record = Record.from_json(path.read_text(encoding="utf-8"))
    if path.stem != (key := record.trial.key):
        raise IntegrityError(f"its name is not its key, {key}")
    return record


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
        if enabled:
            gc.enable()
