"""Which licences of downloads were accepted on this machine: a small JSON file in the cache."""

import json
from pathlib import Path

from medtl_bench.files import downloads
from medtl_bench.files.atomic import write_atomically


def accepted(name: str, licence: str) -> bool:
    """Return whether the licence of a dataset was accepted in these words."""
    return _read().get(name) == licence


def accept(name: str, licence: str) -> None:
    """Remember that the licence of a dataset was accepted.

    Raises IntegrityError if that cannot be written.
    """
    licences = _read() | {name: licence}
    write_atomically(_file(), json.dumps(licences, indent=1, sort_keys=True) + "\n")


def _file() -> Path:
    return downloads.folder() / "licences.json"


def _read() -> dict[str, object]:
    """Return the accepted licences by dataset.

    None where the file is not there or damaged: the user is then asked again.
    """
    try:
        licences = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return licences if isinstance(licences, dict) else {}
