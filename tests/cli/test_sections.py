"""What `list`, `show`, `plan` and `data list` print: whole lines in a pipe, or JSON and no more."""

import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from io import StringIO

import pytest
from rich.console import Console

from medtl_bench.catalogue import discovery
from medtl_bench.cli import console, sections

MEDTL = "from medtl_bench.cli.main import main; main()"
HOSTILE = "\x1b[31mred\x07 \u202ereversed \u2028 end\r\n[2/2] ok forged"
LONG = "a-method-whose-name-is-as-long-as-names-may-be-" + "x" * 16


@pytest.fixture
def plugins(plugin_file, write_plugin) -> list[str]:
    """Return options that name a sound plugin, a hostile one, a loud one and a broken one."""
    hostile = write_plugin(f"""
import os
import sys
from dataclasses import replace
from tests.plugins_for_tests.tiny import CARD, Column
from tests.plugins_for_tests.tiny import build as tiny

HOSTILE = {HOSTILE!r}

def build():
    print("loading the cells")
    os.system("echo from a child")
    return replace(tiny(), name="loud", card=replace(CARD, licence=HOSTILE, privacy=HOSTILE))

class Odd(Column):
    __doc__ = HOSTILE

    @classmethod
    def supports(cls, task):
        return HOSTILE

class Unlimited(Column):
    "Has no limit."
    limit: float = float("inf")
    __annotations__ = {{"limit": float}}

@hookimpl
def medtl_datasets():
    return [DatasetEntry("loud", build, HOSTILE, "simulated")]

@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("odd", Odd, HOSTILE, "baseline"),
            AlgorithmEntry("{LONG}", Column, "Long.", "baseline")]
""", "hostile_texts")  # fmt: skip
    broken = write_plugin(f"raise ValueError({HOSTILE!r})", "broken")
    files = (plugin_file("tiny"), hostile, broken)
    return [word for file in files for word in ("--plugin", file)]


