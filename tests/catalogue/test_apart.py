"""Whatever a plugin does while it is imported, it does to itself alone, and is told of it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from medtl_bench.catalogue import apart, discovery
from medtl_bench.catalogue.entries import Plugin
from medtl_bench.errors import MedTLError

pytestmark = pytest.mark.skipif(not apart.ABLE, reason="there is no fork here")
SOUND = """
@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("sound", "collections:OrderedDict", "Does little.", "baseline")]
"""
TOO_LONG = r"took longer than 2 seconds \(MEDTL_BENCH_IMPORT_SECONDS allows more\)"
FAULTS = {
    "import os; os._exit(0)": "importing it ended its process with exit code 0",
    "import os; os._exit(7)": "importing it ended its process with exit code 7",
    "import os; os.abort()": "importing it ended its process by SIGABRT",
    "import ctypes; ctypes.string_at(0)":
        "importing it ended its process by SIGSEGV",
    "import os, signal; os.kill(0, signal.SIGKILL)": "importing it ended its process by SIGKILL",
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)": "importing it raised Keyboard",
    "raise KeyboardInterrupt": "importing it raised KeyboardInterrupt$",
    "import sys; sys.exit()": "importing it raised SystemExit",
    "x = bytearray(2**36)": "importing it raised MemoryError",
    "import threading; threading.Event().wait()": "importing it " + TOO_LONG,
    "while True: pass": "importing it " + TOO_LONG,
    "input()": "importing it raised EOFError",
    "import os; os.fork()": "it left a process at work",
    "import subprocess; subprocess.Popen(['sleep', '60'])": "it left a process at work",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), name='t').start()":
        "it left a thread at work: t",
    "import os; os.chdir('/')": "it changed the working directory",
    "import signal; signal.signal(signal.SIGTERM, print)": "it changed what is done at signals",
    "import sys; sys.excepthook = print": "it changed sys.excepthook",
    "import sys; sys.stdout.close()": "importing it closed standard output",
    "import os; os.write(1, b'raw')": "it printed to standard output: 'raw'",
    "import os; os.system('echo from a shell')": "it printed to standard output: 'from a shell",
    "import atexit, os; atexit.register(os._exit, 0)": "at exit it ended its process with exit",
    "import os; os.closerange(3, 999)": "importing it ended its process with exit code 1",
    "import os, time; os.closerange(3, 999); time.sleep(60)": "importing it closed files",
}  # fmt: skip


def reasons(*files: str) -> dict[str, str]:
    """Return why plugin files are broken, by file."""
    broken = discovery.find(files).broken
    return {one.plugin.file: one.reason for one in broken if one.plugin.file in files}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plugin_that_does_harm_at_import_is_named_and_the_rest_works(
    write_plugin, monkeypatch, fault
):
    if " took longer" in FAULTS[fault]:
        monkeypatch.setenv(apart.LIMIT, "2")
    surroundings = Path.cwd(), signal.getsignal(signal.SIGTERM), sys.excepthook, sys.stdout
    threads, processes = threading.active_count(), set(apart._started_by(os.getpid()))
    bad, sound = write_plugin(fault + "\n" + SOUND, "bad"), write_plugin(SOUND, "good")
    catalogue = discovery.find([bad, sound])
    (broken,) = [one for one in catalogue.broken if one.plugin.file == bad]
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        raise AssertionError(broken.reason)
    assert catalogue.algorithms["sound"].plugin.file == sound
    now = Path.cwd(), signal.getsignal(signal.SIGTERM), sys.excepthook, sys.stdout
    assert now == surroundings
    assert threading.active_count() == threads
    assert set(apart._started_by(os.getpid())) == processes


@pytest.mark.parametrize(
    "harmless",
    [
        "import warnings; warnings.warn('careful'); warnings.simplefilter('error')",
        "import sys; print('a word', file=sys.stderr)",
        "import os; os.write(2, b'raw')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.environ['A_SETTING'] = '1'",
        "import random; random.seed(0)",
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
        ),
        "import atexit; atexit.register(print, 'bye')",
    ],
)
def test_what_harms_nobody_is_let_be_and_reaches_nobody(write_plugin, capfd, harmless):
    filters, environment = list(warnings.filters), dict(os.environ)
    assert reasons(write_plugin(harmless + SOUND)) == {}
    assert (list(warnings.filters), dict(os.environ)) == (filters, environment)
    assert tuple(capfd.readouterr()) == ("", "")


LEAVES = """
import os, subprocess, sys
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    open({mark!r}, "w").write(str(os.getpid()))
    os.execlp("sleep", "sleep", "60")
os.wait()
{then}
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this is not Linux")
@pytest.mark.parametrize(
    ("then", "told"),
    [
        (SOUND, "it left a process at work"),
        ("import time; time.sleep(60)", "importing it " + TOO_LONG),
    ],
)
def test_a_process_that_a_plugin_hides_is_found_and_ended(
    write_plugin, tmp_path, monkeypatch, then, told
):
    monkeypatch.setenv(apart.LIMIT, "2")
    mark = tmp_path / "mark"
    file = write_plugin(LEAVES.format(mark=str(mark), then=then))
    assert re.fullmatch(told, reasons(file)[file])
    ended_soon(int(mark.read_text()))


