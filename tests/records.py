"""Synthetic records for tests: any field can be set, the rest has harmless defaults."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
from pydantic import BaseModel

from medtl_bench.metrics.registry import known
from medtl_bench.results.record import About, Outcome, Record, Score, Trial

METRIC = "balanced_accuracy"
SETTINGS = {
    "transfer": {"sources": ["a"], "targets": ["b"], "shots": [1, 3], "draws": 2},
    "stream": {"domains": ["x", "y", "z"]},
}
TRIAL = {
    "dataset": "hearts",
    "dataset_digest": "d1",
    "algorithm": "dann",
    "algorithm_source": "medtl-bench 0.1",
    "parameters": {},
    "protocol": "transfer",
    "scenario": "to-b",
    "seed": 0,
    "versions": {"torch": "2.6"},
}
ABOUT = {
    "area": "clinical",
    "provenance": "real",
    "task": "classification",
    "metrics": (METRIC, "ece", "brier"),
    "family": "domain adaptation",
}


def record(**fields: object) -> Record:
    """Return a record; `fields` may be any of Trial, About, Outcome or Record, or a setting."""
    settings = SETTINGS.get(str(fields.get("protocol", "transfer")), {}).copy()
    for name in {name for of_protocol in SETTINGS.values() for name in of_protocol} & set(fields):
        value = fields.pop(name)
        settings[name] = list(value) if isinstance(value, tuple | str) else value
    trial = {**TRIAL, "settings": settings, **_those(Trial, fields)}
    about = {**ABOUT, **_those(About, fields)}
    directions = [(name, known(name)) for name in about["metrics"]]
    lower = tuple(name for name, metric in directions if metric and not metric.higher_is_better)
    outcome = {"status": "ok", "seconds": {"total": 1.0}, **_those(Outcome, fields)}
    rest = {"finished": "2026-11-01T00:00:00Z", **_those(Record, fields)}
    about = About(**{"lower_is_better": lower, **about})
    return Record(trial=Trial(**trial), about=about, outcome=Outcome(**outcome), **rest)


def _those(model: type[BaseModel], fields: Mapping[str, object]) -> dict[str, object]:
    """Return those fields that a model has."""
    return {name: value for name, value in fields.items() if name in model.model_fields}


def transfer_scores(
    start: float,
    curve: Mapping[int, Sequence[float]] = {},
    full: float | None = None,
    *,
    source: float = 0.9,
    before: float | None = None,
    kept: Mapping[int | None, float] = {},
    targets: Sequence[str] = ("b",),
    sources: Sequence[str] = ("a",),
    metric: str = METRIC,
    extra: Mapping[str, float] = {},
) -> tuple[Score, ...]:
    """Return the scores of a transfer: `start` at k = 0, `curve` by k and draw, `full`.

    `source` and `kept`: of the sources before and after. `before`: what is retained before
    any label, if not the score of the sources' whole test splits.
    """

    def rows() -> Iterator[Score]:
        for name in sources:
            yield Score("validation", None, None, None, name, metric, source, 10)
            yield Score("fit", None, None, None, name, metric, source, 10)
        if kept:
            yield Score(
                "retained", None, 0, None, None, metric, source if before is None else before, 10
            )
        for target in targets:
            yield Score("fit", None, None, None, target, metric, start, 10)
            yield from (
                Score("fit", None, None, None, target, name, value, 10)
                for name, value in extra.items()
            )
            for k, values in curve.items():
                yield from (
                    Score("adapt", target, k, draw, target, metric, value, 10)
                    for draw, value in enumerate(values)
                )
            if full is not None:
                yield Score("full", target, None, None, target, metric, full, 10)
            for k, value in kept.items():
                draws = [None] if k is None else range(len(curve.get(k, [0])))
                yield from (
                    Score("retained", target, k, draw, None, metric, value, 10) for draw in draws
                )

    return tuple(rows())


def stream_scores(
    r: Sequence[Sequence[float]],
    b: Sequence[float] = (),
    *,
    domains: Sequence[str] = "xyz",
    metric: str = METRIC,
) -> tuple[Score, ...]:
    """Return the scores of a stream from its R[i][j] and b[j] of an untrained learner."""
    untrained = [
        Score("untrained", None, None, None, d, metric, value, 10)
        for d, value in zip(domains, b, strict=False)
    ]
    learn = [
        Score("learn", learned, None, None, domain, metric, value, 10)
        for learned, line in zip(domains, r, strict=False)
        for domain, value in zip(domains, line, strict=False)
    ]
    return (*untrained, *learn)


def stream_record(**fields: object) -> Record:
    """Return a record of a stream over x, y, z."""
    return record(**{"protocol": "stream", "scenario": "line", **fields})


METHODS = {
    "chance": ("bound", 0.5),
    "source-only": ("bound", 0.66),
    "target-only": ("bound", 0.5),
    "joint": ("bound", 0.68),
    "dann": ("domain adaptation", 0.74),
    "maml": ("meta-learning", 0.70),
    "ewc": ("continual learning", 0.72),
    "nearest-centroid": ("baseline", 0.69),
    "logistic-regression": ("baseline", 0.71),
    "random-forest": ("baseline", 0.73),
}
SHOTS = (1, 2, 5, 10, 20, 50)


def suite(
    datasets: Sequence[str] = ("hearts", "cells"),
    methods: Mapping[str, tuple[str, float]] = METHODS,
    scenarios: int = 2,
    seeds: int = 3,
    draws: int = 3,
    domains: int = 4,
) -> list[Record]:
    """Return records that look like a real suite: both protocols, all methods and seeds."""
    return [
        made
        for dataset, (method, (family, level)), seed in product(
            datasets, methods.items(), range(seeds)
        )
        for made in _one_seed(dataset, method, family, level, seed, scenarios, draws, domains)
    ]


def _one_seed(
    dataset: str,
    method: str,
    family: str,
    level: float,
    seed: int,
    scenarios: int,
    draws: int,
    domains: int,
) -> Iterator[Record]:
    random = np.random.default_rng([seed, len(method), len(dataset), int(level * 100)])
    names = tuple(f"site-{i}" for i in range(domains))
    identity = {"dataset": dataset, "algorithm": method, "family": family, "seed": seed}
    for number in range(scenarios):
        target, sources = (
            names[number % domains],
            tuple(n for n in names if n != names[number % domains]),
        )
        gains = {
            k: level + (0.88 - level) * (1 - 2.0 ** -(np.log2(1 + k) / 3))
            for k in (SHOTS if method != "chance" else ())
        }
        curve = {
            k: [round(gains.get(k, level) + random.normal(0, 0.02), 6) for _ in range(draws)]
            for k in SHOTS
        }
        kept = {k: round(0.9 - 0.01 * np.log2(k) - random.uniform(0, 0.02), 6) for k in SHOTS} | {
            None: 0.8
        }
        extra = {
            "ece": round(random.uniform(0.05, 0.2), 6),
            "brier": round(random.uniform(0.3, 0.5), 6),
        }
        start = round(level + random.normal(0, 0.01), 6)
        full = 0.5 if method == "chance" else 0.87
        scores = transfer_scores(
            start, curve, full, kept=kept, targets=[target], sources=sources, extra=extra
        )
        yield record(
            **identity,
            shots=SHOTS,
            draws=draws,
            sources=sources,
            targets=(target,),
            scenario=f"to-{target}" if number < domains else f"to-{target}-again-{number}",
            scores=scores,
            seconds={"total": round(random.uniform(1, 3), 3)},
        )
    i, j = np.mgrid[:domains, :domains]
    r = np.where(j <= i, 0.92 - 0.06 * (i - j) * (1 - level), 0.4 + level / 4) + random.normal(
        0, 0.01, (domains, domains)
    )
    yield stream_record(
        **identity,
        domains=names,
        scores=stream_scores(r.round(6).tolist(), [0.5] * domains, domains=names),
        seconds={"total": round(random.uniform(1, 3), 3)},
    )
