"""What a trial is and the record it leaves."""

import json
import re
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from medtl_bench.errors import IntegrityError

SCHEMA: Final = 2
DECIMALS = 6
# of each source, for the stage `retained`: every adaptation asks for all of them again
KEPT_ROWS = 100
# no text inside the JSON can hold these: its quotes are escaped
SCORES, AFTER_SCORES = '"scores":[', ',"seconds":'
CHECKSUM = re.compile(r'"checksum":"([0-9a-f]{64})",')
# of `About`: older records lack them, so they are stored where they say something
LATER: Final = (
    *("labels", "optional", "acts_from", "quick", "origin", "keeps_data", "folds"),
    *("candidate", "sampler", "beside"),
)
LATER_OUTCOME: Final = ("resampled", "units", "answers")  # of `Outcome`, likewise
MOST: Final = 2**53  # tables of numbers hold no larger one exactly
Text = Annotated[str, Field(max_length=2**20)]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Cost = Annotated[float, Field(ge=0, le=MOST)]
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
    backbone that are not the project's own, by kind and name. `chosen`: where `parameters`
    were chosen among several, by which `rule` and of how many `draws` with how many `seeds`;
    part of the key and stored where there is something.
    """

    dataset: Text
    dataset_digest: Text
    algorithm: Text
    algorithm_source: Text
    parameters: dict[str, Any]
    protocol: Text
    scenario: Text
    settings: dict[str, Any]
    seed: Whole
    threads: Count = 1
    stacked: bool = False
    versions: dict[str, Text]
    packages: dict[str, Text] = {}
    plugins: dict[str, Text] = {}
    chosen: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Return the hash that names this trial's record."""
        return _hash(self.content)[:24]

    @property
    def content(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return self.model_dump(mode="json", exclude=None if self.chosen else {"chosen"})


class About(Frozen):
    """What the boards say of a trial, though its scores do not depend on it.

    `metrics`: of the task, the primary one first. `lower_is_better`: those of them for which
    lower is better. `variant`: the parameters that the user changed, as "weight=0.5".
    `counterpart`: the algorithm of which this one is another implementation. `classes`: their
    names; class 0 of masks is the background. `remarks`: sentences on the dataset.
    `labels`: what they mean in the scenario. `optional`: whether a row is complete without it.
    `acts_from`: the verb from which on the method is more than plain training. `quick`: whether
    its preset makes less of trainings and data than boards are meant for. `origin`: of the dataset,
    its own name where it shares none. `keeps_data`: what the algorithm keeps of earlier domains.
    `folds`: of the dataset where it has several, of which a seed sees the test rows of one.
    `candidate`: the number of its parameters among those to choose from, 0 for the default.
    `sampler`: which one drew them, if not the usual one.
    `beside`: a name of the group that ran in one process, and its place there, where other
    parameters ran beside it.
    These are stored where they say something; an empty text was not recorded.
    """

    area: Text
    provenance: Text
    task: Text
    metrics: tuple[Text, ...]
    lower_is_better: tuple[Text, ...] = ()
    family: Text
    variant: Text = ""
    counterpart: Text = ""
    classes: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()
    labels: Text = ""
    optional: bool = False
    acts_from: Text = ""
    quick: bool = False
    origin: Text = ""
    keeps_data: Text = ""
    folds: Whole = 0
    candidate: Whole = 0
    sampler: Text = ""
    beside: Text = ""

    @property
    def unsaid(self) -> set[str]:
        """Return those fields that are not stored, for they say nothing."""
        return {name for name in LATER if not getattr(self, name)}


class Score(NamedTuple):
    """One number of a trial.

    `stage`: when it was taken. `learned`: the domain just learned, the target of an
    `adapt` or `full`, None after `fit`. `shots`, `draw`: of an `adapt`, and of what was
    `retained` after it (0 shots: before any), else None. `domain`: whose test split was
    scored, None for the mean over the sources (`retained`) and where domains are scored
    together (`embedding`), whose validation split in the stage `validation`; None in the
    stage `unlabelled`, where scorers look at rows without labels. `n`: the rows that were
    scored.
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
# the fields of a score; to call its class for each would take a sixth of the time of reading
Fields = tuple[str, str | None, Whole | None, Whole | None, str | None, str, float, Count]


def _scores(rows: Iterable[Fields]) -> tuple[Score, ...]:
    return tuple(map(partial(tuple.__new__, Score), rows))


if TYPE_CHECKING:
    Scores = tuple[Score, ...]
else:
    Scores = Annotated[tuple[Fields, ...], AfterValidator(_scores)]


class Outcome(Frozen):
    """What became of a trial: its status, why if it is not `ok`, its scores, and what it cost.

    `seconds`: wall time by verb, `adapt` as the mean over calls, and in `total`.
    `peak_memory`: in MiB. `stacked`: how many trials ran side by side in its process;
    seconds are then its own and its share of what was done for several at once.
    `resampled`: headline measures on resamples of the test units, as `results.resamples`
    encodes them. `units`: by domain how many of them there are (patients or groups, else
    rows), and the fewest of a class. `answers`: the SHA-256 of the file that holds what was
    predicted, if it is kept. These three are stored where there are any.
    """

    status: Status
    reason: Text = ""
    log: Text = ""
    scores: Scores = ()
    seconds: dict[str, Cost] = {}
    peak_memory: Cost = 0.0
    stacked: Count = 1
    resampled: dict[str, Text] = {}
    units: dict[str, tuple[Count, Count]] = {}
    answers: Text = ""

    @model_serializer(mode="wrap")
    def _with_what_there_is(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        return {name: v for name, v in content.items() if v or name not in LATER_OUTCOME}

    @property
    def why_alone(self) -> tuple[str, ...]:
        """Return why trainings were done one by one that were to be done as one, if any were."""
        lines = self.log.splitlines()
        return tuple(line.partition(ALONE)[2] for line in lines if ALONE in line)


class Record(Frozen):
    """A trial, what it is about, its outcome, and where and when it ran.

    `finished`: ISO 8601, UTC. `asked`: when a run asked for it again though a newer record of
    the same row, scenario and seed stood beside it, as of a method that was changed and put
    back; stored where there is one. A skipped trial leaves no record.
    """

    schema_version: Literal[2] = SCHEMA
    trial: Trial
    about: About
    outcome: Outcome
    machine: dict[str, Text] = {}
    finished: Text = ""
    asked: Text = ""

    @property
    def latest(self) -> str:
        """Return when it was last wanted: the newest of several in one place counts."""
        return max(self.finished, self.asked)

    def to_json(self) -> str:
        """Return the text that a record is stored as, with a checksum over the rest."""
        content = self.model_dump(mode="json", exclude=None if self.asked else {"asked"})
        content["about"] = self.about.model_dump(mode="json", exclude=self.about.unsaid)
        content["trial"] = self.trial.content
        return _canonical({**content, "checksum": _hash(content)}) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Return the record stored as `text`.

        Raises IntegrityError if it is cut, changed, of another schema, or says one thing
        twice.
        """
        checksum = CHECKSUM.search(text)
        content = CHECKSUM.sub("", text, count=1).rstrip("\n")
        if checksum is None or checksum[1] != sha256(content.encode()).hexdigest():
            changed = "its checksum does not match: it was changed after it was written"
            raise IntegrityError(_of_another_schema(text) or changed)
        _refuse_twins(content)
        try:
            return cls.model_validate_json(content, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            wrong = f"its field {'.'.join(map(str, first['loc']))} is wrong: {first['msg']}"
            raise IntegrityError(_of_another_schema(text) or wrong) from error


def _refuse_twins(text: str) -> None:
    """Raise IntegrityError where a JSON object in a text has two fields of one name."""
    try:
        WITHOUT_TWINS.decode(_without_scores(text))
    except (ValueError, RecursionError) as problem:
        raise IntegrityError(f"it is not JSON ({problem})") from None


def _without_twins(fields: list[tuple[str, Any]]) -> None:
    if len(dict(fields)) < len(fields):
        names = [name for name, _ in fields]
        twin = next(name for name in names if names.count(name) > 1)
        raise IntegrityError(f"its field {twin} stands there twice")


WITHOUT_TWINS: Final = json.JSONDecoder(object_pairs_hook=_without_twins)


def _without_scores(text: str) -> str:
    """Return the text of a record without its scores, which are most of it and hold no object."""
    start, end = text.find(SCORES), text.rfind(AFTER_SCORES)
    # a colon may stand in a name, or after that of a field
    if not 0 <= start < end or ":" in text[start + len(SCORES) : end]:
        return text
    return text[: start + len(SCORES)] + "]" + text[end:]


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
