"""A folder of records: whole or left out with the reason, written at once or not at all."""

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import _TemporaryFileWrapper

import pytest

from medtl_bench.errors import IntegrityError
from medtl_bench.results.record import SCHEMA, Outcome, Score
from medtl_bench.results.store import MOST_BYTES, Store
from tests.results.examples import SCORE, record


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
    assert damaged(store) == "it is no regular file"


def spoiled(store: Store, **fields: object) -> str:
    """Return why a record is left out of which a score was changed, and which was signed again."""
    store.write(record())
    (path,) = store.folder.iterdir()
    content = json.loads(path.read_text())
    score = Score(*content["outcome"]["scores"][0])._replace(**fields)
    content["outcome"]["scores"] = [score]
    path.write_text(rehashed(content))
    return damaged(store)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"value": 1.2}, "its balanced_accuracy is 1.2, not within 0 and 1"),
        ({"metric": "marked_balanced_accuracy", "value": -0.1}, "accuracy is -0.1, not within"),
        ({"metric": "task_aware_balanced_accuracy", "value": 3.0}, "is 3, not within 0 and 1"),
        ({"value": float("nan")}, "its balanced_accuracy is nan, not within 0 and 1"),
        ({"value": float("-inf")}, "its balanced_accuracy is -inf, not within 0 and 1"),
        ({"value": 2e300}, "its balanced_accuracy is 2e+300, not within 0 and 1"),
        ({"value": "0.5"}, "its field outcome.scores.0.6 is wrong"),
        ({"n": -3}, "its field outcome.scores.0.7 is wrong"),
        ({"n": 0}, "its field outcome.scores.0.7 is wrong"),
        ({"n": 10**40}, "its field outcome.scores.0.7 is wrong"),
        ({"n": True}, "its field outcome.scores.0.7 is wrong"),
        ({"shots": 10**40}, "its field outcome.scores.0.2 is wrong"),
        ({"draw": -1}, "its field outcome.scores.0.3 is wrong"),
        ({"shots": 2}, "its trial has no score of stage 'adapt', learned 'c', shots 2, draw 1"),
        ({"draw": 2}, "its trial has no score of stage 'adapt', learned 'c', shots 5, draw 2"),
        ({"stage": "learn"}, "its trial has no score of stage 'learn'"),
        ({"domain": "d"}, "its trial has no score of stage 'adapt'"),
        ({"learned": "a"}, "its trial has no score of stage 'adapt', learned 'a'"),
        ({"metric": "accuracy"}, "its metric 'accuracy' is none of its task's"),
    ],
)
def test_a_score_that_cannot_be_is_left_out_with_the_reason(store, fields, why):
    assert why in spoiled(store, **fields)


def test_two_scores_of_one_place_are_left_out(store):
    store.write(record(outcome=Outcome(status="ok", scores=(SCORE, SCORE._replace(value=0.5)))))
    assert "it has two scores of stage 'adapt', learned 'c', shots 5, draw 1" in damaged(store)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("trial", {"seed": -1}),
        ("trial", {"seed": 10**30}),
        ("trial", {"dataset": "x" * 2**21}),
        ("trial", {"settings": {"sources": "ab", "targets": ["c"], "shots": [5], "draws": 2}}),
        ("trial", {"settings": {}}),
        ("trial", {"parameters": {"rate": float("nan")}}),
        ("about", {"lower_is_better": ["balanced_accuracy"]}),
        ("outcome", {"seconds": {"total": float("nan")}}),
        ("outcome", {"seconds": {"total": -1.0}}),
        ("outcome", {"peak_memory": 1e308}),
        ("outcome", {"stacked": 0}),
        ("outcome", {"log": "x" * 2**21}),
    ],
)
def test_what_cannot_be_of_a_trial_is_left_out_with_the_reason(store, field, values):
    store.write(record())
    (path,) = store.folder.iterdir()
    content = json.loads(path.read_text())
    content[field] |= values
    text = rehashed(content)
    path.unlink()
    trial = json.dumps(
        content["trial"], sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()
    (store.folder / f"{sha256(trial).hexdigest()[:24]}.json").write_text(text)
    assert damaged(store)


def test_a_field_that_stands_twice_is_left_out_wherever_it_stands(store):
    store.write(record())
    (path,) = store.folder.iterdir()
    whole = path.read_text()
    for field in ('"seed":0', '"status":"ok"', '"scores":[]', '"area":"clinical"'):
        content = json.loads(whole)
        content.pop("checksum")
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        name = field.partition(":")[0]
        text = text.replace(name, f"{field},{name}", 1)
        checksum = sha256(text.encode()).hexdigest()
        path.write_text(text.replace('"finished"', f'"checksum":"{checksum}","finished"', 1) + "\n")
        assert "stands there twice" in damaged(store), field


def test_a_metric_that_is_not_installed_may_be_any_number_that_boards_can_square(store):
    score = SCORE._replace(metric="odd", value=-7.5)
    odd = record(outcome=Outcome(status="ok", scores=(score,)))
    odd = odd.model_copy(update={"about": odd.about.model_copy(update={"metrics": ("odd",)})})
    store.write(odd)
    assert store.read() == ({odd.trial.key: odd}, {})
    (path,) = store.folder.iterdir()
    whole = path.read_text()
    for value in (1e308, float("nan"), float("inf")):
        content = json.loads(whole)
        content["outcome"]["scores"][0][6] = value
        path.write_text(rehashed(content))
        assert damaged(store) == f"its odd is {value:g}, which cannot be"


def test_a_protocol_that_a_plugin_brings_may_score_where_it_likes(store):
    score = SCORE._replace(stage="mine", learned="x", domain="y")
    odd = record(protocol="mine", outcome=Outcome(status="ok", scores=(score,)))
    store.write(odd)
    assert store.read() == ({odd.trial.key: odd}, {})


def test_what_is_no_regular_file_is_left_out_unread(store):
    store.write(record())
    (path,) = store.folder.iterdir()
    os.mkfifo(store.folder / "pipe.json")
    (store.folder / "zero.json").symlink_to("/dev/zero")
    (store.folder / "link.json").symlink_to(path.name)
    (store.folder / "gone.json").symlink_to("nowhere")
    contents = store.read()
    assert len(contents.records) == 1
    reasons = {file.name: why for file, why in contents.damaged.items()}
    links = dict.fromkeys(("gone.json", "link.json", "zero.json"), "it is a link")
    assert reasons == {"pipe.json": "it is no regular file", **links}


def test_a_file_without_bound_is_left_out_unread(store):
    store.folder.mkdir()
    with (store.folder / "large.json").open("wb") as file:
        file.truncate(2**40)
    assert damaged(store) == f"it has {2**40:,} bytes, more than {MOST_BYTES:,}"


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
