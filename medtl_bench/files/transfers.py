"""Bytes from a server as it sends them, within bounds of size and time.

A server may be wrong in any way, or not be the one that was meant: what it sends is neither
unpacked nor trusted. requests is imported when used, for only a download needs it.
"""

import threading
import time
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import requests

LARGEST = 4 * 2**30  # bytes that a server may announce
UNANNOUNCED = 2**28  # bytes that may come where it announces none
SLOWEST = 2**10  # bytes a second
WINDOW = 30.0  # seconds over which they are counted
MOST_REDIRECTS = 10
PIECE = 2**16  # bytes that are taken at a time
PLAIN = {"", "identity"}


class TransferError(Exception):
    """Why a file was not taken, or not to its end; another try would end the same."""


class Transfer:
    """A file on its way: how many bytes were announced (0: unknown), and its pieces.

    It comes through a thread, so that a server which holds a read up holds nothing else up.
    """

    def __init__(self, address: str, size: int = 0) -> None:
        """Ask for a file and wait for the answer's head.

        `size`: of the file in bytes, where it is known. Raises TransferError where the
        file cannot be the one that is meant, requests.RequestException where it cannot be
        had.
        """
        self._queue: Queue[int | bytes | Exception] = Queue(8)
        self._given_up = threading.Event()
        threading.Thread(target=self._receive, args=(address,), daemon=True).start()
        self._deadline, self._came = time.monotonic() + WINDOW, 0
        announced = self._next()
        self.announced = announced if isinstance(announced, int) else 0
        self._most = size or (LARGEST if self.announced else UNANNOUNCED)
        self._refuse_beyond(self.announced, "announces")

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces of the file; raises as the beginning does."""
        received = 0
        while isinstance(piece := self._next(), bytes) and piece:
            received += len(piece)
            self._refuse_beyond(received, "sends")
            yield piece

    def close(self) -> None:
        """Take no more of it."""
        self._given_up.set()

    def _refuse_beyond(self, size: int, verb: str) -> None:
        if size > self._most:
            raise TransferError(f"the server {verb} more than the {self._most:,} bytes expected")

    def _next(self) -> int | bytes:
        """Return what came next; raise TransferError where that takes too long."""
        came = None
        while came is None:
            came = self._waited_for()
        if isinstance(came, Exception):
            raise came
        self._came += len(came) if isinstance(came, bytes) else 0
        return came

    def _waited_for(self) -> int | bytes | Exception | None:
        """Return what comes in what is left of the window, or None."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            if self._came < SLOWEST * WINDOW:
                raise self._too_slow()
            left, self._came = WINDOW, 0
            self._deadline = time.monotonic() + WINDOW
        try:
            return self._queue.get(timeout=left)
        except Empty:
            return None

    def _too_slow(self) -> TransferError:
        return TransferError(f"the server sent {self._came:,} bytes in {WINDOW:g} seconds")

    def _receive(self, address: str) -> None:
        """Put what the server sends into the queue, or why nothing more comes."""
        import requests  # noqa: PLC0415

        try:
            for piece in _sent(address):
                self._put(piece)
                if self._given_up.is_set():
                    return
            self._put(b"")
        except (requests.RequestException, TransferError) as error:
            self._put(error)
        except Exception as error:  # a server may send what no library expects
            self._put(TransferError(f"the server's answer makes no sense, {type(error).__name__}"))

    def _put(self, piece: int | bytes | Exception) -> None:
        while not self._given_up.is_set():
            try:
                self._queue.put(piece, timeout=1)
            except Full:
                continue
            return


def _sent(address: str) -> Iterator[int | bytes]:
    """Yield how many bytes a server announces, then those that it sends."""
    import requests  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    session = requests.Session()
    # else it reads the body of a redirect, without a bound
    session.get_redirect_target = lambda _: None  # type: ignore[assignment, method-assign]
    with session, _answer(session, address) as answer:
        answer.raise_for_status()
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in PLAIN:
            raise TransferError(f"the server packed it as {encoding[:40]!r}, unasked")
        length = answer.headers.get("Content-Length", "")
        yield int(length) if length.isdecimal() else 0
        try:
            while piece := answer.raw.read1(PIECE, decode_content=False):
                yield piece
        except HTTPError as error:
            raise requests.ConnectionError(error) from error


def _answer(session: "requests.Session", address: str) -> "requests.Response":
    """Return the answer that an address leads to; its body is still to come."""
    headers = {"Accept-Encoding": "identity"}
    for _ in range(MOST_REDIRECTS + 1):
        answer = session.get(
            address, headers=headers, stream=True, timeout=WINDOW, allow_redirects=False
        )
        if not answer.is_redirect:
            return answer
        answer.close()
        address = _onwards(address, answer.headers["Location"])
    raise TransferError(f"the server redirects more than {MOST_REDIRECTS} times")


def _onwards(address: str, location: str) -> str:
    """Return where a redirect leads; raise TransferError where that is no web address."""
    try:
        onwards = urljoin(address, location)
        if urlsplit(onwards).scheme in {"http", "https"}:
            return onwards
    except ValueError:
        pass
    raise TransferError(f"the server redirects to {location[:200]!r}, which is no web address")
