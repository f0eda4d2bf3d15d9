"""`log` shows what became of one trial, by the beginning of its key; `run` says of which to ask."""

import json
import re

import pytest

from medtl_bench.results.store import Store
from tests.records import record

HOSTILE = "\x1b]0;owned\x07 \u202e\nTraceback (most recent call last):\n\x9b2J[9/9] ok"


@pytest.fixture
def out(tmp_path):
    """Return a folder of results: one that failed, and two that ran well."""
    store = Store(tmp_path / "out" / "results")
    machine = {"processor": "fast"}
    failed = {"status": "failed", "reason": HOSTILE, "log": HOSTILE, "seconds": {"total": 1.5}}
    store.write(record(**failed, machine=machine, finished="2026-11-28T10:00:00+00:00"))
    for seed in (1, 2):
        store.write(record(seed=seed))
    return tmp_path / "out"


def key_of(out, status="failed"):
    records = Store(out / "results").read().records
    return next(key for key, one in records.items() if one.outcome.status == status)


def test_the_beginning_of_a_key_is_enough(medtl, out):
    shown = medtl("log", key_of(out)[:6].upper(), "--out", out)
    assert (shown.code, shown.err) == (0, "")
    for expected in (
        *("failed", "hearts to-b: dann seed 0", key_of(out), "2026-11-28T10:00", "total 1.5"),
        *("torch", "2.6", "processor", "fast", "  Traceback (most recent call last):"),
    ):
        assert expected in shown.out
    assert not set("\x1b\x07\u202e\x9b") & set(shown.out)
    assert not re.search(r"^\S*\[9/9\]", shown.out, re.MULTILINE)


def test_as_json_it_is_what_was_stored(medtl, out):
    told = json.loads(medtl("log", key_of(out), "--out", out, "--json").out)
    assert told["result"]["key"] == key_of(out)
    assert (told["result"]["reason"], told["log"]) == (HOSTILE, HOSTILE)
    assert (told["versions"], told["machine"]) == ({"torch": "2.6"}, {"processor": "fast"})


def test_a_text_that_begins_several_keys_names_them(medtl, out):
    answer = medtl("log", "", "--out", out)
    assert answer.code == 2
    assert answer.sentence.startswith(f"3 results in {out} have a key that begins with '': ")
    assert key_of(out) in answer.sentence


def test_a_text_that_begins_none_is_told_what_is_near(medtl, out):
    key = key_of(out)
    wrong = key[:5] + ("0" if key[5] != "0" else "1") + key[6:8]
    answer = medtl("log", wrong, "--out", out)
    assert answer.code == 2
    assert f"begins with {wrong!r}; did you mean '{key[:8]}'" in answer.sentence
    far = medtl("log", "zzz", "--out", out)
    assert far.sentence.endswith("begins with 'zzz'; there are 3.")
    assert medtl("log", "a", "--out", out / "nowhere").sentence.endswith("there are 0.")


def test_a_damaged_result_is_named_and_ends_with_3(medtl, out):
    path = out / "results" / f"{key_of(out)}.json"
    path.write_text("{")
    answer = medtl("log", path.stem[:8], "--out", out)
    assert (answer.code, str(path) in answer.sentence) == (3, True)


def test_a_run_ends_with_what_failed_and_the_command_that_shows_more(
    medtl, plugin_file, tmp_path, monkeypatch
):
    out = tmp_path / "my out"
    plugins = [word for n in ("tiny", "hostile") for word in ("--plugin", plugin_file(n))]
    methods = ("-a", "raises", "-a", "column")
    run = ("run", "-d", "tiny", *methods, "--preset", "smoke", "--on", "in-process", *plugins)
    ran = medtl(*run, "--out", out)
    assert ran.code == 1
    lines = ran.out[ran.out.index("Failed\n") :].splitlines()
    assert lines[1].split() == ["key", "trial", "why"]
    assert re.fullmatch(
        r"[0-9a-f]{8}  tiny \S+: raises seed 0 +ValueError: the sources are odd", lines[2]
    )
    asked = f"medtl-bench log {lines[2].split()[0]} --out '{out}'"
    assert lines[4] == f"The traceback of the first: {asked}"
    shown = medtl("log", lines[2].split()[0], "--out", out)
    assert 'raise ValueError("the sources are odd")' in shown.out
    monkeypatch.setattr("medtl_bench.cli.runs.SHOWN_FAILURES", 1)
    again = medtl(*run, "--out", out)
    assert "... and 1 more" in again.out
