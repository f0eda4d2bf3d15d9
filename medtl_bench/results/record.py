"""What a trial is and the record it leaves."""

import json
import re
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl_bench.errors import IntegrityError

SCHEMA: Final = 2
DECIMALS = 6
# of each source, for the stage `retained`: every adaptation asks for all of them again
KEPT_ROWS = 100
# no text inside the JSON can hold it: its quotes are escaped
CHECKSUM = re.compile(r'"checksum":"([0-9a-f]{64})",')
Status = Literal["ok", "skipped", "failed", "timeout"]


class Frozen(BaseModel):
    """A model that refuses unknown fields and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Trial(Frozen):
    """All that the scores of a trial depend on; `key` is its hash.

    `algorithm_source`: distribution, version and digest of the plugin's files. `settings`: of
    the protocol, such as the `sources`, `targets`, `shots` and `draws` of a transfer or the
    `domains` of a stream. `stacked`: whether it may train beside others in one process,
    which rounds otherwise than alone. `versions`: of the project, torch and numpy. `packages`: of
    distributions that the algorithm calls. `plugins`: sources of a protocol, metrics or a
    backbone that are not the project's own, by kind and name.
    """

    dataset: str
    dataset_digest: str
    algorithm: str
    algorithm_source: str
    parameters: dict[str, Any]
    protocol: str
    scenario: str
    settings: dict[str, Any]
    seed: int
    threads: int = 1
    stacked: bool = False
    versions: dict[str, str]
    packages: dict[str, str] = {}
    plugins: dict[str, str] = {}

    @property
    def key(self) -> str:
        """Return the hash that names this trial's record."""
        return _hash(self.model_dump(mode="json"))[:24]


class About(Frozen):
    """What the boards say of a trial, though its scores do not depend on it.

    `metrics`: of the task, the primary one first. `lower_is_better`: those of them for which
    lower is better. `variant`: the parameters that the user changed, as "weight=0.5".
    `counterpart`: the algorithm of which this one is another implementation. `classes`: their
    names; class 0 of masks is the background.
    """

    area: str
    provenance: str
    task: str
    metrics: tuple[str, ...]
    lower_is_better: tuple[str, ...] = ()
    family: str
    variant: str = ""
    counterpart: str = ""
    classes: tuple[str, ...] = ()


class Score(NamedTuple):
    """One number of a trial.

    `stage`: when it was taken. `learned`: the domain just learned, the target of an
    `adapt` or `full`, None after `fit`. `shots`, `draw`: of an `adapt`, and of what was
    `retained` after it (0 shots: before any), else None. `domain`: whose test split was
    scored, None for the mean over the sources (`retained`) and where domains are scored
    together (`embedding`), whose validation split in the stage `validation`. `n`: the
    rows that were scored.
    """

    stage: str
    learned: str | None
    shots: int | None
    draw: int | None
    domain: str | None
    metric: str
    value: float
    n: int


ALONE = " trainings were done one by one. "  # in a log, before the reason


class Outcome(Frozen):
    """What became of a trial: its status, why if it is not `ok`, its scores, and what it cost.

    `seconds`: wall time by verb, `adapt` as the mean over calls, and in `total`.
    `peak_memory`: in MiB. `stacked`: how many trials ran side by side in its process;
    seconds are then its own and its share of what was done for several at once.
    """

    status: Status
    reason: str = ""
    log: str = ""
    scores: tuple[Score, ...] = ()
    seconds: dict[str, float] = {}
    peak_memory: float = 0.0
    stacked: int = 1

    @property
    def why_alone(self) -> tuple[str, ...]:
        """Return why trainings were done one by one that were to be done as one, if any were."""
        lines = self.log.splitlines()
        return tuple(line.partition(ALONE)[2] for line in lines if ALONE in line)


class Record(Frozen):
    """A trial, what it is about, its outcome, and where and when it ran.

    `finished`: ISO 8601, UTC. A skipped trial leaves no record.
    """

    schema_version: Literal[2] = SCHEMA
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
        """Return the record stored as `text`.

        Raises IntegrityError if it is cut, changed, or of another schema.
        """
        checksum = CHECKSUM.search(text)
        content = CHECKSUM.sub("", text, count=1).rstrip("\n")
        if checksum is None or checksum[1] != sha256(content.encode()).hexdigest():
            changed = "its checksum does not match: it was changed after it was written"
            raise IntegrityError(_of_another_schema(text) or changed)
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            wrong = f"its field {'.'.join(map(str, first['loc']))} is wrong: {first['msg']}"
            raise IntegrityError(_of_another_schema(text) or wrong) from error


def _of_another_schema(text: str) -> str | None:
    """Return what is wrong with a text that is no JSON object or of another schema, else None."""
    try:
        version = json.loads(text).get("schema_version")
    except (ValueError, AttributeError, RecursionError) as problem:
        return f"it is not a JSON object that a record could be ({problem})"
    if not isinstance(version, int) or version == SCHEMA:
        return None
    if version > SCHEMA:
        return f"it has schema {version}, newer than {SCHEMA}: update medtl-bench"
    return f"it has schema {version}, older than {SCHEMA}: run its trial again"


def _canonical(content: Any) -> str:  # noqa: ANN401
    return json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def _hash(content: Any) -> str:  # noqa: ANN401
    return sha256(_canonical(content).encode()).hexdigest()
