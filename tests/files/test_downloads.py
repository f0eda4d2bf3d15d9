"""Files that are not shipped: fetched once and checked, then found in the cache or offline."""

import gc
import gzip
import hashlib
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from medtl_bench.cli.console import Bar, downloading
from medtl_bench.errors import IntegrityError, MedTLError, NotDownloadedError
from medtl_bench.files import downloads, licences, transfers
from medtl_bench.files.downloads import Download, Remote, content, fetch, lacking

DATA = b"patient,label\n1,0\n"


@pytest.fixture
def served(httpserver: HTTPServer) -> Callable[..., Remote]:
    """Return a function: a file that the loopback server hands out, wrongly or not."""

    def serve(
        data: bytes = DATA, path: str = "cells/table.csv", promised: bytes = DATA, **answer: object
    ) -> Remote:
        httpserver.expect_request("/table.csv").respond_with_data(data, **answer)
        return Remote(path, httpserver.url_for("/table.csv"), sha256(promised).hexdigest())

    return serve


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_file_is_fetched_once_and_read_from_the_cache(
    cache: Path, served: Callable[..., Remote], httpserver: HTTPServer
):
    remote = served()
    with pytest.raises(
        NotDownloadedError, match=rf"{cache}/cells/table.csv cannot be read .*get it from http://"
    ):
        content(remote)
    fetch(remote)
    fetch(remote)
    assert content(remote) == DATA
    assert names(cache) == ["cells/table.csv"]
    assert len(httpserver.log) == 1


def test_a_damaged_file_in_the_cache_is_told_and_fetched_again(
    cache: Path, served: Callable[..., Remote]
):
    remote = served()
    fetch(remote)
    (cache / remote.path).write_bytes(b"bad")
    with pytest.raises(IntegrityError) as caught:
        content(remote)
    assert caught.value.exit_code == 3
    for told in (
        str(cache / remote.path),
        remote.address,
        sha256(b"bad").hexdigest(),
        remote.sha256,
    ):
        assert told in str(caught.value)
    assert lacking(Download("CC0", (remote,))) == [remote]
    fetch(remote)
    assert content(remote) == DATA


def test_a_mismatch_keeps_the_old_file_and_leaves_nothing_else(
    cache: Path, served: Callable[..., Remote]
):
    remote = served(b"<html>Please log in</html>")
    (cache / "cells").mkdir(parents=True)
    (cache / remote.path).write_bytes(b"old")
    with pytest.raises(IntegrityError) as caught:
        fetch(remote)
    for told in (remote.address, sha256(b"<html>Please log in</html>").hexdigest(), remote.sha256):
        assert told in str(caught.value)
    assert names(cache) == ["cells/table.csv"]
    assert (cache / remote.path).read_bytes() == b"old"


def test_an_md5_will_do_where_there_is_no_other_checksum(
    cache: Path, served: Callable[..., Remote]
):
    # not for security
    good = replace(served(), sha256="", md5=hashlib.new("md5", DATA).hexdigest())  # noqa: S324
    fetch(good)
    assert content(good) == DATA
    bad = replace(good, md5="0" * 32)
    for look in (content, fetch):
        with pytest.raises(
            IntegrityError, match=f"its MD5 is {good.md5}, but {bad.md5} was expected"
        ):
            look(bad)
    assert content(good) == DATA


def test_a_file_without_an_address_can_only_be_placed_by_hand(
    cache: Path, monkeypatch: pytest.MonkeyPatch
):
    remote = Remote("cells/table.csv", "", sha256(DATA).hexdigest())
    monkeypatch.setattr(socket.socket, "connect", None)
    for look in (content, fetch):
        with pytest.raises(
            NotDownloadedError,
            match="get it from where the card of the dataset says and place it there",
        ):
            look(remote)
    (cache / "cells").mkdir(parents=True)
    (cache / remote.path).write_bytes(DATA)
    fetch(remote)
    assert content(remote) == DATA


def test_an_answer_that_breaks_off_is_asked_for_again(cache: Path, httpserver: HTTPServer):
    calls = []

    def broken_at_first(request: Request) -> Response:
        calls.append(request)
        return Response(
            iter([DATA[:5] if len(calls) == 1 else DATA]),
            headers={"Content-Length": str(len(DATA))},
        )

    httpserver.expect_request("/x").respond_with_handler(broken_at_first)
    remote = Remote("x", httpserver.url_for("/x"), sha256(DATA).hexdigest())
    fetch(remote)
    assert content(remote) == DATA
    assert len(calls) == 2


