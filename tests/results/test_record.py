"""Records: named by all that their scores depend on, and read back as they were written."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medtl_bench.errors import IntegrityError
from medtl_bench.results.record import LATER, Outcome, Record, Score, Trial
from tests.results.examples import ABOUT, OTHER, TRIAL, record


@given(text=st.text(), value=st.floats(-1e100, 1e100))
def test_any_text_and_any_value_come_back(text, value):
    score = Score("adapt", text, 5, 1, text, "balanced_accuracy", value, 40)
    outcome = Outcome(status="failed", reason=text, log=text, scores=(score,))
    written = record(parameters={"note": text, "value": value}, outcome=outcome)
    assert Record.from_json(written.to_json().encode().decode()) == written


@pytest.mark.parametrize("field", TRIAL)
def test_every_field_of_a_trial_changes_its_key(field):
    assert set(TRIAL) == set(OTHER) == set(Trial.model_fields)
    assert Trial(**TRIAL).key != Trial(**TRIAL | {field: OTHER[field]}).key


def test_a_trial_whose_parameters_were_not_chosen_has_the_key_that_it_always_had():
    assert Trial(**TRIAL).key == "978cf0ee4230bb91b9b8c730"
    assert "chosen" not in json.loads(record().to_json())["trial"]
    chosen = record(chosen=OTHER["chosen"])
    assert json.loads(chosen.to_json())["trial"]["chosen"] == OTHER["chosen"]
    assert Record.from_json(chosen.to_json()) == chosen


def test_what_a_trial_is_about_and_what_became_of_it_do_not_change_its_key():
    first = record()
    other = Record(
        trial=first.trial,
        about=ABOUT.model_copy(update={"family": "baseline"}),
        outcome=Outcome(status="timeout"),
    )
    assert first.trial.key == other.trial.key


def test_the_order_in_which_parameters_are_told_does_not_change_a_key():
    assert Trial(**TRIAL).key == Trial(**TRIAL | {"parameters": {"steps": 3, "weight": 0.5}}).key


def test_the_order_of_domains_changes_a_key_and_a_tuple_of_them_does_not():
    keys = {
        Trial(**TRIAL | {"settings": {"domains": domains}}).key
        for domains in (["a", "b"], ("a", "b"), ["b", "a"])
    }
    assert len(keys) == 2


def test_a_changed_copy_of_a_trial_has_a_key_of_its_own():
    trial = Trial(**TRIAL)
    assert trial.key
    assert trial.model_copy(update={"seed": 9}).key == Trial(**TRIAL | {"seed": 9}).key


def test_a_key_survives_the_journey_to_a_process_and_back():
    trial = Trial(
        **TRIAL | {"parameters": {"widths": (8, 4), "rate": 1e-3, "limit": None, "on": True}}
    )
    assert Trial.model_validate_json(trial.model_dump_json()).key == trial.key


def test_a_key_is_the_same_in_every_process():
    code = f"from medtl_bench.results.record import Trial; print(Trial(**{TRIAL!r}).key)"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": s},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for s in ("1", "2")
    }
    assert told == {Trial(**TRIAL).key}


def test_a_trial_and_a_record_cannot_be_changed():
    with pytest.raises(ValidationError):
        record().trial.seed = 3


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    text = record().to_json().encode().rstrip(b"\n")
    where = data.draw(st.integers(0, 8 * len(text) - 1))
    spoiled = bytearray(text)
    spoiled[where // 8] ^= 1 << where % 8
    with pytest.raises((IntegrityError, UnicodeDecodeError)):
        Record.from_json(bytes(spoiled).decode())


def test_what_older_records_do_not_tell_is_left_out_where_nothing_is_told():
    plain = record()
    assert not set(LATER) & set(json.loads(plain.to_json())["about"])
    told = {"labels": "own", "optional": True, "acts_from": "adapt", "quick": True}
    told |= {"origin": "ChEMBL", "keeps_data": "rows", "candidate": 3, "sampler": "tpe"}
    told |= {"beside": "abc 0"}
    telling = plain.model_copy(update={"about": ABOUT.model_copy(update=told)})
    assert told.items() <= json.loads(telling.to_json())["about"].items()
    assert Record.from_json(telling.to_json()) == telling


def test_the_digest_of_what_was_predicted_is_stored_where_that_is_kept():
    plain = record()
    assert "answers" not in json.loads(plain.to_json())["outcome"]
    outcome = plain.outcome.model_copy(update={"answers": "0" * 64})
    told = plain.model_copy(update={"outcome": outcome})
    assert Record.from_json(told.to_json()) == told
    assert told.trial.key == plain.trial.key
