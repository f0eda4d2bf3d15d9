from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from medtl_bench.board.effects import Effect
from medtl_bench.metrics.effect import EffectEntry, Term
from medtl_bench.results.record import Record
from medtl_bench.results.resamples import encode
from tests.boards import build
from tests.records import record, stream_record, stream_scores, transfer_scores

SEEDS = 4
ABOVE = EffectEntry("above", "One is above.", "d", "target 0", ("one",), ("other",), 0.1)


def records(levels: dict[str, float], spread: float = 0.0, seeds: int = SEEDS) -> Iterator[Record]:
    """Yield records of methods, each at a level that alternates by seed as far as `spread`."""
    for (name, level), seed in product(levels.items(), range(seeds)):
        start = level + spread * (-1) ** seed * (name == "one")
        scores = transfer_scores(start, {1: [start]}, level + 0.1)
        yield record(dataset="d", algorithm=name, seed=seed, scores=scores, shots=(1,))


def effect(entry: EffectEntry, made: Iterator[Record] | list[Record]) -> Effect:
    (found,) = build(list(made), known=[entry]).effects
    return found


@pytest.mark.parametrize(
    ("level", "spread", "verdict"),
    [
        (0.75, 0.0, "shown"),
        (0.75, 0.3, "cannot be told"),
        (0.55, 0.0, "turned round"),
    ],
)
def test_the_whole_interval_must_lie_in_what_is_claimed(level, spread, verdict):
    found = effect(ABOVE, records({"one": level, "other": 0.5}, spread))
    assert found.verdict == verdict
    assert found.difference == pytest.approx(level - 0.5)
    assert found.low <= found.difference <= found.high
    assert (found.seeds, found.units) == (SEEDS, False)


def test_what_is_to_be_near_may_be_neither_above_nor_below():
    near = EffectEntry("near", "Near.", "d", "target 0", ("one",), ("other",), -0.1, 0.1)
    verdicts = [effect(near, records({"one": x, "other": 0.5})).verdict for x in (0.3, 0.5, 0.7)]
    assert verdicts == ["turned round", "shown", "turned round"]


def test_a_side_is_the_mean_of_its_terms_which_may_be_of_another_measure():
    half = EffectEntry("half", "Half.", "d", "target 0", ("one",), ("other", "other target full"))
    assert half.terms(half.lower) == (Term("other", "target 0"), Term("other", "target full"))
    found = effect(half, records({"one": 0.7, "other": 0.5}))
    assert found.difference == pytest.approx(0.7 - (0.5 + 0.6) / 2)


def test_what_is_missing_is_named():
    found = effect(ABOVE, records({"one": 0.7}))
    assert (found.verdict, found.lacking) == ("not run", (Term("other", "target 0"),))


def test_of_too_few_seeds_nothing_can_be_told():
    assert effect(ABOVE, records({"one": 0.9, "other": 0.5}, seeds=1)).verdict == "cannot be told"


def test_only_effects_of_datasets_on_the_board_are_told():
    elsewhere = EffectEntry("elsewhere", "Else.", "e", "target 0", ("one",), ("other",))
    never = EffectEntry("never", "Never.", missing="Nothing can show it.")
    made = list(records({"one": 0.7, "other": 0.5}))
    found = build(made, known=[ABOVE, elsewhere, never]).effects
    assert [one.entry.name for one in found] == ["above", "never"]
    assert found[1].verdict == "not run"
    assert build(made, known=[elsewhere, never]).effects == ()


def test_differences_are_taken_inside_a_resample_of_the_test_units():
    draws = np.random.default_rng(0).normal(0, 0.2, 100)  # of patients, shared by both

    def resampled(name: str, level: float, own: float) -> Iterator[Record]:
        for one in records({name: level}):
            around = {"target 0": np.clip(level + draws * own, 0, 1)}
            held = {"resampled": encode(around), "units": {"b": (50, 20)}}
            yield one.model_copy(update={"outcome": one.outcome.model_copy(update=held)})

    alike = [*resampled("one", 0.65, 1.0), *resampled("other", 0.5, 1.0)]
    found = effect(ABOVE, alike)
    assert (found.verdict, found.units) == ("shown", True)
    apart = [*resampled("one", 0.65, 1.0), *resampled("other", 0.5, -1.0)]
    assert effect(ABOVE, apart).verdict == "cannot be told"


def test_a_stream_tells_what_was_known_just_after_learning():
    made = []
    for (name, own), seed in product({"one": 0.9, "other": 0.6}.items(), range(SEEDS)):
        r = [[own, 0.1, 0.1], [0.2, own, 0.1], [0.2, 0.2, own]]
        scores = stream_scores(r, [0.1] * 3)
        made.append(stream_record(dataset="d", algorithm=name, seed=seed, scores=scores))
    learns = EffectEntry(
        "learns", "Learns.", "d", "learning accuracy", ("one",), ("other",), 0.1, protocol="stream"
    )
    found = effect(learns, made)
    assert found.verdict == "shown"
    assert found.difference == pytest.approx(0.3)
