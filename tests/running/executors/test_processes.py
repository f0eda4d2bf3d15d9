"""Jobs in processes of their own: whatever one does, it becomes a reply and nothing is left."""

import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.running.executors import inprocess, temporary
from medtl_bench.running.executors.processes import Processes
from medtl_bench.running.messages import DescribeDataset, Job, RunTrial
from medtl_bench.running.request import Request, make_plan

TIMEOUT = 6.0
HOSTILE = ["raises", "raises-invalid-text", "raises-system-exit", "exits", "dies", "segfaults",
           "leaves-a-fork", "sleeps", "hungry", "hungry-in-lists", "reserves", "nan", "prints",
           "disturbs", "reports", "meek"]  # fmt: skip


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Return whether all these processes end in a few seconds."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.fixture(scope="module")
def files(plugin_file):
    return plugin_file("tiny"), plugin_file("hostile")


@pytest.fixture(scope="module")
def jobs(files, tmp_path_factory):
    """Return a job for each hostile algorithm, and the folder in which each may leave its note."""
    notes = tmp_path_factory.mktemp("notes")
    given = [f"{name}.note={notes / name}" for name in HOSTILE]
    asked = Request(["tiny"], HOSTILE, ["transfer"], "smoke", parameters=given, plugin_files=files)
    planning = make_plan(asked, discovery.find(files), inprocess.run)
    return {
        p.trial.algorithm: Job(work=RunTrial(trial=p.trial), plugin_files=files)
        for p in planning.planned
    }, notes


@pytest.fixture(scope="module")
def replies(jobs):
    """Run all of them, two at a time; the reports of global state come after the disturbance."""
    by_name, _ = jobs
    start = time.monotonic()
    found = {
        job.trials[0].algorithm: reply
        for job, reply in Processes(2, TIMEOUT, memory=6144)(by_name.values())
    }
    assert time.monotonic() - start < 120  # of which it waits one time limit
    return found


def test_every_job_gets_its_reply(replies):
    assert set(replies) == set(HOSTILE)
    failed = {name for name, reply in replies.items() if reply.outcome.status == "failed"}
    assert {name for name, reply in replies.items() if reply.outcome.status == "ok"} == {
        "prints",
        "disturbs",
        "reports",
        "reserves",
        "meek",
    }
    assert failed == set(HOSTILE) - {"prints", "disturbs", "reports", "reserves", "meek", "sleeps"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "ValueError: the sources are odd"),
        ("raises-invalid-text", "ValueError: cut in the middle: ?"),
        ("raises-system-exit", "SystemExit: 0"),
        ("exits", "Its process ended by itself with exit code 7."),
        ("dies", "Its process was ended by SIGKILL."),
        ("segfaults", "Its process was ended by SIGSEGV."),
        ("leaves-a-fork", "Its process ended by itself with exit code 3."),
        ("hungry", "It ran out of memory: "),
        ("hungry-in-lists", "It ran out of memory: "),
        ("nan", "predict returned 8 values that are NaN or infinite."),
        ("sleeps", "It ran longer than the limit of 6 seconds."),
    ],
)
def test_what_became_of_a_job_is_told(replies, name, reason):
    outcome = replies[name].outcome
    assert outcome.reason.startswith(reason)
    assert outcome.status == ("timeout" if name == "sleeps" else "failed")
    assert outcome.scores == ()
    assert outcome.seconds["total"] > 0
    assert replies[name].exit_code != 0


def test_what_a_dead_process_had_printed_is_kept(replies):
    assert "about to leave" in replies["exits"].outcome.log
    assert "falling asleep" in replies["sleeps"].outcome.log
    assert "hostile.py" in replies["raises"].outcome.log


def test_a_process_that_dies_is_noticed_at_once_also_where_a_fork_of_it_lives_on(replies):
    for name in ("exits", "dies", "leaves-a-fork"):
        assert replies[name].outcome.seconds["total"] < TIMEOUT / 2


