"""Methods that try to outlive, outgrow or mislead what watches over them: each costs its job only.

Every one runs beside a meek method, whose reply must come whatever the other does.
"""

import signal
import time
from pathlib import Path

import psutil
import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.running.executors import inprocess, kept, memory, private, server, temporary
from medtl_bench.running.executors.processes import LOST, Processes
from medtl_bench.running.messages import Job, RunTrial
from medtl_bench.running.request import Request, make_plan

TIMEOUT = 8.0
MEMORY = 1280  # MiB, of which the libraries take some 950 of address space
NAMES = ["meek", "closes-everything", "answers-by-half", "answers-without-end",
         "answers-nonsense", "answers-twice", "stops-itself", "stops-its-keeper",
         "ends-its-keeper", "ends-the-server", "stops-the-server", "leaves-a-daemon",
         "prints-without-end", "shares-memory", "fills-a-file-in-memory", "has-hungry-children",
         "closes-its-output", "ends-by-a-rare-signal",
         "leaves-shared-files", "leaves-temporary-files"]  # fmt: skip


@pytest.fixture(scope="module")
def notes(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def jobs(plugin_file, notes):
    files = plugin_file("tiny"), plugin_file("escaping")
    given = [f"{name}.note={notes / name}" for name in NAMES]
    asked = Request(["tiny"], NAMES, ["transfer"], "smoke", parameters=given, plugin_files=files)
    planned = make_plan(asked, discovery.find(files), inprocess.run).planned
    work = {p.trial.algorithm: RunTrial(trial=p.trial) for p in planned}
    return {name: Job(work=one, plugin_files=files) for name, one in work.items()}


@pytest.fixture
def outcome(jobs, monkeypatch):
    """Return a function: the outcome of a method that ran between two meek ones."""
    monkeypatch.setattr(kept, "KEEPER_SECONDS", 2.0)
    monkeypatch.setattr(server, "SECONDS", 2.0)

    def run(name: str, timeout: float = 60.0):
        three = [jobs["meek"], jobs[name], jobs["meek"]]
        replies = list(Processes(1, timeout, MEMORY)(three))
        assert [reply.outcome.status for job, reply in replies if job is jobs["meek"]] == ["ok"] * 2
        assert list(temporary.folder().glob("tmp*")) == []
        (of,) = [reply.outcome for job, reply in replies if job is jobs[name]]
        return of

    return run


def gone(pid: int) -> bool:
    """Return whether a process ends in a few seconds."""
    end = time.monotonic() + 5
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


LATE = f"It ran longer than the limit of {TIMEOUT:g} seconds."


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "answers-by-half",
        pytest.param("closes-everything", marks=SLOW),
        pytest.param("stops-itself", marks=SLOW),
        pytest.param("stops-its-keeper", marks=SLOW),
    ],
)
def test_a_method_that_never_answers_whatever_it_closes_or_stops_has_its_time_and_no_more(
    outcome, name
):
    start = time.monotonic()
    answered = outcome(name, TIMEOUT)
    assert (answered.status, answered.reason) == ("timeout", LATE)
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("answers-without-end", "Its answer is larger than the limit of 256 MiB."),
        ("answers-nonsense", "Its process sent an answer that makes no sense: scores Extra"),
        ("ends-its-keeper", LOST),
        ("ends-by-a-rare-signal", f"Its process was ended by signal {signal.SIGRTMIN + 3}."),
    ],
)
def test_what_is_no_answer_is_told_as_such(outcome, name, reason):
    answered = outcome(name)
    assert answered.status == "failed"
    assert answered.reason.startswith(reason)


@pytest.mark.parametrize(
    "name",
    [
        "answers-twice",
        "closes-its-output",
        "ends-the-server",
        pytest.param("stops-the-server", marks=SLOW),
    ],
)
def test_a_job_goes_on_without_the_fork_server_or_its_output_and_beside_a_fork_of_itself(
    outcome, name
):
    answered = outcome(name)
    assert (answered.status, answered.reason) == ("ok", "")


def test_a_daemon_does_not_outlive_its_job(outcome, notes):
    assert outcome("leaves-a-daemon").status == "ok"
    assert gone(int((notes / "leaves-a-daemon").read_text()))


def test_nothing_outlives_a_keeper_that_was_ended(outcome, notes):
    outcome("ends-its-keeper")
    assert gone(int((notes / "ends-its-keeper").read_text()))


def test_of_what_is_printed_the_end_is_kept_in_memory(outcome):
    answered = outcome("prints-without-end")
    assert answered.reason == "Its process ended by itself with exit code 4."
    assert len(answered.log) == 4000
    assert answered.log.endswith("xxxthe last of it")


@pytest.mark.parametrize("name", ["shares-memory", "fills-a-file-in-memory", "has-hungry-children"])
def test_memory_is_that_of_all_processes_shared_and_in_files(outcome, name):
    answered = outcome(name)
    assert answered.status == "failed"
    assert answered.reason.startswith("It ran out of memory: its processes took 1,")
    assert answered.reason.endswith("MiB together, and the limit is 1,280 MiB.")


@pytest.mark.skipif(not private.possible(), reason="the system lets it have no mounts")
def test_what_a_method_leaves_in_shared_memory_goes_with_it(outcome):
    assert outcome("leaves-shared-files").status == "ok"
    assert not (memory.SHARED / "medtl-left-by-a-test").exists()


def test_what_a_method_leaves_in_its_folder_for_temporary_files_goes_with_it(outcome, notes):
    assert outcome("leaves-temporary-files").status == "ok"
    left = Path((notes / "leaves-temporary-files").read_text())
    assert left.is_relative_to(temporary.folder())
    assert not left.exists()
