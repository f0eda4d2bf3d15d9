"""Records: whole or refused, written at once or not at all, named by all that their scores depend on."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import _TemporaryFileWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medtl_bench.errors import IntegrityError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.results.record import SCHEMA, About, Outcome, Record, Score, Trial
from medtl_bench.results.store import Store

TRIAL = {
    "dataset": "small", "dataset_digest": "d1", "algorithm": "dann", "algorithm_source": "medtl-bench 0.1 abc",
    "parameters": {"weight": 0.5, "steps": 3}, "protocol": "transfer", "scenario": "to-c", "sources": ("a", "b"),
    "targets": ("c",), "domains": (), "shots": (1, 5), "draws": 2, "seed": 0, "threads": 1, "versions": {"torch": "2.6"},
}  # fmt: skip
OTHER = {
    "dataset": "other", "dataset_digest": "d2", "algorithm": "ewc", "algorithm_source": "medtl-bench 0.2 abc",
    "parameters": {"weight": 0.5, "steps": 4}, "protocol": "stream", "scenario": "to-b", "sources": ("b", "a"),
    "targets": ("d",), "domains": ("a", "b"), "shots": (1, 2), "draws": 3, "seed": 1, "threads": 2, "versions": {"torch": "3"},
}  # fmt: skip
ABOUT = About(
    area="clinical",
    provenance="real",
    task="classification",
    metrics=("balanced_accuracy",),
    family="bound",
)
SCORE = Score("adapt", "c", 5, 1, "c", "balanced_accuracy", 0.123456, 40)


def record(**fields) -> Record:
    outcome = fields.pop(
        "outcome", Outcome(status="ok", scores=(SCORE,), seconds={"total": 1.5}, peak_memory=3.0)
    )
    return Record(
        trial=Trial(**TRIAL | fields),
        about=ABOUT,
        outcome=outcome,
        machine={"cpu": "x"},
        finished="2026-11-01",
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def rehashed(content: dict) -> str:
    """Return the text of a changed record whose checksum was made to fit."""
    content.pop("checksum")
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    content["checksum"] = sha256(text.encode()).hexdigest()
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def test_a_record_comes_back_as_it_was(store):
    written = record()
    store.write(written)
    found = store.read()
    assert found.records == {written.trial.key: written}
    assert found.damaged == {}
    assert isinstance(found.records[written.trial.key].outcome.scores[0], Score)


@given(text=st.text(), value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_any_value_come_back(text, value):
    score = Score("adapt", text, 5, 1, text, "balanced_accuracy", value, 40)
    outcome = Outcome(status="failed", reason=text, log=text, scores=(score,))
    written = record(parameters={"note": text, "value": value}, outcome=outcome)
    assert Record.from_json(written.to_json().encode().decode()) == written


def test_a_record_of_the_same_key_is_replaced(store):
    store.write(record(outcome=Outcome(status="failed", reason="bad luck")))
    store.write(record())
    assert [r.outcome.status for r in store.read().records.values()] == ["ok"]
    assert len(list(store.folder.iterdir())) == 1


@pytest.mark.parametrize("field", TRIAL)
def test_every_field_of_a_trial_changes_its_key(field):
    assert set(TRIAL) == set(OTHER) == set(Trial.model_fields)
    assert Trial(**TRIAL).key != Trial(**TRIAL | {field: OTHER[field]}).key


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


def damaged(store: Store) -> str:
    """Return why the only file is damaged; fails the test where it is not."""
    found = store.read()
    assert found.records == {}
    (why,) = found.damaged.values()
    return why


def changed(**fields):
    return lambda text: rehashed(json.loads(text) | fields)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[: len(text) // 2], "not a JSON object"),
        (lambda text: "", "not a JSON object"),
        (lambda text: "[1, 2]", "not a JSON object"),
        (lambda text: "3", "not a JSON object"),
        (lambda text: "null", "not a JSON object"),
        (lambda text: "[" * 100_000, "not a JSON object"),
        (lambda text: "{}", "checksum"),
        (lambda text: '{"schema_version": 1, "x": NaN}', "checksum"),
        (lambda text: '{"schema_version": 1, "x": 1e999}', "checksum"),
        (lambda text: '{"schema_version": "one"}', "checksum"),
        (lambda text: '{"schema_version": null}', "checksum"),
        (lambda text: '{"schema_version": 1, "x": "\\ud800"}', "checksum"),
        (lambda text: text.replace("0.123456", "0.923456"), "checksum does not match"),
        (lambda text: text.replace('"checksum":"', '"checksum":"0'), "checksum does not match"),
        (
            changed(schema_version=SCHEMA + 1),
            f"schema {SCHEMA + 1}, newer than {SCHEMA}: update medtl-bench",
        ),
        (changed(schema_version=SCHEMA - 1), "schema"),
        (changed(verdict="best"), "its field verdict is wrong"),
        (changed(machine=3), "its field machine is wrong"),
        (
            lambda text: rehashed({k: v for k, v in json.loads(text).items() if k != "about"}),
            "its field about is wrong",
        ),
    ],
)
def test_a_file_that_is_no_whole_record_is_left_out_with_the_reason(store, spoil, why):
    store.write(record())
    (path,) = store.folder.iterdir()
    path.write_text(spoil(path.read_text()))
    assert why in damaged(store)


def test_bytes_that_are_no_text_are_left_out_with_the_reason(store):
    store.folder.mkdir()
    (store.folder / "x.json").write_bytes(b"\xff\xfe\x00")
    assert "utf-8" in damaged(store)


def test_a_folder_in_place_of_a_file_is_left_out_with_the_reason(store):
    (store.folder / "x.json").mkdir(parents=True)
    assert "directory" in damaged(store)


def test_a_record_under_another_name_is_left_out(store):
    store.write(record())
    (path,) = store.folder.iterdir()
    path.rename(store.folder / "0123.json")
    assert damaged(store) == f"its name is not its key, {record().trial.key}"


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    text = record().to_json().encode().rstrip(b"\n")
    where = data.draw(st.integers(0, 8 * len(text) - 1))
    spoiled = bytearray(text)
    spoiled[where // 8] ^= 1 << where % 8
    with pytest.raises((IntegrityError, UnicodeDecodeError)):
        Record.from_json(bytes(spoiled).decode())


def test_a_damaged_file_does_not_hide_the_others(store):
    store.write(record())
    (store.folder / "bad.json").write_text("{")
    found = store.read()
    assert list(found.records) == [record().trial.key]
    assert list(found.damaged) == [store.folder / "bad.json"]


def test_a_store_that_is_not_there_is_empty(store):
    assert store.read() == ({}, {})


def test_files_that_are_no_records_are_not_read(store):
    store.write(record())
    (store.folder / ".x.tmp").write_text("half")
    (store.folder / "notes.txt").write_text("mine")
    assert len(store.read().records) == 1


@pytest.mark.parametrize(
    "step", [(_TemporaryFileWrapper, "write"), (os, "fsync"), (Path, "chmod"), (Path, "replace")]
)
def test_a_full_disk_leaves_the_old_record_and_no_other_file(store, monkeypatch, step):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    old = record(outcome=Outcome(status="failed", reason="old"))
    store.write(old)
    monkeypatch.setattr(*step, fail, raising=False)
    with pytest.raises(
        IntegrityError, match=r"Could not write .*\.json \(\d+ bytes\): No space left on device\."
    ):
        store.write(record())
    assert [path.name for path in store.folder.iterdir()] == [f"{old.trial.key}.json"]
    assert store.read().records == {old.trial.key: old}


def test_an_interrupt_leaves_no_half_file_behind(store, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write(record())
    assert list(store.folder.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        IntegrityError, match=r"Could not write .*file/results/x.json \(2 bytes\): .+\."
    ) as raised:
        write_atomically(tmp_path / "file" / "results" / "x.json", "hi")
    assert raised.value.exit_code == 3


def test_a_written_file_can_be_read_by_others_and_has_its_bytes(tmp_path):
    path = tmp_path / "deep" / "a b – ü.md"
    write_atomically(path, "ü\r\n")
    assert path.read_bytes() == "ü\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