ASKED = ("-d", "tiny", "-d", "loud", "-a", "column", "-a", "odd", "-a", "only-masks")
COMMANDS = {
    "list": ("list",),
    "show of data": ("show", "loud"),
    "show of a method": ("show", "odd"),
    "plan": ("plan", *ASKED, "--preset", "smoke", "--out", "nowhere"),
    "data list": ("data", "list"),
    "data verify": ("data", "verify", "loud", "tiny"),
}
every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def document(plugins):
    """Return a function: the JSON that a command prints in a process of its own."""

    def call(*words: str, code: int = 0) -> dict[str, list[dict[str, object]]]:
        done = subprocess.run(
            [sys.executable, "-c", MEDTL, *words, *plugins, "--json"],
            capture_output=True, check=False, env=os.environ | {"FORCE_COLOR": "1"},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert not hidden(done.stdout.decode("ascii").replace("\n", ""))
        return json.loads(done.stdout)

    return call


def hidden(text: str) -> set[str]:
    """Return the signs of a text that a terminal would obey instead of showing them."""
    return {sign for sign in text if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


def named(rows: list[dict[str, object]], name: str) -> dict[str, object]:
    (row,) = [row for row in rows if name in row.values()]
    return row


def test_list_as_json(document):
    told = document("list")
    assert list(told)[:3] == ["algorithms", "datasets", "applications"]
    odd = named(told["algorithms"], "odd")
    distribution = {"family": "baseline", "summary": HOSTILE, "from": "a file"}
    assert odd == {"name": "odd", **distribution}
    assert named(told["datasets"], "h5ad:...")["area"] == "genomics"
    assert "muv" in named(told["applications"], "virtual screening")["datasets"]
    assert {row["name"] for row in told["protocols"]} >= {"transfer", "stream"}
    (broken,) = told["broken_plugins"]
    assert (broken["name"], broken["reason"].endswith(HOSTILE)) == ("broken", True)


@pytest.mark.slow
def test_show_of_data_as_json(document):
    told = document("show", "loud")
    assert (told["dataset"]["name"], told["dataset"]["licence"]) == ("loud", HOSTILE)
    assert told["task"]["row"] == {"x": [3]}
    assert named(told["domains"], "a")["rows_by_class"] == {"no": 12, "yes": 12}
    assert named(told["transfers"], "to-c")["sources"] == ["a", "b"]
    stream = {"name": "all", "domains": ["a", "b", "c"], "labels": "shared"}
    assert told["streams"] == [stream]
    assert len(told["origin"]["digest"]) == 64


def test_show_of_a_method_as_json(document):
    told = document("show", "odd")
    assert told["algorithm"]["family"] == "baseline"
    assert named(told["parameters"], "noise") == {
        "name": "noise", "type": "float", "default": 0.1, "searched": None
    }  # fmt: skip


@pytest.mark.slow
def test_plan_as_json_agrees_with_run(document, medtl, plugins, tmp_path):
    told = document("plan", *ASKED, "--preset", "smoke", "--out", str(tmp_path))
    total = {"trials": 4, "missing": 4, "skipped": 8, "out": str(tmp_path)}
    assert told["total"] == total
    assert sum(row["trials"] for row in told["trials"]) == 4
    able = [row for row in told["pairs"] if not row["skipped"]]
    assert [sum(row[name] for row in able) for name in ("trials", "missing")] == [4, 4]
    assert sum(row["trials"] for row in told["pairs"]) == 4 + 8
    assert named(told["skipped"], "only-masks") == {
        "algorithm": "only-masks", "datasets": ["tiny", "loud"], "reason": "it only segments"
    }  # fmt: skip
    options = ("--preset", "smoke", "--on", "in-process", "--out", tmp_path, *plugins)
    ran = medtl("run", *ASKED, *options)
    assert "4 trials ran, 8 were skipped, 0 failed." in ran.out
    again = document("plan", *ASKED, "--preset", "smoke", "--out", str(tmp_path))
    assert again["total"] == total | {"missing": 0}


@pytest.mark.slow
def test_data_list_and_verify_as_json(document):
    told = document("data", "list")
    loud = named(told["datasets"], "loud")
    assert (loud["status"], loud["rows"], loud["reason"]) == ("ok", 72, None)
    assert named(told["datasets"], "tiny-broken")["status"] == "broken"
    (sound, bad) = document("data", "verify", "tiny", "tiny-broken", code=2)["datasets"]
    assert (sound["status"], len(sound["digest"]), bad["status"]) == ("ok", 64, "failed")


def test_a_mistake_leaves_standard_output_empty(medtl, plugins):
    for words in (("show", "tinny"), ("plan", "-d", "tinny"), ("plan",)):
        answer = medtl(*words, *plugins[:2], "--json")
        assert (answer.code, answer.out) == (2, "")
        assert answer.sentence


def test_json_knows_neither_infinity_nor_nan(capsys):
    values = {"parameters": [{"default": float("inf")}, {"default": [float("nan"), 1.5]}]}
    sections.tell(lambda: values, as_json=True)
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told == {"parameters": [{"default": "inf"}, {"default": ["nan", 1.5]}]}


@every_command
def test_in_a_pipe_a_row_is_a_line_and_no_text_feigns_one(medtl, plugins, words):
    shown = medtl(*words, *plugins)
    assert not hidden((shown.out + shown.err).replace("\n", ""))
    assert not re.search(r"^\[2/2\]", shown.out + shown.err, re.MULTILINE)
    assert not re.search("[\u2500-\u257f]", shown.out)


def test_in_a_pipe_every_entry_is_a_line_of_its_own(medtl, plugins):
    lines = medtl("list", *plugins).out.splitlines()
    found = discovery.find(plugins[1::2])
    for name, one in (*found.algorithms.items(), *found.metrics.items()):
        (line,) = [line for line in lines if line.startswith(f"{name}  ")]
        cells = re.split(r"\s{2,}", line)
        assert cells[-1] == one.plugin.distribution
        assert (
            " ".join(one.entry.summary.split())[:30] in console.plain(line).plain or name == "odd"
        )


def test_a_cell_without_text_is_a_dash_in_a_pipe(medtl, plugins):
    lines = medtl("data", "list", *plugins).out.splitlines()
    (line,) = [line for line in lines if line.startswith("tiny-unreadable")]
    assert re.split(r"\s{2,}", line)[2:-1] == ["broken", "-", "-", "-", "-"]


class Terminal(StringIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [20, 60, 400])
def test_a_terminal_of_any_width_shows_whole_names(medtl, plugins, monkeypatch, width):
    shown = Terminal()
    monkeypatch.setattr(console, "out", Console(file=shown, width=width, color_system=None))
    assert medtl("list", *plugins).code == 0
    for name in discovery.find(plugins[1::2]).algorithms:
        assert f"{name} " in shown.getvalue()
    longest = max(map(len, shown.getvalue().splitlines()))
    assert longest <= max(width, 200)


def test_a_narrow_terminal_in_earnest(plugins):
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", MEDTL, "show", "column", *plugins]
    done = subprocess.Popen(
        command, stdout=follower, stderr=follower, env=os.environ | {"COLUMNS": "20"}
    )
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # how a terminal says that its other end is closed
        pass
    os.close(leader)
    assert done.wait() == 0
    assert b"differs from plain training from" in shown
