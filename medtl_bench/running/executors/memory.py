"""The memory that processes hold together. Needs Linux.

Counted are pages of their own, shared memory, and files in memory that they hold open;
not what was read from files, which the system may drop.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from medtl_bench.running.executors.tree import PROC

KIBIBYTE, BLOCK = 1024, 512  # bytes
SHARED = Path("/dev/shm")  # noqa: S108 - where programs make shared memory
IN_MEMORY = (f"{SHARED}/", "/memfd:")
RESIDENT = "status", "RssAnon", "RssShmem", "VmSwap"
PROPORTIONAL = "smaps_rollup", "Pss_Anon", "Pss_Shmem", "SwapPss"


class File(NamedTuple):
    """A file in memory: where it is, which it is, and how many bytes it takes."""

    path: str
    device: int
    inode: int
    size: int


def taken(pids: Iterable[int], most: int, shared: int = 0) -> int:
    """Return the bytes that processes hold together, exactly where these are more than `most`.

    `shared`: bytes of files in memory, open or not, which are known already.
    """
    pids = list(pids)
    files = shared + sum({(f.device, f.inode): f.size for f in open_files(pids)}.values())
    own, mapped = _sums(pids, RESIDENT)
    # a page that several have is counted for each of them, but this is quick
    if own + mapped + files <= most:
        return own + mapped + files
    own, mapped = _sums(pids, PROPORTIONAL)
    return own + max(mapped, files)  # what is mapped may be of these files


def open_files(pids: Iterable[int]) -> Iterator[File]:
    """Yield the files in memory that processes hold open."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in (PROC / str(pid) / "fd").iterdir():
                yield from _in_memory(descriptor)


def _in_memory(descriptor: Path) -> Iterator[File]:
    with contextlib.suppress(OSError):
        path = str(descriptor.readlink())
        if path.startswith(IN_MEMORY):
            stat = descriptor.stat()
            yield File(path, stat.st_dev, stat.st_ino, stat.st_blocks * BLOCK)


def _sums(pids: Iterable[int], what: tuple[str, ...]) -> tuple[int, int]:
    """Return the bytes of processes' own pages, and of shared memory."""
    file, own, mapped, swapped = what
    sizes = [_sizes(PROC / str(pid) / file) for pid in pids]
    owned = sum(size.get(own, 0) + size.get(swapped, 0) for size in sizes)
    return owned, sum(size.get(mapped, 0) for size in sizes)


def _sizes(file: Path) -> dict[str, int]:
    """Return the lines of a file of `/proc` that are sizes in kB, in bytes by name."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:  # the process has ended
        return {}
    sizes = [words for words in lines if words[-1:] == ["kB"]]
    return {words[0].rstrip(":"): int(words[1]) * KIBIBYTE for words in sizes}
