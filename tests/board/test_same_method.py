"""Pairs of a method and its counterpart: which are tested, and what the pages say."""

from itertools import product

import numpy as np
import pytest

from medtl_bench.board.equivalence import tost
from tests.boards import build, render
from tests.records import record, stream_record, stream_scores, transfer_scores

STARTS = {"maml": [0.6, 0.7, 0.8], "library-maml": [0.61, 0.69, 0.8]}


def records(starts=STARTS, **fields):
    counterparts = {"library-maml": "maml"}
    for (name, values), seed in product(starts.items(), range(3)):
        scores = transfer_scores(values[seed], {1: [0.7], 3: [0.8]})
        yield record(
            algorithm=name,
            counterpart=counterparts.get(name, ""),
            seed=seed,
            draws=1,
            scores=scores,
            **fields,
        )


def test_differences_are_taken_seed_by_seed():
    found = build(records()).equivalence.set_index("measure")
    assert set(found["algorithm"]) == {"library-maml"}
    assert set(found["counterpart"]) == {"maml"}
    row, wanted = found.loc["target 0"], tost(np.array([0.01, -0.01, 0.0]), 0.05)
    assert (row["n"], row["mean"], row["low"], row["p"]) == (
        3,
        *map(pytest.approx, (wanted.mean, wanted.low, wanted.p)),
    )
    assert row["verdict"] == "equivalent"


def test_streams_are_tested_each_by_itself():
    r = [[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]]
    both = [
        stream_record(
            algorithm=a, counterpart=c, seed=seed, scenario=s, scores=stream_scores(r, [0.5] * 3)
        )
        for (a, c), seed, s in product(
            [("maml", ""), ("library-maml", "maml")], range(2), ("line", "back")
        )
    ]
    found = build(both).equivalence
    assert sorted(zip(found["scenario"], found["measure"], strict=True)) == sorted(
        product(("back", "line"), ("average accuracy", "forgetting"))
    )
    assert set(found["verdict"]) == {"equivalent"}


def test_a_changed_parameter_or_a_missing_counterpart_is_not_tested():
    alone = [r for r in records() if r.trial.algorithm != "maml"]
    assert build(alone).equivalence.empty
    changed = [
        r.model_copy(update={"about": r.about.model_copy(update={"variant": "steps=2"})})
        for r in records()
    ]
    assert build(changed).equivalence.empty
    assert build([]).equivalence.empty


def test_the_pages_tell_margin_interval_and_verdict():
    far = STARTS | {"library-maml": [0.9, 0.99, 1.0]}
    pages = render(build([*records(), *records(far, dataset="cells")]), {})
    line = next(
        row
        for row in pages["datasets/hearts.md"].splitlines()
        if row.startswith("| library-maml") and "k = 0" in row
    )
    assert "| equivalent |" in " ".join(line.split())
    overall = pages["README.md"].split("## The same method in two libraries")[1]
    assert "± 0.05" in overall
    row = next(row for row in overall.splitlines() if row.startswith("| library-maml"))
    assert [cell.strip() for cell in row.split("|")[2:6]] == ["maml", "2", "1", "1"]
    assert "0.263 (cells, target score, k = 0)" in row
    assert (
        "The same method" not in render(build(records({"maml": STARTS["maml"]})), {})["README.md"]
    )
