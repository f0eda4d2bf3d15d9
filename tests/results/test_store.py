"""A folder of records: whole or left out with the reason, written at once or not at all."""

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import _TemporaryFileWrapper

import pytest

from medtl_bench.errors import IntegrityError
from medtl_bench.results.record import SCHEMA, Outcome, Score
from medtl_bench.results.store import Store
from tests.results.examples import record


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


def test_a_record_of_the_same_key_is_replaced(store):
    store.write(record(outcome=Outcome(status="failed", reason="bad luck")))
    store.write(record())
    assert [r.outcome.status for r in store.read().records.values()] == ["ok"]
    assert len(list(store.folder.iterdir())) == 1


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
        (lambda text: '{"schema_version": 2, "x": NaN}', "checksum"),
        (lambda text: '{"schema_version": 2, "x": 1e999}', "checksum"),
        (lambda text: '{"schema_version": "one"}', "checksum"),
        (lambda text: '{"schema_version": null}', "checksum"),
        (lambda text: '{"schema_version": 2, "x": "\\ud800"}', "checksum"),
        (lambda text: text.replace("0.123456", "0.923456"), "checksum does not match"),
        (lambda text: text.replace('"checksum":"', '"checksum":"0'), "checksum does not match"),
        (
            changed(schema_version=SCHEMA + 1),
            f"schema {SCHEMA + 1}, newer than {SCHEMA}: update medtl-bench",
        ),
        (
            changed(schema_version=SCHEMA - 1),
            f"schema {SCHEMA - 1}, older than {SCHEMA}: run its trial again",
        ),
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
