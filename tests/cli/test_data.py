"""Data that is not shipped: fetched after its licence is accepted, skipped where it is missing."""

import json
import re
import socket
from collections.abc import Callable
from unittest import SkipTest

import pytest
from pytest_httpserver import HTTPServer

from medtl_bench.catalogue import discovery
from medtl_bench.errors import MedTLError
from medtl_bench.files import downloads
from medtl_bench.report.text.escape import slug
from medtl_bench.testing import checks_of
from tests.plugins_for_tests.remote import WANTED

SKIPPED = "far skipped: not downloaded (medtl-bench data fetch far)"


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """Return a loopback server that has the files."""
    monkeypatch.setenv("MEDTL_TEST_ADDRESS", httpserver.url_for("").rstrip("/"))
    for name in ("far", "one", "two"):
        httpserver.expect_request(f"/{name}.csv").respond_with_data(WANTED)
    return httpserver


@pytest.fixture
def call(medtl, plugin_file, cache) -> Callable:
    """Return a function that calls a command with the plugins of these tests and an empty cache."""
    return lambda *words: medtl(*words, "--plugin", plugin_file("remote"))


@pytest.fixture
def run(call, plugin_file, tmp_path) -> Callable:
    """Return a function that calls `run` in this process."""
    options = (
        "--plugin",
        plugin_file("tiny"),
        "--preset",
        "smoke",
        "--on",
        "in-process",
        "--out",
        tmp_path / "out",
    )
    return lambda *words: call("run", *options, "-a", "column", *words)


def fetched(call, *words):
    return call("data", "fetch", *words)


def test_a_licence_is_accepted_once_by_an_option(call, cache, server):
    first = fetched(call, "far", "--accept-licence", "far")
    assert (first.code, first.err) == (0, "")
    assert "far comes under: CC0, to be cited as Nobody 2020" in first.out
    assert f"ok   far is in {cache}." in first.out
    assert json.loads((cache / "licences.json").read_text()) == {
        "far": "CC0, to be cited as Nobody 2020"
    }
    (cache / "remote" / "far.csv").unlink()
    again = fetched(call, "far")
    assert again.code == 0
    assert "comes under" not in again.out
    assert (cache / "remote" / "far.csv").read_bytes() == WANTED


def test_what_is_there_asks_for_no_licence_and_no_network(call, cache, server):
    fetched(call, "far", "--accept-licence", "far")
    (cache / "licences.json").unlink()
    asked = len(server.log)
    assert fetched(call, "far").code == 0
    assert len(server.log) == asked


def test_without_a_terminal_and_the_option_nothing_is_downloaded(call, cache, server):
    answer = fetched(call, "far")
    assert answer.code == 2
    assert answer.sentence == (
        "FAIL far: its licence (CC0, to be cited as Nobody 2020) "
        "was not accepted on this machine yet; "
        "to accept it, run medtl-bench data fetch far --accept-licence far."
    )
    assert (server.log, cache.exists()) == ([], False)


@pytest.mark.parametrize(("said", "code"), [(True, 0), (False, 2)])
def test_on_a_terminal_one_is_asked(call, cache, server, monkeypatch, said, code):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda _: said)
    answer = fetched(call, "far")
    assert answer.code == code
    assert "far comes under: CC0" in answer.out
    assert (cache / "remote" / "far.csv").is_file() is said


def test_a_licence_of_something_else_is_no_licence(call, server):
    answer = fetched(call, "far", "--accept-licence", "fare")
    assert answer.code == 2
    assert answer.sentence == "There is no dataset to fetch named 'fare'; did you mean 'far'?"


def test_a_mismatch_ends_with_3_and_goes_on_with_the_next(call, cache, httpserver, monkeypatch):
    monkeypatch.setenv("MEDTL_TEST_ADDRESS", httpserver.url_for("").rstrip("/"))
    httpserver.expect_request("/far.csv").respond_with_data(b"tampered")
    httpserver.expect_request("/one.csv").respond_with_data(WANTED)
    answer = fetched(
        call, "far", "any:one", "--accept-licence", "far", "--accept-licence", "any:one"
    )
    assert answer.code == 3
    assert httpserver.url_for("/far.csv") in answer.sentence
    assert len(re.findall(r"\b[0-9a-f]{64}\b", answer.sentence)) == 2
    assert [path.name for path in (cache / "remote").iterdir()] == ["one.csv"]


def test_no_network_ends_with_2_and_says_how_to_do_without(call, cache):
    answer = fetched(call, "far", "--accept-licence", "far")
    assert answer.code == 2
    assert (
        f"http://127.0.0.1:9/far.csv as {cache / 'remote' / 'far.csv'}" in answer.out.splitlines()
    )
    assert "http://127.0.0.1:9/far.csv could not be downloaded" in answer.sentence
    assert answer.sentence.endswith(f"place it at {cache / 'remote' / 'far.csv'}.")