def ended_soon(process: int) -> None:
    """Fail the test unless a process ends soon."""
    stat, deadline = Path(f"/proc/{process}/stat"), time.monotonic() + 5
    while stat.is_file() and " Z " not in stat.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_hook_that_ends_its_process_is_told_as_such(write_plugin):
    file = write_plugin(SOUND.replace("return", "import os; os._exit(0)\n    return"))
    assert reasons(file) == {file: "calling its hooks ended its process with exit code 0"}


def test_each_plugin_is_asked_for_itself(write_plugin):
    patches = "import json, pluggy\njson.dumps = pluggy.PluginManager = None\n"
    bad = [write_plugin("import os; os._exit(1)", f"bad_{number}") for number in range(9)]
    beside = write_plugin(patches + SOUND.replace("sound", "beside"), "beside")
    assert reasons(*bad, beside).keys() == {*bad, beside}
    assert reasons(write_plugin(SOUND)) == {}


def test_many_that_hang_are_waited_for_together(write_plugin, monkeypatch):
    monkeypatch.setenv(apart.LIMIT, "1")
    files = [write_plugin("import time; time.sleep(60)", f"late_{n}") for n in range(8)]
    start = time.monotonic()
    assert len(reasons(*files)) == len(files)
    assert time.monotonic() - start < len(files)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "long", ""])
def test_a_limit_that_is_none_is_told(write_plugin, monkeypatch, text):
    monkeypatch.setenv(apart.LIMIT, text)
    with pytest.raises(MedTLError, match=f"IMPORT_SECONDS is a number .* above 0, but is '{text}'"):
        discovery.find([write_plugin(SOUND)])


def test_a_directory_that_is_gone_breaks_no_plugin(write_plugin, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert reasons(write_plugin(SOUND)) == {}


def test_without_fork_plugins_are_asked_in_this_process(write_plugin, monkeypatch):
    monkeypatch.setattr(apart, "ABLE", False)
    good, bad = write_plugin(SOUND, "good"), write_plugin("raise ValueError('no')", "bad")
    assert reasons(good, bad) == {bad: "importing it raised ValueError: no"}
    assert "sound" in discovery.find([good]).algorithms
    apart.rehearse(Plugin("p", "a file", "0", good), "loading", lambda: pytest.fail("was done"))


def test_nothing_of_a_plugin_is_imported_until_it_is_used(write_plugin, tmp_path):
    mark = tmp_path / "mark"
    body = f"import os\nopen({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')\n"
    held = SOUND.replace('"collections:OrderedDict"', "dict")
    catalogue = discovery.find([write_plugin(body + held)])
    registered = catalogue.algorithms["sound"]
    again = discovery.heard(discovery.own(), catalogue.told).algorithms["sound"]
    assert str(os.getpid()) not in mark.read_text().split()
    for one in (registered, again, again):
        assert one.load(one.entry.implementation) is dict
    assert mark.read_text().split().count(str(os.getpid())) == 2
    assert repr(registered.entry.implementation) == "<class 'dict'>"


def test_a_plugin_that_is_another_when_it_is_used_is_told(write_plugin):
    file = write_plugin(SOUND)
    entries = discovery.find([file]).algorithms["sound"]
    Path(file).write_text("raise ValueError('changed')")
    with pytest.raises(MedTLError, match="is broken: importing it raised ValueError: changed"):
        entries.load(entries.entry.implementation)
    write_plugin(SOUND.replace("sound", "other"))
    with pytest.raises(MedTLError, match="does not bring the algorithm 'sound' any more"):
        entries.load(entries.entry.implementation)


@pytest.mark.parametrize("is_own", [True, False])
def test_what_ends_its_process_is_rehearsed_in_another(monkeypatch, is_own):
    plugin = Plugin("p", "medtl-bench" if is_own else "other", "0", "p.py")
    done: list[int] = []
    apart.rehearse(plugin, "loading 'x'", lambda: done.append(1) or 1 / 0)
    assert done == []
    if is_own:
        return
    with pytest.raises(MedTLError, match=r"^plugin 'p' of other .*: loading 'x' ended its process"):
        apart.rehearse(plugin, "loading 'x'", lambda: os._exit(0))
    monkeypatch.setattr(apart, "PATIENCE", 1)
    monkeypatch.setenv(apart.LIMIT, "0.3")
    with pytest.raises(MedTLError, match=r"loading 'x' took longer than 0\.3 seconds"):
        apart.rehearse(plugin, "loading 'x'", lambda: time.sleep(60))


def test_a_process_that_is_asked_ends_with_the_one_that_asks(write_plugin, tmp_path):
    mark = tmp_path / "mark"
    body = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    command = (
        "import sys; from medtl_bench.catalogue import discovery; discovery.find(sys.argv[1:])"
    )
    asking = subprocess.Popen([sys.executable, "-c", command, write_plugin(body)])
    while not (mark.is_file() and mark.read_text()):
        time.sleep(0.05)
    asking.kill()
    asking.wait()
    ended_soon(int(mark.read_text()))
