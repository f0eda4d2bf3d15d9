"""The memory that processes hold together, as far as Linux tells it; elsewhere none.

Counted are pages of their own, shared memory, and files in memory that they hold open;
not what was read from files, which the system may drop.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from medtl_bench.running.executors.tree import PROC

KIBIBYTE, BLOCK = 1024, 512  # bytes
SHARED = Path("/dev/shm")  # noqa: S108 - where programs make shared memory
ANONYMOUS = "/memfd:"
RESIDENT = "status", "RssAnon", "RssShmem", "VmSwap"
PROPORTIONAL = "smaps_rollup", "Pss_Anon", "Pss_Shmem", "SwapPss"


class File(NamedTuple):
    """An open file: where it is, which it is, and how many bytes it takes."""

    path: str
    device: int
    inode: int
    size: int


def taken(pids: Sequence[int], most: int, shared: int | None = None) -> int:
    """Return the bytes that processes hold together, exactly where these are more than `most`.

    `shared`: what all files in `/dev/shm` take, where only these processes have it.
    """
    kinds = (ANONYMOUS,) if shared is not None else (ANONYMOUS, f"{SHARED}/")
    sizes = {(f.device, f.inode): f.size for f in open_files(pids) if f.path.startswith(kinds)}
    files = (shared or 0) + sum(sizes.values())
    own, mapped = _sums(pids, RESIDENT)
    # a page that several have is counted for each of them, but this is quick
    if own + mapped + files <= most:
        return own + mapped + files
    own, mapped = _sums(pids, PROPORTIONAL)
    return own + max(mapped, files)  # what is mapped may be of these files


def open_files(pids: Iterable[int]) -> Iterator[File]:
    """Yield the files that processes hold open."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in (PROC / str(pid) / "fd").iterdir():
                yield from _opened(descriptor)


def _opened(descriptor: Path) -> Iterator[File]:
    with contextlib.suppress(OSError):  # it may be closed meanwhile
        path, stat = str(descriptor.readlink()), descriptor.stat()
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
