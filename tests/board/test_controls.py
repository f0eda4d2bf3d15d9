from itertools import product

import numpy as np
import pytest

from medtl_bench.board.build import Board
from medtl_bench.board.controls import Control, uncounted
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.results.record import Record
from medtl_bench.results.resamples import encode
from tests.boards import build
from tests.records import record, transfer_scores

BLUR = {"chance": 0.01, "target-only": -0.01, "shuffled-labels": 0.02}


def records(levels: dict[str, float], dataset: str = "d", **fields: object) -> list[Record]:
    """Return three seeds of rows that score a level before labels, and after all of them."""
    made = []
    for (name, level), seed in product(levels.items(), range(3)):
        full = level + seed * BLUR.get(name, 0.0)
        about = {"family": "bound" if name in BOUNDS else "baseline", **fields}
        scores = transfer_scores(level - 0.1, {1: [level]}, full, metric=METRIC)
        given = {"algorithm": name, "seed": seed, "metrics": (METRIC,), "shots": (1,)}
        made.append(record(dataset=dataset, scores=scores, **given, **about))
    return made


BOUNDS = {"chance", "target-only", "shuffled-labels", "converged-target"}
METRIC = "balanced_accuracy"


def control(levels: dict[str, float]) -> Control:
    (found,) = build(records(levels)).controls
    return found


def test_room_is_the_paired_difference_of_the_controls() -> None:
    found = control({"chance": 0.5, "target-only": 0.9, "dann": 0.7})
    assert (found.lower, found.upper, found.verdict) == ("chance", "target-only", "room")
    assert found.room.mean == pytest.approx(0.4 - 0.02)
    assert found.room.half == pytest.approx(4.303 * 0.02 / 3**0.5, abs=1e-4)
    assert found.steps is None


def test_shuffled_labels_and_the_converged_target_come_first() -> None:
    levels = {"chance": 0.5, "shuffled-labels": 0.55, "target-only": 0.9, "converged-target": 0.95}
    found = control(levels)
    assert (found.lower, found.upper) == ("shuffled-labels", "converged-target")
    assert found.steps is not None
    assert found.steps.mean == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("high", "verdict"), [(0.9, "room"), (0.52, "no headroom"), (0.2, "out of order")]
)
def test_the_interval_of_the_room_decides(high: float, verdict: str) -> None:
    assert control({"chance": 0.5, "target-only": high}).verdict == verdict


def test_without_a_control_or_a_second_seed_nothing_is_known() -> None:
    assert control({"chance": 0.5, "dann": 0.7}).verdict == "unknown"
    one = [made for made in records({"chance": 0.5, "target-only": 0.9}) if made.trial.seed == 0]
    assert [found.verdict for found in build(one).controls] == ["unknown"]


def test_scores_are_scaled_from_the_lower_control_to_the_upper() -> None:
    found = control({"chance": 0.5, "target-only": 0.92, "dann": 0.7})
    low, high = 0.51, 0.91
    raw, scaled = found.scaled["dann"]["target 0"]
    assert raw == pytest.approx(0.6)
    assert scaled == pytest.approx((0.6 - low) / (high - low))


def board(levels: dict[str, float]) -> Board:
    made = []
    for dataset in "pqrs":
        bounds = {"chance": 0.5, "target-only": levels.get(dataset, 0.9)}
        made += records({**bounds, "dann": 0.6, "ewc": 0.7}, dataset)
    return build(made)


@pytest.mark.parametrize(("high", "why"), [(0.52, "no headroom"), (0.2, "controls are out")])
def test_a_dataset_without_headroom_counts_in_no_rank_and_says_why(high: float, why: str) -> None:
    found = board({"q": high})
    assert set(uncounted(found.controls)) == {"q"}
    assert why in uncounted(found.controls)["q"]
    for comparison in found.comparisons:
        assert comparison.datasets == ("p", "r", "s")
        assert len(comparison.ranked) == 2


def test_lower_may_be_better() -> None:
    levels = {"chance": 1.0, "target-only": 0.4}
    made = [
        record(
            algorithm=name,
            family="bound",
            seed=seed,
            metrics=("rmse",),
            scores=transfer_scores(level, {}, level + seed / 100, metric="rmse"),
        )
        for (name, level), seed in product(levels.items(), range(3))
    ]
    (found,) = build(made).controls
    assert found.verdict == "room"
    assert found.room.mean == pytest.approx(0.6)


def with_patients(made: list[Record], own: float) -> list[Record]:
    """Return records on resamples that move all alike by 0.1, and each method by `own`."""
    hard = np.random.default_rng(0).normal(0, 0.1, RESAMPLES)
    after = []
    for one in made:
        draw = np.random.default_rng(list(one.trial.algorithm.encode()))
        moved = hard + draw.normal(0, own, RESAMPLES)
        names = {score.stage: score.value for score in one.outcome.scores}
        values = {"target full": names["full"] + moved, "target 0": names["fit"] + moved}
        held = {"resampled": encode(values), "units": {"b": (60, 30)}}
        after.append(one.model_copy(update={"outcome": one.outcome.model_copy(update=held)}))
    return after


def test_headroom_is_of_seeds_and_patients_paired_inside_a_resample() -> None:
    made = records({"chance": 0.5, "target-only": 0.7})
    (seeds,), (shared,), (apart,) = (
        build(some).controls
        for some in (made, with_patients(made, 0.001), with_patients(made, 0.2))
    )
    assert (seeds.verdict, shared.verdict, apart.verdict) == ("room", "room", "no headroom")
    assert (seeds.room.units, shared.room.units) == (False, True)
    assert shared.room.half == pytest.approx(seeds.room.half, rel=0.1)
    assert shared.low.half > 0.2 > seeds.low.half
    assert apart.room.half > 0.5


def test_without_controls_or_a_second_method_patients_tell_nothing() -> None:
    for levels in ({"dann": 0.7}, {"dann": 0.7, "ewc": 0.6}, {"chance": 0.5}, {"target-only": 0.9}):
        (found,) = build(with_patients(records(levels), 0.01)).controls
        assert found.verdict == "unknown"


def test_the_smallest_difference_is_that_of_seeds_and_patients() -> None:
    made = records({"chance": 0.5, "target-only": 0.9, "dann": 0.7, "ewc": 0.75})
    (seeds,), (apart,) = (build(some).controls for some in (made, with_patients(made, 0.1)))
    assert seeds.smallest["target 0"] == (pytest.approx(0, abs=1e-9), False)
    # of two methods, so of a variance twice that of one
    assert apart.smallest["target 0"].half == pytest.approx(2 * 2**0.5 * 0.1, rel=0.15)
    assert apart.smallest["target 0"].units
    assert not apart.smallest["few-shot area"].units