def test_a_server_that_refuses_is_asked_three_times_and_told_with_what_to_do(
    cache: Path, served: Callable[..., Remote], httpserver: HTTPServer
):
    remote = served(status=503)
    with pytest.raises(NotDownloadedError) as caught:
        fetch(remote)
    assert str(caught.value) == (
        f"The file {remote.address} could not be downloaded (the server answered 503); "
        f"get it by other means and place it at {cache / remote.path}."
    )
    assert caught.value.exit_code == 2
    assert len(httpserver.log) == 1 + downloads.RETRIES
    assert names(cache) == []


def test_a_refusal_is_not_left_open(cache: Path, served: Callable[..., Remote]):
    remote = served(status=404)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with suppress(NotDownloadedError):
            fetch(remote)
        gc.collect()
    assert [str(warning.message) for warning in told] == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/table.csv", "http://nowhere.invalid/table.csv", "nowhere"]
)
def test_no_network_is_one_sentence(cache: Path, address: str):
    with pytest.raises(NotDownloadedError) as caught:
        fetch(Remote("t", address, "0" * 64))
    told = str(caught.value)
    assert told.startswith(f"The file {address} could not be downloaded (")
    assert told.endswith(f"place it at {cache / 't'}.")
    assert "\n" not in told


def test_a_cache_that_cannot_be_written_is_one_sentence(cache: Path, served: Callable[..., Remote]):
    cache.parent.mkdir()
    cache.write_text("a file stands here")
    with pytest.raises(IntegrityError, match=r"^Could not write .*table\.csv: .*\.$"):
        fetch(served())


def told(remote: Remote) -> str:
    """Return in which sentence a download fails, and see that it leaves no file."""
    with pytest.raises((NotDownloadedError, IntegrityError)) as caught:
        fetch(remote)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert names(downloads.folder()) == []
    return text


def endless(_: Request) -> Response:
    """Send zeros without end, in chunks."""
    return Response(iter(lambda: bytes(2**16), b"end"))


def test_an_endless_file_is_taken_to_the_bound_and_no_further(
    cache: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transfers, "UNANNOUNCED", 2**20)
    httpserver.expect_request("/x").respond_with_handler(endless)
    remote = Remote("x", httpserver.url_for("/x"), "0" * 64)
    assert "sends more than the 1,048,576 bytes expected" in told(remote)
    assert "sends more than the 18 bytes expected" in told(replace(remote, size=18))
    assert len(httpserver.log) == 2  # another try would end the same


def test_a_file_that_is_announced_larger_than_pinned_or_allowed_is_not_taken(
    cache: Path, served: Callable[..., Remote], monkeypatch: pytest.MonkeyPatch
):
    remote = served(DATA * 2)
    assert "announces more than the 18 bytes expected" in told(replace(remote, size=len(DATA)))
    monkeypatch.setattr(transfers, "LARGEST", 20)
    assert "announces more than the 20 bytes expected" in told(remote)


def test_a_file_of_the_pinned_size_is_taken(cache: Path, served: Callable[..., Remote]):
    remote = replace(served(), size=len(DATA))
    fetch(remote)
    assert content(remote) == DATA


def test_nothing_is_unpacked_on_the_way(
    cache: Path, served: Callable[..., Remote], httpserver: HTTPServer
):
    remote = served(gzip.compress(bytes(2**20)), headers={"Content-Encoding": "gzip"})
    assert "the server packed it as 'gzip', unasked" in told(remote)
    assert httpserver.log[0][0].headers["Accept-Encoding"] == "identity"


def test_a_server_that_drips_is_given_up(
    cache: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    pause = threading.Event()  # for tests sleep without sleeping

    def drip(_: Request) -> Response:
        return Response((pause.wait(0.1) or b"x" for _ in range(300)), direct_passthrough=True)

    monkeypatch.setattr(transfers, "WINDOW", 1.0)
    httpserver.expect_request("/x").respond_with_handler(drip)
    start = time.monotonic()
    text = told(Remote("x", httpserver.url_for("/x"), "0" * 64))
    assert re.search(r"the server sent \d+ bytes in 1 seconds", text)
    assert time.monotonic() - start < 10


def test_a_server_that_keeps_its_speed_is_not(
    cache: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    pause = threading.Event()

    def steady(_: Request) -> Response:
        return Response(pause.wait(0.1) or DATA for _ in range(30))

    monkeypatch.setattr(transfers, "WINDOW", 2.0)
    monkeypatch.setattr(transfers, "SLOWEST", 10)
    httpserver.expect_request("/x").respond_with_handler(steady)
    remote = Remote("x", httpserver.url_for("/x"), sha256(DATA * 30).hexdigest())
    fetch(remote)
    assert content(remote) == DATA * 30


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/hostname", "redirects to 'file:///etc/hostname', which is no web address"),
        ("ftp://127.0.0.1/x", "redirects to 'ftp://127.0.0.1/x', which is no web address"),
        ("/x", "redirects more than 10 times"),
    ],
)
def test_a_redirect_to_nonsense_is_one_sentence(
    cache: Path, httpserver: HTTPServer, location: str, why: str
):
    def lead_astray(_: Request) -> Response:
        answer = Response(iter(lambda: bytes(2**16), b"end"), 302)
        answer.autocorrect_location_header = False
        answer.headers["Location"] = location
        return answer

    httpserver.expect_request("/x").respond_with_handler(lead_astray)
    assert why in told(Remote("x", httpserver.url_for("/x"), "0" * 64))


