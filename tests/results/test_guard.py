"""Records stay as the run knows them, whatever else writes into their folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from medtl_bench.results.guard import guarded
from medtl_bench.results.store import MOST_BYTES, Store
from tests.records import record

OLD, NEW, FORGED = (record(seed=seed) for seed in range(3))


def forged(folder: Path) -> None:
    for one in (OLD, NEW, FORGED):
        outcome = one.outcome.model_copy(update={"reason": "forged"})
        Store(folder).write(one.model_copy(update={"outcome": outcome}))


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        path = Store(folder).path(OLD.trial.key)
        path.unlink()
        make(path)

    return harm


HARMS = {
    "forged": forged,
    "gone": replaced(lambda path: None),
    "a folder": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "a link": replaced(lambda path: path.symlink_to("/dev/zero")),
    "cut": replaced(Path.touch),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_something_else_did_to_records_is_undone_and_told(harm: str, tmp_path: Path) -> None:
    Store(tmp_path).write(OLD)
    told: list[str] = []
    with guarded(tmp_path, told.append) as store:
        store.write(NEW)
        HARMS[harm](tmp_path)
    contents = store.read()
    assert contents.records == {one.trial.key: one for one in (OLD, NEW)}
    assert contents.damaged == {}
    (sentence,) = told
    assert OLD.trial.key in sentence


def test_a_run_that_nobody_disturbs_is_told_nothing_and_a_broken_file_stays(tmp_path: Path) -> None:
    Store(tmp_path).write(OLD)
    (tmp_path / "broken.json").write_text("{")
    with guarded(tmp_path, pytest.fail) as store:
        store.write(NEW)
    assert set(store.read().records) == {OLD.trial.key, NEW.trial.key}
    assert (tmp_path / "broken.json").read_text() == "{"


BEFORE = {
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("/dev/zero"),
    "a large file": lambda path: (path.touch(), os.truncate(path, MOST_BYTES + 1)),
}


@pytest.mark.parametrize("kind", BEFORE)
def test_what_was_there_before_and_is_no_record_is_not_the_doing_of_a_trial(
    kind: str, tmp_path: Path
) -> None:
    BEFORE[kind](tmp_path / "odd.json")
    with guarded(tmp_path, pytest.fail) as store:
        store.write(NEW)
    assert os.path.lexists(tmp_path / "odd.json")
    assert "odd.json" not in store.known


def test_records_are_put_back_where_a_run_is_interrupted(tmp_path: Path) -> None:
    Store(tmp_path).write(OLD)

    def interrupted() -> None:
        with guarded(tmp_path, lambda _: None):
            forged(tmp_path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Store(tmp_path).read().records == {OLD.trial.key: OLD}
