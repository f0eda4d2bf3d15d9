"""Whatever standard output and error are, a command does its work and prints no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MEDTL = "from medtl_bench.cli.main import main; main()"
SIGNS = "naïve – µ-shift 漢字"


@pytest.fixture
def plugin(write_plugin) -> str:
    """Return a plugin with signs that few encodings have."""
    return write_plugin(f"""
from dataclasses import replace
from tests.plugins_for_tests.tiny import build as tiny
from tests.plugins_for_tests.tiny import Column

def build():
    sound = tiny()
    domains = [replace(d, name=d.name + " {SIGNS}") for d in sound.domains]
    names = tuple(d.name for d in domains)
    transfer = replace(sound.transfers[0], name="{SIGNS}", sources=names[:2], targets=names[2:])
    return replace(sound, name="signs", domains=tuple(domains), transfers=(transfer,), streams=())

class Fails(Column):
    def fit(self, sources, unlabelled):
        raise ValueError("{SIGNS} \\udcff")

@hookimpl
def medtl_datasets():
    return [DatasetEntry("signs", build, "{SIGNS}", "simulated")]

@hookimpl
def medtl_algorithms():
    names = {{"well": Column, "fails": Fails}}
    return [AlgorithmEntry(n, c, "{SIGNS}", "baseline") for n, c in names.items()]
""")


def shell(redirection: str, *words: object, **environment: str) -> subprocess.CompletedProcess:
    """Run a command in a shell that redirects its streams."""
    command = [sys.executable, "-c", MEDTL, *map(str, words)]
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "bash", *command],
        env=os.environ | environment,
        capture_output=True,
        check=False,
        timeout=300,
    )


def run(plugin: str, out: Path) -> tuple[object, ...]:
    """Return the words of a run with one trial that goes well and one that fails."""
    asked = ("-d", "signs", "-a", "well", "-a", "fails", "--preset", "smoke")
    return ("run", *asked, "--plugin", plugin, "--out", out)


def is_whole(out: Path) -> bool:
    """Return whether both trials are stored, and the boards written in UTF-8."""
    texts = [path.read_text(encoding="utf-8") for path in (out / "results").glob("*.json")]
    statuses = sorted(json.loads(text)["outcome"]["status"] for text in texts)
    page = (out / "datasets" / "signs.md").read_text(encoding="utf-8")
    return statuses == ["failed", "ok"] and SIGNS.split(maxsplit=1)[0] in page


ENCODINGS = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "latin-1:strict"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda e: " ".join(e.values()))
def test_no_encoding_ends_a_command(plugin, environment):
    for words in (("list",), ("show", SIGNS)):
        done = shell("", *words, "--plugin", plugin, **environment)
        assert done.returncode == (2 if SIGNS in words else 0), done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_no_encoding_ends_a_run(plugin, tmp_path):
    done = shell("", *run(plugin, tmp_path / "out"), PYTHONIOENCODING="ascii:strict")
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"\\u6f22" in done.stdout
    assert is_whole(tmp_path / "out")


def test_what_a_user_chose_for_signs_that_an_encoding_lacks_stays(plugin):
    done = shell("", "list", "--plugin", plugin, PYTHONIOENCODING="ascii:replace")
    assert b"na?ve ? ?-shift ??" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", "| head -1", ">/dev/full"])
def test_a_run_whose_output_goes_nowhere_stores_all_and_writes_boards(
    plugin, tmp_path, redirection
):
    done = shell(redirection, *run(plugin, tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert is_whole(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "data list"])
def test_a_reader_that_has_enough_is_no_mistake(command):
    done = shell("| head -1", *command.split())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "dann"]])
def test_output_that_could_not_be_written_is_told_and_ends_with_3(words):
    done = shell(">/dev/full", *words)
    assert done.returncode == 3
    expected = "Not all output could be written: No space left on device.\n"
    assert done.stderr.decode() == expected
