"""Whether a record can be what it says: scores in the range of their metric, where a trial scores.

Whoever edits a record can give it a right checksum; then at least it says nothing absurd.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from medtl_bench.errors import IntegrityError
from medtl_bench.metrics import registry
from medtl_bench.metrics.entry import MetricEntry
from medtl_bench.metrics.registry import CONFUSION, SCORER
from medtl_bench.results.places import Place, places
from medtl_bench.results.record import About, Record
from medtl_bench.results.resamples import check_resampled

SHARE = MetricEntry(CONFUSION, "", "share of the rows of a class", (), lowest=0, highest=1)
MOST_VALUE = 1e100  # boards square values and add them up
Columns = tuple[tuple[object, ...], ...]


def check_possible(record: Record) -> None:
    """Raise IntegrityError where a record says what cannot be.

    That is a direction or a value that is not of its metric as it is installed here, a
    metric that its task does not name, a place that its trial does not score, two scores
    of one place and metric, a measure on other resamples, or more units of a class than
    in all.
    """
    entries, trial = {**_entries(record.about), CONFUSION: SHARE}, record.trial
    if texts := record.outcome.resampled:
        check_resampled(trial.protocol, texts, entries.get("".join(record.about.metrics[:1])))
    _check_units(record)
    if not record.outcome.scores:
        return
    # by column: boards read hundreds of thousands
    *where, metrics, values, _ = zip(*record.outcome.scores, strict=True)
    _check_metrics(record.about.metrics, metrics)
    _check_places(trial.protocol, repr(trial.settings), (*where, metrics))
    _check_values(metrics, values, entries)


def _entries(about: About) -> dict[str, MetricEntry]:
    """Return those metrics of a task that are installed; raise where a direction is wrong."""
    entries = {name: registry.METRICS[name] for name in about.metrics if name in registry.METRICS}
    for name, entry in entries.items():
        if entry.higher_is_better == (name in about.lower_is_better):
            way = "higher" if entry.higher_is_better else "lower"
            raise IntegrityError(f"of its metric {name} {way} is better, but it says otherwise")
    return entries


def _check_units(record: Record) -> None:
    """Raise IntegrityError where a class has more test units than all together."""
    for domain, (units, fewest) in record.outcome.units.items():
        if fewest > units:
            raise IntegrityError(f"of {units} test units of {domain!r} a class has {fewest}")


# records of one dataset share all but the values of their scores
@lru_cache(maxsize=2**12)
def _check_metrics(of_task: Sequence[str], metrics: Sequence[str]) -> None:
    """Raise IntegrityError where a score is by a metric that the task does not name."""
    for metric in set(metrics):
        if registry.plain(metric) not in {*of_task, CONFUSION, SCORER}:
            raise IntegrityError(f"its metric {metric!r} is none of its task's")


@lru_cache(maxsize=2**12)
def _check_places(protocol: str, settings: str, columns: Columns) -> None:
    """Raise IntegrityError where a score was taken when or on what its trial does not score."""
    scores = list(zip(*columns, strict=True))
    if len(set(scores)) < len(scores):
        twin = next(score for score in scores if scores.count(score) > 1)
        raise IntegrityError(f"it has two scores of {_told(twin)}")
    allowed = places(protocol, settings)
    for *where, _ in scores:
        if allowed is not None and tuple(where) not in allowed:
            raise IntegrityError(f"its trial has no score of {_told(where)}")


def _told(fields: Sequence[object]) -> str:
    """Return where a score was taken in words."""
    named = zip((*Place._fields, "metric"), fields, strict=False)
    return ", ".join(f"{name} {value!r}" for name, value in named if value is not None)


def _check_values(
    metrics: Sequence[str], values: Sequence[float], entries: Mapping[str, MetricEntry]
) -> None:
    """Raise IntegrityError where a value is beyond the range of its metric."""
    low = max([-MOST_VALUE, *(entry.lowest for entry in entries.values())])
    high = min([MOST_VALUE, *(entry.highest for entry in entries.values())])
    # most lie within the narrowest range
    for place in [n for n, value in enumerate(values) if not low <= value <= high]:
        entry = entries.get(registry.plain(metrics[place]))
        if entry and (wrong := entry.beyond(values[place])):
            raise IntegrityError(f"its {metrics[place]} is {wrong}")
        if not abs(values[place]) <= MOST_VALUE:
            raise IntegrityError(f"its {metrics[place]} is {values[place]:g}, which cannot be")