def test_a_redirect_within_the_web_is_followed(
    cache: Path, served: Callable[..., Remote], httpserver: HTTPServer
):
    remote = served()
    httpserver.expect_request("/old").respond_with_data(
        status=301, headers={"Location": "/table.csv"}
    )
    moved = replace(remote, address=httpserver.url_for("/old"))
    fetch(moved)
    assert content(moved) == DATA


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\xff nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + DATA[:4],
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + DATA[:4],
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + DATA[:4],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 302 OK\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 OK\r\nLocation: http://[::1/\r\n\r\n",
        b"HTTP/1.1 302 OK\r\nLocation: http://a b:c/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Much: y\r\n" * 500 + b"\r\n",
        b"",
    ],
)
def test_an_answer_that_makes_no_sense_is_one_sentence(cache: Path, head: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(2**12)
                    connection.sendall(head)

        threading.Thread(target=answer, daemon=True).start()
        told(Remote("x", f"http://127.0.0.1:{server.getsockname()[1]}/x", "0" * 64))
        server.shutdown(socket.SHUT_RDWR)


def test_a_full_disk_is_told_with_the_bytes_that_were_needed(
    cache: Path, served: Callable[..., Remote], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    remote = served()
    cache.mkdir(parents=True)
    monkeypatch.setattr(downloads, "_write_all", fail)
    place = cache / remote.path
    assert told(remote) == f"Could not write {place} (18 bytes): No space left on device."


def test_an_offline_folder_is_read_and_never_written(
    cache: Path,
    served: Callable[..., Remote],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    offline, remote = tmp_path / "offline", served()
    monkeypatch.setenv(downloads.OFFLINE, str(offline))
    with pytest.raises(NotDownloadedError, match=f"{offline}/cells/table.csv cannot be read"):
        fetch(remote)
    assert not offline.exists()
    (offline / "cells").mkdir(parents=True)
    (offline / remote.path).write_bytes(DATA)
    fetch(remote)
    assert content(remote) == DATA
    (offline / remote.path).write_bytes(b"other")
    with pytest.raises(IntegrityError):
        fetch(remote)
    assert (offline / remote.path).read_bytes() == b"other"
    assert (httpserver.log, cache.exists()) == ([], False)


def test_looking_for_a_file_opens_no_socket(cache: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    remote = Remote("t", "https://nowhere.invalid/t", "0" * 64)
    assert lacking(Download("CC0", (remote,))) == [remote]


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a\\b"])
def test_a_path_that_leads_out_of_the_folder_is_refused(path: str):
    with pytest.raises(MedTLError, match="must stay in its folder"):
        Remote(path, "https://nowhere.invalid", "0" * 64)


def test_progress_is_shown_on_a_terminal_only(
    cache: Path, served: Callable[..., Remote], monkeypatch: pytest.MonkeyPatch
):
    with downloading("t") as bar:
        assert bar is None
    monkeypatch.setattr("medtl_bench.cli.console.on_terminal", lambda: True)
    with downloading("[red]t") as bar:
        assert isinstance(bar, Bar)
        fetch(served(), bar)
        assert bar.total == len(DATA)
        (task,) = bar._progress.tasks
        assert (task.completed, task.description) == (len(DATA), "[red]t")


def test_an_accepted_licence_is_remembered_in_its_words(cache: Path):
    assert not licences.accepted("cells", "CC0")
    licences.accept("cells", "CC0")
    licences.accept("other", "MIT")
    assert licences.accepted("cells", "CC0")
    assert not licences.accepted("cells", "CC0, but not for you")
    assert names(cache) == ["licences.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\ud800"])
def test_a_damaged_list_of_licences_asks_again(cache: Path, text: str):
    cache.mkdir(parents=True)
    (cache / "licences.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not licences.accepted("cells", "CC0")
    licences.accept("cells", "CC0")
    assert licences.accepted("cells", "CC0")
