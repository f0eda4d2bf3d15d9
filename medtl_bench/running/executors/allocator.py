"""How this process's memory is handed out and kept."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGE = 2**30  # bytes: larger blocks are still handed back
COLLAPSE, HUGE = 25, 2**21  # of Linux's madvise, and the bytes of a huge page


def keep_freed() -> bool:
    """Keep large freed blocks for the next ones, and return whether the C library can.

    glibc hands them back to the system by default, and every step of a training would
    fetch them anew, page by page.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(option, LARGE) == 1 for option in (TRIM_THRESHOLD, MMAP_THRESHOLD))


def use_huge_pages() -> int:
    """Move what this process has allocated into huge pages, and return how many it takes.

    A fork copies a table of all pages, which with small ones takes 20 ms a process. Where the
    system has no huge pages, there are none.
    """
    try:
        madvise = ctypes.CDLL(None).madvise
        starts = list(_huge())
    except (AttributeError, OSError, TypeError):
        return 0
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return sum(madvise(start, HUGE, COLLAPSE) == 0 for start in starts)


def _huge() -> Iterator[int]:
    """Yield where a huge page fits into what was allocated."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights, _, _, _, *name = line.split()
        if rights.startswith("rw") and name in ([], ["[heap]"]):
            start, end = (int(address, 16) for address in addresses.split("-"))
            first = -(-start // HUGE) * HUGE
            yield from range(first, end - HUGE + 1, HUGE)
