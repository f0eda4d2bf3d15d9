"""Resampled measures come back from a record as they were; what cannot be is refused."""

from base64 import b64encode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.errors import IntegrityError
from medtl_bench.metrics.registry import METRICS
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.results.possible import check_possible
from medtl_bench.results.record import Outcome, Record
from medtl_bench.results.resamples import CHARACTERS, check_resampled, decode, encode
from tests.results.examples import SCORE, record

PRIMARY = METRICS["balanced_accuracy"]
HALF = encode({"x": np.full(RESAMPLES, 0.5)})["x"]


@given(st.lists(st.floats(0, 1, width=32) | st.just(float("nan")), min_size=100, max_size=100))
def test_numbers_come_back(values):
    text = encode({"target 0": np.array(values)})["target 0"]
    assert len(text) == CHARACTERS
    np.testing.assert_array_equal(decode([text, text])[1], np.array(values, np.float32))
    check_resampled("transfer", {"target 0": text}, PRIMARY)


def test_other_resamples_are_not_stored():
    with pytest.raises(IntegrityError, match=r"shape \[99\]"):
        encode({"target 0": np.zeros(99)})


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("target 3", HALF, "none of its protocol's"),
        ("target 0", HALF[:-4], "not of 100 resamples"),
        ("target 0", "*" + HALF[1:], "no base64"),
        ("target 0", encode({"x": np.full(RESAMPLES, 1.1)})["x"], "beyond what"),
        (
            "target 0",
            encode({"x": np.full(RESAMPLES, -np.inf)})["x"],
            "beyond what",
        ),
        ("target 0", b64encode(bytes(401)).decode(), "no base64|cannot reshape|buffer size"),
    ],
)
def test_what_cannot_be_is_refused(name, text, why):
    with pytest.raises(IntegrityError, match=why):
        check_resampled("transfer", {name: text}, PRIMARY)


def test_forgetting_may_be_negative_and_a_plugins_measure_anything_finite():
    text = encode({"x": np.full(RESAMPLES, -0.9)})["x"]
    check_resampled("stream", {"forgetting": text}, PRIMARY)
    check_resampled("a-plugin", {"anything": text}, PRIMARY)
    with pytest.raises(IntegrityError, match="more than 20"):
        check_resampled("a-plugin", {f"measure {n}": text for n in range(21)}, PRIMARY)


def test_a_record_without_resamples_keeps_its_bytes():
    text = record().to_json()
    assert "resampled" not in text
    assert "units" not in text
    assert Record.from_json(text) == record()


def test_a_record_with_resamples_comes_back():
    outcome = Outcome(
        status="ok", scores=(SCORE,), resampled={"target 0": HALF}, units={"c": (40, 3)}
    )
    written = record(outcome=outcome)
    found = Record.from_json(written.to_json())
    assert found == written
    check_possible(found)


def test_a_class_has_no_more_units_than_all():
    with pytest.raises(IntegrityError, match="of 4 test units of 'c' a class has 5"):
        check_possible(record(outcome=Outcome(status="failed", units={"c": (4, 5)})))