def test_an_offline_folder_is_told_what_it_lacks_and_asks_for_no_licence(
    call, monkeypatch, tmp_path
):
    monkeypatch.setenv(downloads.OFFLINE, str(tmp_path))
    answer = fetched(call, "far")
    assert answer.code == 2
    assert f"The file {tmp_path}/remote/far.csv cannot be read" in answer.sentence
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "far.csv").write_bytes(WANTED)
    assert fetched(call, "far").code == 0
    assert call("data", "verify", "far").out.startswith("ok   far ")
    (tmp_path / "remote" / "far.csv").write_bytes(b"0,1\n")
    assert fetched(call, "far").code == call("data", "verify", "far").code == 3


def test_shipped_data_and_unknown_names(call):
    assert "ok   heart-disease is shipped" in fetched(call, "heart-disease").out
    for name, told in (
        ("fare", "did you mean 'far'?"),
        ("any:", "needs printable text after the colon, like any:ARGUMENT."),
    ):
        answer = fetched(call, name)
        assert answer.code == 2
        assert answer.sentence.endswith(told)


def test_what_is_not_downloaded_is_skipped_everywhere_and_the_rest_runs(
    run, call, medtl, plugin_file, tmp_path, monkeypatch
):
    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    ran = run("-d", "far", "-d", "tiny")
    assert (ran.code, ran.err) == (0, "")
    assert SKIPPED in ran.out.splitlines()
    assert "2 trials ran, 0 were skipped, 0 failed." in ran.out
    alone = run("-d", "far")
    assert (alone.code, alone.err) == (0, "")
    verified = call("data", "verify", "far", "shifted-toy")
    assert (verified.code, verified.err) == (0, "")
    assert SKIPPED in verified.out.splitlines()
    assert "ok   shifted-toy " in verified.out
    listed = call("data", "list")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("far ")]
    assert line.split()[2] == "skipped"
    assert line.endswith("not downloaded (medtl-bench data fetch far)")
    shown = call("show", "far")
    assert shown.code == 2
    assert shown.sentence == "This needs data that is not downloaded (medtl-bench data fetch far)."


def test_the_plan_skips_too(call, plugin_file, tmp_path):
    words = (
        "--plugin",
        plugin_file("tiny"),
        "-d",
        "far",
        "-d",
        "tiny",
        "-a",
        "column",
        "--preset",
        "smoke",
        "--out",
        tmp_path,
    )
    shown = call("plan", *words)
    assert (shown.code, shown.err) == (0, "")
    assert SKIPPED in shown.out.splitlines()


def test_conformance_skips_with_the_reason(call, plugin_file, cache):
    checks = checks_of("far", [plugin_file("remote")])
    assert len(checks) > 5
    for check in checks:
        if check.name != "names what it downloads":
            with pytest.raises(SkipTest, match=r"^not downloaded \(medtl-bench data fetch far\)$"):
                check()
    answer = call("check", "far")
    assert answer.code == 0
    assert "far has a full card skipped: not downloaded (medtl-bench data fetch far)" in answer.out
    assert "1 checks ran, 0 failed." in answer.out


@pytest.mark.parametrize(
    ("download", "told"),
    [
        ('Download("", (Remote("x", "https://x.invalid", "0" * 64),))', "says no licence or terms"),
        ('Download("CC0", ())', "names no file"),
        (
            'Download("CC0", (Remote("x", "ftp://x.invalid", "0" * 64),))',
            "'ftp://x.invalid' is no web address",
        ),
        (
            'Download("CC0", (Remote("x", "https://x.invalid", "abc"),))',
            "the checksum of 'x', 'abc', is not of 64 or 32",
        ),
        ('Download("CC0", (Remote("x", "https://x.invalid", "", "0" * 32),))', None),
    ],
)
def test_conformance_looks_at_what_is_to_be_downloaded(write_plugin, download, told):
    body = f"""
from medtl_bench.files.downloads import Download, Remote

WANTED = {download}

@hookimpl
def medtl_datasets():
    return [DatasetEntry("mine", "x:y", "Any.", "simulated", (), f"{{__name__}}:WANTED")]
"""
    checks = {check.name: check for check in checks_of("mine", [write_plugin(body)])}
    problem = checks["names what it downloads"].problem()
    assert problem == told if told is None else told in problem


def test_a_family_runs_with_an_argument_only(run, call, cache, server):
    fetched(
        call,
        "far",
        "any:one",
        "any:two",
        "--accept-licence",
        "any:one",
        "--accept-licence",
        "any:two",
    )
    done = run("-d", "any:one", "-d", "any:two")
    assert (done.code, done.err) == (0, "")
    assert "[2/2] ok" in done.out
    assert "any: skipped" not in call("data", "verify").out
    assert "any:one" in call("show", "any:one").out
    assert call("data", "verify", "any:one").out.startswith("ok   any:one ")
    checked = call("check", "any:one")
    assert (checked.code, checked.err) == (0, "")
    assert "ok   any:one holds the same data each time" in checked.out
    for words in (
        ("run", "-d", "any:", "-a", "column"),
        ("show", "any:"),
        ("data", "verify", "any:"),
        ("check", "any:"),
    ):
        answer = call(*words)
        assert (answer.code, "like any:ARGUMENT." in answer.err) == (2, True)
    assert call("show", "any:odd").sentence == "There is no table 'odd'."


