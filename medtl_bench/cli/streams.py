"""Standard output and error that never end a command: of any encoding, closed, full or cut off."""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

NAMES = ("stdin", "stdout", "stderr")
# how a stream may write what its encoding lacks; any other would raise an error instead
SUBSTITUTES = {"replace", "ignore", "backslashreplace", "xmlcharrefreplace", "namereplace"}


class _Lasting(io.FileIO):
    """What a stream is written to; from the first failure on, nothing is written any more."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever a buffer is
        """Write what can be written, and wait where a pipe takes nothing at the moment."""
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except OSError as error:
            self.failure = error
            _point_to_nothing(self.fileno())
            return memoryview(data).nbytes
        return written


def endure() -> None:
    """Make the streams of this process such that writing to them never raises an error.

    A stream that was closed is opened to nothing, or a file of the run would take its number.
    """
    for number, name in enumerate(NAMES):
        _open(number)
        stream = getattr(sys, name)
        if stream is None and name == "stdin":
            sys.stdin = open(number, encoding="utf-8", closefd=False)  # noqa: SIM115
        elif stream is getattr(sys, f"__{name}__"):  # nobody has put another in its place
            setattr(sys, name, _lasting(number, stream))


def lost() -> str:
    """Return why some standard output was lost, "" where none was or its reader had enough."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Lasting) else None
    return "" if failure is None or failure.errno == errno.EPIPE else str(failure.strerror)


@contextmanager
def aside() -> Iterator[None]:
    """Have all that is printed inside the block go to standard error, by libraries too."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        _point_to_nothing(number)


def _point_to_nothing(number: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
    os.set_inheritable(number, True)  # or a process of a trial would begin without it


def _lasting(number: int, stream: TextIO | None) -> TextIO:
    """Return a stream like the one given, None where that was closed."""
    raw = _Lasting(number, "w", closefd=False)
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        stream.errors if stream.errors in SUBSTITUTES else "backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
