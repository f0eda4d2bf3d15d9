"""The process in which a method runs: shut off from the descriptors of its keeper, and bounded."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medtl_bench.running.executors import temporary, tree

# where the process finds nothing to read, where it prints, and where it answers
INPUT, OUTPUT, ERRORS, ANSWER = range(4)
ALL_DESCRIPTORS = 2**20


@dataclass(frozen=True)
class Method:
    """A process that was begun, with what it says and what it prints, as descriptors."""

    pid: int
    answer: int
    output: int


def begin(answer: Callable[[], bytes], scratch: Path) -> Method:
    """Call a function in a fork of this process, with a folder for its temporary files."""
    keeper = os.getpid()
    answer_read, answer_write = os.pipe()
    output_read, output_write = os.pipe()
    pid = os.fork()
    if not pid:
        _live(keeper, answer_write, output_write, scratch, answer)
    os.close(answer_write)
    os.close(output_write)
    return Method(pid, answer_read, output_read)


def _live(keeper: int, said: int, printed: int, scratch: Path, answer: Callable[[], bytes]) -> None:
    """Answer, and end; whatever happens, this does not return."""
    code = 1
    try:
        os.setpgid(0, 0)
        tree.end_with(keeper)
        _shut_off(said, printed)
        if temporary.room_for_sockets(scratch):
            # the module keeps what it was told first
            os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
        _say(answer, os.getpid())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(code)


def _leave(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # whatever the method made of them: nothing of the keeper is to run here
        os._exit(code)


def _shut_off(said: int, printed: int) -> None:
    """Keep two descriptors, and nothing else that the keeper had open."""
    nothing, answer = os.open(os.devnull, os.O_RDONLY), os.dup(said)
    os.dup2(printed, OUTPUT)
    os.dup2(printed, ERRORS)
    os.dup2(nothing, INPUT)
    os.dup2(answer, ANSWER)
    os.closerange(ANSWER + 1, ALL_DESCRIPTORS)


def _say(answer: Callable[[], bytes], pid: int) -> None:
    """Send the answer, unless this is a fork that the method made and that came back too."""
    said = answer()
    if os.getpid() == pid:
        with os.fdopen(ANSWER, "wb") as pipe:
            pipe.write(said)
