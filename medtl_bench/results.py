"""What a trial is, the record it leaves, and the folder of records: one checked JSON file each, written atomically."""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl_bench.errors import IntegrityError

SCHEMA = 1
DECIMALS = 6
Protocol = Literal["transfer", "stream"]
Status = Literal["ok", "skipped", "failed", "timeout"]
Stage = Literal["validation", "fit", "adapt", "full", "retained", "untrained", "learn"]


class Frozen(BaseModel):
    """A model that refuses unknown fields and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Trial(Frozen):
    """All that the scores of a trial depend on; `key` is its hash.

    `algorithm_source`: distribution, version and digest of the plugin's files. `domains`: of a stream, in order; a transfer
    has `sources` and `targets` instead. `shots`: labels per class of the few-shot curve. `draws`: support draws for each.
    """

    dataset: str
    dataset_digest: str
    algorithm: str
    algorithm_source: str
    parameters: dict[str, Any]
    protocol: Protocol
    scenario: str
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    shots: tuple[int, ...] = ()
    draws: int = 0
    seed: int
    threads: int = 1
    versions: dict[str, str]

    @cached_property
    def key(self) -> str:
        """Return the hash that names this trial's record."""
        return _hash(self.model_dump(mode="json"))[:24]


class About(Frozen):
    """What the boards say of a trial, though its scores do not depend on it.

    `metrics`: of the task, the primary one first. `variant`: the parameters that the user changed, as "weight=0.5".
    """

    area: str
    provenance: str
    task: str
    metrics: tuple[str, ...]
    family: str
    variant: str = ""


class Score(NamedTuple):
    """One number of a trial.

    `stage`: when it was taken. `learned`: the domain just learned, the target of an `adapt` or `full`, None after `fit`.
    `shots`, `draw`: of an `adapt`, else None. `domain`: whose test split was scored, None for the mean over the sources
    (`retained`), whose validation split in the stage `validation`. `n`: the rows that were scored.
    """

    stage: Stage
    learned: str | None
    shots: int | None
    draw: int | None
    domain: str | None
    metric: str
    value: float
    n: int


class Outcome(Frozen):
    """What became of a trial: its status, why if it is not `ok`, its scores, and what it cost.

    `seconds`: wall time by verb, `adapt` as the mean over calls, and in `total`. `peak_memory`: in MiB.
    """

    status: Status
    reason: str = ""
    log: str = ""
    scores: tuple[Score, ...] = ()
    seconds: dict[str, float] = {}
    peak_memory: float = 0.0


class Record(Frozen):
    """A trial, what it is about, its outcome, and where and when it ran (`finished`: ISO 8601, UTC)."""

    schema_version: int = SCHEMA
    trial: Trial
    about: About
    outcome: Outcome
    machine: dict[str, str] = {}
    finished: str = ""

    def to_json(self) -> str:
        """Return the text that a record is stored as, with a checksum over the rest."""
        content = self.model_dump(mode="json")
        return _canonical({**content, "checksum": _hash(content)}) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Return the record stored as `text`; raises IntegrityError if it is cut, changed, or of another schema."""
        try:
            content = json.loads(text)
            checksum = content.pop("checksum", None)
        except (ValueError, AttributeError) as error:
            raise IntegrityError(f"it is not a JSON object ({error})") from error
        if content.get("schema_version", 0) > SCHEMA:
            raise IntegrityError(f"it has schema {content['schema_version']}, newer than {SCHEMA}: update medtl-bench")
        if checksum != _hash(content):
            raise IntegrityError("its checksum does not match: it was changed after it was written")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            raise IntegrityError(f"its field {'.'.join(map(str, first['loc']))} is wrong: {first['msg']}") from error


@dataclass(frozen=True)
class Store:
    """The folder `results/` of an output folder: one file `<key>.json` a trial."""

    folder: Path

    def path(self, key: str) -> Path:
        """Return where the record of a key lies."""
        return self.folder / f"{key}.json"

    def read(self) -> "Contents":
        """Return every record that is whole, and the others by file with what is wrong with them."""
        records, damaged = {}, {}
        for path in sorted(self.folder.glob("*.json")):
            try:
                record = Record.from_json(path.read_text(encoding="utf-8"))
                if path.stem != record.trial.key:
                    raise IntegrityError(f"its name is not its key, {record.trial.key}")
                records[record.trial.key] = record
            except (IntegrityError, UnicodeDecodeError, OSError) as error:
                damaged[path] = str(error)
        return Contents(records, damaged)

    def write(self, record: Record) -> None:
        """Store a record, replacing one of the same key at once or not at all; raises IntegrityError if it cannot."""
        write_atomically(self.path(record.trial.key), record.to_json())


class Contents(NamedTuple):
    """What a store holds: records by key, and damaged files with the reason."""

    records: dict[str, Record]
    damaged: dict[Path, str]


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or leave the old one; raises IntegrityError naming the file and the bytes that were needed."""
    data = text.encode()
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise IntegrityError(f"Could not write {path} ({len(data)} bytes): {error.strerror}.") from error


def _canonical(content: Any) -> str:  # noqa: ANN401
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _hash(content: Any) -> str:  # noqa: ANN401
    return sha256(_canonical(content).encode()).hexdigest()