def test_pages_of_a_family_have_safe_names(run, call, cache, server, tmp_path):
    fetched(call, "any:one", "--accept-licence", "any:one")
    assert run("-d", "any:one").code == 0
    page = (tmp_path / "out" / "datasets" / f"{slug('any:one')}.md").read_text()
    assert page.startswith("# any&#58;one\n")
    assert re.fullmatch(r"any-one-[0-9a-f]{8}", slug("any:one"))


def test_a_family_in_the_lists(call):
    shown = call("list")
    assert "any:..." in shown.out
    lines = {
        line.split("  ")[0]: line
        for line in shown.out.split("Applications")[1].splitlines()
        if line
    }
    assert "far," in lines["batch correction"].split()
    assert "chembl-activity," in lines["few-shot molecular property"].split()


@pytest.mark.parametrize(
    "name", ["any:", "any:\n", "any:\x1b[31m", "any:\udc80", "far:x", ":", ":x"]
)
def test_a_name_with_an_argument_that_makes_no_sense_is_one_sentence(call, name):
    answer = call("show", name)
    assert answer.code == 2
    assert answer.sentence


def test_the_dataset_of_a_family_must_have_the_whole_name(write_plugin, make_dataset):
    body = """
from tests.plugins_for_tests.tiny import build

@hookimpl
def medtl_datasets():
    return [DatasetEntry("mine:", lambda argument: build(), "Any.", "simulated")]
"""
    found = discovery.find([write_plugin(body)])
    with pytest.raises(MedTLError, match=r"registered as 'mine:x' by .* calls itself 'tiny'"):
        found.dataset("mine:x")


def test_an_unknown_application_breaks_a_plugin(write_plugin):
    body = """
@hookimpl
def medtl_datasets():
    return [DatasetEntry("mine", "x:y", "Any.", "simulated", ("virtual screenin",))]
"""
    (broken,) = discovery.find([write_plugin(body)]).broken
    assert (
        broken.reason
        == "There is no application named 'virtual screenin'; did you mean 'virtual screening'?"
    )


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("collections:OrderedDict", "not a Download"),
        ("x:y", "cannot be loaded"),
        ("math:sqrt", "knows no download for 'mine'"),
    ],
)
def test_a_download_that_is_none_is_told(write_plugin, where, told):
    body = f"""
@hookimpl
def medtl_datasets():
    return [DatasetEntry("mine", "x:y", "Any.", "simulated", (), {where!r})]
"""
    with pytest.raises(MedTLError, match=told):
        discovery.find([write_plugin(body)]).download("mine")


def test_a_package_that_is_missing_is_named_and_not_taken_for_files(medtl, write_plugin, tmp_path):
    told = "reader, which reads its file, is not installed: pip install medtl-bench[reader]"
    body = f"""
from medtl_bench.errors import NotInstalledError
from tests.plugins_for_tests.remote import download

def build():
    raise NotInstalledError({told!r})

@hookimpl
def medtl_datasets():
    download = "tests.plugins_for_tests.remote:download"
    return [DatasetEntry("unread", build, "Needs a package.", "simulated", (), download)]
"""
    plugin = ("--plugin", write_plugin(body))
    options = ("--preset", "smoke", "--on", "in-process", "-a", "chance", "--out", tmp_path / "out")
    for words in (("run", "-d", "unread", *options), ("data", "verify", "unread")):
        answer = medtl(*words, *plugin)
        assert (answer.code, answer.err) == (0, "")
        assert f"unread skipped: {told}" in answer.out.splitlines()
    shown = medtl("show", "unread", *plugin)
    assert (shown.code, shown.sentence) == (2, told)


SHARED = """
from dataclasses import replace
from medtl_bench.contract.split import Split
from tests.plugins_for_tests.tiny import build

def make():
    tiny = build()
    a, b, c = tiny.domains
    x = c.test.x.clone()
    x[:2] = a.train.x[:2]
    c = replace(c, test=Split(x, c.test.y))
    return replace(tiny, name="shared", domains=(a, b, c))

@hookimpl
def medtl_datasets():
    return [DatasetEntry("shared", make, "Shares rows.", "simulated")]
"""


def test_rows_that_two_domains_share_are_told_where_data_are_verified_shown_and_ranked(
    medtl, write_plugin, tmp_path
):
    plugin = ("--plugin", write_plugin(SHARED))
    told = "In 'to-c', 25% of the test rows of 'c' stand in training splits of other domains too"
    for words in (("data", "verify", "shared"), ("show", "shared")):
        answer = medtl(*words, *plugin)
        assert answer.code == 0
        assert told in " ".join(answer.out.split())
    out = tmp_path / "out"
    words = ("-d", "shared", "-a", "chance", "--preset", "smoke", "--on", "in-process")
    assert medtl("run", *words, *plugin, "--out", out).code == 0
    assert told in (out / "datasets" / "shared.md").read_text()