def test_a_time_limit_ends_children_and_grandchildren_that_ignore_sigterm(replies, jobs):
    _, notes = jobs
    pids = [int(pid) for pid in (notes / "sleeps").read_text().split()]
    assert len(pids) == 2
    assert gone(pids)
    assert TIMEOUT <= replies["sleeps"].outcome.seconds["total"] < TIMEOUT + 2


def test_a_job_that_changes_global_state_changes_it_for_itself_alone(replies, jobs):
    _, notes = jobs
    assert (notes / "reports").read_text().split() == [
        "torch.float32",
        "1",
        str(Path.cwd()),
        "False",
        "True",
    ]
    assert replies["meek"].outcome.scores == replies["reports"].outcome.scores
    assert replies["meek"].outcome.scores != replies["disturbs"].outcome.scores


def test_replies_are_those_of_this_process(replies, jobs):
    by_name, _ = jobs
    ((_, here),) = inprocess.run([by_name["meek"]])
    assert here.outcome.scores == replies["meek"].outcome.scores
    assert replies["meek"].outcome.peak_memory > 0


def test_no_process_is_left_when_the_caller_stops_listening(jobs, tmp_path):
    by_name, notes = jobs
    (notes / "sleeps").write_text("")
    executor = Processes(2, 60)([by_name["sleeps"], by_name["meek"]])
    next(executor)
    end = time.monotonic() + 10
    while len((notes / "sleeps").read_text().split()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    pids = [int(pid) for pid in (notes / "sleeps").read_text().split()]
    assert all(map(alive, pids))
    executor.close()
    assert gone(pids)


@pytest.mark.slow
def test_the_fork_server_may_die(jobs):
    by_name, _ = jobs
    executor = Processes(1, 30)([by_name["meek"]] * 3)
    next(executor)
    psutil.Process(forkserver._forkserver._forkserver_pid).kill()
    # the second runs already, and may die with the server
    replies = [reply for _, reply in executor]
    assert [reply.outcome.status for reply in replies][1:] == ["ok"]


def test_of_a_large_log_nothing_stands_on_disk(jobs):
    by_name, _ = jobs
    for _, reply in Processes(1, 30)([by_name["prints"]]):
        assert reply.outcome.status == "ok"
        assert not any(path.suffix == ".log" for path in temporary.folder().rglob("*"))
    assert temporary.folder().is_dir()


def test_jobs_are_taken_only_when_there_is_room_for_them(files):
    taken = []

    def endless():
        while True:
            taken.append(Job(work=DescribeDataset(name="tiny"), plugin_files=files))
            yield taken[-1]

    executor = Processes(2, 30)(endless())
    for _ in range(3):
        _, reply = next(executor)
        assert reply.dataset.name == "tiny"
    executor.close()
    assert len(taken) <= 6  # two at first, and two for each two that ended


def test_no_jobs_are_no_replies():
    assert list(Processes(2)([])) == []


def test_jobs_have_the_environment_of_now_and_not_of_when_the_server_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "environment.py"
    file.write_text(
        "import os\n"
        "from medtl_bench.errors import DataError\n"
        "from medtl_bench.contract.hooks import DatasetEntry, hookimpl\n"
        "def build():\n"
        "    raise DataError(os.environ.get('MEDTL_TESTED', 'unset'))\n"
        "@hookimpl\n"
        "def medtl_datasets():\n"
        "    return [DatasetEntry('telling', build, 'Tells.', 'simulated')]\n"
    )
    job, told = Job(work=DescribeDataset(name="telling"), plugin_files=(str(file),)), []
    for value in ("first", "second"):
        monkeypatch.setenv("MEDTL_TESTED", value)
        told += [reply.outcome.reason for _, reply in Processes()([job])]
    monkeypatch.delenv("MEDTL_TESTED")
    told += [reply.outcome.reason for _, reply in Processes()([job])]
    assert told == ["first", "second", "unset"]
