"""A run that is killed half way leaves no process behind and, resumed, the very same numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

TRIALS = 24
PATIENCE = 200.0  # seconds: other work may run beside a test
COMMAND = [sys.executable, "-c", "from medtl_bench.cli.main import main; main()"]


class Driver:
    """A command in a process of its own, with all that it starts marked by a variable."""

    def __init__(self, arguments: list[str], out: Path, temporary: Path | None = None) -> None:
        self.mark, self.out = uuid4().hex, out
        self.temporary = temporary or out.with_name(f"{out.name}-temporary")
        self.temporary.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "MEDTL_TEST_MARK": self.mark,
            "TMPDIR": str(self.temporary),
        }
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, "--out", str(out)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_records(self, count: int) -> None:
        self.wait_for(lambda: len(list((self.out / "results").glob("*.json"))) >= count)

    def wait_for(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not there():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self, seconds: float = PATIENCE) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def left_behind(self) -> list[psutil.Process]:
        """Return what still runs a few seconds after the end."""
        end = time.monotonic() + 8
        while (left := self._marked()) and time.monotonic() < end:
            time.sleep(0.1)
        return left

    def _marked(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get("MEDTL_TEST_MARK") == self.mark
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return found


def scores(out: Path) -> dict[str, str]:
    """Return the scores of every record, as the bytes they are stored as, by key."""
    found = {}
    for path in (out / "results").glob("*.json"):
        content = json.loads(path.read_text())
        assert content["outcome"]["status"] == "ok", content["outcome"]
        found[path.stem] = json.dumps(content["outcome"]["scores"])
    return found


@pytest.fixture(scope="module")
def arguments(plugin_file):
    names = ["-d", "tiny", "-a", "slow", "-a", "column", "-a", "meek"]
    plugins = ["--plugin", plugin_file("tiny"), "--plugin", plugin_file("hostile")]
    return [
        "run",
        *names,
        *plugins,
        "--preset",
        "smoke",
        "--seeds",
        str(TRIALS // 6),
        "--jobs",
        "2",
    ]


@pytest.fixture(scope="module")
def unbroken(arguments, tmp_path_factory):
    """Return the scores of a run that nothing disturbs."""
    out = tmp_path_factory.mktemp("unbroken")
    code, _, err = Driver(arguments, out).end()
    assert code == 0, err
    assert len(scores(out)) == TRIALS
    return scores(out)


@pytest.mark.slow
def test_a_run_killed_half_way_leaves_nothing_and_is_resumed_to_the_same_scores(
    arguments, unbroken, tmp_path
):
    driver = Driver(arguments, tmp_path)
    driver.wait_for_records(TRIALS // 3)
    driver.process.kill()
    assert driver.end()[0] == -signal.SIGKILL
    assert driver.left_behind() == []
    done = scores(tmp_path)
    assert TRIALS // 3 <= len(done) < TRIALS
    written = {key: (tmp_path / "results" / f"{key}.json").stat().st_mtime_ns for key in done}
    code, out, err = Driver(arguments, tmp_path).end()
    assert code == 0, err
    assert f"{TRIALS} trials, {len(done)} of them done before." in out
    assert scores(tmp_path) == unbroken
    assert {
        key: (tmp_path / "results" / f"{key}.json").stat().st_mtime_ns for key in done
    } == written
    assert not list(tmp_path.rglob("*.tmp"))


RESUMED = "Interrupted. What had finished is stored; the same command goes on from there."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "times", "gap"),
    [
        (signal.SIGHUP, 1, 0.0),
        (signal.SIGINT, 3, 0.02),
        (signal.SIGTERM, 2, 0.1),
    ],
)
def test_a_signal_however_often_is_one_sentence_leaves_nothing_and_the_run_can_be_resumed(
    arguments, unbroken, tmp_path, number, times, gap
):
    driver = Driver(arguments, tmp_path)
    driver.wait_for_records(3)
    for _ in range(times):
        driver.process.send_signal(number)
        time.sleep(gap)
    code, _, err = driver.end()
    assert driver.left_behind() == []
    assert (code, err.splitlines()) == (128 + number, [RESUMED])
    assert list(driver.temporary.iterdir()) == []
    assert not (tmp_path / ".datasets").exists()
    assert 3 <= len(scores(tmp_path)) < TRIALS
    assert Driver(arguments, tmp_path).end()[0] == 0
    assert scores(tmp_path) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.5])
def test_a_terminal_interrupts_all_processes_of_a_run_also_those_that_are_just_starting(
    arguments, tmp_path, seconds
):
    driver = Driver(arguments, tmp_path)
    time.sleep(seconds)
    os.killpg(driver.process.pid, signal.SIGINT)
    code, _, err = driver.end()
    assert (code, "Traceback" in err) == (130, False), err
    assert driver.left_behind() == []
    assert list(driver.temporary.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_run_left_in_the_temporary_folder_is_removed_by_the_next(arguments, tmp_path):
    driver = Driver(arguments, tmp_path)
    driver.wait_for_records(1)
    strange = driver.temporary / "medtl-bench-of-others"
    strange.mkdir()
    driver.process.kill()
    driver.end()
    assert len(list(driver.temporary.iterdir())) == 2
    assert Driver(arguments, tmp_path).end()[0] == 0
    assert list(driver.temporary.iterdir()) == [strange]


@pytest.mark.slow
def test_a_temporary_folder_may_have_a_path_too_long_for_a_socket(arguments, tmp_path):
    long = tmp_path / ("long" * 25)
    long.mkdir()
    driver = Driver(arguments, tmp_path / "out", long)
    assert driver.end()[0] == 0
    assert list(long.iterdir()) == []


@pytest.mark.slow
def test_an_interrupt_before_the_first_trial_ends_with_130_too(arguments, tmp_path):
    driver = Driver(arguments, tmp_path)
    time.sleep(1.0)
    driver.process.send_signal(signal.SIGINT)
    code, _, err = driver.end()
    assert (code, "Traceback" in err) == (130, False), err
    assert driver.left_behind() == []


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_is_refused_while_the_first_goes_on(
    arguments, unbroken, tmp_path
):
    first = Driver(arguments, tmp_path)
    first.wait_for((tmp_path / ".run.lock").exists)
    code, _, err = Driver(arguments, tmp_path).end()
    assert code == 2
    assert err.startswith(f"Another run is writing to {tmp_path}")
    assert first.end()[0] == 0
    assert scores(tmp_path) == unbroken
